/**
 * Presence on one board: what peers and other nodes say, and whose word counts.
 *
 * Guarantees: a peer speaks for one client id, the first it announces that no other user holds. Nothing a peer sends makes it throw.
 * Of several attachments of one client, on whatever nodes, the one that began last is heard (clients.ts).
 * Does not: interpret states beyond stamping `user`; decide when who is told what (tick.ts), send (audience.ts), or decide clocks
 * (clients.ts).
 */
import { Audience, heldBy, isNew, Seat } from './audience.ts';
import { TokenBucket } from './bucket.ts';
import { type Client, Clients, compareSessions, type Said } from './clients.ts';
import { OUTDATED_MS } from './limits.ts';
import { stamp, type Stamped, stampedJson, stampOf, stampState } from './stamp.ts';
import { Tick } from './tick.ts';
import type { BoardHost, PresencePeer, PresenceSeat, PresentClient, ReceiveRefusal, ReceiveResult } from './types.ts';
import { viewOf } from './view.ts';
import { decodeState, decodeText, decodeUpdate, encodeUpdate, type NodeEntry, type NodeMessageKind, parseState, type PresenceState, type Told, type WireEntry } from './wire.ts';

/** A query costs the whole state of the board: as much as so many frames. */
const QUERY_COST = 30;

/** A large frame costs as much as so many small ones. */
const BYTES_PER_TOKEN = 4096;

const NOTHING: Told = { update: encodeUpdate([]), since: [] };

const RECEIVED: ReceiveResult = { ok: true };

export class BoardPresence {
  readonly #host: BoardHost;
  readonly #audience: Audience;
  readonly #clients: Clients<Seat>;
  readonly #tick: Tick;
  /** Users of whom a peer left that never said which client it is, and when: that client comes back as theirs. */
  readonly #lookedOn = new Map<string, number>();

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

