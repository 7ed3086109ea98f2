/**
 * The whole committed board as bytes, for those who join with nothing: one base (the snapshot as loaded, a fold made off the
 * event loop, or for a small board the document at a committed moment) and the batches committed since. Shared by all
 * joiners; committed by construction (invariant 2).
 *
 * It is dropped when nobody joined for a while, or when the tail outgrows it. Owns one timer, while it holds bytes.
 */

/** Up to this a document is encoded on the event loop, which takes a millisecond or two; above, it is folded elsewhere. */
const LARGE_BYTES = 128 * 1024;
/** Joins come in bursts (a deploy, the start of a meeting); after this long without one the memory is worth more. */
const KEEP_MS = 30_000;
/** A tail may grow to this even over a small base. */
const MIN_TAIL_BYTES = 64 * 1024;
/** Each batch of the tail is a frame of its own to every joiner. */
const MAX_TAIL_BATCHES = 100;

export class CommittedState {
  private base: Uint8Array | null = null;
  private tail: { seq: number; update: Uint8Array }[] = [];
  private tailBytes = 0;
  private collecting = 0;
  /** Dropped while collecting: what was collected has a hole, so the next seed is not taken. */
  private holed = false;
  /** Estimate of the encoded board: what was loaded or last compacted, and all appended since. */
  approximateBytes = 0;
  private expiry: NodeJS.Timeout | null = null;

  /** Whether the board is too large to be encoded on the event loop; an estimate from what was loaded and appended. */
  get large(): boolean {
    return this.approximateBytes > LARGE_BYTES;
  }

  /** `bytes` is the whole state at `seq`; batches after it, already collected, stay in the tail. */
  seed(seq: number, bytes: Uint8Array): void {
    this.approximateBytes = bytes.length;
    if (this.holed) return;
    this.base = bytes;
    this.tail = this.tail.filter((row) => row.seq > seq);
    this.tailBytes = this.tail.reduce((sum, row) => sum + row.update.length, 0);
    this.touch();
  }

  append(seq: number, update: Uint8Array): void {
    this.approximateBytes += update.length;
    if (this.base === null && this.collecting === 0) return;
    this.tail.push({ seq, update });
    this.tailBytes += update.length;
    if (this.collecting > 0) return;
    if (this.tail.length > MAX_TAIL_BATCHES || this.tailBytes > Math.max(MIN_TAIL_BYTES, this.base?.length ?? 0)) this.drop();
  }

  /** Keeps every batch from now on until `seed`, so that none falls between a fold and the present. */
  collect(): () => void {
    if (this.collecting === 0) this.holed = false;
    this.collecting += 1;
    return () => {
      this.collecting -= 1;
      if (this.collecting === 0) this.holed = false;
      if (this.base === null) this.drop();
    };
  }

  take(): { bytes: Uint8Array; tail: Uint8Array[] } | null {
    if (this.base === null) return null;
    this.touch();
    return { bytes: this.base, tail: this.tail.map((row) => row.update) };
  }

  drop(): void {
    this.holed = this.collecting > 0;
    this.base = null;
    this.tail = [];
    this.tailBytes = 0;
    if (this.expiry !== null) clearTimeout(this.expiry);
    this.expiry = null;
  }

  private touch(): void {
    if (this.expiry !== null) {
      this.expiry.refresh();
      return;
    }
    this.expiry = setTimeout(() => { this.drop(); }, KEEP_MS);
    this.expiry.unref();
  }
}
