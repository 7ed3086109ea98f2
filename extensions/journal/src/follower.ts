/**
 * One connection's view of one board: its acks, and what it has been sent of the board's batches.
 *
 * A follower is told only what is committed (invariant 2), or marked volatile while the database is away. It gets the whole
 * state once, in answer to its Step1, then every batch after it. Bytes queued on its socket are bounded: past the bound its
 * batches are not sent but remembered as the clock they began at, and once the socket has drained it gets the difference
 * from there (invariant 10). Nothing here throws into Hocuspocus.
 *
 * Owns one timer, only while it owes unclear acks. The ledger calls everything else.
 */
import { OutgoingMessage, type Connection } from '@hocuspocus/server';
import * as Y from 'yjs';
import { Acks } from './acks.ts';
import type { UpdateExtent } from './extent.ts';
import { MalformedFrame, peekOutbound, readInbound, FRAME, statelessFrame, step1Frame, step2Frame, syncStatusFrame, updateFrame } from './wire.ts';

/** A connection with nothing arriving for this long is taken as quiet: longer than a frame is in flight on a working link. */
const QUIET_MS = 1500;

/** What a follower may be. */
type FollowerState =
  | { readonly kind: 'new' }
  | { readonly kind: 'joining' }
  | { readonly kind: 'following' }
  | { readonly kind: 'lagging'; readonly since: number; readonly from: Map<number, number> }
  | { readonly kind: 'catching-up'; readonly frames: Uint8Array[] }
  | { readonly kind: 'gone' };

/** What a follower asks of the board it follows. */
export interface FollowedBoard {
  readonly captured: number;
  readonly committed: number;
  readonly volatile: boolean;
  /** Runs `answer` once the bytes for this vector are committed (or volatile): Step2 first, then batches that follow it. */
  join(follower: Follower, vector: Uint8Array): void;
  stateVector(): Uint8Array;
  holds(extent: UpdateExtent): boolean;
  /** Whether this many bytes more would take the board over its bound. */
  overfull(bytes: number): boolean;
  /** These clients were in sync until then (ms since the epoch), and have left. */
  left(clients: Iterable<number>, at: number): void;
  /** Its acks have to be looked at when the next commit is done: `advanced` is called then, once. */
  owes(follower: Follower): void;
  /** Remembers whose client id this is; the first user to write with it owns it. */
  attribute(ends: ReadonlyMap<number, number>, userId: string | null): void;
}

export interface FollowerLimits {
  /** Bytes queued on the socket above which batches wait; unit: bytes. */
  readonly highWaterBytes: number;
  readonly lowWaterBytes: number;
  /** Structs of one update. Of two bytes each, a frame could hold millions, and Yjs makes an object for each before anybody can judge them. */
  readonly maxStructs: number;
}

export interface FollowerEvents {
  refuse(connection: Connection, code: string): void;
  dropped(bytes: number): void;
  hello(connection: Connection, hello: { clientId: number; schemaVersion: number }): void;
}

/** Bytes queued on a socket; 0 for one that cannot tell. Asked for each batch and socket, so what it is, is found out once. */
function bufferedBytesOf(socket: Connection['webSocket']): () => number {
  if (!('bufferedAmount' in socket)) return () => 0;
  const measured: { readonly bufferedAmount: unknown } = socket;
  return () => (typeof measured.bufferedAmount === 'number' ? measured.bufferedAmount : 0);
}

/**
 * Sends a frame on a connection unless more than `highWaterBytes` are queued. By the socket itself where it can, without Hocuspocus' check of its
 * state: this is done for each batch and socket.
 */
type Offer = (frame: Uint8Array, highWaterBytes: number) => boolean;

function offerOf(socket: Connection['webSocket'], bufferedBytes: () => number, send: (frame: Uint8Array) => void): Offer {
  if ('offer' in socket && typeof socket.offer === 'function') return socket.offer as Offer;
  return (frame, highWaterBytes) => {
    if (bufferedBytes() > highWaterBytes) return false;
    send(frame);
    return true;
  };
}

/** When the newest ping that is answered was sent, ms since the epoch: what was sent before it has arrived. 0 for a socket that cannot tell. */
const answeredAt = (socket: Connection['webSocket']): number => ('answeredAt' in socket && typeof socket.answeredAt === 'number' ? socket.answeredAt : 0);

const userOf = (context: unknown): string | null =>
  typeof context === 'object' && context !== null && 'userId' in context && typeof context.userId === 'string' ? context.userId : null;

export class Follower {
  readonly connection: Connection;
  /** What its frames are addressed to. Hocuspocus makes it anew each time it is asked. */
  readonly address: string;
  private readonly board: FollowedBoard;
  private readonly limits: FollowerLimits;
  private readonly events: FollowerEvents;
  private readonly acks: Acks;
  private readonly bufferedBytes: () => number;
  private readonly sendFrame: (frame: Uint8Array) => void;
  private readonly offer: Offer;
  private state: FollowerState = { kind: 'new' };
  /** Step1s of the client that we have not yet answered with one of our own: each expects one, also when two were under way at once. */
  private unasked = 0;
  /** Client ids that have written on this connection. */
  private readonly writers = new Set<number>();
  /** When it was first asked for what we lack, and last answered its own question; ms since the epoch. */
  private askedAt = 0;
  private answeredFrom = 0;
  /** Its client has told all it had. */
  private told = false;
  private sdk = false;
  private quietTimer: NodeJS.Timeout | null = null;
  /** The board knows that it owes acks. */
  private owing = false;

