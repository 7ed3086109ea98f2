/**
 * The journal's store on Postgres. Owns no connection and no timer: it asks the `Database` it is given.
 * int8 arrives as text from `pg`; sequence numbers stay far below 2^53, so they become numbers here, at the edge.
 */
import type { Database, Tx } from '@sunday/database';
import * as sql from './sql.ts';
import type { Batch, BoardRow, CommittedRows, EventRow, HeldBoard, ItemRow, JournalRow, JournalStore, NewBoard, Outcome, Snapshot, StoredBoard } from './store.ts';

interface HeadRow { board_id: string; seq: string; committed: boolean }
interface PartRow { kind: 'head' | 'snapshot' | 'row' | 'client'; seq: string | null; generation: string | null; bytes: Buffer | null; client: string | null; owner: string | null }
interface CommittedPart { kind: 'head' | 'row' | 'item'; seq: string; bytes: Buffer | null; fields: BoardRow & ItemRow | null }
interface AfterRow { head: string; seq: string | null; bytes: Buffer | null }

const projectedItem = (item: ItemRow) => ({
  i: item.id, g: item.groupId, n: item.name, p: item.position, v: item.values,
  ca: item.createdAt, cb: item.createdBy, ua: item.updatedAt, ub: item.updatedBy, da: item.deletedAt,
});

const numberedEvent = (event: EventRow, index: number) => ({
  n: index + 1, i: event.id, t: event.type, at: event.aggregateType, a: event.aggregateId, d: event.data, u: event.userId, s: event.source,
  co: event.correlationId, ca: event.causationId, tr: event.traceId,
});

/** jsonb cannot hold U+0000 or a lone surrogate; the document keeps the exact text, the projection a readable stand-in. */
const UNSTORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/gi;
const storableJson = (value: unknown): string => {
  const json = JSON.stringify(value);
  return json.includes('\\u') ? json.replaceAll(UNSTORABLE, '$1\\ufffd') : json;
};
const storableText = (value: string): string => value.replaceAll('\0', '\ufffd').toWellFormed();

const jsonList = (entries: readonly unknown[]): string => (entries.length === 0 ? '[]' : storableJson(entries));

/** An array of numbers or UUIDs, which need no quotes: what `pg` would make of it, escaped, at each commit. */
const plainList = (entries: readonly (number | string)[]): string => `{${entries.join(',')}}`;

/** What one statement does, in whatever transaction. */
class HeldStore implements HeldBoard {
  protected readonly tx: Tx;
  protected readonly node: string;

  constructor(tx: Tx, node: string) {
    this.tx = tx;
    this.node = node;
  }

  async commit(batches: readonly Batch[]): Promise<Outcome[]> {
    const lengths = batches.map((batch) => batch.update.length);
    let next = 1;
    const offsets = lengths.map((length) => { const at = next; next += length; return at; });
    const rows = await this.tx.query<HeadRow>(sql.commitBatches, [
      plainList(batches.map((batch) => batch.boardId)),
      plainList(batches.map((batch) => batch.expectedSeq)),
      plainList(batches.map((batch) => batch.batchId)),
      Buffer.concat(batches.map((batch) => batch.update)),
      plainList(offsets),
      plainList(lengths),
      JSON.stringify(batches.map((batch) => batch.authors)),
      this.node,
      jsonList(batches.flatMap((batch) => batch.items.map((item) => ({ b: batch.boardId, ...projectedItem(item) })))),
      jsonList(batches.flatMap((batch) => batch.goneItems.map((i) => ({ b: batch.boardId, i })))),
      jsonList(batches.flatMap(({ boardId, board }) => (board === null ? [] : [{ b: boardId, n: board.name, d: board.description, c: board.columns, g: board.groups }]))),
      jsonList(batches.flatMap((batch) => [...batch.newClients].map(([c, u]) => ({ b: batch.boardId, c, u })))),
      plainList(batches.map((batch) => batch.events.length)),
      jsonList(batches.flatMap((batch) => batch.events.map((event, index) => ({ b: batch.boardId, ...numberedEvent(event, index) })))),
      jsonList(batches.flatMap(({ boardId, conflicts }) => conflicts.map(({ id, itemId, columnId, policy, kept, lost }) => ({
        b: boardId, i: id, it: itemId, c: columnId, p: policy, k: kept.value, ku: kept.userId, ka: kept.at, l: lost.value, lu: lost.userId, la: lost.at,
      })))),
      jsonList(batches.flatMap(({ boardId, textRuns }) => textRuns.map((run) => ({
        b: boardId, it: run.itemId, c: run.columnId, u: run.userId ?? '', e: run.eventId, s: run.source, f: run.from, o: run.to, n: run.inserted, d: run.deleted,
      })))),
    ]);
    const heads = new Map(rows.map((row) => [row.board_id, row]));
    return batches.map((batch): Outcome => {
      const head = heads.get(batch.boardId);
      if (head === undefined) return { kind: 'gone' };
      if (head.committed) return { kind: 'committed', seq: batch.expectedSeq + 1 };
      return { kind: 'behind', headSeq: Number(head.seq) };
    });
  }

