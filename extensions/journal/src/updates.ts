/** The updates a ledger deals in: committed or volatile, whose they are, and the marks that tell them apart inside Yjs. */
import * as Y from 'yjs';
import type { ConflictRow } from './store.ts';

/** Yjs origin of rows committed elsewhere: they are applied, never captured. Hocuspocus is told to store nothing. */
export const COMMITTED_ELSEWHERE = { source: 'local', skipStoreHooks: true, context: { journal: true } } as const;

/** Yjs origin of what another node could not commit: captured like any edit. Whose it is comes with it. */
export const VOLATILE_ELSEWHERE = { source: 'local', skipStoreHooks: true, context: { journal: true } } as const;

export interface CommittedBatch {
  readonly boardId: string;
  readonly seq: number;
  readonly batchId: string;
  readonly update: Uint8Array;
  /** How many domain events it brought. */
  readonly events: number;
  readonly conflicts: readonly ConflictRow[];
}

/** What goes out while the database is away; every node that takes it owes it to the journal too (invariant 2). */
export interface VolatileBatch {
  readonly boardId: string;
  readonly update: Uint8Array;
  readonly authors: readonly string[];
  /** Whose client ids these are, as far as known. */
  readonly clients: ReadonlyMap<number, string>;
}

/**
 * The database holds less of a board than it had committed: it was restored, or failed over to a copy that lagged, under a node that runs. What this node holds stays
 * uncommitted, and is shown as such, until it is started anew: then people's pages send what the database lost.
 */
export class SetBack extends Error {
  override readonly name = 'SetBack';
  constructor() {
    super('The database is behind what it had committed: was it restored, or did it fail over to a copy that lagged? Restart all nodes of Sunday');
  }
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

/** Whose the clients are that wrote in an update, of those that are known. */
export function ownersIn(update: Uint8Array, known: ReadonlyMap<number, string>): Map<number, string> {
  const owners = new Map<number, string>();
  for (const client of Y.parseUpdateMeta(update).to.keys()) {
    const owner = known.get(client);
    if (owner !== undefined) owners.set(client, owner);
  }
  return owners;
}

interface Clocks { readonly clock: number; readonly len: number }

/** Whether `held` has all of these clocks. By ranges, never clock by clock: a deletion of millions takes a few bytes. */
function covers(held: readonly Clocks[], ranges: readonly Clocks[]): boolean {
  const inOrder = held.toSorted((a, b) => a.clock - b.clock);
  let next = 0;
  let reached = 0;
  for (const { clock, len } of ranges.toSorted((a, b) => a.clock - b.clock)) {
    reached = Math.max(reached, clock);
    for (; reached < clock + len; next += 1) {
      const range = inOrder[next];
      if (range === undefined || range.clock > reached) return false;
      reached = Math.max(reached, range.clock + range.len);
    }
  }
  return true;
}

/** Whether a transaction brought more into its document than these updates hold: what waited there for one of them. */
export function bringsMore(transaction: Y.Transaction, updates: readonly Uint8Array[]): boolean {
  const held = Y.mergeUpdates([...updates]);
  const { to } = Y.parseUpdateMeta(held);
  for (const [client, end] of transaction.afterState) {
    if (end > (transaction.beforeState.get(client) ?? 0) && end > (to.get(client) ?? 0)) return true;
  }
  const { ds } = Y.decodeUpdate(held);
  for (const [client, ranges] of transaction.deleteSet.clients) if (!covers(ds.clients.get(client) ?? [], ranges)) return true;
  return false;
}

/**
 * Whether a document, of each client only what comes before a clock, has all that an update builds on or deletes. What is short of it, Yjs would keep
 * back, and pass on to whoever joins.
 */
export function fits({ store }: Y.Doc, update: Uint8Array, before: ReadonlyMap<number, number>): boolean {
  const { structs, ds } = Y.decodeUpdate(update);
  const ends = new Map<number, number>();
  const endOf = (client: number): number => ends.get(client) ?? Math.min(Y.getState(store, client), before.get(client) ?? Infinity);
  for (const struct of structs) {
    const { id: { client, clock }, length } = struct;
    if (struct instanceof Y.Skip) continue;
    if (clock > endOf(client)) return false;
    ends.set(client, Math.max(endOf(client), clock + length));
  }
  const has = (reference: unknown): boolean => !(reference instanceof Y.ID) || reference.clock < endOf(reference.client);
  for (const struct of structs) if (struct instanceof Y.Item && ![struct.origin, struct.rightOrigin, struct.parent].every(has)) return false;
  for (const [client, ranges] of ds.clients) for (const { clock, len } of ranges) if (clock + len > endOf(client)) return false;
  return true;
}

const text = (from: object, key: string): string | null => {
  const value: unknown = key in from ? (from as Record<string, unknown>)[key] : null;
  return typeof value === 'string' ? value : null;
};

/** Who caused a transaction, as its Yjs origin tells. */
export interface Cause {
  readonly userId: string | null;
  /** `socket` for a connection, else what the writer says of itself. */
  readonly source: string;
  readonly correlationId: string | null;
  readonly causationId: string | null;
  readonly traceId: string | null;
  readonly connection: object | null;
}

export function causeOf(origin: unknown): Cause {
  const known = typeof origin === 'object' && origin !== null && 'source' in origin ? origin : {};
  const connection = 'connection' in known && typeof known.connection === 'object' ? known.connection : null;
  const told: unknown = connection !== null && 'context' in connection ? connection.context : 'context' in known ? known.context : null;
  const context = typeof told === 'object' && told !== null ? told : {};
  return {
    userId: text(context, 'userId'),
    source: connection === null ? (text(context, 'source') ?? 'system') : 'socket',
    correlationId: text(context, 'correlationId'),
    causationId: text(context, 'causationId'),
    traceId: text(context, 'traceId'),
    connection,
  };
}
