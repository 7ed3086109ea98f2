/** The updates a ledger deals in: committed or volatile, whose they are, and the marks that tell them apart inside Yjs. */
import * as Y from 'yjs';

/** Yjs origin of rows committed elsewhere: they are applied, never captured. Hocuspocus is told to store nothing. */
export const COMMITTED_ELSEWHERE = { source: 'local', skipStoreHooks: true, context: { journal: true } } as const;

/** Yjs origin of what another node could not commit: captured like any edit. Whose it is comes with it. */
export const VOLATILE_ELSEWHERE = { source: 'local', skipStoreHooks: true, context: { journal: true } } as const;

export interface CommittedBatch {
  readonly boardId: string;
  readonly seq: number;
  readonly batchId: string;
  readonly update: Uint8Array;
}

/** What goes out while the database is away; every node that takes it owes it to the journal too (invariant 2). */
export interface VolatileBatch {
  readonly boardId: string;
  readonly update: Uint8Array;
  readonly authors: readonly string[];
  /** Whose client ids these are, as far as known. */
  readonly clients: ReadonlyMap<number, string>;
}

/** What was waited for is applied, and will be committed once the database is back. */
export class DatabaseAway extends Error {
  constructor() {
    super('the database is away');
    this.name = 'DatabaseAway';
  }
}

export const merged = (updates: readonly Uint8Array[]): Uint8Array => {
  const [only] = updates;
  return updates.length === 1 && only !== undefined ? only : Y.mergeUpdates([...updates]);
};

/** Whether a transaction brought more into its document than these updates hold: what waited there for one of them. */
export function bringsMore(transaction: Y.Transaction, updates: readonly Uint8Array[]): boolean {
  const held = Y.mergeUpdates([...updates]);
  const { to } = Y.parseUpdateMeta(held);
  for (const [client, end] of transaction.afterState) {
    if (end > (transaction.beforeState.get(client) ?? 0) && end > (to.get(client) ?? 0)) return true;
  }
  const { ds } = Y.decodeUpdate(held);
  for (const [client, ranges] of transaction.deleteSet.clients) {
    for (const { clock, len } of ranges) {
      for (let at = clock; at < clock + len; at += 1) if (!Y.isDeleted(ds, Y.createID(client, at))) return true;
    }
  }
  return false;
}

export function authorOf(origin: unknown): { userId: string | null; connection: object | null } {
  if (typeof origin !== 'object' || origin === null || !('source' in origin)) return { userId: null, connection: null };
  const connection = 'connection' in origin && typeof origin.connection === 'object' ? origin.connection : null;
  const context: unknown = connection !== null && 'context' in connection ? connection.context : 'context' in origin ? origin.context : null;
  const userId = typeof context === 'object' && context !== null && 'userId' in context && typeof context.userId === 'string' ? context.userId : null;
  return { userId, connection };
}
