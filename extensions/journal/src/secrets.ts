/**
 * What of a board's uncommitted writes is shown to nobody while the database is away: what the server wrote, for REST or to settle a race, and what
 * builds on that. Lost with their node they would come back only in the hands of somebody who saw them, and nobody may speak for the server.
 *
 * The document has them all the same, and decides by them what is overwritten. So while there are any nothing is collected that was deleted meanwhile, and
 * what lost to one of them as it came counts as not deleted: others have to be shown it.
 * Does not: keep the updates; the ledger does, until they are committed.
 */
import * as Y from 'yjs';
import { takenBy, type Range, type Taken } from './without.ts';

const NOTHING: Taken = { from: new Map(), deletions: new Map() };

export class Secrets {
  readonly #document: Y.Doc;
  readonly #updates = new WeakSet<Uint8Array>();
  #count = 0;
  /** The transaction that is being cleaned up. */
  #byServer = false;
  #before: ReadonlyMap<number, number> = new Map();
  /** What was deleted, content and all still there. */
  #kept: Y.Transaction['deleteSet'][] = [];
  /** Of it, what was overwritten as it came. */
  #lost = new Map<number, Range[]>();
  /** As last worked out; `null`: anew. */
  #taken: Taken | null = null;

  constructor(document: Y.Doc) {
    this.#document = document;
    document.gcFilter = (item) => !this.#keeps || (this.#byServer && this.#isNew(item.id));
  }

  get none(): boolean {
    return this.#count === 0;
  }

  get #keeps(): boolean {
    return this.#byServer || this.#count > 0;
  }

  #isNew({ client, clock }: Y.ID): boolean {
    return clock >= (this.#before.get(client) ?? 0);
  }

  /** In the document's `afterTransaction`, before Yjs collects. */
  note(transaction: Y.Transaction, byServer: boolean): void {
    this.#byServer = byServer;
    this.#before = transaction.beforeState;
    if (!this.#keeps || !this.#document.gc || transaction.deleteSet.clients.size === 0) return;
    this.#kept.push(transaction.deleteSet);
    if (!byServer) this.#noteLost(transaction);
    this.#taken = null;
  }

  #noteLost(transaction: Y.Transaction): void {
    Y.iterateDeletedStructs(transaction, transaction.deleteSet, (struct: Y.Item | Y.GC) => {
      if (!(struct instanceof Y.Item) || struct.parentSub === null || !this.#isNew(struct.id)) return;
      const { client, clock } = struct.id;
      const lost = this.#lost.get(client) ?? [];
      this.#lost.set(client, lost);
      lost.push({ clock, len: struct.length });
    });
  }

  has(update: Uint8Array): boolean {
    return this.#updates.has(update);
  }

  /** The update that the noted transaction brought. */
  captured(update: Uint8Array): void {
    if (this.#byServer) this.add(update);
  }

  add(update: Uint8Array): void {
    this.#updates.add(update);
    this.#count += 1;
    this.#taken = null;
  }

  /** What nobody may be shown of an update. `uncommitted`: all there is, in order; asked only where something has changed. */
  takenFrom(uncommitted: () => readonly Uint8Array[]): Taken {
    if (this.#count === 0) return NOTHING;
    this.#taken ??= takenBy(uncommitted().filter((update) => this.has(update)), this.#lost);
    return this.#taken;
  }

  /** These are committed. */
  tell(updates: readonly Uint8Array[]): void {
    if (this.#count === 0) return;
    this.#count -= updates.filter((update) => this.has(update)).length;
    this.#taken = null;
    if (this.#count > 0) return;
    for (const deletions of this.#kept) Y.tryGc(deletions, this.#document.store, () => true);
    this.forget();
  }

  /** There is nothing uncommitted any more. */
  forget(): void {
    this.#count = 0;
    this.#kept = [];
    this.#lost.clear();
    this.#taken = null;
  }
}
