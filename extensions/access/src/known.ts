/**
 * What was read from the database and may be used again: a cache that announcements keep true.
 *
 * - A value is used for FRESH_MS, or until it is dropped (an announcement said it changed) or doubted (announcements may have been missed).
 * - A read that was running when its key was dropped or doubted is repeated, so that nobody gets an answer from before the change.
 * - While the database is away a doubted or older value goes on working until it is STALE_MS old; a dropped one does not.
 * - Reads of one key at one moment are one query. Failures are not remembered.
 */
import { DatabaseUnavailable } from '@sunday/database';

/** Announcements keep values true; this bounds what a bug in them could do. */
const FRESH_MS = 60_000;
/** People at work get through an outage of the database; nobody gets through a morning. */
const STALE_MS = 15 * 60_000;
/** Some MB at the most; the entry that was read longest ago goes first. */
const MAX_ENTRIES = 50_000;
/** A key that changes faster than it can be read: the last answer is as good as any. */
const MAX_READS = 5;

interface Entry<V> {
  readonly value: V;
  readonly readAt: number;
  doubted: boolean;
}

interface Read<V> {
  readonly result: Promise<V>;
  outdated: boolean;
}

export class Known<V> {
  private readonly entries = new Map<string, Entry<V>>();
  private readonly reads = new Map<string, Read<V>>();

  /** @throws what `read` throws; DatabaseUnavailable only when nothing usable is known */
  async get(key: string, read: () => Promise<V>): Promise<V> {
    const entry = this.entries.get(key);
    if (entry !== undefined && !entry.doubted && Date.now() - entry.readAt < FRESH_MS) return entry.value;
    try {
      return await this.join(key, read);
    } catch (error) {
      const known = this.entries.get(key);
      if (error instanceof DatabaseUnavailable && known !== undefined && Date.now() - known.readAt < STALE_MS) return known.value;
      throw error;
    }
  }

  /** The value is wrong. */
  drop(key: string): void {
    this.entries.delete(key);
    this.outdate(key);
  }

  /** The value may be wrong. */
  doubt(key: string): void {
    const entry = this.entries.get(key);
    if (entry !== undefined) entry.doubted = true;
    this.outdate(key);
  }

  doubtAll(): void {
    for (const entry of this.entries.values()) entry.doubted = true;
    for (const read of this.reads.values()) read.outdated = true;
  }

  dropWhere(matches: (key: string) => boolean): void {
    for (const key of this.entries.keys()) if (matches(key)) this.entries.delete(key);
    for (const [key, read] of this.reads) if (matches(key)) read.outdated = true;
  }

  private outdate(key: string): void {
    const read = this.reads.get(key);
    if (read !== undefined) read.outdated = true;
  }

  private join(key: string, read: () => Promise<V>): Promise<V> {
    const running = this.reads.get(key);
    if (running !== undefined) return running.result;
    const started: Read<V> = { result: Promise.resolve().then(() => this.run(key, started, read)), outdated: false };
    this.reads.set(key, started);
    return started.result;
  }

  private async run(key: string, running: Read<V>, read: () => Promise<V>): Promise<V> {
    try {
      for (let reads = 1; ; reads++) {
        running.outdated = false;
        const readAt = Date.now();
        const settled = await read().then((value) => ({ ok: true as const, value }), (error: unknown) => ({ ok: false as const, error }));
        // eslint-disable-next-line typescript/no-unnecessary-condition -- drop and doubt set it while we waited
        if (running.outdated && reads < MAX_READS) continue;
        if (!settled.ok) {
          // An answer, if not the one wished for: what was known before it is over. Silence is no answer.
          if (!(settled.error instanceof DatabaseUnavailable)) this.entries.delete(key);
          throw settled.error;
        }
        this.remember(key, { value: settled.value, readAt, doubted: running.outdated });
        return settled.value;
      }
    } finally {
      this.reads.delete(key);
    }
  }

  private remember(key: string, entry: Entry<V>): void {
    this.entries.delete(key);
    this.entries.set(key, entry);
    if (this.entries.size <= MAX_ENTRIES) return;
    const oldest = this.entries.keys().next();
    if (oldest.done !== true) this.entries.delete(oldest.value);
  }
}
