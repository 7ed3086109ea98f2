/**
 * One WebSocket at the edge: what a client sent is routed, what the server says is sent, limits are kept.
 *
 *   waiting ──first board authenticated──▶ open ──▶ closed
 *
 * - Frames go to Hocuspocus, but for awareness (the presence lane) and what is refused here: unreadable addresses, names that
 *   cannot be a board's, too many boards, boards this socket was refused.
 * - A refusal is said in-band, once, for that board (PermissionDenied, then Hocuspocus' Close); its later frames are dropped
 *   and counted until the client asks again with a token, which a stock provider does only when its user does.
 * - Permanent trouble with the whole socket closes it with 44xx, passing trouble with 45xx.
 *
 * Owns the authentication deadline and its reading side (reading.ts); the gateway owns heartbeats.
 */
import type { Connection, Hocuspocus } from '@hocuspocus/server';
import { FRAME } from '@sunday/extension-journal';
import type { Presence, PresenceSeat } from '@sunday/extension-presence';
import type { WebSocket } from 'ws';
import { forgetQueued } from '../engine/board-host.ts';
import { ERRORS, isErrorCode, type ErrorCode } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Attempts, Flow, FlowKind, Inbound } from './inbound.ts';
import type { OutboundSocket } from './outbound-socket.ts';
import { Reading } from './reading.ts';
import type { Turns } from './turns.ts';
import { envelopeOf } from './shared-frames.ts';
import { Attachment, WholeSocket, type AttachedUser, type BroadcastSink, type SocketLike, type ViewedSocket } from './socket-views.ts';
import {
  awarenessFrame, EnvelopeReader, isReadableToken, moverOf, permissionDeniedFrame, readAddress, readAwareness, readServerAuth, toYWebsocket, type Envelope,
} from './protocols.ts';

/** What is queued for boards whose token is being judged. The rest is read afterwards. */
const EARLY_FRAMES = 100;
/** Stock providers reconnect after 30 s without a message. */
const KEEP_ALIVE_AFTER_MS = 20_000;
/** Who sent what cannot be read is closed after so long (ms), the more often the later: at once they would be back at once. */
const EXPEL_AFTER_MS = { least: 1000, most: 30_000 };
/** A Step1 is answered with what is lacking, for which the whole board is gone through: as much as so many edits. The first ones, which a client begins with, are free. */
const QUESTION_FRAMES = 25;
const FREE_QUESTIONS = 2;
/** A client id that is new to a board stays with it for ever, and is gone through with each transaction. */
const CLIENT_FRAMES = 10;
/** y-protocols/sync. */
const STEP1 = 0;
/** An awareness update about no client. */
const NOBODY = new Uint8Array([0]);
/** Normal closure and going away (RFC 6455): the client meant it. Anything else may be back in a moment. */
const CLEAN_CLOSES: ReadonlySet<number> = new Set([1000, 1001]);
/** Close codes of what a client should not have sent, as opposed to what it may no longer do. */
const FAULTS: ReadonlySet<number> = new Set([ERRORS.malformed_update.closeCode, ERRORS.too_large.closeCode]);
/** Hocuspocus' own words for "a hook failed", as opposed to a refusal with a code: passing trouble. */
const UNEXPLAINED_DENIAL = 'permission-denied';

const isQuestion = (frame: Uint8Array, { type, bodyAt }: Envelope): boolean => type === FRAME.sync && frame[bodyAt] === STEP1;

type ClientConnection = ReturnType<Hocuspocus['handleConnection']>;

export type SocketCounter =
  | 'refused' | 'dropped_after_refusal' | 'malformed' | 'too_large' | 'too_many_boards' | 'too_many_sockets' | 'slow_consumer' | 'auth_timeout'
  | 'rate_paused' | 'user_rate_paused' | 'board_rate_paused' | 'refusals_paused' | 'sign_in_delayed' | 'sign_in_limited' | 'turn_waited' | 'presence_merged';

const PAUSED = { socket: 'rate_paused', user: 'user_rate_paused', board: 'board_rate_paused', refusals: 'refusals_paused' } as const satisfies Record<FlowKind, SocketCounter>;

export interface ClientSocketOptions {
  /** Called with each board attached; `false`: this user has too many sockets. */
  readonly admitUser: (userId: string) => boolean;
  readonly id: string;
  /** Where the socket comes from. */
  readonly address: string;
  readonly protocol: { readonly kind: 'hocuspocus' } | { readonly kind: 'y-websocket'; readonly board: string };
  readonly websocket: WebSocket;
  /** Its sending side. */
  readonly outbound: OutboundSocket;
  readonly limits: Limits;
  readonly inbound: Inbound;
  readonly turns: Turns;
  readonly presence: Pick<Presence, 'join'>;
  readonly count: (counter: SocketCounter) => void;
}

