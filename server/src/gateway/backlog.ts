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

export const isSmall = (frame: Buffer): boolean => frame.length <= SMALL_BYTES;

export class Backlog {
  private readonly stream: Duplex;
  private readonly mayWrite: () => boolean;
  private readonly onTaken: () => void;
  private piece: Buffer | null = null;
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
    this.add(first);
    this.goOn();
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
    this.piece ??= Buffer.allocUnsafeSlow(PIECE_BYTES);
    this.piece.set(frame, this.used);
    this.used += frame.length;
  }

  /** All of it goes to the stream now, so that something else may be written behind it. */
  handOver(): void {
    const piece = this.takeOut();
    if (piece !== null) this.stream.write(piece);
  }

  /** What came while the stream was busy goes to it in one piece; of a stream that is gone nothing is taken any more. */
  private goOn(): void {
    const piece = this.mayWrite() ? this.takeOut() : null;
    if (piece === null) this.onTaken();
    else this.stream.write(piece, (error) => { if (!error) this.goOn(); });
  }

  private takeOut(): Buffer | null {
    const { piece, used } = this;
    this.piece = null;
    this.used = 0;
    if (piece === null) return null;
    // One that is far from full would keep all of its room.
    return used > PIECE_BYTES / 2 ? piece.subarray(0, used) : trimmed(piece, used);
  }
}

function trimmed(piece: Buffer, used: number): Buffer {
  const own = Buffer.allocUnsafeSlow(used);
  piece.copy(own, 0, 0, used);
  return own;
}
