/**
 * What the journal asks of its database: one order per board, appended to in one transaction over many boards.
 *
 * Invariants every driver upholds (6 and 7 of docs/architecture.md; `store-conformance.ts` checks them):
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

/** One domain event of a batch; it gets the board's next version. */
export interface EventRow {
  /** UUID, derived from the change it tells of. */
  readonly id: string;
  readonly type: string;
  readonly aggregateType: 'board' | 'item';
  readonly aggregateId: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly userId: string | null;
  /** What wrote it: `socket`, `rest`, `import`, `system`. */
  readonly source: string;
  readonly correlationId: string | null;
  readonly causationId: string | null;
  readonly traceId: string | null;
}

/** A cell that two wrote at the same time. Times are ms since the epoch. */
export interface ConflictRow {
  readonly id: string;
  readonly itemId: string;
  readonly columnId: string;
  readonly policy: string;
  readonly kept: { readonly value: unknown; readonly userId: string | null; readonly at: number };
  readonly lost: { readonly value: unknown; readonly userId: string | null; readonly at: number };
}

/** What one author has typed into one long text in this batch; runs add up until a pause makes an event of them. */
export interface TextRunRow {
  readonly itemId: string;
  readonly columnId: string;
  readonly userId: string | null;
  /** Of the event to be, if this batch begins the run. */
  readonly eventId: string;
  readonly source: string;
  /** Where in the text, in UTF-16 units, as it stands after the batch. */
  readonly from: number;
  readonly to: number;
  readonly inserted: number;
  readonly deleted: number;
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
  readonly events: readonly EventRow[];
  readonly conflicts: readonly ConflictRow[];
  readonly textRuns: readonly TextRunRow[];
}

/** What is committed of a board, as far as it was asked for, at one moment. */
export interface CommittedRows {
  readonly head: number;
  /** Journal rows after the head asked about, in order; null: some are compacted away. */
  readonly rows: readonly JournalRow[] | null;
  readonly items: readonly ItemRow[];
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
  /** What its making tells of; default: nothing. */
  readonly events?: readonly EventRow[];
}

/** What is asked and done of a board while nobody else commits to it. */
export type HeldBoard = Pick<JournalStore, 'load' | 'rowsAfter' | 'committedRows' | 'commit'>;

export interface JournalStore {
  /** `null`: no such board (or it is deleted). One statement, one moment. */
  load(boardId: string): Promise<StoredBoard | null>;
  /** One transaction over all boards given; one outcome per batch, in order. Rejects with the database's error when the outcome is unknown. */
  commit(batches: readonly Batch[]): Promise<Outcome[]>;
  /**
   * Runs `work` while nobody else can commit to the board, in a transaction that what it commits is part of: it is committed when this resolves. Rejects as
   * `commit` does; with an error of the database's that is no outage, nothing was written.
   */
  exclusively<T>(boardId: string, work: (board: HeldBoard) => Promise<T>): Promise<T>;
  /** The seq a batch got, or `null` if it was never committed and can no longer be (waits for a commit still running). */
  outcomeOf(boardId: string, batchId: string): Promise<number | null>;
  /** Rows after `seq`, in order, up to the head (none: already there); `null` when they have been compacted away, or there is no such board: a load tells. */
  rowsAfter(boardId: string, seq: number): Promise<readonly JournalRow[] | null>;
  /** Rows after `seq`, and these items and the board's own fields as they are projected at that moment. One statement. `null`: no such board. */
  committedRows(boardId: string, seq: number, itemIds: readonly string[]): Promise<CommittedRows | null>;
  /** The heads of these boards, of those that exist. */
  heads(boardIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  create(board: NewBoard): Promise<void>;
  /** The snapshot and the rows older than `minAgeMs`, for compaction. */
  compactable(boardId: string, minAgeMs: number): Promise<{ snapshot: Snapshot; rows: readonly JournalRow[] } | null>;
  /** Compare-and-set on the generation; deletes exactly the rows up to `throughSeq`. `false`: somebody else was first. */
  replaceSnapshot(boardId: string, from: Snapshot, throughSeq: number, bytes: Uint8Array): Promise<boolean>;
}
