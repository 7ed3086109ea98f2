/**
 * The sending side of one WebSocket, as Hocuspocus and the journal see it.
 *
 * A broadcast hands the same bytes to every socket of a board: the WebSocket frame around them is made once and shared. What a
 * socket is sent in one turn is written at its end, so that a turn costs one system call a socket.
 * What the network has not taken is bounded: the journal holds batches back above its own mark (it reads `bufferedAmount`),
 * and a socket that fills past the hard bound all the same is closed with 4508. One frame at a time may be larger than the
 * bound leaves room for: the whole of a large board, sent to somebody who joins.
 *
 * Who is told to go for junk is closed late: nothing of theirs is parsed any more, and they are not back at once.
 *
 * Writes raw frames beside `ws`, which is sound because compression is off: `ws` then writes each of its own frames at once. Those that must come
 * after what was sent before them, a close or a ping, are asked for here.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

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

/** With something to write at the end of this turn. */
let waiting: OutboundSocket[] = [];

function writeAll(): void {
  const sockets = waiting;
  waiting = [];
  for (const socket of sockets) socket.write();
  lastPayload = null;
  lastFrame = null;
}

export class OutboundSocket {
  private readonly websocket: WebSocket;
  private readonly stream: Duplex;
  private readonly maxBytes: number;
  private readonly onOverflow: () => void;
  /** The one large frame that is on its way. */
  private large: Buffer | null = null;
  /** Sent in this turn, and not written yet. */
  private frames: Buffer[] | null = null;
  private framesBytes = 0;

  constructor(websocket: WebSocket, stream: Duplex, maxBytes: number, onOverflow: () => void) {
    this.websocket = websocket;
    this.stream = stream;
    this.maxBytes = maxBytes;
    this.onOverflow = onOverflow;
  }

  get readyState(): number {
    return this.websocket.readyState;
  }

  /** Bytes handed over and not yet taken by the network. */
  get bufferedAmount(): number {
    return this.stream.writableLength + this.framesBytes;
  }

  send(payload: Uint8Array): void {
    if (this.websocket.readyState !== this.websocket.OPEN) return;
    const frame = sharedFrame(payload);
    const queued = this.bufferedAmount - (this.large?.length ?? 0);
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
    this.write();
    this.websocket.ping();
  }

  close(code: number, reason: string): void {
    this.write();
    this.websocket.close(code, reason);
  }

  private writeAfterThisTurn(frame: Buffer): void {
    this.framesBytes += frame.length;
    if (this.frames !== null) {
      this.frames.push(frame);
      return;
    }
    this.frames = [frame];
    if (waiting.length === 0) process.nextTick(writeAll);
    waiting.push(this);
  }

  /** What was sent in this turn, now. */
  write(): void {
    const { frames, stream } = this;
    if (frames === null) return;
    this.frames = null;
    this.framesBytes = 0;
    // `ws` has said goodbye meanwhile, after which nothing may come.
    if (this.websocket.readyState !== this.websocket.OPEN) return;
    if (frames.length > 1) stream.cork();
    for (const frame of frames) {
      if (frame === this.large) stream.write(frame, () => { this.large = null; });
      else stream.write(frame);
    }
    if (frames.length > 1) stream.uncork();
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
