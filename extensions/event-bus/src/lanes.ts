/**
 * Lanes: deliveries that a log hands over in order, one at a time for each board, many boards side by side. For drivers whose log mixes
 * boards (a stream, a partition): a board that stands still must not hold up the others in the same log.
 *
 * Guarantees: entries of a board are delivered in the order pushed; a rejected delivery is repeated after a pause until it resolves or the
 * lanes stop; `done` is called once for each entry whose delivery resolved, and for no other.
 * Owns the pauses between repetitions, until `stop()`.
 */
import type { BoardEvent } from './envelope.ts';

export interface Entry {
  /** Which log it came from: what a lost lease or a rebalancing takes back together. */
  readonly source: string;
  readonly event: BoardEvent;
  readonly done: () => void;
}

export interface LanesParts {
  readonly deliver: (boardId: string, events: readonly BoardEvent[]) => Promise<void>;
  readonly concurrency: number;
  readonly batch: number;
  readonly repeated?: () => void;
}

/** Deliveries reject while Postgres is away: a restart takes about a second. */
const REPEAT_AFTER_MS = 500;

interface Lane {
  readonly queue: Entry[];
  state: 'ready' | 'running';
}

export class Lanes {
  private readonly parts: LanesParts;
  private readonly lanes = new Map<string, Lane>();
  /** Boards with something to deliver, in the order they asked. */
  private readonly ready: string[] = [];
  private readonly running = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private waiting: { readonly below: number; readonly resolve: () => void }[] = [];
  private count = 0;
  private held = false;

  constructor(parts: LanesParts) {
    this.parts = parts;
  }

  /** Entries pushed and neither done nor dropped. */
  get pending(): number {
    return this.count;
  }

  push(entry: Entry): void {
    if (this.stopping.signal.aborted) return;
    this.count++;
    const { boardId } = entry.event;
    const lane = this.lanes.get(boardId);
    if (lane !== undefined) {
      lane.queue.push(entry);
      return;
    }
    this.lanes.set(boardId, { queue: [entry], state: 'ready' });
    this.ready.push(boardId);
    this.pump();
  }

  /** Resolves when fewer than so many entries are pending, or the lanes stop. */
  async below(limit: number): Promise<void> {
    if (this.count < limit || this.stopping.signal.aborted) return;
    await new Promise<void>((resolve) => { this.waiting.push({ below: limit, resolve }); });
  }

  /** Forgets what came from there and is not in hand: its log delivers it again, here or elsewhere. */
  drop(source: string): void {
    for (const [boardId, lane] of this.lanes) {
      const kept = lane.queue.filter((entry) => entry.source !== source);
      this.count -= lane.queue.length - kept.length;
      lane.queue.splice(0, lane.queue.length, ...kept);
      if (lane.state === 'ready' && kept.length === 0) this.lanes.delete(boardId);
    }
    this.wake();
  }

  /** Begins nothing, until `resume`. What is in hand goes on. */
  hold(): void {
    this.held = true;
  }

  resume(): void {
    this.held = false;
    this.pump();
  }

  /** Resolves when what is in hand now has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.running);
  }

  /** Resolves when nothing is in hand any more. */
  async stop(): Promise<void> {
    this.stopping.abort();
    for (const lane of this.lanes.values()) lane.queue.length = 0;
    this.ready.length = 0;
    this.wake();
    await Promise.all(this.running);
  }

  private pump(): void {
    while (!this.held && this.running.size < this.parts.concurrency) {
      const boardId = this.ready.shift();
      if (boardId === undefined) return;
      const lane = this.lanes.get(boardId);
      if (lane === undefined || lane.state === 'running') continue; // dropped meanwhile, or pushed again after it
      lane.state = 'running';
      const run = this.run(boardId, lane).finally(() => {
        this.running.delete(run);
        if (lane.queue.length === 0) this.lanes.delete(boardId);
        else {
          lane.state = 'ready';
          this.ready.push(boardId);
        }
        this.wake();
        this.pump();
      });
      this.running.add(run);
    }
  }

  private async run(boardId: string, lane: Lane): Promise<void> {
    const entries = lane.queue.splice(0, this.parts.batch);
    const { signal } = this.stopping;
    for (;;) {
      try {
        await this.parts.deliver(boardId, entries.map(({ event }) => event));
        for (const { done } of entries) done();
        break;
      } catch {
        this.parts.repeated?.();
        if (signal.aborted) break;
        await pause(REPEAT_AFTER_MS, signal);
        if (signal.aborted) break;
      }
    }
    this.count -= entries.length;
  }

  private wake(): void {
    if (this.waiting.length === 0) return;
    const stopped = this.stopping.signal.aborted;
    const [go, stay] = [this.waiting.filter(({ below }) => stopped || this.count < below), this.waiting.filter(({ below }) => !stopped && this.count >= below)];
    this.waiting = stay;
    for (const { resolve } of go) resolve();
  }
}

/** Resolves after so long, at once when aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) { resolve(); return; }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
