/**
 * How long the transactions under way have taken: whose boards are shown unsaved meanwhile, whom nobody waits for any more, and whether the database answers at all.
 *
 * Only transactions of all boards that are due speak for the database: that one board alone waits, for a lock say, is that board's trouble.
 *
 * Owns the timers of what is under way.
 */

/** The database may pause this long (a checkpoint, a failover blip) before batches go out uncommitted. */
export const STALLED_AFTER_MS = 500;
/** A transaction under way for so long may never end: nobody is kept waiting for it. Slow disks and busy machines stay below. */
const HANGING_AFTER_MS = 3_000;

interface Wait<Board> {
  readonly boards: readonly Board[];
  readonly ofAll: boolean;
  isHanging: boolean;
}

export class Patience<Board> {
  private readonly slots: number;
  private readonly worsened: () => void;
  /** Those that take longer than a moment. */
  private readonly waits = new Set<Wait<Board>>();

  /** @param slots How many transactions of all boards there can be at once. @param worsened One takes longer than a moment, or so long that nobody waits for it. */
  constructor(slots: number, worsened: () => void) {
    this.slots = slots;
    this.worsened = worsened;
  }

  /** A transaction begins; it has an end, whatever becomes of it. */
  begin(boards: readonly Board[], { ofAll }: { readonly ofAll: boolean }): { end(): void } {
    const wait: Wait<Board> = { boards, ofAll, isHanging: false };
    let timer = setTimeout(() => {
      this.waits.add(wait);
      timer = setTimeout(() => {
        wait.isHanging = true;
        this.worsened();
      }, HANGING_AFTER_MS - STALLED_AFTER_MS);
      this.worsened();
    }, STALLED_AFTER_MS);
    return {
      end: () => {
        clearTimeout(timer);
        this.waits.delete(wait);
      },
    };
  }

  /** Some transaction takes longer than a moment. */
  get isTried(): boolean {
    return this.waits.size > 0;
  }

  /** The boards of those. */
  get boards(): ReadonlySet<Board> {
    return new Set([...this.waits].flatMap((wait) => wait.boards));
  }

  /** Those of them whose commit is not waited for any more. */
  get hopeless(): ReadonlySet<Board> {
    return new Set([...this.waits].flatMap((wait) => (wait.isHanging ? wait.boards : [])));
  }

  /** Nothing is committed just now. */
  get stalled(): boolean {
    return this.count((wait) => wait.ofAll) >= this.slots;
  }

  /** Nobody is answered. */
  get hanging(): boolean {
    return this.count((wait) => wait.ofAll && wait.isHanging) >= this.slots;
  }

  private count(which: (wait: Wait<Board>) => boolean): number {
    return [...this.waits].filter(which).length;
  }
}
