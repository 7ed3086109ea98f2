/**
 * Compaction: replaces the journal rows of a board by a snapshot (invariant 7). It reads rows, never the live document, which
 * holds uncommitted content; the fold runs on a worker thread; the replacement is compare-and-set on the snapshot generation,
 * so that any number of nodes may try. Boards are compacted one at a time. No timers: commits drive it.
 */
import type { Folder } from './folder.ts';
import type { JournalStore } from './store.ts';

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

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    this.queue.clear();
    await this.running;
  }

  private async run(): Promise<void> {
    for (const boardId of this.queue) {
      this.queue.delete(boardId);
      try {
        this.onDone(await this.compact(boardId, this.minAgeMs));
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
