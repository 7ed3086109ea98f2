/** At most `limit` pieces of work at once; the others wait in order. */
export class Semaphore {
  private readonly limit: number;
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.limit = limit;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    // A finished piece hands its place on directly, so that nobody can slip in between.
    if (this.running >= this.limit) await new Promise<void>((resolve) => { this.waiting.push(resolve); });
    else this.running += 1;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running -= 1;
      else next();
    }
  }
}