  constructor(connection: Connection, board: FollowedBoard, limits: FollowerLimits, events: FollowerEvents) {
    this.connection = connection;
    this.address = connection.messageAddress;
    this.board = board;
    this.limits = limits;
    this.events = events;
    const send = connection.send.bind(connection);
    const handleMessage = connection.handleMessage.bind(connection);
    this.sendFrame = send;
    this.bufferedBytes = bufferedBytesOf(connection.webSocket);
    this.offer = offerOf(connection.webSocket, this.bufferedBytes, send);
    const applied = syncStatusFrame(this.address, true);
    this.acks = new Acks({
      status: () => { send(applied); },
      cumulative: (frames, clock) => { this.tell({ sunday: 'ack', frames, clock }); },
      holds: (extent) => board.holds(extent),
      ask: () => { send(step1Frame(this.address, board.stateVector())); },
    });
    connection.send = (frame: unknown) => { this.outbound(frame, send); };
    connection.handleMessage = (frame: Uint8Array) => { this.inbound(frame, handleMessage); };
  }

  /**
   * Until when its client is known to have had all there was, ms since the epoch; null: it has not synced on this connection. Not the arrival of
   * what it sent last: on a busy server, or behind a limit, that has waited while others wrote.
   */
  get syncedAt(): number | null {
    if (!this.told) return null;
    const answered = answeredAt(this.connection.webSocket);
    return this.state.kind === 'following' && answered >= this.answeredFrom ? Math.max(this.askedAt, answered) : this.askedAt;
  }

  private inbound(bytes: Uint8Array, pass: (frame: Uint8Array) => void): void {
    let frame;
    try {
      frame = readInbound(bytes);
    } catch (error) {
      this.events.refuse(this.connection, error instanceof MalformedFrame ? error.reason : 'malformed_update');
      return;
    }
    switch (frame.kind) {
      case 'step1':
        this.acks.step1(Y.decodeStateVector(frame.vector));
        this.unasked += 1;
        this.state = { kind: 'joining' };
        this.board.join(this, frame.vector);
        return;
      case 'step2':
      case 'update':
        if (frame.extent.structs > this.limits.maxStructs) {
          this.events.refuse(this.connection, 'update_too_complex');
          return;
        }
        // A deletion is let through: it is how people make room.
        if (!frame.extent.deleteOnly && this.board.overfull(frame.update.length)) {
          this.events.refuse(this.connection, 'too_large');
          return;
        }
        this.acks.arrived(frame);
        for (const client of frame.extent.ends.keys()) this.writers.add(client);
        pass(bytes);
        return;
      case 'stateless':
        if (!this.hello(frame.payload)) pass(bytes);
        return;
      case 'other':
        pass(bytes);
    }
  }

  /** The oldest frame that arrived is about to be applied. Not earlier: client ids belong to who writes with them, not to who would like to. */
  admitted(): void {
    const extent = this.acks.next;
    if (extent !== undefined && !this.connection.readOnly) this.board.attribute(extent.ends, userOf(this.connection.context));
  }

  /** The SDK's greeting, or `false` for a stateless message that is somebody else's. */
  private hello(payload: string): boolean {
    if (!payload.startsWith('{"sunday":"hello"')) return false;
    try {
      const message: unknown = JSON.parse(payload);
      if (typeof message !== 'object' || message === null || !('clientId' in message) || typeof message.clientId !== 'number') return true;
      const schemaVersion = 'schemaVersion' in message && typeof message.schemaVersion === 'number' ? message.schemaVersion : 0;
      this.sdk = true;
      this.acks.hello(message.clientId);
      this.events.hello(this.connection, { clientId: message.clientId, schemaVersion });
      if (this.board.volatile) this.volatile(true);
    } catch {
      this.events.refuse(this.connection, 'malformed_update');
    }
    return true;
  }

  /**
   * What Hocuspocus sends on this connection. It reports each applied frame with a SyncStatus in the same turn, which is the
   * moment to take the mark; the report itself is withheld until the commit.
   */
  private outbound(frame: unknown, send: (frame: Uint8Array) => void): void {
    // Hocuspocus 4.7 hands the message object itself, not its bytes, when it answers a read-only client's Step2.
    const bytes = frame instanceof OutgoingMessage ? frame.toUint8Array() : frame;
    if (!(bytes instanceof Uint8Array)) return;
    const { type, first } = peekOutbound(bytes);
    if (type !== FRAME.syncStatus) {
      send(bytes);
      return;
    }
    if (first === 1) {
      if (this.acks.applied(this.board.captured)) this.told = true;
      this.settle();
    } else {
      this.acks.rejected();
      this.settle();
      send(bytes);
    }
  }