/** A board that is open on the socket. */
interface OpenBoard {
  readonly attachment: Attachment;
  readonly seat: PresenceSeat;
  /** What everybody on it sends to it. */
  flow: Flow;
  /** How often its client has asked for what it lacks. */
  questions: number;
}

export class ClientSocket implements ViewedSocket, BroadcastSink {
  readonly id: string;
  private readonly options: ClientSocketOptions;
  private readonly websocket: WebSocket;
  private readonly attached = new Map<string, OpenBoard>();
  private readonly asked = new Set<string>();
  private readonly refusedBoards = new Set<string>();
  /** The last presence of a client that is still being let in. */
  private readonly announced = new Map<string, Uint8Array>();
  private readonly outbound: OutboundSocket;
  private readonly sink: BroadcastSink;
  private hocuspocus: ClientConnection | null = null;
  private authTimer: NodeJS.Timeout | null;
  private readonly reading: Reading;
  private readonly envelopes = new EnvelopeReader();
  private readonly flow: Flow;
  /** While it is not known whose they are. */
  private readonly attempts: Attempts;
  /** Bytes of the largest frame since the last refusal: what the next one is about, as near as can be told. */
  private largestRead = 0;
  /** Who has signed in last, and what they send on all their sockets. */
  private user: { readonly id: string; flow: Flow } | null = null;
  /** Frames for boards whose token is being judged, since the last judgement. */
  private early = 0;
  /** Date.now() when the newest ping was sent that is answered: all that was sent before has arrived. */
  answeredAt = 0;

  constructor(options: ClientSocketOptions) {
    this.options = options;
    this.id = options.id;
    this.websocket = options.websocket;
    this.outbound = options.outbound;
    this.sink = options.protocol.kind === 'hocuspocus' ? options.outbound : this;
    this.reading = new Reading(options.websocket, options.turns, {
      take: (frame, now) => { this.take(frame, now); },
      kindOf: moverOf,
      superseded: (frame) => { this.superseded(frame); },
      waits: () => { options.count('turn_waited'); },
    });
    this.flow = options.inbound.ofSocket();
    this.attempts = options.inbound.attemptsOfSocket();
    this.authTimer = setTimeout(() => {
      // What came while this process was busy is read first.
      setImmediate(() => { this.authenticationIsOver(); });
    }, options.limits.authTimeoutMs);
  }

  /** Who sent a token in time has done their part: that it is not judged yet is passing trouble of ours, and they are to come back. */
  private authenticationIsOver(): void {
    if (this.authTimer === null) return;
    this.options.count('auth_timeout');
    this.close(this.asked.size > 0 ? 'overloaded' : 'unauthenticated');
  }

  /** Hands Hocuspocus the socket as it is to see it. */
  open(connect: (socket: SocketLike) => ClientConnection): void {
    this.hocuspocus = connect(new WholeSocket(this, this.outbound, this.sink));
  }

  /** Hocuspocus', or the journal's, word on the whole socket. */
  closeFor(code: number = ERRORS.internal.closeCode, reason = 'internal'): void {
    // the journal's word on who does not keep up
    if (code === ERRORS.slow_consumer.closeCode) this.options.count('slow_consumer');
    this.outbound.close(code, reason);
  }

  /** A binary message of the client, already in Hocuspocus' framing, read at `now` (performance.now()). */
  receive(frame: Uint8Array, now?: number): void {
    this.reading.receive(frame, now);
  }

  private take(frame: Uint8Array, now: number): void {
    this.meter(frame.length, now);
    // Told to go, and still sending.
    if (this.websocket.readyState !== this.websocket.OPEN) return;
    this.largestRead = Math.max(this.largestRead, frame.length);
    // A stock provider's pong: one byte, no address.
    if (frame.length === 1) return;
    const envelope = this.envelopes.read(frame);
    if (envelope === null) {
      this.refuseUnknown(frame);
      return;
    }
    if (frame.length > this.options.limits.maxFrameBytes) {
      this.options.count('too_large');
      this.refuse(envelope.address, 'too_large');
      return;
    }
    const board = this.attached.get(envelope.address);
    if (board !== undefined) {
      if (board.flow.forgotten) board.flow = this.options.inbound.ofBoard(board.attachment.board);
      this.slowDown('board', board.flow.spend(frame.length, now));
      if (isQuestion(frame, envelope) && ++board.questions > FREE_QUESTIONS) this.meter(0, now, QUESTION_FRAMES);
    }
    this.route(envelope, board, frame);
  }

  /** On a busy node only the last of the moves that wait is looked at. The frame counts all the same. */
  private superseded(frame: Uint8Array): void {
    this.options.count('presence_merged');
    this.meter(frame.length, performance.now());
  }

