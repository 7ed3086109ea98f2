/**
 * How far a worker is in one Kafka partition. Offsets are committed as one number, while boards in the partition are handled side by side: what is
 * committed is the lowest offset not done yet. Offsets that come a second time (after a rebalancing) are told, whatever their state.
 */
export class Progress {
  /** In the order of offsets, since they are added in it. */
  private readonly pending = new Set<bigint>();
  private highest = -1n;
  private told = -1n;

  /** @returns false for an offset that was added before */
  add(offset: bigint): boolean {
    if (offset <= this.highest) return false;
    this.highest = offset;
    this.pending.add(offset);
    return true;
  }

  done(offset: bigint): void {
    this.pending.delete(offset);
  }

  /** The offset to commit, if it is another than last time. */
  advance(): bigint | undefined {
    const [lowest = this.highest + 1n] = this.pending;
    if (this.highest < 0n || lowest === this.told) return undefined;
    this.told = lowest;
    return lowest;
  }

  /** What `advance` told did not reach the broker. */
  untell(): void {
    this.told = -1n;
  }
}
