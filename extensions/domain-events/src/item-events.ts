/**
 * Items: the difference between the row that is committed and the one about to be, said as events. Nothing for what comes out the same;
 * a move is a move, an assignment an assignment; what two people changed in one item is told of each.
 */
import { cellOf, sameValue, structUnder, type ColumnIndex, type ItemId, type ItemState } from '@sunday/board-model';
import type { BoardBooks } from '@sunday/extension-journal';
import type { Doc } from 'yjs';
import { derivedId, marked, NOBODY, type Actor, type Draft } from './draft.ts';
import type { NotedItem } from './noted.ts';

export interface ItemContext {
  readonly document: Doc;
  readonly books: BoardBooks;
  readonly columns: ColumnIndex;
  /** Who changed the columns in this batch, if anybody: what their types make visible is theirs. */
  readonly structureActor: Actor | null;
  /** Columns were changed, by whomever: any cell may come out otherwise, not only those written. */
  readonly columnsChanged: boolean;
}

/** Before and after; and where columns may differ: undefined for anywhere. */
interface Difference { readonly before: ItemState; readonly after: ItemState; readonly columnIds: readonly string[] | undefined }

/** What makes a record this one and no other: itself, and what never changes in it. */
const RECORD_KEYS: readonly string[] = ['', 'createdAt', 'createdBy'];

interface FieldChange { readonly before: unknown; readonly after: unknown }

type KeysOfColumns = ReadonlyMap<string, readonly string[]>;

/** Column id → the keys written under which its cell stands. */
const cellKeys = (noted: NotedItem): KeysOfColumns => {
  const columns = new Map<string, string[]>();
  for (const key of noted.keys.keys()) {
    const cell = cellOf(key);
    if (cell === null) continue;
    const keys = columns.get(cell.columnId);
    if (keys === undefined) columns.set(cell.columnId, [key]);
    else keys.push(key);
  }
  return columns;
};

const fingerprintOf = (document: Doc, itemId: string, keys: readonly string[]): string =>
  keys.toSorted().map((key) => marked(key, key === '' ? structUnder(document, 'items', null, itemId) : structUnder(document, 'items', itemId, key))).join(' ');

/** A cell is shown by its column's type: where that was changed to and fro, the same cell comes and goes. */
const columnFingerprint = (document: Doc, columnId: string): string =>
  `${marked(columnId, structUnder(document, 'columns', null, columnId))} ${marked('type', structUnder(document, 'columns', columnId, 'type'))}`;

/** Whoever owns the struct; for the server's own, and where nobody is known, who made the last transaction there. */
function actorOf({ document, books, structureActor }: ItemContext, itemId: string, noted: NotedItem, key: string | undefined): Actor {
  const known = key === undefined ? undefined : noted.keys.get(key);
  if (key === undefined || known === undefined) return structureActor ?? noted.keys.values().next().value ?? NOBODY;
  const struct = key === '' ? structUnder(document, 'items', null, itemId) : structUnder(document, 'items', itemId, key);
  if (struct === null || struct.deleted || struct.client === document.clientID) return known;
  const owner = books.ownerOf(struct.client);
  return owner === undefined || owner === known.userId ? known : { ...known, userId: owner };
}

/** Columns of whose cells something was written; undefined: any of them may come out otherwise. */
const writtenColumns = (noted: NotedItem, written: KeysOfColumns, { columnsChanged }: ItemContext): string[] | undefined =>
  (columnsChanged || noted.keys.has('') ? undefined : [...written.keys()]);

const differs = (columnId: string, before: ItemState, after: ItemState): boolean =>
  Object.hasOwn(before.values, columnId) !== Object.hasOwn(after.values, columnId) || !sameValue(before.values[columnId], after.values[columnId]);

/** Columns whose values differ. */
const changedColumns = ({ before, after, columnIds = Object.keys({ ...before.values, ...after.values }) }: Difference): string[] =>
  columnIds.filter((columnId) => differs(columnId, before, after));

/** Person columns whose ids were added to. */
function assignments(context: ItemContext, itemId: ItemId, changes: ReadonlyMap<string, FieldChange>, actor: Actor, fingerprint: string): Draft[] {
  const drafts: Draft[] = [];
  for (const [columnId, { before, after }] of changes) {
    if (context.columns.get(`c:${columnId}`)?.type !== 'person' || !Array.isArray(after)) continue;
    const had = new Set<unknown>(Array.isArray(before) ? before : []);
    for (const assigneeId of after) {
      if (had.has(assigneeId)) continue;
      drafts.push({
        type: 'ItemAssigned', aggregateType: 'item', aggregateId: itemId, actor, fingerprint: `${fingerprint} ${columnId} ${String(assigneeId)}`,
        data: { columnId, assigneeId, assignedBy: actor.userId },
      });
    }
  }
  return drafts;
}

