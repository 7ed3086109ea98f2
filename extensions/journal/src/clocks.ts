/** What is known of clocks on one board: up to where each client's writes are committed, and when clients that have left were last in sync. */
import * as Y from 'yjs';
import { extentOf } from './extent.ts';

export class BoardClocks {
  private readonly document: Y.Doc;
  /** Clock per client up to which all is committed, here or elsewhere. */
  private readonly committed: Map<number, number>;
  /** ms since the epoch. What a client writes offline is later than that. */
  private readonly synced = new Map<number, number>();

  /** The document holds what is committed, and nothing else. */
  constructor(document: Y.Doc) {
    this.document = document;
    this.committed = Y.decodeStateVector(Y.encodeStateVector(document));
  }

  committedUpTo(client: number): number {
    return this.committed.get(client) ?? 0;
  }

  /** The update is committed. */
  learn(update: Uint8Array): void {
    for (const [client, clock] of extentOf(update).ends) if (clock > (this.committed.get(client) ?? 0)) this.committed.set(client, clock);
  }

  /** Whether the document holds some of what the update brings: of its structs, or of its deletions. */
  overlaps(update: Uint8Array): boolean {
    const { store } = this.document;
    for (const [client, clock] of Y.parseUpdateMeta(update).from) if (clock < Y.getState(store, client)) return true;
    for (const [client, ranges] of Y.decodeUpdate(update).ds.clients) {
      const structs = store.clients.get(client);
      if (structs === undefined) continue;
      for (const { clock, len } of ranges) {
        if (clock >= Y.getState(store, client)) continue;
        for (let index = Y.findIndexSS(structs, clock); index < structs.length; index += 1) {
          const struct = structs[index];
          if (struct === undefined || struct.id.clock >= clock + len) break;
          if (struct.deleted) return true;
        }
      }
    }
    return false;
  }

  /** These clients have left, and were in sync until then. */
  left(clients: Iterable<number>, at: number): void {
    for (const client of clients) this.synced.set(client, at);
  }

  /** When those who wrote in the transaction were last in sync; 0: not known. */
  lastSynced(transaction: Y.Transaction): number {
    let latest = 0;
    for (const [client, clock] of transaction.afterState) {
      if (clock > (transaction.beforeState.get(client) ?? 0)) latest = Math.max(latest, this.synced.get(client) ?? 0);
    }
    return latest;
  }
}
