/**
 * Events, conflicts and rows of one open board: what the next batch says beside its bytes.
 *
 * An event is the difference between what is committed and what the batch makes of it (invariant 4): `before` is remembered when
 * something is first touched after a cut, and read again from the committed rows (`stale`) where another node wrote the same item
 * meanwhile. So a batch that brings nothing new, because another node committed it first, tells nothing, and a merge that flips
 * a winner tells what it changed. The fold of all events is the projection (invariant 5).
 *
 * Races between writers are judged as they come in (races.ts); what the server writes to settle them goes into the same batch
 * (`prepare`). Owns no timers, makes no queries.
 */
import {
  claimedOwner, ColumnIndex, forEachChanged, isId, itemStateBefore, openRoots, parseRoot, projectBoard, readKeyWrites, restate, withTextIndex,
  type BoardProjection, type ItemId, type ItemState, type Touched,
} from '@sunday/board-model';
import {
  projectedRows, touchedIn, type BoardBooks, type BoardRow, type CommittedRows, type Derivation, type Derived, type ItemRow, type Projection, type Source, type Stale,
} from '@sunday/extension-journal';
import * as Y from 'yjs';
import { commentEvents } from './comment-events.ts';
import { eventRow, NOBODY, type Actor, type Draft } from './draft.ts';
import { itemEvents } from './item-events.ts';
import { Noted, type NotedConflict, type NotedItem } from './noted.ts';
import { judgeWrites, type Due } from './races.ts';
import { structureEvents } from './structure-events.ts';
import { forgetDeletions, noteTyping, textOf, textRuns, type TypedText } from './typing.ts';

/** Items of one board that are remembered as they are. */
const MAX_KNOWN = 256;

const actorOf = (source: Source): Actor => {
  if (source.kind === 'elsewhere') return NOBODY;
  const { connection: _connection, ...actor } = source.cause;
  return actor;
};

/** Between cuts nothing is out. */
const NOTHING: Readonly<Noted> = new Noted();

class EventDerivation implements Derivation {
  private readonly document: Y.Doc;
  private readonly books: BoardBooks;
  private columns: ColumnIndex;
  /** The board's own fields as they are now. */
  private board: BoardProjection;
  private noted = new Noted();
  private out: Readonly<Noted> = NOTHING;
  /** `{root}/{record}/{key}` → what the server has to write there. Put off while nothing can be committed. */
  private due = new Map<string, Due>();
  private readonly staleItems = new Set<ItemId>();
  private staleStructure = false;
  private doubted = false;
  /** Items as the last cuts left them, oldest first: what is edited again is not read again. */
  private readonly known = new Map<ItemId, ItemState>();

  constructor(document: Y.Doc, books: BoardBooks) {
    this.document = document;
    // Another node's clients are known by what they say of themselves.
    this.books = { ...books, ownerOf: (client) => books.ownerOf(client) ?? claimedOwner(document, client) };
    openRoots(document);
    this.columns = withTextIndex(new ColumnIndex(document, true), document);
    this.board = projectBoard(document);
  }

  note(transaction: Y.Transaction, source: Source): void {
    const touched = touchedIn(transaction);
    try {
      this.derive(transaction, source, touched);
    } catch (error) {
      this.lose(touched);
      throw error;
    }
  }

  /**
   * Something in the document was not understood, which is a defect of this package: nobody's edit may suffer for it. What the transaction touched
   * is read from the committed rows before the next cut, and told of as a change by nobody in particular.
   */
  private lose({ items, structure }: Touched): void {
    // All keys that are there: an event's id follows from the structs under them.
    for (const id of items) {
      const entry = this.noted.items.get(id) ?? { before: undefined, keys: new Map<string, Actor>() };
      for (const key of ['', ...keysIn(this.document.getMap('items').get(id))]) if (!entry.keys.has(key)) entry.keys.set(key, NOBODY);
      this.noted.items.set(id, entry);
      this.known.delete(id);
      this.staleItems.add(id);
    }
    if (!structure) return;
    this.noted.structure ??= { before: this.board, records: new Map() };
    const { records } = this.noted.structure;
    const all = (['columns', 'groups'] as const).flatMap((root) => [...this.document.getMap(root)].map(([id, record]) => [`${root}/${id}`, record] as const));
    for (const [name, record] of [['board/', this.document.getMap('board')] as const, ...all]) {
      if (!records.has(name)) records.set(name, { actor: NOBODY, keys: new Set(keysIn(record)) });
    }
    this.staleStructure = true;
  }

