/**
 * How busy this process is, and how much of it gives way: the less a node rests, the less often cursors are told, so that
 * edits are not told later (the first step of degrading by design).
 *
 * Looked at when asked, at most twice a second. Owns no timer.
 */
import { performance, type EventLoopUtilization } from 'node:perf_hooks';

const LOOK_EVERY_MS = 500;
/** Up to this share of its time an event loop has moments of rest, and nothing waits long. Above it cursors take more of a core than they are worth: decision 0016. */
const AT_EASE = 0.4;
/** Share of the way to what was measured that each look goes: one long task is no load. */
const SMOOTHING = 0.5;

/** The parts of `performance` that it looks at. */
export interface LoopClock {
  now(): number;
  eventLoopUtilization(since?: EventLoopUtilization): EventLoopUtilization;
}

export class Busyness {
  readonly #clock: LoopClock;
  readonly #most: number;
  #before: EventLoopUtilization;
  #at: number;
  #slowdown = 1;

  /** @param most the slowdown of a process that never rests */
  constructor(most: number, clock: LoopClock = { now: () => performance.now(), eventLoopUtilization: () => performance.eventLoopUtilization() }) {
    this.#most = Math.max(1, most);
    this.#clock = clock;
    this.#before = clock.eventLoopUtilization();
    this.#at = clock.now();
  }

  /** How many times as long what can wait should wait: 1 at ease. */
  get slowdown(): number {
    const now = this.#clock.now();
    if (now - this.#at < LOOK_EVERY_MS) return this.#slowdown;
    const loop = this.#clock.eventLoopUtilization();
    const active = loop.active - this.#before.active;
    const all = active + loop.idle - this.#before.idle;
    const utilization = all > 0 ? active / all : 0;
    const wanted = 1 + (this.#most - 1) * Math.max(0, (utilization - AT_EASE) / (1 - AT_EASE));
    this.#slowdown += (wanted - this.#slowdown) * SMOOTHING;
    this.#before = loop;
    this.#at = now;
    return this.#slowdown;
  }
}
