/**
 * The peers of one board, and what each of them is sent.
 *
 * Guarantees: a tick's frame is one array, handed to all (or to all who look at the same); a peer with too many unsent bytes is
 * skipped and, once drained, sent everything it missed; a peer never takes what it is sent for a newer state of its own client than it has.
 * Does not: keep timers; who calls is told when to come back.
 */
import type { TokenBucket } from './bucket.ts';
import type { Client, Clients } from './clients.ts';
import { LIFT_MS } from './limits.ts';
import type { BoardHost, PresenceCrowd, PresencePeer, PresenceUser } from './types.ts';
import { NO_VIEW, namesOf, type View } from './view.ts';
import { encodeEntry, encodeUpdate } from './wire.ts';

export interface Seat {
  readonly peer: PresencePeer;
  readonly user: PresenceUser;
  readonly bucket: TokenBucket;
  /** The client id this peer speaks for, once it has announced one. */
  own: number | undefined;
  readonly joinedAt: number;
  /** When its session began, by the lane's clock. */
  since: number;
  /** Since when its client is known to have begun a later session. */
  outdoneAt: number | undefined;
  /**
   * It has not said yet which client it is. Until then it is not told of its own user's: one of them may be itself, before its
   * socket broke, and a provider made anew would take that old state for its own.
   */
  newcomer: boolean;
  /** The last clock received from it. */
  lastClock: number;
  /** Its Awareness was lifted above this clock. */
  liftedTo: number;
}

/** Peers that look at the same. */
export interface Group {
  readonly view: View;
  readonly seats: Seat[];
}

export class Audience {
  readonly seats = new Map<string, Seat>();
  readonly #host: BoardHost;
  readonly #clients: Clients<Seat>;
  /** Peers to which frames were not sent, and when they were last up to date. */
  readonly #behind = new Map<Seat, number>();

  constructor(host: BoardHost, clients: Clients<Seat>) {
    this.#host = host;
    this.#clients = clients;
  }

  /** Somebody has to be looked at again though nothing changes. */
  get someoneIsBehind(): boolean {
    return this.#behind.size > 0;
  }

  leave(seat: Seat): void {
    this.seats.delete(seat.peer.id);
    this.#behind.delete(seat);
  }