  private derive(transaction: Y.Transaction, source: Source, { items, structure }: Touched): void {
    const columnsBefore = this.columns;
    const boardBefore = this.board;
    if (structure) {
      this.noted.restructured = true;
      this.columns = withTextIndex(new ColumnIndex(this.document, true), this.document);
      this.board = projectBoard(this.document);
    }
    const actor = actorOf(source);
    this.judge(transaction, source, actor);
    if (structure) this.known.clear();
    if (source.kind === 'elsewhere') {
      for (const id of items) {
        this.known.delete(id);
        if (this.isNoted(id)) this.staleItems.add(id);
      }
      if (structure && (this.noted.structure !== null || this.out.structure !== null)) this.staleStructure = true;
      return;
    }
    if (structure) this.noted.structure ??= { before: boardBefore, records: new Map() };
    const recorded = new Set<string>();
    const texts = new Map<unknown, TypedText>();
    forEachChanged(transaction, (changed) => {
      const { root, record, keys, depth } = changed;
      if (root === 'items') {
        for (const id of depth === 0 ? keys : [record]) {
          if (!isId(id)) continue;
          recorded.add(id);
          this.noteItem(transaction, id as ItemId, columnsBefore, depth === 0 ? [''] : keys, actor);
        }
        return;
      }
      if (root === 'board' || root === 'columns' || root === 'groups') {
        this.noteStructure(root, depth, record, keys, actor);
        return;
      }
      const text = textOf(changed);
      if (text !== null) texts.set(changed.type, text);
      else this.noteComments(root, depth, record, keys, actor);
    });
    noteTyping(transaction, texts, this.books, actor, this.noted.typing);
    for (const id of items) {
      if (recorded.has(id)) continue;
      // A column came, went or changed its type, and cells with it; or a long text was typed in.
      if (structure) this.noteItem(transaction, id, columnsBefore, [], actor);
      else this.noted.texted.add(id);
    }
  }

  private isNoted(id: ItemId): boolean {
    return this.noted.items.has(id) || this.out.items.has(id);
  }

  private noteItem(transaction: Y.Transaction, id: ItemId, columns: ColumnIndex, keys: Iterable<string | null>, actor: Actor): void {
    let entry: NotedItem | undefined = this.noted.items.get(id);
    if (entry === undefined) {
      entry = { before: this.known.get(id) ?? itemStateBefore(transaction, id, columns), keys: new Map() };
      this.noted.items.set(id, entry);
    }
    this.known.delete(id);
    for (const key of keys) if (key !== null) entry.keys.set(key, actor);
  }

  private remember(id: ItemId, state: ItemState): void {
    this.known.set(id, state);
    if (this.known.size <= MAX_KNOWN) return;
    const [oldest] = this.known.keys();
    if (oldest !== undefined) this.known.delete(oldest);
  }

  private noteStructure(root: 'board' | 'columns' | 'groups', depth: number, record: string | null, keys: ReadonlySet<string | null>, actor: Actor): void {
    const { structure } = this.noted;
    if (structure === null) return;
    const add = (name: string, key: string): void => {
      const entry = structure.records.get(name) ?? { actor, keys: new Set() };
      entry.actor = actor;
      entry.keys.add(key);
      structure.records.set(name, entry);
    };
    for (const key of keys) {
      if (key === null) continue;
      // A record set as a whole is under its own name, by the key it has in the root.
      if (root === 'board') add('board/', key);
      else if (depth === 0) add(`${root}/${key}`, key);
      else add(`${root}/${record ?? ''}`, key);
    }
  }

  private noteComments(root: string, depth: number, record: string | null, keys: ReadonlySet<string | null>, actor: Actor): void {
    const parsed = parseRoot(root);
    if (parsed?.kind !== 'comments' || !isId(parsed.itemId)) return;
    for (const id of depth === 0 ? keys : [record]) if (isId(id)) this.noted.comments.set(`${parsed.itemId}/${id}`, actor);
  }

  private judge(transaction: Y.Transaction, source: Source, actor: Actor): void {
    const context = { books: this.books, columns: this.columns, actor, source, now: Date.now() };
    for (const writes of readKeyWrites(transaction)) {
      const name = `${writes.root}/${writes.record ?? ''}/${writes.key}`;
      const { due, conflicts } = judgeWrites(writes, context, this.due.get(name));
      if (due !== null) this.due.set(name, due);
      else this.due.delete(name);
      for (const conflict of conflicts) this.noted.conflicts.push(conflict);
    }
  }

  prepare(): void {
    const { due } = this;
    this.due = new Map();
    // One transaction for each whose writes these are: each costs a look at all columns, and a stock client may have left thousands without a time.
    for (const restatements of Map.groupBy(due.values(), ({ actor }) => JSON.stringify(actor)).values()) {
      this.document.transact(() => {
        for (const { actor: _actor, of: _of, ...restatement } of restatements) restate(this.document, restatement);
      }, { source: 'local', skipStoreHooks: true, context: { ...restatements[0]?.actor, source: 'system' } });
    }
  }

  doubt(updates: readonly Uint8Array[]): void {
    this.doubted = true;
    // What was typed elsewhere is known by its clocks; what was taken out there, only by what comes from there.
    for (const { typing } of [this.noted, this.out]) if (typing.size > 0) for (const update of updates) forgetDeletions(typing, update);
  }

  get stale(): Stale | null {
    const items = this.doubted ? [...this.noted.items.keys()] : [...this.staleItems].filter((id) => this.noted.items.has(id));
    const structure = (this.staleStructure || this.doubted) && this.noted.structure !== null;
    return items.length === 0 && !structure ? null : { items };
  }

