/**
 * The tick of one board: what changed since the last one, told to the peers here and to the other nodes.
 *
 * Guarantees: each changed client is encoded once, and one message a tick goes to the other nodes; everybody is told of everything:
 * with the tick, or in a crowd (crowd.ts) within MAX_OTHERS_MS, a round and twice MAX_TICK_MS. Owns the tick timer, armed only while something waits.
 */
import type { Audience, Seat } from './audience.ts';
import type { Clients } from './clients.ts';
import { Crowd, Waiting } from './crowd.ts';
import { DRAIN_POLL_MS, HEARTBEAT_WAIT_MS, MIN_DELAY_MS } from './limits.ts';
import { Rounds } from './rounds.ts';
import type { BoardHost, PresencePeer } from './types.ts';
import { meet, NO_VIEW } from './view.ts';
import { encodeUpdate } from './wire.ts';

/** What a tick has to tell. */
interface Changes {
  /** Everybody is told of these. */
  readonly all: number[];
  /** Of these, those who are in the same view. */
  readonly near: number[];
  /** Entries of clients of this node, for the others, and when their sessions began. */
  readonly ours: Uint8Array[];
  readonly since: number[];
  /** Peers that look at something else than before. */
  readonly turned: Seat[];
}

export class Tick {
  readonly #host: BoardHost;
  readonly #clients: Clients<Seat>;
  readonly #audience: Audience;
  readonly #crowd: Crowd;
  readonly #onFlushed: () => void;
  readonly #waiting = new Waiting();
  readonly #rounds = new Rounds();
  /** In a crowd: there are peers whose turn comes with the next tick. */
  #someAreLeft = false;
  /**
   * Client ids whose state or absence goes out with the next tick. A new set for each: of one that is emptied and filled, V8 links the tables it has had,
   * and the first that a full collection would have to find keeps all that follow.
   */
  #changed = new Set<number>();
  /** Those who said again what everybody was told, and when the first of them did. */
  #renewed = new Set<number>();
  #renewedSince = Number.POSITIVE_INFINITY;
  /** Peers that returned: their Awareness saw, and dropped, what they were sent before, here or elsewhere. */
  readonly #returned = new Set<Seat>();
  #fullDue = false;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;
  #at = Number.POSITIVE_INFINITY;
  #flushedAt = Number.NEGATIVE_INFINITY;

  /** @param onFlushed called after each tick */
  constructor(host: BoardHost, clients: Clients<Seat>, audience: Audience, onFlushed: () => void) {
    this.#onFlushed = onFlushed;
    this.#host = host;
    this.#clients = clients;
    this.#audience = audience;
    this.#crowd = new Crowd(host.limits.fullRatePeople, host.tickMs);
  }

  /** The last round: who joins is shown what was told in it, and before. */
  get round(): number {
    return this.#rounds.last;
  }

  /** Nothing waits to be told. */
  get idle(): boolean {
    return this.#changed.size === 0 && this.#renewed.size === 0 && !this.#fullDue;
  }

  changed(id: number): void {
    const armed = this.#changed.size > 0 && this.#cancel !== undefined;
    this.#changed.add(id);
    if (!armed) this.#arm();
  }

  /** A heartbeat: told with what else is told, or a little later. One of its own for each would be the most of what a board without moves is sent. */
  renewed(id: number): void {
    if (this.#renewed.size === 0) this.#renewedSince = this.#host.time.now();
    this.#renewed.add(id);
    this.#arm();
  }

  removed(id: number): void {
    this.#waiting.delete(id);
    this.changed(id);
  }

  returned(seat: Seat): void {
    this.#returned.add(seat);
    this.#arm();
  }

  /** The peer is gone. */
  forget(seat: Seat): void {
    this.#returned.delete(seat);
  }

  /** The other nodes are told of everyone here, with the next tick. */
  tellNodes(): void {
    this.#fullDue = true;
    this.#arm();
  }

  /** A node asks who is here. Somebody may wait for it: a crowd's slow tick is not waited for. */
  answer(): void {
    if (this.#host.time.now() - this.#answeredAt < this.#host.tickMs) {
      this.tellNodes();
      return;
    }
    this.#answeredAt = this.#host.time.now();
    this.#publishFull();
  }

  #publishFull(): void {
    this.#host.publish?.('full', this.#clients.ours());
  }

