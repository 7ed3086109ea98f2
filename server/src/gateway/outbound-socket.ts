/**
 * The sending side of one WebSocket, as Hocuspocus and the journal see it.
 *
 * A broadcast hands the same bytes to every socket of a board: the WebSocket frame around them is made once and shared. What a
 * socket is sent in one turn is written at its end, so that a turn costs one system call a socket.
 * What the network has not taken is bounded: the journal holds batches back above its own mark (it reads `bufferedAmount`),
 * and a socket that fills past the hard bound all the same is closed with 4508. One frame at a time may be larger than the
 * bound leaves room for: the whole of a large board, sent to somebody who joins. What waits costs what it counts (backlog.ts).
 *
 * Who is told to go for junk is closed late: nothing of theirs is parsed any more, and they are not back at once.
 *
 * Writes raw frames beside `ws`, which is sound because compression is off: `ws` then writes each of its own frames at once. Those that must come
 * after what was sent before them, a close or a ping, are asked for here.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { Backlog, isSmall } from './backlog.ts';

/** RFC 6455: FIN and opcode 2, binary. */
const BINARY_FRAME = 0x82;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** The whole frame of a server's binary message (unmasked). */
export function encodeBinaryFrame(payload: Uint8Array): Buffer {
  const { length } = payload;
  const headerBytes = length < LENGTH_16 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame[0] = BINARY_FRAME;
  if (headerBytes === 2) {
    frame[1] = length;
  } else if (headerBytes === 4) {
    frame[1] = LENGTH_16;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_64;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.set(payload, headerBytes);
  return frame;
}

/** How long somebody may take to hang up after our end is closed. */
const HANG_UP_MS = 2000;

let lastPayload: Uint8Array | null = null;
let lastFrame: Buffer | null = null;

/** One entry is enough: a broadcast sends the same payload to its sockets one after the other. */
function sharedFrame(payload: Uint8Array): Buffer {
  if (payload === lastPayload && lastFrame !== null) return lastFrame;
  lastPayload = payload;
  lastFrame = encodeBinaryFrame(payload);
  return lastFrame;
}

/** Several frames are written as one up to this size: copying them once for all sockets costs less than gathering them for each. */
const JOIN_BYTES = 16_384;

let lastParts: readonly Buffer[] = [];
let lastJoined: Buffer | null = null;

/** Those that a turn sends to the sockets of a board are mostly the same, one socket after the other. */
function joined(frames: readonly Buffer[]): Buffer {
  const same = lastJoined !== null && frames.length === lastParts.length && frames.every((frame, index) => frame === lastParts[index]);
  if (same && lastJoined !== null) return lastJoined;
  lastParts = frames;
  lastJoined = Buffer.concat(frames);
  return lastJoined;
}

/**
 * What was sent in this turn and is written at its end: whose it is, and one frame or several. Kept here and not at the sockets, because an
 * old object that is handed a new one costs the garbage collector, and a board has many sockets.
 */
let senders: OutboundSocket[] = [];
let sent: (Buffer | Buffer[])[] = [];
/** Of a socket that has sent nothing in this turn. */
const NOWHERE = -1;

function writeAll(): void {
  const now = performance.now();
  // What is sent because something was written comes behind.
  for (let place = 0; place < senders.length; place += 1) senders[place]?.writeFrom(place, now);
  senders = [];
  sent = [];
  lastPayload = null;
  lastFrame = null;
  lastParts = [];
  lastJoined = null;
}

export class OutboundSocket {
  private readonly websocket: WebSocket;
  private readonly stream: Duplex;
  private readonly maxBytes: number;
  private readonly onOverflow: () => void;
  /** The one large frame that is on its way. */
  private large: Buffer | null = null;
  /** Small frames since the network stopped taking any; null while it takes them. */
  private backlog: Backlog | null = null;
  /** Where its frames are among what was sent in this turn, and how many bytes they have. */
  private place = NOWHERE;
  private waitingBytes = 0;
  /** performance.now() when a frame was last written. */
  private lastWritten = 0;

  constructor(websocket: WebSocket, stream: Duplex, maxBytes: number, onOverflow: () => void) {
    this.websocket = websocket;
    this.stream = stream;
    this.maxBytes = maxBytes;
    this.onOverflow = onOverflow;
  }

  private get isOpen(): boolean {
    return this.websocket.readyState === this.websocket.OPEN;
  }

  get readyState(): number {
    return this.websocket.readyState;
  }

  /** Bytes handed over and not yet taken by the network. */
  get bufferedAmount(): number {
    return this.stream.writableLength + this.waitingBytes + (this.backlog?.bytes ?? 0);
  }

  /** performance.now() when a frame was last sent. */
  get lastSent(): number {
    return this.lastWritten;
  }

  send(payload: Uint8Array): void {
    if (this.isOpen) this.queue(sharedFrame(payload), this.bufferedAmount);
  }

  /** Sends unless more than so many bytes are queued. Returns false then. */
  offer(payload: Uint8Array, highWaterBytes: number): boolean {
    if (!this.isOpen) return true;
    const { bufferedAmount } = this;
    if (bufferedAmount > highWaterBytes) return false;
    this.queue(sharedFrame(payload), bufferedAmount);
    return true;
  }

  private queue(frame: Buffer, bufferedAmount: number): void {
    const queued = bufferedAmount - (this.large?.length ?? 0);
    const fits = queued + frame.length <= this.maxBytes;
    // A board may be larger than the bound; refused for its size, its joiners would come back for ever.
    if (!fits && (this.large !== null || queued > this.maxBytes)) {
      this.onOverflow();
      return;
    }
    if (!fits) this.large = frame;
    this.writeAfterThisTurn(frame);
  }

  /** What is answered with a pong has arrived, with all that was sent before it. */
  ping(): void {
    this.flush();
    this.websocket.ping();
  }

  close(code: number, reason: string): void {
    this.flush();
    this.websocket.close(code, reason);
  }

  private writeAfterThisTurn(frame: Buffer): void {
    this.waitingBytes += frame.length;
    if (this.place === NOWHERE) {
      if (senders.length === 0) process.nextTick(writeAll);
      this.place = senders.length;
      senders.push(this);
      sent.push(frame);
      return;
    }
    const there = sent[this.place];
    if (Array.isArray(there)) there.push(frame);
    else if (there !== undefined) sent[this.place] = [there, frame];
  }

  /** All that was sent goes to the stream, before something of the WebSocket's own does. */
  private flush(): void {
    this.write();
    if (this.isOpen) this.backlog?.handOver();
  }

  /** What was sent in this turn, now. */
  write(): void {
    if (this.place !== NOWHERE) this.writeFrom(this.place, performance.now());
  }

  /** Writes what it has sent in this turn, if that is still there. */
  writeFrom(place: number, now: number): void {
    const frames = sent[place];
    if (this.place !== place || frames === undefined) return;
    this.place = NOWHERE;
    const bytes = this.waitingBytes;
    this.waitingBytes = 0;
    // `ws` has said goodbye meanwhile, after which nothing may come.
    if (!this.isOpen) return;
    this.lastWritten = now;
    // asked before anything is corked, which counts as waiting, too
    const isBusy = this.stream.writableLength > 0;
    if (!Array.isArray(frames)) {
      this.writeFrame(frames, isBusy);
      return;
    }
    if (bytes <= JOIN_BYTES && this.large === null) {
      this.writeFrame(joined(frames), isBusy);
      return;
    }
    this.stream.cork();
    for (const frame of frames) this.writeFrame(frame, isBusy);
    this.stream.uncork();
  }

  /** @param isBusy the network did not take all that was written before */
  private writeFrame(frame: Buffer, isBusy: boolean): void {
    const { backlog, stream } = this;
    if (frame === this.large) {
      backlog?.handOver();
      stream.write(frame, () => { this.large = null; });
    } else if (backlog !== null) backlog.add(frame);
    else if (isBusy && isSmall(frame)) this.backlog = new Backlog(stream, frame, () => this.isOpen, () => { this.backlog = null; });
    else stream.write(frame);
  }

  /** Says so at once, leaves what still comes unread for `ms`, then takes it off the network unparsed and closes. */
  closeLate(code: number, reason: string, ms: number): void {
    this.close(code, reason);
    const { stream, websocket } = this;
    stream.removeAllListeners('data');
    stream.pause();
    let timer = setTimeout(() => {
      stream.resume();
      stream.end();
      timer = setTimeout(() => { websocket.terminate(); }, HANG_UP_MS);
    }, ms);
    websocket.once('close', () => { clearTimeout(timer); });
  }
}
