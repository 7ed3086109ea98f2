/**
 * The boards that have something to commit, and when each of them should be.
 *
 * Guarantees: a board's time is that of the first edit that waits, whatever comes after it; who is nearly due goes along with who is, so that a busy server
 * commits many boards at once; a board with many sockets waits for its own, longer window whatever its neighbours do. A board that has a cut out stays, and
 * is nobody's next until it is confirmed or taken back. Keeps no timer.
 */
import { CommitWindow, SHARED_MS } from './commit-window.ts';

/** What it asks of a board's books. */
export interface DueBoard {
  readonly followers: { readonly size: number };
  /** The cut that is out. */
  readonly outstanding: object | null;
}

export class Due<Board extends DueBoard> {
  /** performance.now() when their window ends. */
  private readonly boards = new Map<Board, number>();
  private readonly window = new CommitWindow();

  get size(): number {
    return this.boards.size;
  }

  [Symbol.iterator](): Iterator<Board> {
    return this.boards.keys();
  }

  /** An edit came. Returns when a transaction should begin for it; infinity: not before the board's cut is confirmed or taken back. */
  add(board: Board, now = performance.now()): number {
    const waitMs = this.window.arrived(board.followers.size);
    let at = this.boards.get(board);
    if (at === undefined) {
      at = now + waitMs;
      this.boards.set(board, at);
    }
    return board.outstanding === null ? at : Number.POSITIVE_INFINITY;
  }

  /** It has waited already. */
  hurry(board: Board): void {
    this.boards.set(board, 0);
  }

  delete(board: Board): void {
    this.boards.delete(board);
  }

  /** Takes out those of a transaction that begins now. */
  take(atMost: number, now = performance.now()): Board[] {
    this.window.begins(now);
    const until = now + SHARED_MS;
    const taken: Board[] = [];
    for (const [board, at] of this.boards) {
      if (taken.length >= atMost) break;
      if (at <= until && board.outstanding === null) taken.push(board);
    }
    for (const board of taken) this.boards.delete(board);
    return taken;
  }

  /** When the next transaction should begin; infinity: no board could be in it. */
  get at(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const [board, at] of this.boards) if (at < first && board.outstanding === null) first = at;
    return first;
  }
}
