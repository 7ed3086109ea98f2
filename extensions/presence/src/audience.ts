/**
 * The peers of one board, and what each of them is sent.
 *
 * Guarantees: who is told the same is handed the same array; a peer with too many unsent bytes is
 * skipped and, once drained, sent everything it missed; a peer never takes what it is sent for a newer state of its own client than it has.
 * Does not: keep timers; who calls is told when to come back.
 */
import type { TokenBucket } from './bucket.ts';
import type { Client, Clients, Holder, Session } from './clients.ts';
import { LIFT_MS } from './limits.ts';
import type { Rounds } from './rounds.ts';
import type { BoardHost, PresenceCrowd, PresencePeer, PresenceUser } from './types.ts';
import { NO_VIEW, namesOf, type View } from './view.ts';
import { encodeEntry, encodeUpdate } from './wire.ts';

/** The place of a peer. */
export class Seat {
  readonly peer: PresencePeer;
  readonly user: PresenceUser;
  /** `user` as it stands in each of its states. */
  readonly userJson: string;
  readonly bucket: TokenBucket;
  readonly joinedAt: number;
  /** Its word on a client: the same object for all that it ever says. */
  readonly holder: Holder<Seat> = { kind: 'peer', seat: this };
  session: Session;
  /** False once it has left, or another came in its place. */
  taken = true;
  /** The client id this peer speaks for, once it has announced one. */
  own: number | undefined = undefined;
  /** Since when its client is known to have begun a later session. */
  outdoneAt: number | undefined = undefined;
  /**
   * When it said which client it is, or was taken not to mean to; infinity before. Until then it is not told of its own user's: one of them may be itself,
   * before its socket broke, and a provider made anew would take that old state for its own.
   */
  introducedAt = Number.POSITIVE_INFINITY;
  /** The last clock received from it. */
  lastClock = -1;
  /** Its Awareness was lifted above this clock. */
  liftedTo = 0;
  /** The round (rounds.ts) up to which it was told. */
  told: number;

  constructor(peer: PresencePeer, user: PresenceUser, bucket: TokenBucket, joinedAt: number, session: Session, told: number) {
    this.peer = peer;
    this.user = user;
    this.userJson = JSON.stringify(user);
    this.bucket = bucket;
    this.joinedAt = joinedAt;
    this.session = session;
    this.told = told;
  }
}

/** Peers that are told the same: they were told up to the same round and, where something happened that is told only near it, look at the same. */
interface Cohort {
  readonly told: number;
  /** Names of what they look at; none where nothing happened there. */
  readonly near: readonly string[];
  readonly seats: Seat[];
}

