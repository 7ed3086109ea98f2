/**
 * Presence on one board: what peers and other nodes say, and whose word counts.
 *
 * Guarantees: a peer speaks for one client id, the first it announces that no other user holds. Nothing a peer sends makes it throw.
 * Does not: interpret states beyond stamping `user`; decide when who is told what (tick.ts), send (audience.ts), or decide clocks
 * (clients.ts).
 */
import { Audience, heldBy, type Seat } from './audience.ts';
import { TokenBucket } from './bucket.ts';
import { type Client, Clients, type Said } from './clients.ts';
import { CLOCK_STRIDE, ECHO_MS, MAX_CLOCK, OUTDATED_MS } from './limits.ts';
import { stamp, stampedJson, stampOf } from './stamp.ts';
import { Tick } from './tick.ts';
import type { BoardHost, PresencePeer, PresentClient, ReceiveRefusal, ReceiveResult } from './types.ts';
import { decodeState, decodeUpdate, encodeUpdate, type NodeMessageKind, type PresenceState, type WireEntry } from './wire.ts';

/** A query costs the whole state of the board: as much as so many frames. */
const QUERY_COST = 30;

/** A large frame costs as much as so many small ones. */
const BYTES_PER_TOKEN = 4096;

export class BoardPresence {
  readonly #host: BoardHost;
  readonly #audience: Audience;
  readonly #clients: Clients<Seat>;
  readonly #tick: Tick;
  /** Users of whom a peer left that never said which client it is, and when: that client comes back as theirs. */
  readonly #lookedOn = new Map<string, number>();
  #joins = 0;

  constructor(host: BoardHost) {
    this.#host = host;
    this.#clients = new Clients(host.limits.rememberedClients);
    this.#audience = new Audience(host, this.#clients);
    this.#tick = new Tick(host, this.#clients, this.#audience, () => { this.#settle(); });
  }