  /** The board has committed more, and this follower had said that it owes acks. */
  advanced(): void {
    this.owing = false;
    if (this.state.kind !== 'gone') this.settle();
  }

  /** Hands out the acks that are due. */
  private settle(): void {
    this.acks.settle(this.board.committed, this.board.captured);
    if (!this.owing && this.acks.owesAny) {
      this.owing = true;
      this.board.owes(this);
    }
    if (!this.acks.hasUnclear) return;
    if (this.quietTimer !== null) clearTimeout(this.quietTimer);
    this.quietTimer = setTimeout(() => { this.quietTimer = null; this.acks.quiet(); }, QUIET_MS);
    this.quietTimer.unref();
  }

  /**
   * Asks for what we lack, answers the Step1, and follows from here. `tail`: batches committed since `bytes` was made.
   * The question comes first: once a client has applied what others wrote, Yjs has thrown away what it overwrote of the client's own, and a
   * lost write could be shown to nobody. The Step2 comes last, because with it a client counts itself as synced.
   */
  answer(bytes: Uint8Array, tail: readonly Uint8Array[]): void {
    if (this.state.kind === 'gone') return;
    const { address } = this;
    if (this.unasked > 0) {
      this.unasked -= 1;
      if (this.askedAt === 0) this.askedAt = Date.now();
      this.sendFrame(step1Frame(address, this.board.stateVector()));
    }
    const parts = [bytes, ...tail];
    for (const [index, part] of parts.entries()) {
      this.sendFrame(index === parts.length - 1 ? step2Frame(address, part) : updateFrame(address, part));
    }
    const kept = this.state.kind === 'catching-up' ? this.state.frames : [];
    this.state = { kind: 'following' };
    this.answeredFrom = Date.now();
    for (const frame of kept) this.sendFrame(frame);
  }

  /** Asks the client for all it has that we have not: after a promotion from read-only. */
  resync(): void {
    // Who is only joining is asked with the answer. Who is held back is asked all the same: the question is small, and the answer may be what is waited for.
    if (this.state.kind === 'catching-up') this.unasked = Math.max(this.unasked, 1);
    if (this.state.kind !== 'following' && this.state.kind !== 'lagging') return;
    this.acks.solicited();
    this.sendFrame(step1Frame(this.address, this.board.stateVector()));
  }

  /** One batch, already encoded for this address; `starts` gives its first clocks, computed only if somebody lags. */
  deliver(frame: Uint8Array, starts: () => ReadonlyMap<number, number>): void {
    const state = this.state;
    switch (state.kind) {
      case 'new':
      case 'joining':
      case 'gone':
        return;
      case 'catching-up':
        // The vector it is answered for counts what was not committed then as known: that comes with these.
        state.frames.push(frame);
        return;
      case 'following':
        if (this.offer(frame, this.limits.highWaterBytes)) return;
        this.state = { kind: 'lagging', since: performance.now(), from: new Map(starts()) };
        this.events.dropped(frame.length);
        return;
      case 'lagging':
        for (const [client, clock] of starts()) if (!state.from.has(client)) state.from.set(client, clock);
        this.events.dropped(frame.length);
    }
  }

  /** Since when its batches are held back (performance.now()), or `null`. */
  get laggingSince(): number | null {
    return this.state.kind === 'lagging' ? this.state.since : null;
  }

  /** If its socket has drained: the vector it stands at, which the caller answers with what it missed. */
  drained(): Uint8Array | null {
    if (this.state.kind !== 'lagging' || this.bufferedBytes() > this.limits.lowWaterBytes) return null;
    const vector = Y.decodeStateVector(this.board.stateVector());
    for (const [client, clock] of this.state.from) vector.set(client, clock);
    this.state = { kind: 'catching-up', frames: [] };
    return Y.encodeStateVector(vector);
  }

  volatile(on: boolean): void {
    if (this.sdk) this.tell({ sunday: 'volatile', on });
  }

  private tell(message: object): void {
    this.sendFrame(statelessFrame(this.address, JSON.stringify(message)));
  }

  leave(): void {
    const { syncedAt } = this;
    this.state = { kind: 'gone' };
    if (syncedAt !== null) this.board.left(this.writers, syncedAt);
    if (this.quietTimer !== null) clearTimeout(this.quietTimer);
  }
}

/** A batch in one frame, encoded once per address, to every follower but the one who wrote all of it. */
export function broadcast(followers: Iterable<Follower>, update: Uint8Array, except: Follower | null): void {
  let address: string | null = null;
  let frame: Uint8Array = update;
  let starts: ReadonlyMap<number, number> | null = null;
  const firstClocks = (): ReadonlyMap<number, number> => (starts ??= Y.parseUpdateMeta(update).from);
  for (const follower of followers) {
    if (follower === except) continue;
    if (follower.address !== address) {
      address = follower.address;
      frame = updateFrame(address, update);
    }
    follower.deliver(frame, firstClocks);
  }
}
