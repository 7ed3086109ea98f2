/**
 * Small frames for a socket whose network takes nothing just now.
 *
 * A small buffer is a piece of Node's pool, and keeps all of it for as long as it waits: a frame of 200 bytes keeps 8 KB of other people's. Here such frames are
 * copied together, so that what a slow reader costs is what is counted, and in few pieces. Those that are not small have memory of their own, which all of a
 * board's sockets share.
 *
 * Guarantees: frames stay in order, and a write never ends within one. Is done once the network has taken everything.
 */
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';

const PIECE_BYTES = 16_384;
/** What is larger comes from no pool, at whatever size Node has it. */
const SMALL_BYTES = PIECE_BYTES / 4;
/** Of a piece that begins. It grows by half as needed: a thousand sockets that are busy for a moment are to cost little more than what waits. */
const FIRST_BYTES = 1024;

export const isSmall = (frame: Buffer): boolean => frame.length <= SMALL_BYTES;

/** A copy of the first bytes, with room for so many. */
function copyOf(bytes: Buffer, length: number, room: number): Buffer {
  const own = Buffer.allocUnsafeSlow(room);
  bytes.copy(own, 0, 0, length);
  return own;
}

export class Backlog {
  private readonly stream: Duplex;
  private readonly mayWrite: () => boolean;
  private readonly onTaken: () => void;
  private piece: Buffer = Buffer.alloc(0);
  private used = 0;

  /**
   * @param first a small frame
   * @param mayWrite asked when the network takes something again; with `false` all that is here is forgotten
   * @param onTaken nothing is here any more
   */
  constructor(stream: Duplex, first: Buffer, mayWrite: () => boolean, onTaken: () => void) {
    this.stream = stream;
    this.mayWrite = mayWrite;
    this.onTaken = onTaken;
    this.writeAndGoOn(copyOf(first, first.length, first.length));
  }

  /** Bytes that are not with the stream yet. */
  get bytes(): number {
    return this.used;
  }

  add(frame: Buffer): void {
    if (!isSmall(frame)) {
      this.handOver();
      this.stream.write(frame);
      return;
    }
    if (this.used + frame.length > PIECE_BYTES) this.handOver();
    const needed = this.used + frame.length;
    if (needed > this.piece.length) this.piece = copyOf(this.piece, this.used, Math.min(PIECE_BYTES, Math.max(FIRST_BYTES, needed + (needed >> 1))));
    this.piece.set(frame, this.used);
    this.used = needed;
  }

  /** All of it goes to the stream now, so that something else may be written behind it. */
  handOver(): void {
    if (this.used > 0) this.stream.write(this.takeOut());
  }

  /** What came while the stream was busy goes to it in one piece; of a stream that is gone nothing is taken any more. */
  private writeAndGoOn(piece: Buffer): void {
    this.stream.write(piece, (error) => {
      if (error) return;
      if (this.used > 0 && this.mayWrite()) this.writeAndGoOn(this.takeOut());
      else this.onTaken();
    });
  }

  private takeOut(): Buffer {
    const taken = this.piece.subarray(0, this.used);
    this.piece = Buffer.alloc(0);
    this.used = 0;
    return taken;
  }
}
