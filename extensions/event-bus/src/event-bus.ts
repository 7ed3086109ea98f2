/**
 * The event bus: carries committed events from the outbox to consumer groups, and the interface of whatever carries them.
 *
 * `board_events` is the truth and stays it for ever: what is published is committed there first, so a driver may deliver from it.
 * Invariants every driver upholds (`test/conformance.ts` checks them):
 * - when `publish` has resolved, every group that exists gets each of the events at least once, whatever dies meanwhile; when it has
 *   rejected, any of them may have arrived, and the caller publishes all of them again, in order;
 * - publishing nothing resolves when the way is open. A driver whose log may have been lost while the way was down has told so by then
 *   (outbox.ts: BusMemory), and rejects a `publish` that was begun without asking: what it holds may skip what was set back;
 * - order: events of one board and topic reach a group in the order in which they were published, each only after `deliver` of the one before
 *   it has resolved. A repetition may come late, after events that followed the first. Embedded and Redis keep the order of a board
 *   across topics, too; Kafka does not: topics are separate logs there;
 * - at any time one worker of a group has a board in hand. One that is thought dead and is not may still be at its last delivery while
 *   the next has begun: who must not repeat an effect does it in the transaction that notes the event as consumed (consumers.ts);
 * - a `deliver` that rejects is called again with the same events, after a pause, for as long as it takes; other boards go on;
 * - events of different groups never wait for each other; a group that is away loses nothing, but may stop `publish` (a bounded log);
 * - what cannot be read is counted and passed over: it can never be read;
 * - `subscribe`, `publishEphemeral` and `onEphemeral` never throw and never wait for the way to be open. Ephemeral events arrive at
 *   most once, at listeners that are there, in no promised order.
 *
 * It does not: remove duplicates, retry handlers, or park (consumers.ts does, on every driver alike); decide who may read.
 */
import type { BoardEvent, EphemeralEvent, Topic } from './envelope.ts';

export type BusKind = 'embedded' | 'redis' | 'kafka';
/** `degraded`: events wait in Postgres, nothing is lost. */
export type BusState = 'ok' | 'degraded';

export interface SubscribeOptions {
  /** Unique among the kinds of consumers, and for ever: a group is remembered by it. */
  readonly group: string;
  readonly topics: readonly Topic[];
  /** Where a group that never ran starts: with the oldest event the driver still has, or with what is published from now on. */
  readonly from: 'beginning' | 'now';
  /** Consecutive events of one board. */
  readonly deliver: (boardId: string, events: readonly BoardEvent[]) => Promise<void>;
}

export interface Subscription {
  /** Resolves when the group exists, so that whatever is published from then on reaches it. Never rejects. */
  readonly ready: Promise<void>;
  /** Events of the group's topics that wait for it or are in hand. Rejects while the way is down. */
  lag(): Promise<number>;
  /** Takes nothing new, lets what is in hand end, gives back the rest to the other workers. Never rejects. */
  stop(): Promise<void>;
}

export interface EventBus {
  readonly kind: BusKind;
  readonly state: BusState;
  publish(events: readonly BoardEvent[]): Promise<void>;
  /** Of a driver whose groups read `board_events` themselves, instead of `publish`: these boards may have new events. */
  announce?(boardIds: readonly string[]): Promise<void>;
  subscribe(options: SubscribeOptions): Subscription;
  /** Whether anybody may hear what is published so just now. */
  readonly ephemeralIsHeard: boolean;
  publishEphemeral(event: EphemeralEvent): void;
  /** @returns a function that ends it */
  onEphemeral(listener: (event: EphemeralEvent) => void): () => void;
  /** Ends what its subscriptions left. Never rejects. */
  close(): Promise<void>;
}

/** Every limit and pace of the bus. Defaults fit a board server; tests shorten the leases. */
export interface BusLimits {
  /** How long a dead worker's or relay's boards stay with it. */
  readonly leaseMs: number;
  /** Boards of one group that are in hand at a time in this process. */
  readonly concurrency: number;
  /** Events in one delivery, and in one read of a board. */
  readonly batch: number;
  /** Redis: entries of one stream above which publishing waits for the slowest group. */
  readonly maxStreamLength: number;
}

export const DEFAULT_BUS_LIMITS: BusLimits = { leaseMs: 10_000, concurrency: 16, batch: 100, maxStreamLength: 100_000 };

/** What was not carried, or is not well, and why: for a counter. */
export const BUS_DROPS = ['malformed', 'ephemeral', 'redelivered', 'full', 'too_large', 'memory_lost'] as const;
export type BusDrop = (typeof BUS_DROPS)[number];

export interface BusObserver {
  count?(drop: BusDrop): void;
  state?(state: BusState, reason: string): void;
}

/** The log is full of what a group has not taken: published later, nothing is lost. */
export class BusFull extends Error {
  override readonly name = 'BusFull';
}
