/**
 * Compaction: replaces the journal rows of a board by a snapshot (invariant 7). It reads rows, never the live document, which
 * holds uncommitted content; the fold runs on a worker thread; the replacement is compare-and-set on the snapshot generation,
 * so that any number of nodes may try. Boards are compacted one at a time. Commits drive it; rows too young for it are seen to once
 * they are old enough, so that a burst followed by silence is compacted, too. Owns one timer for each board that waits for that.
 */
import type { Folder } from './folder.ts';
import type { JournalStore } from './store.ts';

/** Rows are aged by the database's clock, the timer by ours. */
const REVISIT_SLACK_MS = 1000;

export interface CompactionResult {
  readonly boardId: string;
  readonly rows: number;
  readonly bytes: number;
  /** Rows left behind because they are younger than the minimum age or another node was first. */
  readonly replaced: boolean;
}

export class Compactor {
  private readonly store: JournalStore;
  private readonly folder: Folder;
  private readonly minAgeMs: number;
  private readonly onDone: (result: CompactionResult) => void;
  private readonly onError: (boardId: string, error: unknown) => void;
  private readonly queue = new Set<string>();
  private readonly revisits = new Map<string, NodeJS.Timeout>();
  /** Revisits under way. */
  private readonly visiting = new Set<Promise<void>>();
  private running: Promise<void> | null = null;

  constructor(options: {
    store: JournalStore;
    folder: Folder;
    /** Rows younger than this stay: another node may still look up a batch or repair a gap from them. */
    minAgeMs: number;
    onDone: (result: CompactionResult) => void;
    onError: (boardId: string, error: unknown) => void;
  }) {
    this.store = options.store;
    this.folder = options.folder;
    this.minAgeMs = options.minAgeMs;
    this.onDone = options.onDone;
    this.onError = options.onError;
  }

  request(boardId: string): void {
    this.queue.add(boardId);
    this.running ??= this.run().finally(() => { this.running = null; });
  }

  /** Once all that is in the journal now is old enough, what was left behind is compacted; if nothing was, that is the end of it. */
  private revisit(boardId: string): void {
    // A busy board is compacted again before that, and needs no visit of its own.
    clearTimeout(this.revisits.get(boardId));
    const timer = setTimeout(() => {
      const visiting = this.compact(boardId, this.minAgeMs).then(
        (result) => { if (result.rows > 0) this.onDone(result); },
        (error: unknown) => { this.onError(boardId, error); },
      ).finally(() => {
        this.visiting.delete(visiting);
        if (this.revisits.get(boardId) === timer) this.revisits.delete(boardId);
      });
      this.visiting.add(visiting);
    }, this.minAgeMs + REVISIT_SLACK_MS);
    timer.unref();
    this.revisits.set(boardId, timer);
  }

  /** Resolves when nothing is under way, and nothing will be. */
  async settled(): Promise<void> {
    this.queue.clear();
    await this.running;
    // What ran has armed one more.
    for (const timer of this.revisits.values()) clearTimeout(timer);
    await Promise.all(this.visiting);
  }

  private async run(): Promise<void> {
    for (const boardId of this.queue) {
      this.queue.delete(boardId);
      try {
        this.onDone(await this.compact(boardId, this.minAgeMs));
        this.revisit(boardId);
      } catch (error) {
        this.onError(boardId, error);
      }
    }
  }

  /** Compacts one board now. */
  async compact(boardId: string, minAgeMs: number): Promise<CompactionResult> {
    const found = await this.store.compactable(boardId, minAgeMs);
    const last = found?.rows.at(-1);
    if (found === null || last === undefined) return { boardId, rows: 0, bytes: 0, replaced: false };
    const { snapshot, rows } = found;
    const updates = rows.map((row) => row.update);
    const bytes = await this.folder.fold(snapshot.bytes === null ? updates : [snapshot.bytes, ...updates]);
    const replaced = await this.store.replaceSnapshot(boardId, snapshot, last.seq, bytes);
    return { boardId, rows: rows.length, bytes: bytes.length, replaced };
  }
}
