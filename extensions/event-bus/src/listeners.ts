/** Those who listen, kept safe from each other: one that throws is counted and the next is called. */
export class Listeners<Message> {
  private readonly all = new Set<(message: Message) => void>();
  private readonly threw: () => void;

  constructor(threw: () => void) {
    this.threw = threw;
  }

  get size(): number {
    return this.all.size;
  }

  add(listener: (message: Message) => void): () => void {
    const own = (message: Message): void => { listener(message); };
    this.all.add(own);
    return () => { this.all.delete(own); };
  }

  emit(message: Message): void {
    for (const listener of this.all) {
      try {
        listener(message);
      } catch {
        this.threw();
      }
    }
  }
}
