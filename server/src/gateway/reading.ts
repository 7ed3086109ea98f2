/**
 * The reading side of one socket: its frames are handed on in order, now or when it is their turn.
 *
 * Reading pauses for reasons that come and go (`pause`, `resume`), and for a time (`slowDown`). One read of the network may bring a thousand
 * frames: what has come already waits here, too, so that a limit is kept to the frame. What waits when the socket closes was never
 * acknowledged, and is forgotten. Bounded by one read of the network, or one frame. Owns the timer that ends a pause, until `close()`.
 */
import type { WebSocket } from 'ws';

/** Why nothing is read for now: too much was, too much of everybody is uncommitted, or nobody has been let in yet. */
export type PauseReason = 'rate' | 'pressure' | 'admission';

/** A pause that frees a single frame costs more than the frame; and what comes in few pieces is committed and told to others in few. */
const SHORTEST_PAUSE_MS = 250;

export class Reading {
  private readonly websocket: Pick<WebSocket, 'pause' | 'resume'>;
  private readonly take: (frame: Uint8Array) => void;
  private readonly reasons = new Set<PauseReason>();
  private waiting: Uint8Array[] = [];
  /** performance.now() until which reading is paused for what was read. */
  private pausedUntil = 0;
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(websocket: Pick<WebSocket, 'pause' | 'resume'>, take: (frame: Uint8Array) => void) {
    this.websocket = websocket;
    this.take = take;
  }

  receive(frame: Uint8Array): void {
    if (this.closed) return;
    if (this.reasons.size > 0 || this.waiting.length > 0) this.waiting.push(frame);
    else this.take(frame);
  }

  /** Returns whether a pause begins: one that only gets longer was counted. */
  slowDown(ms: number): boolean {
    const until = performance.now() + Math.max(ms, SHORTEST_PAUSE_MS);
    if (ms === 0 || until <= this.pausedUntil || this.closed) return false;
    const begins = this.timer === null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.pausedUntil = until;
    this.pause('rate');
    this.timer = setTimeout(() => {
      this.timer = null;
      this.resume('rate');
    }, until - performance.now());
    return begins;
  }

  pause(why: PauseReason): void {
    this.reasons.add(why);
    this.websocket.pause();
  }

  resume(why: PauseReason): void {
    if (!this.reasons.delete(why)) return;
    const frames = this.waiting;
    let next = 0;
    for (let frame = frames[next]; frame !== undefined && this.reasons.size === 0 && !this.closed; frame = frames[next]) {
      next += 1;
      this.take(frame);
    }
    this.waiting = frames.slice(next);
    if (this.reasons.size === 0) this.websocket.resume();
  }

  close(): void {
    this.closed = true;
    this.waiting = [];
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
