/**
 * What the journal asks of its database: one order per board, appended to in one transaction over many boards.
 *
 * Invariants every driver upholds (DESIGN §5, 6 and 7; `store-conformance.ts` checks them):
 * - a board's `seq` is gap-free: a batch is accepted only by a writer that knows the head, and becomes head + 1;
 * - a batch is accepted at most once: its id says whether an interrupted commit happened (`outcomeOf`);
 * - `load` sees one moment; a snapshot replaces exactly the rows it merged, and only the snapshot it was made from.
 */

/** One row of the `items` projection, written with the batch that changed it. Times are ms since the epoch. */
export interface ItemRow {
  readonly id: string;
  readonly groupId: string | null;
  readonly name: string;
  readonly position: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
  readonly createdBy: string | null;
  readonly updatedAt: number;
  readonly updatedBy: string | null;
  readonly deletedAt: number | null;
}

/** The board's own fields as projected into `boards`. */
export interface BoardRow {
  readonly name: string;
  readonly description: string;
  readonly columns: readonly unknown[];
  readonly groups: readonly unknown[];
}

export interface Batch {
  readonly boardId: string;
  /** The head this batch was cut against; it becomes `expectedSeq + 1` or is turned away as `behind`. */
  readonly expectedSeq: number;
  /** UUID, made once per cut. */
  readonly batchId: string;
  /** The merged update, as Yjs re-encoded it. */
  readonly update: Uint8Array;
  /** The users whose edits are in the batch. */
  readonly authors: readonly string[];
  /** Client ids seen on this board for the first time, with the user they belong to. */
  readonly newClients: ReadonlyMap<number, string>;
  readonly items: readonly ItemRow[];
  /** Items that are in the projection but no longer in the document. */
  readonly goneItems: readonly string[];
  readonly board: BoardRow | null;
}

export type Outcome =
  | { readonly kind: 'committed'; readonly seq: number }
  | { readonly kind: 'behind'; readonly headSeq: number }
  | { readonly kind: 'gone' };

export interface JournalRow {
  readonly seq: number;
  readonly update: Uint8Array;
}

export interface Snapshot {
  readonly generation: number;
  readonly throughSeq: number;
  readonly bytes: Uint8Array | null;
}

export interface StoredBoard {
  readonly seq: number;
  readonly snapshot: Snapshot;
  readonly rows: readonly JournalRow[];
  readonly clients: ReadonlyMap<number, string>;
}

export interface NewBoard {
  readonly boardId: string;
  readonly workspaceId: string | null;
  readonly createdBy: string;
  /** The whole document; stored as the first snapshot, at seq 1. */
  readonly state: Uint8Array;
  readonly items: readonly ItemRow[];
  readonly board: BoardRow;
}

export interface JournalStore {
  /** `null`: no such board (or it is deleted). One statement, one moment. */
  load(boardId: string): Promise<StoredBoard | null>;
  /** One transaction over all boards given; one outcome per batch, in order. Rejects with the database's error when the outcome is unknown. */
  commit(batches: readonly Batch[]): Promise<Outcome[]>;
  /** The seq a batch got, or `null` if it was never committed and can no longer be (waits for a commit still running). */
  outcomeOf(boardId: string, batchId: string): Promise<number | null>;
  /** Rows after `seq`, in order, up to the head (none: already there); `null` when they have been compacted away and a load is needed. */
  rowsAfter(boardId: string, seq: number): Promise<readonly JournalRow[] | null>;
  /** The heads of these boards, of those that exist. */
  heads(boardIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  create(board: NewBoard): Promise<void>;
  /** The snapshot and the rows older than `minAgeMs`, for compaction. */
  compactable(boardId: string, minAgeMs: number): Promise<{ snapshot: Snapshot; rows: readonly JournalRow[] } | null>;
  /** Compare-and-set on the generation; deletes exactly the rows up to `throughSeq`. `false`: somebody else was first. */
  replaceSnapshot(boardId: string, from: Snapshot, throughSeq: number, bytes: Uint8Array): Promise<boolean>;
}