  join(peer: PresencePeer): PresenceSeat {
    const replaced = this.#seats.get(peer.id);
    if (replaced !== undefined) this.#vacate(replaced, 'abnormal');
    if (this.#seats.size === 0) this.#host.publish?.('request', NOTHING);
    const seat = this.#newSeat(peer);
    this.#seats.set(peer.id, seat);
    this.#tick.sendAll(seat);
    this.#tick.greet(peer);
    return new Place(this, seat);
  }

  #newSeat(peer: PresencePeer): Seat {
    const { clock, limits, node, time } = this.#host;
    const joinedAt = time.now();
    return new Seat(peer, stamp(peer.user), new TokenBucket(limits.framesPerSecond, joinedAt), joinedAt, { since: clock.next(), node }, this.#tick.round);
  }

  receive(seat: Seat, update: Uint8Array): ReceiveResult {
    if (!seat.taken) return this.#refuse('unknown_peer');
    const now = this.#host.time.now();
    if (!seat.bucket.take(1 + update.length / BYTES_PER_TOKEN, now)) return this.#refuse('rate_limited');
    if (update.length > this.#host.limits.frameBytes) return this.#refuse('too_large');
    const decoded = decodeUpdate(update, seat.own);
    if (decoded === undefined) return this.#refuse('malformed_update');
    let foreign = decoded.skipped;
    let refusal: ReceiveRefusal | undefined;
    for (const entry of decoded.entries) {
      const heard = this.#hear(seat, entry, now);
      if (heard === 'foreign') foreign++;
      else refusal = heard ?? refusal;
    }
    if (foreign > 0) this.#host.drop('foreign', foreign);
    return refusal === undefined ? RECEIVED : this.#refuse(refusal);
  }

  query(seat: Seat): void {
    if (!seat.taken) this.#host.drop('unknown_peer');
    else if (!seat.bucket.take(QUERY_COST, this.#host.time.now())) this.#host.drop('rate_limited');
    else this.#tick.sendAll(seat);
  }

  leave(seat: Seat, how: 'clean' | 'abnormal'): void {
    if (!seat.taken) return;
    this.#vacate(seat, how);
    this.#settle();
  }

  #vacate(seat: Seat, how: 'clean' | 'abnormal'): void {
    seat.taken = false;
    this.#audience.leave(seat);
    this.#tick.forget(seat);
    if (seat.own === undefined) this.#rememberLookedOn(seat.user.id);
    const client = seat.own === undefined ? undefined : this.#clients.present.get(seat.own);
    if (client !== undefined && heldBy(client, seat)) {
      const heir = [...this.#seats.values()].findLast((other) => other.own === client.id);
      if (heir !== undefined) {
        client.holder = heir.holder;
        heir.session = seat.session; // the same one: what began later elsewhere stays later
        heir.outdoneAt = undefined;
      } else if (how === 'clean') this.#remove(client);
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
    return [...this.#clients.present.values()].map(({ id, user, json }) => ({ clientId: id, user, state: parseState(json) }));
  }

  userOf(id: number): string | undefined {
    return this.#clients.present.get(id)?.user.id;
  }

  /** What the client of a peer says, as others are told. */
  stateOf({ own }: Seat): PresenceState | undefined {
    const client = own === undefined ? undefined : this.#clients.present.get(own);
    return client && parseState(client.json);
  }

  /** From another node. Returns false if it held something that could not be read; the rest was applied. */
  receiveRemote(kind: NodeMessageKind, node: string, entries: readonly NodeEntry[]): boolean {
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
    this.#host.publish?.('request', NOTHING);
    return true;
  }

  /** With nobody here, the node may not hear the others any longer: what they said counts no more. */
  forgetOthers(): void {
    if (this.#seats.size === 0) this.#removeWhere((client) => client.holder.kind === 'node');
  }

  /** Tells the other nodes who is here, and asks who is there. */
  announce(): void {
    this.#host.publish?.('request', NOTHING);
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
      if (isNew(seat) && now - seat.joinedAt >= OUTDATED_MS) this.#audience.introduce(seat);
    }
    this.#tick.tellCrowd();
  }

  close(): void {
    this.#tick.close();
    for (const seat of this.#seats.values()) seat.taken = false;
    this.#seats.clear();
  }

  /** A peer's first state names the client it speaks for, unless another user holds that id; it speaks for no other. */
  #hear(seat: Seat, entry: WireEntry, now: number): ReceiveRefusal | 'foreign' | undefined {
    if (seat.own !== undefined && seat.own !== entry.clientId) return 'foreign';
    const known = this.#clients.present.get(entry.clientId);
    if (known !== undefined && known.user.id !== seat.user.id) return 'foreign';
    if (entry.state.length > this.#host.limits.stateBytes) return 'too_large';
    const text = decodeText(entry.state);
    const said = text === undefined ? undefined : stampState(text, seat.user, seat.userJson);
    if (text === undefined || said === undefined) return 'malformed_update';
    if (seat.own !== undefined) {
      this.#take(seat, entry, said, known, now);
      return undefined;
    }
    if (said === null || this.#isSentBack(seat, entry, text)) return 'foreign';
    seat.own = entry.clientId;
    if (this.#mayHaveSeen(seat, entry.clientId)) this.#tick.returned(seat);
    this.#audience.introduce(seat);
    this.#take(seat, entry, said, known, now);
    this.#audience.lift(seat, entry.clientId, entry.clock);
    return undefined;
  }

  /** Whether a client may have been shown those who are here before it came: here, or, where there are other nodes, on any. */
  #mayHaveSeen(seat: Seat, id: number): boolean {
    return (this.#host.publish !== undefined && this.hasClients) || this.#clients.trace(id) !== undefined || this.#lookedOn.has(seat.user.id);
  }

  /** What a peer was told, and may send back (y-websocket), is no claim: nothing above what was sent, of somebody it knows of. */
  #isSentBack(seat: Seat, { clientId, clock }: WireEntry, text: string): boolean {
    const trace = this.#clients.trace(clientId);
    if (trace === undefined || clock > trace.out) return false;
    if (trace.userId !== seat.user.id) return trace.until >= seat.joinedAt && stampOf(parseState(text))?.id === trace.userId;
    return !isNew(seat) && (this.#clients.present.has(clientId) || trace.until > seat.introducedAt);
  }

  #take(seat: Seat, { clientId, clock }: WireEntry, said: Stamped | null, known: Client<Seat> | undefined, now: number): void {
    if (said === null) {
      // as y-protocols: a removal may repeat the clock of the state that it removes
      if (known === undefined) return;
      // above all, the goodbye of an older socket must not remove who has come back on a newer one
      if (clock < seat.lastClock || !heldBy(known, seat)) this.#host.drop('stale');
      else {
        seat.lastClock = clock;
        this.#remove(known);
      }
      return;
    }
    if (this.#isOutdone(seat, clientId, known, now)) {
      this.#host.drop('stale'); // was still under way on its old socket
      return;
    }
    if (known !== undefined && clock <= seat.lastClock) {
      if (clock < seat.lastClock) this.#host.drop('stale');
      known.seenAt = now;
      return;
    }
    const { json } = said;
    seat.lastClock = clock;
    if (known !== undefined && heldBy(known, seat) && clock === seat.liftedTo + 1 && json === known.json) {
      known.seenAt = now; // y-websocket answers a lift: nothing anybody has to be told
      return;
    }
    const { user, holder, session } = seat;
    this.#put(clientId, known, { user, holder, session, view: viewOf(said.view, known?.view), json, told: 0, seenAt: now });
  }

  /**
   * Whether its client has begun a later session. Who goes on speaking for longer than a broken socket could is there all the same: the clocks
   * of two nodes differed when it went from one to the other at once.
   */
  #isOutdone(seat: Seat, id: number, known: Client<Seat> | undefined, now: number): boolean {
    const last = known ?? this.#clients.last(id);
    if (last === undefined || compareSessions(last.session, seat.session) <= 0) return false;
    seat.outdoneAt ??= now;
    if (known?.holder.kind === 'peer' || now - seat.outdoneAt < this.#host.graceMs) return true;
    seat.session = { since: this.#host.clock.next(), node: this.#host.node };
    seat.outdoneAt = undefined;
    return false;
  }

  #takeRemote(node: string, { clientId, clock, since, state: bytes }: NodeEntry): boolean {
    const text = decodeText(bytes);
    const state = text === undefined ? undefined : decodeState(text);
    if (state === undefined) return false;
    const known = this.#clients.present.get(clientId);
    const session = { since, node };
    const last = this.#clients.last(clientId);
    const order = last === undefined ? 1 : compareSessions(session, last.session);
    // said in an earlier session, or before what is known of this one
    if (order < 0 || (last !== undefined && order === 0 && clock < last.told)) return true;
    if (state === null) {
      if (known === undefined) this.#clients.void(clientId, session, clock);
      else if (order === 0) this.#remove(known, clock);
      return true;
    }
    if (last !== undefined && order === 0 && clock === last.told) return true;
    const user = stampOf(state);
    const json = user && stampedJson(state, user);
    if (user === undefined || json === undefined) return false;
    if (known !== undefined) {
      if (known.user.id !== user.id) {
        this.#host.drop('foreign');
        return true;
      }
      // it is somewhere else now
      if (known.holder.kind === 'peer') known.holder.seat.outdoneAt = this.#host.time.now();
    }
    this.#put(clientId, known, { user, holder: { kind: 'node', node }, session, view: viewOf(state['view'], known?.view), json, told: clock, seenAt: this.#host.time.now() });
    return true;
  }

  #put(id: number, known: Client<Seat> | undefined, said: Said<Seat>): void {
    const isHeartbeat = known !== undefined && repeats(known, said);
    if (known === undefined) {
      this.#clients.add({ id, ...said });
      this.#host.watch();
    } else this.#clients.update(known, said);
    // Other nodes are told at once: with it they hear this node's clock, which is above all that is shown here.
    if (isHeartbeat && this.#host.publish === undefined) this.#tick.renewed(id);
    else this.#tick.changed(id);
  }

  /** `told`: see Clients.remove. */
  #remove(client: Client<Seat>, told?: number): void {
    const forgotten = this.#clients.remove(client, this.#host.time.now(), told);
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

/** The same peer says what everybody was told already. */
const repeats = (known: Client<Seat>, { json, holder }: Said<Seat>): boolean => holder.kind === 'peer' && holder === known.holder && json === known.sentJson;

class Place implements PresenceSeat {
  readonly #board: BoardPresence;
  readonly #seat: Seat;

  constructor(board: BoardPresence, seat: Seat) {
    this.#board = board;
    this.#seat = seat;
  }

  receive(update: Uint8Array): ReceiveResult {
    return this.#board.receive(this.#seat, update);
  }

  get state(): PresenceState | undefined {
    return this.#board.stateOf(this.#seat);
  }

  query(): void {
    this.#board.query(this.#seat);
  }

  leave(how: 'clean' | 'abnormal'): void {
    this.#board.leave(this.#seat, how);
  }
}
