/**
 * The peers of one board, and what each of them is sent.
 *
 * Guarantees: a tick's frame is one array, handed to all; a peer with too many unsent bytes is skipped and, once drained, sent
 * everything it missed; a peer is never sent what it could take for a newer state of its own client than it has.
 * Does not: keep timers; who calls is told when to come back.
 */
import type { TokenBucket } from './bucket.ts';
import type { Client, Clients } from './clients.ts';
import type { BoardHost, PresencePeer, PresenceUser } from './types.ts';
import { encodeUpdate } from './wire.ts';

export interface Seat {
  readonly peer: PresencePeer;
  readonly user: PresenceUser;
  readonly bucket: TokenBucket;
  /** The client id this peer speaks for, once it has announced one. */
  own: number | undefined;
  readonly joinedAt: number;
  /** Grows with every seat: of two sockets that speak for a client, the newer one is right. */
  readonly order: number;
  /**
   * It has not said yet which client it is. Until then it is not told of its own user's: one of them may be itself, before its
   * socket broke, and a provider made anew would take that old state for its own.
   */
  newcomer: boolean;
  /** The last clock received from it. */
  lastClock: number;
  /** Frames since then were shed. */
  behindSince: number | undefined;
}

export class Audience {
  readonly seats = new Map<string, Seat>();
  readonly #host: BoardHost;
  readonly #clients: Clients<Seat>;
  readonly #changed: ReadonlySet<number>;

  constructor(host: BoardHost, clients: Clients<Seat>, changed: ReadonlySet<number>) {
    this.#host = host;
    this.#clients = clients;
    this.#changed = changed;
  }

  /**
   * The frame of a tick, to everyone; to those who `returned`, everyone present too. `before`: when the last tick was.
   * Returns whether somebody is behind, and has to be looked at again though nothing changes.
   */
  deliver(shared: Uint8Array | undefined, changed: readonly number[], returned: ReadonlyMap<Seat, number>, before: number): boolean {
    let behind = false;
    for (const seat of this.seats.values()) {
      const frame = this.#tellsOwnUser(seat, changed) ? this.#frameFor(seat, changed) : shared;
      if (seat.behindSince !== undefined) {
        if (seat.peer.bufferedBytes <= this.#host.limits.bufferedBytes / 2) this.#catchUp(seat, seat.behindSince);
        else if (frame !== undefined) this.#host.drop('shed');
      } else if (frame !== undefined && this.#isFull(seat)) this.#shed(seat, before);
      else {
        if (frame !== undefined) this.send(seat, frame);
        if (returned.has(seat)) this.sendAll(seat, before);
      }
      behind ||= seat.behindSince !== undefined;
    }
    return behind;
  }

  /** Everyone present, as of the last tick, which was at `now`: what changed since comes with the next. Returns whether it is behind. */
  sendAll(seat: Seat, now: number): boolean {
    if (this.#isFull(seat)) {
      this.#shed(seat, now);
      return true;
    }
    // nor is a peer sent what its client said on an earlier socket, before the tick that takes it up
    const special = seat.own === undefined ? seat.newcomer : this.#changed.has(seat.own);
    if (special) this.#sendEntries(seat, this.#entriesFor(seat));
    else if (this.#clients.present.size > 0) this.send(seat, this.#clients.snapshot());
    return false;
  }

  /** It has said which client it is, or does not mean to: from now on it is told of its own user's other clients. */
  introduce(seat: Seat): void {
    if (!seat.newcomer) return;
    seat.newcomer = false;
    this.#sendEntries(seat, this.#clients.entries((client) => client.user.id === seat.user.id && client.id !== seat.own));
  }

  send(seat: Seat, update: Uint8Array): void {
    try {
      seat.peer.send(update);
    } catch {
      this.#host.drop('send_failed'); // one broken socket must not cost the others their frame
    }
  }

  #isFull({ peer }: Seat): boolean {
    return peer.bufferedBytes > this.#host.limits.bufferedBytes;
  }

  /** `before`: when it was last up to date. */
  #shed(seat: Seat, before: number): void {
    this.#host.drop('shed');
    seat.behindSince ??= before;
  }

  #catchUp(seat: Seat, since: number): void {
    seat.behindSince = undefined;
    this.#sendEntries(seat, [...this.#clients.removalsSince(since), ...this.#entriesFor(seat)]);
  }

  #tellsOwnUser(seat: Seat, ids: readonly number[]): boolean {
    return seat.newcomer && ids.some((id) => this.#clients.present.get(id)?.user.id === seat.user.id);
  }

  #frameFor(seat: Seat, ids: readonly number[]): Uint8Array | undefined {
    const entries = ids.flatMap((id) => {
      const client = this.#clients.present.get(id);
      if (client?.user.id === seat.user.id) return [];
      return client?.entry ?? this.#clients.removal(id)?.entry ?? [];
    });
    return entries.length > 0 ? encodeUpdate(entries) : undefined;
  }

  #entriesFor(seat: Seat): Uint8Array[] {
    return this.#clients.entries((client) => (seat.newcomer ? client.user.id !== seat.user.id : client.id !== seat.own));
  }

  #sendEntries(seat: Seat, entries: readonly Uint8Array[]): void {
    if (entries.length > 0) this.send(seat, encodeUpdate(entries));
  }
}

export function heldBy({ holder }: Client<Seat>, seat: Seat): boolean {
  return holder.kind === 'peer' && holder.seat === seat;
}