/** Of what a tick tells, those in whose view something happened get at most this share before those who have waited longest. */
const HURRIED_SHARE = 0.5;

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

  /** Whether there are peers who look at different things. */
  get looksAtSeveral(): boolean {
    const keys = new Set<string>();
    for (const seat of this.seats.values()) {
      keys.add(this.#viewOf(seat).key);
      if (keys.size > 1) return true;
    }
    return false;
  }

  #isBehind(seat: Seat): boolean {
    return this.#behind.size > 0 && this.#behind.has(seat);
  }

  #viewOf(seat: Seat): View {
    return (seat.own === undefined ? undefined : this.#clients.present.get(seat.own))?.view ?? NO_VIEW;
  }

  /**
   * Tells `share` of the peers what they have not been told: first, up to half of the share, those in whose view something happened, then those who have waited
   * longest. Those who `returned` are told of everyone present, above what they may have seen elsewhere, whatever the share. Returns whether somebody
   * is left.
   */
  deliver(rounds: Rounds, share: number, returned: ReadonlySet<Seat>): boolean {
    const anew = returned.size > 0 ? encodeUpdate(this.#clients.anew()) : undefined;
    for (const seat of returned) {
      if (this.#isBehind(seat)) continue; // and will be sent the same
      const gone = this.#clients.removalsSince(rounds.at(seat.told));
      if (anew !== undefined && this.#takes(seat, rounds)) {
        if (gone.length > 0) this.send(seat, encodeUpdate(gone));
        this.send(seat, anew);
      }
      seat.told = rounds.last;
    }
    this.#lookAfterThoseBehind(rounds);
    const cohorts = this.#cohorts(rounds);
    let left = share;
    const serve = (cohort: Cohort, atMost: number): void => {
      const seats = cohort.seats.splice(0, atMost);
      left -= seats.length;
      if (seats.length > 0) this.#tell(seats, rounds.since(cohort.told, cohort.near), rounds);
    };
    if (share < this.seats.size) {
      const others = share - Math.floor(share * HURRIED_SHARE);
      for (const cohort of cohorts) if (cohort.near.length > 0) serve(cohort, left - others);
    }
    for (const cohort of cohorts) serve(cohort, left);
    const still = cohorts.find(({ seats }) => seats.length > 0);
    rounds.forget(still?.told ?? rounds.last);
    return still !== undefined;
  }

  /** Those who have something to be told and are not behind, who waits longest first. */
  #cohorts(rounds: Rounds): Cohort[] {
    const { areNear, last } = rounds;
    const cohorts = new Map<number | string, Cohort>();
    // Mostly all were told up to the same round.
    let usual: Cohort | undefined;
    for (const seat of this.seats.values()) {
      if (seat.told === last || this.#isBehind(seat)) continue;
      const view = areNear ? this.#viewOf(seat) : NO_VIEW;
      const near = areNear && rounds.isBehindNear(seat.told, namesOf(view)) ? namesOf(view) : [];
      if (near.length === 0 && !rounds.isBehind(seat.told)) {
        seat.told = last;
        continue;
      }
      if (near.length === 0 && usual?.told === seat.told) {
        usual.seats.push(seat);
        continue;
      }
      const key = near.length === 0 ? seat.told : `${seat.told} ${view.key}`;
      const cohort = cohorts.get(key);
      if (cohort !== undefined) {
        cohort.seats.push(seat);
        continue;
      }
      const made = { told: seat.told, near, seats: [seat] };
      cohorts.set(key, made);
      if (near.length === 0) usual = made;
    }
    return [...cohorts.values()].sort((one, other) => one.told - other.told);
  }

  /** Tells peers the same. */
  #tell(seats: readonly Seat[], ids: readonly number[], rounds: Rounds): void {
    const shared = this.#clients.frame(ids);
    for (const seat of seats) {
      const frame = this.#tellsOwnUser(seat, ids) ? this.#frameFor(seat, ids) : shared;
      if (frame !== undefined && this.#takes(seat, rounds)) this.send(seat, frame);
      seat.told = rounds.last;
    }
  }

  /** Whether a peer can be sent something; one that cannot is sent everything once it has drained. */
  #takes(seat: Seat, rounds: Rounds): boolean {
    if (!this.#isFull(seat)) return true;
    this.#shed(seat, rounds.at(seat.told));
    return false;
  }

  /** Who was sent nothing for a while is sent everything once it has drained. */
  #lookAfterThoseBehind(rounds: Rounds): void {
    for (const [seat, since] of this.#behind) {
      if (seat.peer.bufferedBytes <= this.#host.limits.bufferedBytes / 2) this.#catchUp(seat, since);
      else if (seat.told !== rounds.last) this.#host.drop('shed');
      seat.told = rounds.last;
    }
  }

  /** These, under what each looks at, and did: who leaves is seen leaving. */
  byName(ids: readonly number[]): Map<string, number[]> {
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
   * Everyone present, as of the last tick: what changed since comes with the next. `before`: when it was last up to date. Returns whether the peer
   * is behind, and gets it later.
   */
  sendAll(seat: Seat, before: number): boolean {
    if (this.#isFull(seat)) {
      this.#shed(seat, before);
      return true;
    }
    if (isNew(seat)) this.#sendEntries(seat, this.#clients.entries((client) => client.user.id !== seat.user.id));
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
    if (!isNew(seat)) return;
    seat.introducedAt = this.#host.time.now();
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
    this.#sendEntries(seat, [...this.#clients.removalsSince(since), ...this.#clients.anew((client) => !isNew(seat) || client.user.id !== seat.user.id)]);
  }

  #tellsOwnUser(seat: Seat, ids: readonly number[]): boolean {
    return isNew(seat) && ids.some((id) => this.#clients.present.get(id)?.user.id === seat.user.id);
  }

  #frameFor(seat: Seat, ids: readonly number[]): Uint8Array | undefined {
    return this.#clients.frame(ids.filter((id) => this.#clients.present.get(id)?.user.id !== seat.user.id));
  }

  #sendEntries(seat: Seat, entries: readonly Uint8Array[]): void {
    if (entries.length > 0) this.send(seat, encodeUpdate(entries));
  }
}

/** Not introduced yet. */
export const isNew = ({ introducedAt }: Seat): boolean => introducedAt === Number.POSITIVE_INFINITY;

export const heldBy = ({ holder }: Client<Seat>, seat: Seat): boolean => holder === seat.holder;