  private route(envelope: Envelope, board: OpenBoard | undefined, frame: Uint8Array): void {
    switch (envelope.type) {
      case FRAME.awareness:
        this.receivePresence(envelope, board, frame);
        return;
      case FRAME.queryAwareness:
        board?.seat.query();
        return;
      case FRAME.auth:
        if (!isReadableToken(frame, envelope.bodyAt)) {
          this.options.count('malformed');
          this.refuse(envelope.address, 'malformed_update');
          return;
        }
        if (!this.admit(envelope)) return;
        break;
      case FRAME.broadcastStateless:
        // Between servers only; from a client Hocuspocus would tear the board down with a stack trace in the log.
        this.options.count('malformed');
        this.refuse(envelope.address, 'malformed_update');
        return;
      default:
        if (this.refusedBoards.has(envelope.address)) {
          this.options.count('dropped_after_refusal');
          return;
        }
    }
    if (board === undefined && this.asked.has(envelope.address) && ++this.early > EARLY_FRAMES) this.reading.pause('admission');
    this.hocuspocus?.handleMessage(frame);
  }

  /** A token for a board: within the number of boards a socket may have. */
  private admit(envelope: Envelope): boolean {
    this.refusedBoards.delete(envelope.address);
    if (!this.asked.has(envelope.address) && this.asked.size >= this.options.limits.maxBoardsPerSocket) {
      this.options.count('too_many_boards');
      this.refuse(envelope.address, 'rate_limited');
      return false;
    }
    this.asked.add(envelope.address);
    return true;
  }

  private refuseUnknown(frame: Uint8Array): void {
    const address = readAddress(frame);
    if (address === null || this.options.protocol.kind === 'y-websocket') {
      this.expel(address === null ? 'malformed_update' : 'board_not_found');
      return;
    }
    this.options.count('malformed');
    this.slowDown('refusals', this.attemptsOfUser().junk(performance.now()));
    if (this.refusedBoards.has(address)) return;
    // Remembered so that it is told once; bounded like real boards.
    if (this.refusedBoards.size < this.options.limits.maxBoardsPerSocket) this.refusedBoards.add(address);
    this.outbound.send(permissionDeniedFrame(address, 'board_not_found'));
  }

  private receivePresence(envelope: Envelope, board: OpenBoard | undefined, frame: Uint8Array): void {
    const update = readAwareness(frame, envelope.bodyAt);
    if (update === null) return;
    if (board === undefined) {
      // Stock clients announce themselves with their token, and then not again for 15 s.
      if (this.asked.has(envelope.address) && update.length <= this.options.limits.maxPresenceBytes) this.announced.set(envelope.address, update);
      return;
    }
    board.seat.receive(update);
  }

  send(frame: Uint8Array): void {
    const translated = this.translate(frame);
    if (translated !== null) this.outbound.send(translated);
  }

  offer(frame: Uint8Array, highWaterBytes: number): boolean {
    const translated = this.translate(frame);
    return translated === null || this.outbound.offer(translated, highWaterBytes);
  }

  private translate(frame: Uint8Array): Uint8Array | null {
    const envelope = envelopeOf(frame);
    if (envelope === null) return frame;
    if (envelope.type === FRAME.auth && !this.forwardAuth(frame, envelope)) return null;
    if (this.options.protocol.kind === 'hocuspocus') return frame;
    if (envelope.type === FRAME.close) this.close('refused');
    return toYWebsocket(frame, envelope);
  }

  /** `false`: said by closing the socket instead. */
  private forwardAuth(frame: Uint8Array, envelope: Envelope): boolean {
    const auth = readServerAuth(frame, envelope.bodyAt);
    switch (auth.kind) {
      case 'authenticated':
        if (this.authTimer !== null) clearTimeout(this.authTimer);
        this.authTimer = null;
        return true;
      case 'denied': {
        const code: ErrorCode = isErrorCode(auth.reason) ? auth.reason : 'internal';
        this.asked.delete(envelope.address);
        this.announced.delete(envelope.address);
        this.options.count('refused');
        this.judged();
        if (auth.reason === UNEXPLAINED_DENIAL || ERRORS[code].retryable || this.options.protocol.kind === 'y-websocket') {
          // A failed load looks like a denial to a stock provider, which never asks again: let it reconnect instead.
          this.close(code);
          return false;
        }
        this.refusedBoards.add(envelope.address);
        return true;
      }
      case 'other':
        return true;
    }
  }