  async load(boardId: string): Promise<StoredBoard | null> {
    const parts = await this.tx.query<PartRow>(sql.loadBoard, [boardId]);
    const head = parts.find((part) => part.kind === 'head');
    if (head === undefined) return null;
    const stored = parts.find((part) => part.kind === 'snapshot');
    const clients = new Map<number, string>();
    const rows: JournalRow[] = [];
    for (const part of parts) {
      if (part.kind === 'client' && part.owner !== null) clients.set(Number(part.client), part.owner);
      if (part.kind === 'row' && part.bytes !== null) rows.push({ seq: Number(part.seq), update: part.bytes });
    }
    return {
      seq: Number(head.seq),
      snapshot: { generation: Number(head.generation), throughSeq: Number(stored?.seq ?? 0), bytes: stored?.bytes ?? null },
      rows,
      clients,
    };
  }

  async rowsAfter(boardId: string, seq: number): Promise<readonly JournalRow[] | null> {
    const found = await this.tx.query<AfterRow>(sql.rowsAfter, [boardId, seq]);
    const rows: JournalRow[] = [];
    for (const row of found) if (row.seq !== null && row.bytes !== null) rows.push({ seq: Number(row.seq), update: row.bytes });
    if (rows.length === 0) return found[0] === undefined || Number(found[0].head) > seq ? null : [];
    return rows[0]?.seq === seq + 1 ? rows : null;
  }

  async committedRows(boardId: string, seq: number, itemIds: readonly string[]): Promise<CommittedRows | null> {
    const parts = await this.tx.query<CommittedPart>(sql.committedRows, [boardId, seq, itemIds]);
    const head = parts.find((part) => part.kind === 'head');
    if (head === undefined) return null;
    const rows: JournalRow[] = [];
    const items: ItemRow[] = [];
    for (const part of parts) {
      if (part.kind === 'row' && part.bytes !== null) rows.push({ seq: Number(part.seq), update: part.bytes });
      if (part.kind === 'item' && part.fields !== null) items.push(part.fields);
    }
    const headSeq = Number(head.seq);
    const whole = headSeq <= seq || rows[0]?.seq === seq + 1;
    return { head: headSeq, rows: whole ? rows : null, items, board: head.fields };
  }
}

export class PostgresStore extends HeldStore implements JournalStore {
  private readonly database: Database;

  constructor(database: Database, node: string) {
    super(database, node);
    this.database = database;
  }

  exclusively<T>(boardId: string, work: (board: HeldBoard) => Promise<T>): Promise<T> {
    return this.database.transaction(async (tx: Tx) => {
      await tx.query(sql.lockHead, [boardId]);
      return work(new HeldStore(tx, this.node));
    });
  }

  async outcomeOf(boardId: string, batchId: string): Promise<number | null> {
    return this.database.transaction(async (tx: Tx) => {
      await tx.query(sql.lockHead, [boardId]);
      const found = await tx.query<{ seq: string }>(sql.findBatch, [batchId, boardId]);
      return found[0] === undefined ? null : Number(found[0].seq);
    });
  }

  async heads(boardIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.database.query<{ board_id: string; seq: string }>(sql.heads, [boardIds]);
    return new Map(rows.map((row) => [row.board_id, Number(row.seq)]));
  }

  async create(board: NewBoard): Promise<void> {
    const { events = [] } = board;
    await this.database.transaction(async (tx: Tx) => {
      await tx.query(sql.insertUser, [board.createdBy]);
      await tx.query(sql.insertBoard, [
        board.boardId, board.workspaceId, storableText(board.board.name), storableText(board.board.description),
        storableJson(board.board.columns), storableJson(board.board.groups), board.createdBy,
      ]);
      await tx.query(sql.insertHead, [board.boardId, events.length]);
      await tx.query(sql.insertSnapshot, [board.boardId, 1, 1, board.state]);
      await tx.query(sql.insertItems, [board.boardId, jsonList(board.items.map(projectedItem))]);
      await tx.query(sql.insertEvents, [board.boardId, jsonList(events.map(numberedEvent))]);
      await tx.query(sql.insertOwner, [board.boardId, board.createdBy]);
    });
  }

  async compactable(boardId: string, minAgeMs: number): Promise<{ snapshot: Snapshot; rows: readonly JournalRow[] } | null> {
    const parts = await this.database.query<PartRow>(sql.compactableRows, [boardId, minAgeMs / 1000]);
    const head = parts.find((part) => part.kind === 'snapshot');
    if (head === undefined) return null;
    const throughSeq = Number(head.seq);
    // committed_at is the clock of whichever transaction wrote the row: only an unbroken run may be merged.
    const rows: JournalRow[] = [];
    for (const part of parts) {
      if (part.kind !== 'row' || part.bytes === null) continue;
      if (Number(part.seq) !== throughSeq + rows.length + 1) break;
      rows.push({ seq: Number(part.seq), update: part.bytes });
    }
    return { snapshot: { generation: Number(head.generation), throughSeq, bytes: head.bytes }, rows };
  }

  async replaceSnapshot(boardId: string, from: Snapshot, throughSeq: number, bytes: Uint8Array): Promise<boolean> {
    return this.database.transaction(async (tx: Tx) => {
      const moved = await tx.query<{ seq: string }>(sql.advanceGeneration, [boardId, from.generation]);
      if (moved[0] === undefined) return false;
      await tx.query(sql.insertSnapshot, [boardId, Number(moved[0].seq), throughSeq, bytes]);
      await tx.query(sql.deleteMergedRows, [boardId, from.throughSeq, throughSeq]);
      return true;
    });
  }
}