  get #seats(): Map<string, Seat> {
    return this.#audience.seats;
  }

  get hasClients(): boolean {
    return this.#clients.present.size > 0;
  }

  join(peer: PresencePeer): void {
    const replaced = this.#seats.get(peer.id);
    if (replaced !== undefined) this.#vacate(replaced, 'abnormal');
    if (this.#seats.size === 0) this.#host.publish?.('request', encodeUpdate([]));
    const joinedAt = this.#host.time.now();
    const bucket = new TokenBucket(this.#host.limits.framesPerSecond, joinedAt);
    const seat: Seat = { peer, user: stamp(peer.user), bucket, joinedAt, order: this.#joins++, own: undefined, newcomer: true, lastClock: -1 };
    this.#seats.set(peer.id, seat);
    this.#tick.sendAll(seat);
    this.#tick.greet(peer);
  }

  receive(peerId: string, update: Uint8Array): ReceiveResult {
    const seat = this.#seats.get(peerId);
    if (seat === undefined) return this.#refuse('unknown_peer');
    if (!seat.bucket.take(1 + update.length / BYTES_PER_TOKEN, this.#host.time.now())) return this.#refuse('rate_limited');
    if (update.length > this.#host.limits.frameBytes) return this.#refuse('too_large');
    const decoded = decodeUpdate(update, seat.own);
    if (decoded === undefined) return this.#refuse('malformed_update');
    let foreign = decoded.skipped;
    let refusal: ReceiveRefusal | undefined;
    for (const entry of decoded.entries) {
      const heard = this.#hear(seat, entry);
      if (heard === 'foreign') foreign++;
      else refusal = heard ?? refusal;
    }
    if (foreign > 0) this.#host.drop('foreign', foreign);
    return refusal === undefined ? { ok: true } : this.#refuse(refusal);
  }

  query(peerId: string): void {
    const seat = this.#seats.get(peerId);
    if (seat === undefined) this.#host.drop('unknown_peer');
    else if (!seat.bucket.take(QUERY_COST, this.#host.time.now())) this.#host.drop('rate_limited');
    else this.#tick.sendAll(seat);
  }

  leave(peerId: string, how: 'clean' | 'abnormal'): void {
    const seat = this.#seats.get(peerId);
    if (seat === undefined) return;
    this.#vacate(seat, how);
    this.#settle();
  }

  #vacate(seat: Seat, how: 'clean' | 'abnormal'): void {
    this.#audience.leave(seat);
    this.#tick.forget(seat);
    if (seat.own === undefined) this.#rememberLookedOn(seat.user.id);
    const client = seat.own === undefined ? undefined : this.#clients.present.get(seat.own);
    if (client !== undefined && heldBy(client, seat)) {
      const heir = [...this.#seats.values()].findLast((other) => other.own === client.id);
      if (heir !== undefined) {
        client.holder = { kind: 'peer', seat: heir };
        client.in = heir.lastClock;
      } else if (client.elsewhere !== undefined) client.holder = { kind: 'node', node: client.elsewhere };
      else if (how === 'clean') this.#remove(client);
      else client.holder = { kind: 'absent', since: this.#host.time.now() };
    }
  }

  #rememberLookedOn(userId: string): void {
    this.#lookedOn.delete(userId);
    this.#lookedOn.set(userId, this.#host.time.now());
    const [oldest] = this.#lookedOn.keys();
    if (oldest !== undefined && this.#lookedOn.size > this.#host.limits.rememberedClients) this.#lookedOn.delete(oldest);
  }

  alongside(): void {
    this.#tick.alongside();
  }

  list(): PresentClient[] {
    return [...this.#clients.present.values()].map(({ id, user, state }) => ({ clientId: id, user, state }));
  }

  /** From another node. Returns false if it held something that could not be read; the rest was applied. */
  receiveRemote(kind: NodeMessageKind, node: string, entries: readonly WireEntry[]): boolean {
    let readable = true;
    switch (kind) {
      case 'request':
        this.#tick.answer();
        break;
      case 'full': {
        const named = new Set(entries.map((entry) => entry.clientId));
        this.#removeWhere((client) => client.holder.kind === 'node' && client.holder.node === node && !named.has(client.id));
        for (const entry of entries) readable = this.#takeRemote(node, entry) && readable;
        break;
      }
      case 'delta':
        for (const entry of entries) readable = this.#takeRemote(node, entry) && readable;
        break;
      case 'raise':
        for (const entry of entries) this.#clients.raise(entry.clientId, entry.clock);
        break;
    }
    this.#settle();
    return readable;
  }

  removeNode(node: string): void {
    this.#removeWhere((client) => client.holder.kind === 'node' && client.holder.node === node);
  }

  /** Asks the other nodes who is there. Returns false if they are heard anyway, because somebody of this node is. */
  ask(): boolean {
    if (this.#seats.size > 0) return false;
    this.forgetOthers();
    this.#host.publish?.('request', encodeUpdate([]));
    return true;
  }

  /** With nobody here, the node may not hear the others any longer: what they said counts no more. */
  forgetOthers(): void {
    if (this.#seats.size === 0) this.#removeWhere((client) => client.holder.kind === 'node');
  }

  /** Tells the other nodes who is here, and asks who is there. */
  announce(): void {
    this.#host.publish?.('request', encodeUpdate([]));
    this.#tick.tellNodes();
  }

  /** Once a second, while anyone is present: removes who did not come back, and who has gone silent. */
  sweep(): void {
    const now = this.#host.time.now();
    for (const client of this.#clients.present.values()) {
      if (now - client.seenAt >= OUTDATED_MS) {
        this.#host.drop('expired');
        this.#remove(client);
      } else if (client.holder.kind === 'absent' && now - client.holder.since >= this.#host.graceMs) this.#remove(client);
    }
    for (const seat of this.#seats.values()) {
      // it only looks on, and whatever it left behind has expired
      if (seat.newcomer && now - seat.joinedAt >= OUTDATED_MS) this.#audience.introduce(seat);
    }
    this.#tick.tellCrowd();
  }

  close(): void {
    this.#tick.close();
    this.#seats.clear();
  }

  /** A peer's first state names the client it speaks for, unless another user holds that id; it speaks for no other. */
  #hear(seat: Seat, entry: WireEntry): ReceiveRefusal | 'foreign' | undefined {
    if (seat.own !== undefined && seat.own !== entry.clientId) return 'foreign';
    const known = this.#clients.present.get(entry.clientId);
    if (known !== undefined && known.user.id !== seat.user.id) return 'foreign';
    const trace = this.#clients.trace(entry.clientId);
    if (entry.clock > MAX_CLOCK && entry.clock > (trace?.out ?? 0) + CLOCK_STRIDE) return 'malformed_update';
    if (entry.state.length > this.#host.limits.stateBytes) return 'too_large';
    const state = decodeState(entry.state);
    if (state === undefined) return 'malformed_update';
    if (seat.own === undefined) {
      if (state === null || this.#isSentBack(seat, entry, state)) return 'foreign';
      seat.own = entry.clientId;
      // where there are other nodes it may come from one, and have been shown anything until it came
      const elsewhere = this.#host.publish === undefined || this.#clients.present.size === 0 ? Number.NEGATIVE_INFINITY : seat.joinedAt;
      const left = Math.max(trace?.until ?? Number.NEGATIVE_INFINITY, this.#lookedOn.get(seat.user.id) ?? Number.NEGATIVE_INFINITY, elsewhere);
      if (left > Number.NEGATIVE_INFINITY) this.#tick.returned(seat, left);
      this.#audience.introduce(seat);
    }
    return this.#take(seat, entry, state);
  }

  /** What a peer was told, and may send back (y-websocket), is no claim: nothing above what was sent, of somebody it knows of. */
  #isSentBack(seat: Seat, { clientId, clock }: WireEntry, state: PresenceState): boolean {
    const trace = this.#clients.trace(clientId);
    if (trace === undefined || clock > trace.out || trace.until < seat.joinedAt) return false;
    return trace.userId === seat.user.id ? !seat.newcomer : stampOf(state)?.id === trace.userId;
  }

  #take(seat: Seat, { clientId, clock }: WireEntry, state: PresenceState | null): ReceiveRefusal | undefined {
    const now = this.#host.time.now();
    const known = this.#clients.present.get(clientId);
    if (state === null) {
      // as y-protocols: a removal may repeat the clock of the state that it removes
      if (known === undefined) return undefined;
      // above all, the goodbye of an older socket must not remove who has come back on a newer one
      if (clock < seat.lastClock || !heldBy(known, seat)) this.#host.drop('stale');
      else {
        seat.lastClock = clock;
        known.out = Math.max(known.out, clock);
        this.#remove(known);
      }
      return undefined;
    }
    if (known?.holder.kind === 'peer' && known.holder.seat.order > seat.order) {
      this.#host.drop('stale'); // was still under way on its old socket
      return undefined;
    }
    if (known !== undefined && clock <= seat.lastClock) {
      if (clock < seat.lastClock) this.#host.drop('stale');
      known.seenAt = now;
      return undefined;
    }
    const json = stampedJson(state, seat.user);
    if (json === undefined) return 'malformed_update';
    const first = seat.lastClock < 0;
    seat.lastClock = clock;
    const sameHolder = known !== undefined && heldBy(known, seat);
    if (known !== undefined && !first && json === known.json && clock <= known.out && now - known.shownAt < ECHO_MS) {
      // y-websocket sends our echo back: forwarding it would make it go round for ever
      if (sameHolder) known.in = clock;
      known.seenAt = now;
      return undefined;
    }
    const said = { user: seat.user, holder: { kind: 'peer', seat } as const, state, json, in: clock, seenAt: now };
    this.#put(clientId, known, sameHolder, said);
    return undefined;
  }

  #takeRemote(node: string, { clientId, clock, state: bytes }: WireEntry): boolean {
    const state = decodeState(bytes);
    if (state === undefined) return false;
    const known = this.#clients.present.get(clientId);
    const sameHolder = known?.holder.kind === 'node' && known.holder.node === node;
    if (state === null) {
      if (sameHolder && clock >= known.in) this.#remove(known);
      else this.#clients.raise(clientId, clock);
      return true;
    }
    const user = stampOf(state);
    const json = user && stampedJson(state, user);
    if (user === undefined || json === undefined) return false;
    const seenAt = this.#host.time.now();
    if (known !== undefined) {
      if (known.user.id !== user.id) {
        this.#host.drop('foreign');
        return true;
      }
      if (sameHolder && clock <= known.in) return true;
      if (known.holder.kind === 'peer' && seenAt - known.seenAt < this.#host.graceMs) {
        // it has moved here, and this is late; or it has moved there, and its socket here is not yet known to be dead
        known.elsewhere = node;
        this.#clients.raise(clientId, clock);
        return true;
      }
    }
    this.#put(clientId, known, sameHolder, { user, holder: { kind: 'node', node }, state, json, in: clock, seenAt });
    return true;
  }

  #put(id: number, known: Client<Seat> | undefined, sameHolder: boolean, said: Said<Seat>): void {
    if (known === undefined) {
      this.#clients.add({ id, ...said });
      this.#host.watch();
    } else this.#clients.update(known, said, sameHolder);
    this.#tick.changed(id);
  }

  #remove(client: Client<Seat>): void {
    const forgotten = this.#clients.remove(client, this.#host.time.now());
    if (forgotten > 0) this.#host.drop('forgotten', forgotten);
    this.#tick.removed(client.id);
  }

  #removeWhere(gone: (client: Client<Seat>) => boolean): void {
    for (const client of this.#clients.present.values()) if (gone(client)) this.#remove(client);
  }

  #settle(): void {
    if (this.#seats.size === 0 && this.#clients.present.size === 0 && this.#tick.idle) this.#host.settled();
  }

  #refuse(code: ReceiveRefusal): ReceiveResult {
    this.#host.drop(code === 'malformed_update' ? 'malformed' : code);
    return { ok: false, code };
  }
}