/** Changed cells and name, one event for each who changed some. */
function updates(context: ItemContext, itemId: ItemId, noted: NotedItem, written: KeysOfColumns, difference: Difference): Draft[] {
  const { before, after } = difference;
  const byActor = new Map<string, { actor: Actor; changes: Map<string, FieldChange>; name: FieldChange | null; keys: Set<string> }>();
  const under = (actor: Actor) => {
    const name = `${actor.userId ?? ''} ${actor.source} ${actor.correlationId ?? ''}`;
    const entry = byActor.get(name) ?? { actor, changes: new Map(), name: null, keys: new Set() };
    byActor.set(name, entry);
    return entry;
  };
  for (const columnId of changedColumns(difference)) {
    const keys = written.get(columnId) ?? [];
    const entry = under(actorOf(context, itemId, noted, keys.at(-1)));
    entry.changes.set(columnId, { before: before.values[columnId] ?? null, after: after.values[columnId] ?? null });
    for (const key of keys) entry.keys.add(key);
  }
  if (before.name !== after.name) {
    const entry = under(actorOf(context, itemId, noted, 'name'));
    entry.name = { before: before.name, after: after.name };
    entry.keys.add('name');
  }
  const drafts: Draft[] = [];
  for (const { actor, changes, name, keys } of byActor.values()) {
    const columns = [...changes.keys()].toSorted().map((columnId) => columnFingerprint(context.document, columnId)).join(' ');
    const fingerprint = `${fingerprintOf(context.document, itemId, [...keys])} ${columns}`;
    drafts.push({
      type: 'ItemUpdated', aggregateType: 'item', aggregateId: itemId, actor, fingerprint,
      data: { changes: Object.fromEntries(changes), ...(name === null ? {} : { name }), updatedBy: actor.userId },
    });
    // It names every key written: hashed once, not once for each of thousands who are assigned.
    for (const assignment of assignments(context, itemId, changes, actor, derivedId(fingerprint))) drafts.push(assignment);
  }
  return drafts;
}

/** A card dragged to another lane sets its status with its place: then the move says between which. */
function lanes(context: ItemContext, difference: Difference): Record<string, unknown> {
  const { before, after } = difference;
  for (const columnId of changedColumns(difference)) {
    if (context.columns.get(`c:${columnId}`)?.type !== 'status') continue;
    return { laneColumnId: columnId, fromColumn: before.values[columnId] ?? null, toColumn: after.values[columnId] ?? null };
  }
  return {};
}

export function itemEvents(context: ItemContext, itemId: ItemId, noted: NotedItem, after: ItemState | undefined): Draft[] {
  const { document } = context;
  const { before } = noted;
  const draft = (type: string, keys: readonly string[], data: (userId: string | null) => Record<string, unknown>): Draft => {
    const actor = actorOf(context, itemId, noted, keys.find((key) => noted.keys.has(key)) ?? noted.keys.keys().next().value);
    return { type, aggregateType: 'item', aggregateId: itemId, actor, fingerprint: fingerprintOf(document, itemId, keys), data: data(actor.userId) };
  };
  const erased = (): Draft => draft('ItemDeleted', RECORD_KEYS, (deletedBy) => ({ deletedBy, deletedAt: null, erased: true }));
  if (after === undefined) return before === undefined ? [] : [erased()];
  const deleted = (...keys: string[]): Draft => draft('ItemDeleted', ['deletedAt', ...keys], (deletedBy) => ({ deletedBy, deletedAt: after.deletedAt }));
  // Two made an item under one id, and another of the two is kept now; or a stock client wrote over what never changes.
  const replaced = before !== undefined && (before.createdAt !== after.createdAt || before.createdBy !== after.createdBy);
  if (before === undefined || replaced) {
    const { name, createdBy, createdAt, position, groupId, values } = after;
    const created = draft('ItemCreated', RECORD_KEYS, () => ({ name, createdBy, position, itemData: { groupId, values, createdAt } }));
    return [...(replaced ? [erased()] : []), created, ...(after.deletedAt === null ? [] : [deleted(...RECORD_KEYS)])];
  }
  const written = cellKeys(noted);
  const difference = { before, after, columnIds: writtenColumns(noted, written, context) };
  const drafts = updates(context, itemId, noted, written, difference);
  if (before.groupId !== after.groupId || before.position !== after.position) {
    drafts.push(draft('ItemMoved', ['place'], (movedBy) => ({
      fromGroup: before.groupId, toGroup: after.groupId, fromPosition: before.position, toPosition: after.position, movedBy, ...lanes(context, difference),
    })));
  }
  if (before.deletedAt !== after.deletedAt) {
    drafts.push(after.deletedAt === null ? draft('ItemRestored', ['deletedAt'], (restoredBy) => ({ restoredBy })) : deleted());
  }
  return drafts;
}