  rebase(asked: Stale, { items, board }: CommittedRows): void {
    const stale = this.stale?.items ?? [];
    const rows = new Map<string, ItemRow>(items.map((row) => [row.id, row]));
    // By the columns as they are committed: what is no long text any more was one in that row.
    const texts = board === null ? idsOf(this.columns.texts) : longTextsOf(board.columns);
    for (const id of asked.items) {
      const entry = this.noted.items.get(id as ItemId);
      const row = rows.get(id);
      if (entry !== undefined) entry.before = row === undefined ? undefined : stateOfRow(row, texts);
    }
    if (this.noted.structure !== null && board !== null && (this.staleStructure || this.doubted)) this.noted.structure.before = boardOfRow(board);
    this.staleItems.clear();
    this.staleStructure = false;
    this.doubted = false;
    // What was noted while the answer was on its way was not asked for.
    const known = new Set(asked.items);
    for (const id of stale) if (!known.has(id)) this.staleItems.add(id as ItemId);
  }

  cut(batchId: string, isUntold = false): Derived {
    const noted = this.noted;
    this.out = noted;
    this.noted = new Noted();
    this.staleItems.clear();
    this.staleStructure = false;
    this.doubted = false;
    const { document, books, columns } = this;
    const { structure } = noted;
    const structureActor = structure === null ? null : ([...structure.records.values()][0]?.actor ?? null);
    const rows = projectedRows(document, noted.texted.size === 0 ? noted.items.keys() : new Set([...noted.items.keys(), ...noted.texted]), structure !== null);
    if (isUntold) {
      this.known.clear();
      return { ...rows, events: [], conflicts: [], textRuns: [] };
    }
    const texts = idsOf(columns.texts);
    // Lists of lists: while the database is away they grow longer than a call may have arguments.
    const drafts: Draft[][] = structure === null ? [] : [structureEvents(document, books.boardId, structure, this.board)];
    // In the order they were asked for.
    let next = 0;
    for (const [id, item] of noted.items) {
      const row = rows.items[next]?.id === id ? rows.items[next++] : undefined;
      const state = row === undefined ? undefined : stateOfRow(row, texts);
      drafts.push(itemEvents({ document, books, columns, structureActor, columnsChanged: noted.restructured }, id, item, state));
      if (state !== undefined) this.remember(id, state);
    }
    drafts.push(commentEvents(document, books, noted.comments));
    const conflicts = noted.conflicts.filter(({ structs }) => structs.some(({ client, clock }) => clock >= books.committedUpTo(client)));
    drafts.push(conflicts.map(conflictDraft));
    return {
      ...rows,
      events: drafts.flat().map((draft) => eventRow(books.boardId, batchId, draft)),
      conflicts: conflicts.map(({ row }) => row),
      textRuns: textRuns(document, books, noted.typing),
    };
  }

  confirm(): void {
    this.out = NOTHING;
  }

  takeBack(): void {
    this.noted.prepend(this.out);
    this.out = NOTHING;
  }
}

const keysIn = (record: unknown): string[] => (record instanceof Y.Map ? [...record.keys()] : []);

/** Ids of columns. */
type LongTexts = ReadonlySet<string>;

const idsOf = (columns: readonly { readonly id: string }[]): LongTexts => new Set(columns.map(({ id }) => id));

/** The same, if nothing of it has to go. */
function without(values: ItemRow['values'], texts: LongTexts): ItemRow['values'] {
  if (!Object.keys(values).some((columnId) => texts.has(columnId))) return values;
  return Object.fromEntries(Object.entries(values).filter(([columnId]) => !texts.has(columnId)));
}

/** Long texts are told of as they are typed, not by their excerpts. */
function stateOfRow({ name, groupId, position, values, createdAt, createdBy, deletedAt }: ItemRow, texts: LongTexts): ItemState {
  return { name, groupId, position, values: without(values, texts), createdAt, createdBy, deletedAt } as ItemState;
}

const longTextsOf = (columns: BoardRow['columns']): LongTexts => {
  const texts = new Set<string>();
  for (const column of columns) {
    if (typeof column === 'object' && column !== null && 'id' in column && 'type' in column && typeof column.id === 'string' && column.type === 'long_text') texts.add(column.id);
  }
  return texts;
};

const boardOfRow = ({ name, description, columns, groups }: BoardRow): BoardProjection => ({ name, description, columns, groups, schemaVersion: 0 }) as BoardProjection;

function conflictDraft({ row, actor }: NotedConflict): Draft {
  const { id, itemId, columnId, policy, kept, lost } = row;
  return {
    type: 'ConflictDetected', aggregateType: 'item', aggregateId: itemId, actor, fingerprint: id,
    data: { conflictId: id, itemId, columnId, conflictingUsers: [kept.userId, lost.userId], kept, lost, policy },
  };
}

/** Rows of boards and items, with the events and conflicts that they come from. */
export const boardEvents: Projection = { open: (document, books) => new EventDerivation(document, books) };
