/**
 * The reading side of one socket: its frames are handed on in order, now or when it is their turn (turns.ts).
 *
 * Reading pauses for reasons that come and go (`pause`, `resume`), and for a time (`slowDown`). One read of the network may bring a thousand
 * frames: what has come already waits here, too, so that a limit is kept to the frame. What waits when the socket closes was never
 * acknowledged, and is forgotten. Bounded by one read of the network, or one frame. Owns the timer that ends a pause, until `close()`.
 */
import type { WebSocket } from 'ws';
import type { Turns, Waiter } from './turns.ts';

/** Why nothing is read for now: too much was, too much of everybody is uncommitted, or nobody has been let in yet. */
export type PauseReason = 'rate' | 'pressure' | 'admission';

/** A pause that frees a single frame costs more than the frame; and what comes in few pieces is committed and told to others in few. */
const SHORTEST_PAUSE_MS = 250;

export interface FrameHandler {
  /** @param now performance.now() */
  take(frame: Uint8Array, now: number): void;
  /** What a frame is the newest of: of those that wait for their turn with the same answer only the last is taken, in the place of the first. */
  kindOf?(frame: Uint8Array): string | null;
  /** Such a frame will not be taken, for a newer one has come. */
  superseded?(frame: Uint8Array): void;
  /** A frame has to wait for its turn, and none of this socket did before. */
  waits?(): void;
}

export class Reading implements Waiter {
  private readonly websocket: Pick<WebSocket, 'pause' | 'resume'>;
  private readonly turns: Turns;
  private readonly handler: FrameHandler;
  private readonly reasons = new Set<PauseReason>();
  /** In order of arrival, by what they are the newest of, or by a number. */
  private waiting = new Map<string | number, Uint8Array>();
  private arrivals = 0;
  /** `turns` will come back for what waits. */
  private queued = false;
  /** performance.now() until which reading is paused for what was read. */
  private pausedUntil = 0;
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(websocket: Pick<WebSocket, 'pause' | 'resume'>, turns: Turns, handler: FrameHandler) {
    this.websocket = websocket;
    this.turns = turns;
    this.handler = handler;
  }

  receive(frame: Uint8Array, now = performance.now()): void {
    if (this.closed) return;
    if (this.reasons.size > 0) {
      this.waiting.set(this.arrivals++, frame);
      return;
    }
    if (this.waiting.size === 0 && this.turns.admits(now)) {
      this.handler.take(frame, now);
      return;
    }
    this.wait(frame);
    this.queue();
  }

  private wait(frame: Uint8Array): void {
    const { waiting, handler } = this;
    const key = handler.kindOf?.(frame) ?? this.arrivals++;
    const older = waiting.get(key);
    waiting.set(key, frame);
    if (older !== undefined) handler.superseded?.(older);
  }

  private queue(): void {
    if (this.queued) return;
    this.queued = true;
    this.websocket.pause(); // what comes meanwhile is read in one piece, and its moves are merged
    this.handler.waits?.();
    this.turns.enqueue(this);
  }

  takeNext(): boolean {
    this.queued = this.takeWaiting();
    if (!this.queued) this.resumeReading();
    return this.queued;
  }

  /** Takes one, and tells whether the next one may be taken when its turn comes. */
  private takeWaiting(): boolean {
    const [first] = this.waiting;
    if (first === undefined || this.reasons.size > 0 || this.closed) return false;
    const [key, frame] = first;
    // One that empties and fills again would keep its old tables, and the frames in them, until a full collection.
    if (this.waiting.size === 1) this.waiting = new Map();
    else this.waiting.delete(key);
    this.handler.take(frame, performance.now());
    return this.waiting.size > 0 && this.reasons.size === 0;
  }

  /** Returns whether a pause begins: one that only gets longer was counted. */
  slowDown(ms: number): boolean {
    if (ms === 0 || this.closed) return false;
    const until = performance.now() + Math.max(ms, SHORTEST_PAUSE_MS);
    if (until <= this.pausedUntil) return false;
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
    if (!this.reasons.delete(why) || this.reasons.size > 0) return;
    while (!this.queued && this.turns.admits() && this.takeWaiting());
    if (this.waiting.size > 0 && this.reasons.size === 0) this.queue();
    this.resumeReading();
  }

  private resumeReading(): void {
    if (this.reasons.size === 0 && !this.queued && !this.closed) this.websocket.resume();
  }

  close(): void {
    this.closed = true;
    this.waiting.clear();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