  /**
   * Everybody is being sent something else just now. What waits goes along, where that is not much too early: one write to a socket
   * costs what ten of these frames do. So the busier the process is, the earlier.
   */
  alongside(): void {
    const now = this.#host.time.now();
    if (this.#changed.size === 0 && !this.#someAreLeft && now < this.#renewedSince + HEARTBEAT_WAIT_MS / 2) return;
    if (now < this.#flushedAt + Math.max(this.#host.tickMs / 2, this.#tickMs / 4)) return;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#at = Number.POSITIVE_INFINITY;
    this.#flush();
  }

  /** Everyone present, to one peer. */
  sendAll(seat: Seat): void {
    if (this.#audience.sendAll(seat, this.#rounds.at(seat.told))) this.#arm();
  }

  /** A peer that joins a crowd is told so. */
  greet(peer: PresencePeer): void {
    this.#measure();
    const crowd = this.#crowd.now;
    if (crowd !== null) this.#audience.notify(peer, crowd);
  }

  /** Everybody is told that the crowd has come, grown, shrunk or gone. */
  tellCrowd(): void {
    this.#measure();
    const news = this.#crowd.news();
    if (news === undefined) return;
    for (const { peer } of this.#audience.seats.values()) this.#audience.notify(peer, news);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** In a crowd it is not the ticks that slow down (crowd.ts). */
  get #tickMs(): number {
    return this.#crowd.isOne ? this.#host.tickMs : this.#host.tickMs * this.#host.slowdown();
  }

  #measure(): boolean {
    return this.#crowd.measure(Math.max(this.#audience.seats.size, this.#clients.present.size));
  }

  #arm(): void {
    const now = this.#host.time.now();
    const at = Math.max(now + MIN_DELAY_MS, this.#dueAt(now), this.#flushedAt + this.#tickMs);
    if (at >= this.#at) return;
    this.#cancel?.();
    this.#at = at;
    this.#cancel = this.#host.time.after(at - now, () => {
      this.#cancel = undefined;
      this.#at = Number.POSITIVE_INFINITY;
      this.#flush();
    });
  }

  #dueAt(now: number): number {
    if (this.#changed.size > 0 || this.#fullDue || this.#returned.size > 0 || this.#someAreLeft) return now;
    return Math.min(this.#waiting.at, this.#renewedSince + HEARTBEAT_WAIT_MS, this.#audience.someoneIsBehind ? now + DRAIN_POLL_MS : Number.POSITIVE_INFINITY);
  }

  #flush(): void {
    const now = this.#host.time.now();
    const elapsed = now - this.#flushedAt;
    this.#flushedAt = now;
    this.#clients.begin(this.#host.clock.next());
    // where all look at the same there is nothing to tell later
    const split = this.#measure() && this.#audience.looksAtSeveral;
    const changes = this.#encodeChanged(split);
    this.#rounds.add(now, changes.all, this.#audience.byName(changes.near));
    this.#clients.shown([...changes.all, ...changes.near]);
    this.#someAreLeft = this.#audience.deliver(this.#rounds, this.#crowd.share(elapsed, this.#host.slowdown()), this.#returned);
    this.#returned.clear();
    for (const seat of changes.turned) this.#showWaiting(seat);
    this.#tellNodes(changes);
    this.#arm();
    this.#onFlushed();
  }

  #tellNodes({ ours, since }: Changes): void {
    if (this.#fullDue) {
      this.#fullDue = false;
      this.#publishFull();
    } else if (ours.length > 0) {
      this.#host.publish?.('delta', { update: encodeUpdate(ours), since });
    }
  }

  #encodeChanged(split: boolean): Changes {
    const changes: Changes = { all: [], near: [], ours: [], since: [], turned: [] };
    const tell = (entry: Uint8Array, since: number): void => {
      changes.ours.push(entry);
      changes.since.push(since);
    };
    for (const id of this.#renewed) this.#changed.add(id);
    if (this.#renewed.size > 0) this.#renewed = new Set();
    this.#renewedSince = Number.POSITIVE_INFINITY;
    for (const id of this.#changed) {
      const client = this.#clients.present.get(id);
      if (client === undefined) {
        const removal = this.#clients.encodeRemoval(id);
        if (removal === undefined) continue;
        changes.all.push(id);
        if (removal.ours) tell(removal.entry, removal.since);
        continue;
      }
      const later = split && client.entry !== undefined;
      const moved = client.json !== client.sentJson;
      const entry = this.#clients.encode(client);
      const { holder } = client;
      if (holder.kind === 'peer') this.#audience.lift(holder.seat, id, holder.seat.lastClock);
      if (holder.kind !== 'node') tell(entry, client.session.since);
      if (!later) {
        changes.all.push(id);
        continue;
      }
      if (client.view !== client.sentView && holder.kind === 'peer') changes.turned.push(holder.seat);
      this.#waiting.add(id, this.#flushedAt + this.#crowd.othersMs);
      // a heartbeat is in no hurry
      if (moved) changes.near.push(id);
    }
    this.#changed = new Set();
    return this.#withDue(changes, split);
  }

  /** Those who have waited long enough, or for a crowd that is gone, are told to all. */
  #withDue(changes: Changes, split: boolean): Changes {
    const told = new Set(changes.all);
    const due = this.#waiting.take(this.#flushedAt, !split).filter((id) => !told.has(id) && this.#clients.present.has(id));
    if (due.length === 0) return changes;
    const dueNow = new Set(due);
    return { ...changes, all: [...changes.all, ...due], near: changes.near.filter((id) => !dueNow.has(id)) };
  }

  /** Who turns to something else sees at once what those who look at it do. */
  #showWaiting(seat: Seat): void {
    const own = seat.own === undefined ? undefined : this.#clients.present.get(seat.own);
    const ids = [...this.#waiting.ids].filter((id) => id !== seat.own && meet(this.#clients.present.get(id)?.view ?? NO_VIEW, own?.view ?? NO_VIEW));
    this.#audience.show(seat, ids);
  }
}
