/**
 * The outbox relay: takes committed events from `board_events` to the bus, board by board, in order.
 *
 * Any number of relays run at once. Each claims boards (a lease in `outbox`), never single rows: order is per board, and a board has one relay.
 * Guarantees: every committed event is published at least once, in the order of its board; killed at any point, its boards go on with another
 * relay within a lease, from the last noted version. A bus that is away costs nothing but time: events wait in Postgres.
 * Under load rounds are paced: what is committed meanwhile shares one, and relaying costs the same few statements however busy the boards are.
 * A bus that reads `board_events` itself is only woken; how far it was woken is noted once a second for all boards.
 * Does not: lock what a commit writes; remove the repetitions that a death between publishing and noting makes.
 * Owns its LISTEN subscription, its sweep and lag timers, until `stop()`.
 */
import { randomUUID } from 'node:crypto';
import type { Database } from '@sunday/database';
import { EVENTS_CHANNEL, parseNotification } from './announcer.ts';
import type { EventBus } from './event-bus.ts';
import { pause } from './lanes.ts';
import { Outbox, type Claimed, type OutboxLag } from './outbox.ts';

export interface RelayOptions {
  readonly database: Database;
  readonly bus: EventBus;
  readonly observe?: RelayObserver;
  readonly leaseMs?: number;
  readonly sweepMs?: number;
}

export interface RelayObserver {
  published?(events: number): void;
  lag?(lag: OutboxLag): void;
  trouble?(what: string, error: unknown): void;
}

/** A relay that dies keeps its boards this long; publishing must take less, or two publish the same. */
const LEASE_MS = 30_000;
/** Finds what no notification told of. Looks at every board head, so not more often. */
const SWEEP_MS = 5_000;
const SWEEP_BOARDS = 1_000;
/** Boards and events of one round: what is read before it is published, and published before it is noted. */
const ROUND_BOARDS = 64;
const BOARD_EVENTS = 200;
/** From the beginning of a round to the next, ms: an event after a quiet moment waits for nothing, and in a rush for this. */
const ROUND_EVERY_MS = 30;
/** A bus that only has to be woken is woken again for what was not noted; until it is noted, the lag tells of it. */
const NOTE_EVERY_MS = 1_000;
/** After a failure; doubles to RETRY_MAX_MS. */
const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 5_000;
/** A board that another relay has in hand is asked for again: its relay may have read it before the event that we were told of. */
const REFUSED_MS = 100;

export class Relay {
  private readonly parts: RelayOptions;
  private readonly outbox: Outbox;
  private readonly leaseMs: number;
  private readonly due = new Set<string>();
  private readonly stopping = new AbortController();
  /** When the last round began, `performance.now()`. */
  private roundAt = 0;
  /** Some board had more events than one round takes. */
  private backlog = false;
  /** Of these the bus was told, which is not noted yet. */
  private readonly unnoted = new Set<string>();
  private noteTimer: NodeJS.Timeout | undefined;
  private working: Promise<void> | undefined;
  private sweeping: Promise<void> | undefined;
  private unlisten: (() => Promise<void>) | undefined;

  constructor(parts: RelayOptions) {
    this.parts = parts;
    this.leaseMs = parts.leaseMs ?? LEASE_MS;
    this.outbox = new Outbox(parts.database, randomUUID(), this.leaseMs);
  }

  /** Never rejects: without a database it begins when there is one. */
  start(): void {
    this.sweeping ??= this.sweep();
  }

  /** These boards have new events. */
  wake(boardIds: readonly string[]): void {
    if (this.stopping.signal.aborted) return;
    for (const boardId of boardIds) this.due.add(boardId);
    this.work();
  }

  lag(): Promise<OutboxLag> {
    return this.outbox.lag();
  }

