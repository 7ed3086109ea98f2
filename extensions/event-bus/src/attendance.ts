/**
 * Who comes to a board, goes, and where cursors are, as ephemeral events: made of what passes the presence lane on this node, which it wraps.
 *
 * Guarantees: a person has joined once and left once on this node however many tabs they have; a cursor is told at most once in SAMPLE_MS for each
 * attachment. Never throws on what a client sent. Nothing is made of moves that nobody would hear of. Does not: look at other nodes (each tells its own), or keep anybody in a store.
 */
import { randomUUID } from 'node:crypto';
import type { EventBus } from './event-bus.ts';

/**
 * A cursor moves up to thirty times a second for each person; who follows a board over subscriptions or Kafka wants to know where people are, not
 * how they got there. Enough for a list of who is where; a thousand people make 500 events a second.
 */
const SAMPLE_MS = 2_000;

export interface AttendingPeer {
  readonly user: { readonly id: string; readonly name: string };
}

/** What of the event bus matters here. */
export type EphemeralBus = Pick<EventBus, 'ephemeralIsHeard' | 'publishEphemeral'>;

interface Received {
  readonly ok: boolean;
}

/** What of a peer's place on the presence lane matters here. */
export interface AttendedSeat<Result extends Received> {
  receive(update: Uint8Array): Result;
  /** What its client says now, and who the server says it is. */
  readonly state: Readonly<Record<string, unknown>> | undefined;
  query(): void;
  leave(how: 'clean' | 'abnormal'): void;
}

export interface PresenceLane<Peer extends AttendingPeer, Result extends Received> {
  join(boardId: string, peer: Peer): AttendedSeat<Result>;
}

export function withAttendance<Peer extends AttendingPeer, Result extends Received>(
  lane: PresenceLane<Peer, Result>, bus: EphemeralBus,
): PresenceLane<Peer, Result> {
  const boards = new Map<string, Set<Attending<Result>>>();
  return {
    join(boardId, peer) {
      const seat = lane.join(boardId, peer);
      const here = boards.get(boardId) ?? new Set();
      boards.set(boardId, here);
      const attending = new Attending(boardId, peer, seat, bus, () => {
        if (!here.delete(attending)) return false;
        if (here.size === 0) boards.delete(boardId);
        return isAlone(here, peer.user.id);
      });
      const first = isAlone(here, peer.user.id);
      here.add(attending);
      if (first) attending.tell('UserJoined', { joinedAt: new Date().toISOString() });
      return attending;
    },
  };
}

const isAlone = (here: ReadonlySet<{ readonly userId: string }>, userId: string): boolean => ![...here].some((other) => other.userId === userId);

/** A place on the lane, and what is told of it. */
class Attending<Result extends Received> implements AttendedSeat<Result> {
  readonly userId: string;
  readonly #boardId: string;
  readonly #name: string;
  readonly #seat: AttendedSeat<Result>;
  readonly #bus: EphemeralBus;
  /** Takes it off its board. Returns whether it was there, and nobody else there is the same person. */
  readonly #gone: () => boolean;
  /** When its cursor was last told, `performance.now()`. */
  #cursorAt = Number.NEGATIVE_INFINITY;

  constructor(boardId: string, { user }: AttendingPeer, seat: AttendedSeat<Result>, bus: EphemeralBus, gone: () => boolean) {
    this.#boardId = boardId;
    this.userId = user.id;
    this.#name = user.name;
    this.#seat = seat;
    this.#bus = bus;
    this.#gone = gone;
  }

  receive(update: Uint8Array): Result {
    const received = this.#seat.receive(update);
    if (!received.ok || !this.#bus.ephemeralIsHeard) return received;
    const now = performance.now();
    if (now - this.#cursorAt < SAMPLE_MS) return received;
    this.#cursorAt = now;
    const { state } = this;
    if (state === undefined) return received;
    const { user: _stamp, ...position } = state;
    this.tell('CursorMoved', { position });
    return received;
  }

  get state(): Readonly<Record<string, unknown>> | undefined {
    return this.#seat.state;
  }

  query(): void {
    this.#seat.query();
  }

  leave(how: 'clean' | 'abnormal'): void {
    this.#seat.leave(how);
    if (this.#gone()) this.tell('UserLeft', { leftAt: new Date().toISOString() });
  }

  tell(type: string, data: Record<string, unknown>): void {
    const { userId } = this;
    const boardId = this.#boardId;
    this.#bus.publishEphemeral({
      id: randomUUID(), type, aggregateId: boardId, aggregateType: 'board', boardId, data: { userId, name: this.#name, ...data },
      metadata: { userId, correlationId: null, causationId: null, source: 'socket', traceId: null }, timestamp: new Date().toISOString(),
    });
  }
}