  /** A board is open on this socket. */
  attach(connection: Connection, user: AttachedUser): void {
    // Ended by somebody else's hook already: nobody would hear of its end any more.
    if (!connection.document.hasConnection(connection)) return;
    if (!this.options.admitUser(user.id)) {
      this.options.count('too_many_sockets');
      this.close('rate_limited');
      return;
    }
    const attachment = new Attachment(connection, this.id, user, this.outbound, this.sink);
    const { address, board } = attachment;
    const { inbound, presence } = this.options;
    const seat = presence.join(board, attachment);
    this.attached.set(address, { attachment, seat, flow: inbound.ofBoard(board), questions: 0 });
    this.user = { id: user.id, flow: inbound.ofUser(user.id) };
    this.judged();
    const announced = this.announced.get(address);
    this.announced.delete(address);
    if (announced !== undefined) seat.receive(announced);
    connection.onClose((_document, event) => {
      this.attached.delete(address);
      this.asked.delete(address);
      // Whatever ended it: Hocuspocus would queue later frames as those of a client that never signed in.
      this.refusedBoards.add(address);
      seat.leave(event !== undefined && CLEAN_CLOSES.has(event.code) ? 'clean' : 'abnormal');
    });
  }

  /** A token has been judged: what came behind it is read, once all that goes with the judgement is done. */
  private judged(): void {
    this.early = 0;
    setImmediate(() => { this.reading.resume('admission'); });
  }

  /** A stateless message on every attachment of this board. */
  tell(boardId: string, payload: string): void {
    for (const { attachment: { board, connection } } of this.attached.values()) if (board === boardId) connection.sendStateless(payload);
  }

  /** Ends one board on this socket, for good: said in-band once; later frames for it are dropped. */
  refuse(address: string, code: ErrorCode): void {
    if (FAULTS.has(ERRORS[code].closeCode)) {
      this.slowDown('refusals', this.attemptsOfUser().refused(this.largestRead, performance.now()));
      this.largestRead = 0;
    }
    if (this.options.protocol.kind === 'y-websocket') {
      this.close(code);
      return;
    }
    const connection = this.attached.get(address)?.attachment.connection;
    if (connection === undefined && this.refusedBoards.has(address)) {
      this.options.count('dropped_after_refusal');
      return;
    }
    this.options.count('refused');
    this.refusedBoards.add(address);
    this.asked.delete(address);
    this.outbound.send(permissionDeniedFrame(address, code));
    if (connection === undefined) return;
    connection.close({ code: ERRORS[code].closeCode, reason: code });
    forgetQueued(connection);
  }

  private attemptsOfUser(): Attempts {
    return this.user === null ? this.attempts : this.options.inbound.attemptsOf(this.user.id);
  }

  /** Ends the whole socket for what no client of ours sends: told at once, closed late. */
  expel(code: ErrorCode): void {
    this.options.count('malformed');
    const { inbound, address } = this.options;
    const attempts = this.user === null ? inbound.attemptsOfAddress(address) : inbound.attemptsOf(this.user.id);
    const ms = attempts.refused(0, performance.now());
    const { closeCode } = ERRORS[code];
    this.outbound.closeLate(closeCode, code, Math.min(Math.max(ms, EXPEL_AFTER_MS.least), EXPEL_AFTER_MS.most));
    this.closed(closeCode, code);
  }

  /** Closes the whole socket with the code's close code. */
  close(code: ErrorCode): void {
    this.outbound.close(ERRORS[code].closeCode, code);
  }

  /** A board has so many client ids more for what was sent here. */
  claimed(clients: number): void {
    this.meter(0, performance.now(), clients * CLIENT_FRAMES);
  }

  private meter(bytes: number, now: number, frames = 1): void {
    this.slowDown('socket', this.flow.spend(bytes, now, frames));
    const { user } = this;
    if (user === null) return;
    if (user.flow.forgotten) user.flow = this.options.inbound.ofUser(user.id);
    this.slowDown('user', user.flow.spend(bytes, now, frames));
  }

  /** Past a limit the socket is not read for a while: TCP tells its client to wait, nothing is lost. */
  private slowDown(kind: FlowKind, ms: number): void {
    if (this.reading.slowDown(ms)) this.options.count(PAUSED[kind]);
  }

  /**
   * Keeps a stock client from giving up on a quiet board: it counts messages, not pings. An empty awareness update is one that
   * changes nothing.
   */
  keepAlive(): void {
    if (performance.now() - this.outbound.lastSent < KEEP_ALIVE_AFTER_MS) return;
    for (const address of this.attached.keys()) this.send(awarenessFrame(address, NOBODY));
  }

  /** Too much is uncommitted, of everybody. */
  pressure(on: boolean): void {
    if (on) this.reading.pause('pressure');
    else this.reading.resume('pressure');
  }

  /** The socket is gone, or as good as. */
  closed(code: number, reason: string): void {
    if (this.authTimer !== null) clearTimeout(this.authTimer);
    this.authTimer = null;
    this.reading.close();
    this.hocuspocus?.handleClose({ code, reason });
    this.hocuspocus = null;
  }
}