  groups(): Group[] {
    const groups = new Map<string, Group>();
    for (const seat of this.seats.values()) {
      const view = (seat.own === undefined ? undefined : this.#clients.present.get(seat.own))?.view ?? NO_VIEW;
      const group = groups.get(view.key);
      if (group === undefined) groups.set(view.key, { view, seats: [seat] });
      else group.seats.push(seat);
    }
    return [...groups.values()];
  }

  /**
   * The frame of a tick, of `all`, to everyone; of those `near`, to the groups that look at the same; to those who `returned`,
   * everyone present too, above what they may have seen elsewhere. `before`: when the last tick was. Returns how many frames were sent.
   */
  deliver(frame: Uint8Array | undefined, all: readonly number[], near: readonly number[], groups: readonly Group[] | undefined, returned: ReadonlySet<Seat>, before: number): number {
    let sent = 0;
    const anew = returned.size > 0 ? encodeUpdate(this.#clients.anew()) : undefined;
    const index = this.#byName(near);
    for (const { view, seats } of groups ?? [{ view: NO_VIEW, seats: this.seats.values() }]) {
      const alsoNear = index.size === 0 ? [] : [...new Set(namesOf(view).flatMap((name) => index.get(name) ?? []))];
      const shared = [frame, this.#clients.frame(alsoNear)].filter((each) => each !== undefined);
      const ids = alsoNear.length > 0 ? [...all, ...alsoNear] : all;
      for (const seat of seats) {
        const frames = this.#tellsOwnUser(seat, ids) ? this.#framesFor(seat, ids) : shared;
        this.#deliverTo(seat, frames, returned.has(seat) ? anew : undefined, before);
        sent += frames.length;
      }
    }
    return sent;
  }

  #deliverTo(seat: Seat, frames: readonly Uint8Array[], everyone: Uint8Array | undefined, before: number): void {
    const behindSince = this.#behind.get(seat);
    if (behindSince !== undefined) {
      if (seat.peer.bufferedBytes <= this.#host.limits.bufferedBytes / 2) this.#catchUp(seat, behindSince);
      else if (frames.length > 0) this.#host.drop('shed', frames.length);
    } else if ((frames.length > 0 || everyone !== undefined) && this.#isFull(seat)) this.#shed(seat, before);
    else {
      for (const frame of frames) this.send(seat, frame);
      if (everyone !== undefined) this.send(seat, everyone);
    }
  }

  /** Under what each looks at, and did: who leaves is seen leaving. */
  #byName(ids: readonly number[]): Map<string, number[]> {
    const index = new Map<string, number[]>();
    for (const id of ids) {
      const client = this.#clients.present.get(id);
      if (client === undefined) continue;
      for (const name of new Set([...namesOf(client.view), ...namesOf(client.sentView)])) {
        const there = index.get(name);
        if (there === undefined) index.set(name, [id]);
        else there.push(id);
      }
    }
    return index;
  }

  /** These, as last encoded, to one peer. */
  show(seat: Seat, ids: readonly number[]): void {
    // who is behind gets everything once it has drained
    if (ids.length === 0 || this.#behind.has(seat) || !this.seats.has(seat.peer.id)) return;
    this.#sendEntries(seat, ids.flatMap((id) => this.#clients.present.get(id)?.entry ?? []));
  }

  notify(peer: PresencePeer, crowd: PresenceCrowd | null): void {
    try {
      peer.crowd?.(crowd);
    } catch {
      this.#host.drop('send_failed');
    }
  }

  /**
   * Everyone present, as of the last tick, which was at `now`: what changed since comes with the next. Returns whether the peer is
   * behind, and gets it later.
   */
  sendAll(seat: Seat, now: number): boolean {
    if (this.#isFull(seat)) {
      this.#shed(seat, now);
      return true;
    }
    if (seat.newcomer) this.#sendEntries(seat, this.#clients.entries((client) => client.user.id !== seat.user.id));
    else if (this.#clients.present.size > 0) this.send(seat, this.#clients.snapshot());
    return false;
  }

  /**
   * The Awareness of its client, last heard of at `clock`, takes nothing it is shown of itself from now on, for half a day (clients.ts). Before
   * that it is told its own state as others see it: one above its clock, so that it is taken exactly when nothing was changed since.
   */
  lift(seat: Seat, id: number, clock: number): void {
    const now = this.#host.clock.last;
    if (Math.max(clock, seat.liftedTo) > now + LIFT_MS / 2) return;
    seat.liftedTo = now + LIFT_MS;
    const client = this.#clients.present.get(id);
    const echo = client !== undefined && heldBy(client, seat) ? [encodeEntry(id, clock + 1, client.json)] : [];
    this.#sendEntries(seat, [...echo, encodeEntry(id, seat.liftedTo, 'null')]);
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
    if (!this.#behind.has(seat)) this.#behind.set(seat, before);
  }

  #catchUp(seat: Seat, since: number): void {
    this.#behind.delete(seat);
    this.#sendEntries(seat, [...this.#clients.removalsSince(since), ...this.#clients.anew((client) => !seat.newcomer || client.user.id !== seat.user.id)]);
  }

  #tellsOwnUser(seat: Seat, ids: readonly number[]): boolean {
    return seat.newcomer && ids.some((id) => this.#clients.present.get(id)?.user.id === seat.user.id);
  }

  #framesFor(seat: Seat, ids: readonly number[]): Uint8Array[] {
    const frame = this.#clients.frame(ids.filter((id) => this.#clients.present.get(id)?.user.id !== seat.user.id));
    return frame === undefined ? [] : [frame];
  }

  #sendEntries(seat: Seat, entries: readonly Uint8Array[]): void {
    if (entries.length > 0) this.send(seat, encodeUpdate(entries));
  }
}

export function heldBy({ holder }: Client<Seat>, seat: Seat): boolean {
  return holder.kind === 'peer' && holder.seat === seat;
}