  /** Ends the round that runs, and gives its boards back. Never rejects. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([this.working, this.sweeping]);
    await this.note().catch(() => undefined); // the next sweep of another tells of these boards once more
    await this.unlisten?.().catch(() => undefined);
  }

  private work(): void {
    if (this.due.size === 0 || this.working !== undefined) return;
    this.working = this.rounds().finally(() => {
      this.working = undefined;
      if (!this.stopping.signal.aborted) this.work();
    });
  }

  private async rounds(): Promise<void> {
    const { signal } = this.stopping;
    // After a failure one board at a time, then more again: a board whose events the bus refuses must not hold up the others.
    for (let failures = 0, size = ROUND_BOARDS; this.due.size > 0 && !signal.aborted;) {
      let boards: string[] = [];
      try {
        // Before boards are claimed, since a bus without memory sets them back (event-bus.ts).
        if (failures > 0) await this.parts.bus.publish([]);
        await this.paced();
        boards = [...this.due].slice(0, size);
        for (const boardId of boards) this.due.delete(boardId);
        await this.round(boards);
        failures = 0;
        size = Math.min(size * 2, ROUND_BOARDS);
      } catch (error) {
        for (const boardId of boards) this.due.add(boardId); // behind the others
        size = 1;
        this.parts.observe?.trouble?.('events wait to be published', error);
        await pause(Math.min(RETRY_MIN_MS * 2 ** failures++, RETRY_MAX_MS) * (0.5 + Math.random() / 2), signal);
      }
    }
  }

  /** A backlog is not held up: only rounds that would be small are. */
  private async paced(): Promise<void> {
    const rest = this.roundAt + ROUND_EVERY_MS - performance.now();
    if (rest > 0 && this.due.size < ROUND_BOARDS && !this.backlog) await pause(rest, this.stopping.signal);
    this.roundAt = performance.now();
  }

  private async round(boardIds: readonly string[]): Promise<void> {
    const { bus } = this.parts;
    if (bus.announce !== undefined) {
      // Nobody has to have these boards in hand: told twice, or of nothing new, its groups find nothing.
      await bus.announce(boardIds);
      for (const boardId of boardIds) this.unnoted.add(boardId);
      this.noteTimer ??= setTimeout(() => { this.note().catch((error: unknown) => { this.parts.observe?.trouble?.('noting what was published', error); }); }, NOTE_EVERY_MS);
      return;
    }
    const { claimed, refused } = await this.outbox.claim(boardIds, BOARD_EVENTS);
    if (refused.length > 0) void pause(REFUSED_MS, this.stopping.signal).then(() => { this.wake(refused); });
    if (claimed.length === 0) return;
    const full = claimed.filter(({ events }) => events.length > 0);
    let published: Claimed[] = [];
    try {
      if (full.length > 0) await bus.publish(full.flatMap(({ events }) => events));
      published = full;
    } finally {
      const relayed = new Map(published.map(({ boardId, events }) => [boardId, events.at(-1)?.version ?? null]));
      // what took too long is another's by now; noting it then is refused, and harmless
      await this.outbox.advance(claimed.map(({ boardId }) => ({ boardId, relayed: relayed.get(boardId) ?? null })));
    }
    const more = full.filter(({ events }) => events.length === BOARD_EVENTS);
    for (const { boardId } of more) this.due.add(boardId);
    this.backlog = more.length > 0;
    if (full.length > 0) this.parts.observe?.published?.(full.reduce((sum, { events }) => sum + events.length, 0));
  }

  /** What cannot be noted the next sweep finds, and tells the bus of once more. */
  private async note(): Promise<void> {
    clearTimeout(this.noteTimer);
    this.noteTimer = undefined;
    if (this.unnoted.size === 0) return;
    const boardIds = [...this.unnoted];
    this.unnoted.clear();
    const events = await this.outbox.noteHeads(boardIds);
    if (events > 0) this.parts.observe?.published?.(events);
  }

  private async sweep(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        this.unlisten ??= await this.parts.database.listen(
          EVENTS_CHANNEL,
          (payload) => { this.wake(parseNotification(payload).boardIds); },
          () => { void this.look().catch(() => undefined); },
        );
        await this.note();
        this.parts.observe?.lag?.(await this.outbox.lag());
        await this.parts.bus.publish([]); // a bus that lost its memory sets boards back, which are then found behind
        await this.look();
      } catch (error) {
        if (!signal.aborted) this.parts.observe?.trouble?.('looking for events to publish', error);
      }
      await pause((this.parts.sweepMs ?? SWEEP_MS) * (0.75 + Math.random() / 2), signal);
    }
  }

  private async look(): Promise<void> {
    this.wake(await this.outbox.behind(SWEEP_BOARDS));
  }
}
