/**
 * What a transaction did to a board, with before and after: the base of domain events and of undo.
 *
 * Guarantees: the fold of all changes of a document equals what it reads (long texts by their deltas); a transaction that
 * changes nothing a reader sees makes no change; never throws on junk. Call it from an observer or the document's
 * `afterTransaction` event: later (the `update` event, say), Yjs has dropped the values from before.
 */
import * as Y from 'yjs';
import { commentView } from './comments.ts';
import { isId, type ColumnId, type CommentId, type GroupId, type ItemId } from './ids.ts';
import { readPlace } from './item-order.ts';
import { ColumnIndex, readCells } from './read.ts';
import { atOf, sameValue, stringOf, timeOf } from './register.ts';
import { boardMap, child, existingText, itemsMap, parseRoot, type Cells, type Store } from './schema.ts';
import { columnView, groupView, MAX_TITLE_LENGTH } from './structure.ts';
import { forEachChanged, itemsWithCells, retypedColumns, type ChangedType } from './touched.ts';
import type { ColumnValue, ColumnView, CommentView, GroupView } from './types.ts';

export interface FieldChange<T = unknown> { before: T; after: T }
/** `groupId` as stored; it may name a group that is gone. */
export interface ItemPlace { groupId: GroupId | null; position: string }
/** One step of a long text: keep so many characters, drop so many, or put these. */
export type TextStep = { retain: number } | { delete: number } | { insert: string };

/** An item as it came to be, without long texts (those follow as `text_changed`) and without what is computed. */
export interface CreatedItem extends ItemPlace {
  name: string;
  values: Record<string, ColumnValue>;
  createdAt: number;
  createdBy: string | null;
  deletedAt: number | null;
}

export type BoardChange =
  | { kind: 'board_updated'; changes: { name?: FieldChange<string>; description?: FieldChange<string> } }
  | { kind: 'column_added'; columnId: ColumnId; column: ColumnView }
  | { kind: 'column_updated'; columnId: ColumnId; changes: Partial<Record<'type' | 'title' | 'settings' | 'position', FieldChange>>; column: ColumnView }
  /** Archived, or erased by a stock client; `column` is what it was. */
  | { kind: 'column_removed'; columnId: ColumnId; archivedAt: number | null; column: ColumnView }
  | { kind: 'column_restored'; columnId: ColumnId; column: ColumnView }
  | { kind: 'group_added'; groupId: GroupId; group: GroupView }
  | { kind: 'group_updated'; groupId: GroupId; changes: Partial<Record<'title' | 'color' | 'position', FieldChange>>; group: GroupView }
  | { kind: 'group_removed'; groupId: GroupId; archivedAt: number | null; group: GroupView }
  | { kind: 'group_restored'; groupId: GroupId; group: GroupView }
  | { kind: 'item_created'; itemId: ItemId; item: CreatedItem }
  /** `values` by column id; null: empty. */
  | { kind: 'item_updated'; itemId: ItemId; name?: FieldChange<string>; values: Record<string, FieldChange<ColumnValue | null>> }
  /** `rekeyed`: the key changed to make room, and nobody moved the item: its order among others is the same. */
  | { kind: 'item_moved'; itemId: ItemId; from: ItemPlace; to: ItemPlace; rekeyed: boolean }
  | { kind: 'item_deleted'; itemId: ItemId; deletedAt: number }
  | { kind: 'item_restored'; itemId: ItemId }
  /** The record itself was removed, by a stock client: it cannot be restored. */
  | { kind: 'item_erased'; itemId: ItemId }
  | { kind: 'text_changed'; itemId: ItemId; columnId: ColumnId; steps: TextStep[] }
  | { kind: 'comment_added'; itemId: ItemId; commentId: CommentId; comment: CommentView }
  | { kind: 'comment_updated'; itemId: ItemId; commentId: CommentId; before: CommentView; after: CommentView }
  /** By its author or a moderator; `comment` is what it was. `erased`: the record is gone for good. */
  | { kind: 'comment_deleted'; itemId: ItemId; commentId: CommentId; comment: CommentView; erased: boolean }
  | { kind: 'comment_restored'; itemId: ItemId; commentId: CommentId; comment: CommentView };

type KeyChanges = ReadonlyMap<string, { action: 'add' | 'update' | 'delete'; oldValue: unknown }>;

/** A map of thousands of records is asked once for each of them. */
const computed = new WeakMap<Y.Transaction, Map<unknown, KeyChanges>>();

export const keyChanges = (type: Y.AbstractType<unknown> | Store, transaction: Y.Transaction): KeyChanges => {
  let known = computed.get(transaction);
  if (known === undefined) computed.set(transaction, (known = new Map()));
  let keys = known.get(type);
  if (keys === undefined) known.set(type, (keys = new Y.YEvent(type, transaction).keys));
  return keys;
};

/** The record as it was before the transaction. */
export const earlier = (record: Store, transaction: Y.Transaction): Cells => {
  const keys = keyChanges(record, transaction);
  return {
    get: (key) => (keys.has(key) ? keys.get(key)?.oldValue : record.get(key)),
    forEach(visit) {
      record.forEach((value, key) => {
        if (!keys.has(key)) visit(value, key);
      });
      keys.forEach(({ action, oldValue }, key) => {
        if (action !== 'add') visit(oldValue, key);
      });
    },
  };
};

/** A record that the transaction removed, as it was before: its values are deleted, and still there until Yjs cleans up. */
export const removed = (record: Store, transaction: Y.Transaction): Cells => {
  const values = new Map<string, unknown>();
  record._map.forEach((item, key) => {
    let last: Y.Item | null = item;
    while (last !== null && last.id.clock >= (transaction.beforeState.get(last.id.client) ?? 0)) last = last.left;
    if (last !== null && Y.isDeleted(transaction.deleteSet, last.id)) values.set(key, last.content.getContent().at(-1));
  });
  return {
    get: (key) => values.get(key),
    forEach: (visit) => values.forEach(visit),
  };
};

/** One record over a transaction: absent, or its cells, before and after. */
interface RecordChange { before: Cells | undefined; after: Store | undefined; replaced: boolean }
type RecordChanges = Map<string, RecordChange>;

const collect = (changed: ChangedType, transaction: Y.Transaction, into: RecordChanges): void => {
  const { type, record, depth } = changed;
  if (depth === 0) {
    keyChanges(type, transaction).forEach(({ oldValue }, id) => {
      if (!isId(id)) return;
      const current: unknown = type._map.get(id)?.deleted === false ? type._map.get(id)?.content.getContent().at(-1) : undefined;
      const after = current instanceof Y.Map ? (current as Store) : undefined;
      const before = oldValue instanceof Y.Map ? removed(oldValue as Store, transaction) : undefined;
      if (before !== undefined || after !== undefined) into.set(id, { before, after, replaced: true });
    });
  } else if (depth === 1 && isId(record) && type instanceof Y.Map && !into.has(record)) {
    into.set(record, { before: earlier(type as Store, transaction), after: type as Store, replaced: false });
  }
};

const diff = <View extends object, Key extends keyof View & string>(before: View, after: View, keys: readonly Key[]): Partial<Record<Key, FieldChange>> | undefined => {
  const changes: Partial<Record<Key, FieldChange>> = {};
  let any = false;
  for (const key of keys) {
    if (sameValue(before[key], after[key])) continue;
    changes[key] = { before: before[key], after: after[key] };
    any = true;
  }
  return any ? changes : undefined;
};

const boardChanges = (changed: ChangedType, transaction: Y.Transaction, into: BoardChange[]): void => {
  if (changed.depth !== 0) return;
  const changes: Record<string, FieldChange<string>> = {};
  keyChanges(changed.type, transaction).forEach(({ oldValue }, key) => {
    if (key !== 'name' && key !== 'description') return;
    const max = key === 'name' ? MAX_TITLE_LENGTH : undefined;
    const before = stringOf(oldValue, max);
    const after = stringOf(boardMap(transaction.doc).get(key), max);
    if (before !== after) changes[key] = { before, after };
  });
  if (Object.keys(changes).length > 0) into.push({ kind: 'board_updated', changes });
};

const columnChanges = (id: string, change: RecordChange, into: BoardChange[]): void => {
  const columnId = id as ColumnId;
  const before = change.before === undefined ? undefined : columnView(change.before, id);
  const after = change.after === undefined ? undefined : columnView(change.after, id);
  if (after === undefined) {
    if (before !== undefined) into.push({ kind: 'column_removed', columnId, archivedAt: null, column: before });
    return;
  }
  if (before === undefined) {
    into.push({ kind: 'column_added', columnId, column: after });
    return;
  }
  const changes = diff(before, after, ['type', 'title', 'settings', 'position']);
  if (changes !== undefined) into.push({ kind: 'column_updated', columnId, changes, column: after });
  if (before.archivedAt === after.archivedAt) return;
  if (after.archivedAt === null) into.push({ kind: 'column_restored', columnId, column: after });
  else into.push({ kind: 'column_removed', columnId, archivedAt: after.archivedAt, column: before });
};

const groupChanges = (id: string, change: RecordChange, into: BoardChange[]): void => {
  const groupId = id as GroupId;
  const before = change.before === undefined ? undefined : groupView(change.before, id);
  const after = change.after === undefined ? undefined : groupView(change.after, id);
  if (after === undefined) {
    if (before !== undefined) into.push({ kind: 'group_removed', groupId, archivedAt: null, group: before });
    return;
  }
  if (before === undefined) {
    into.push({ kind: 'group_added', groupId, group: after });
    return;
  }
  const changes = diff(before, after, ['title', 'color', 'position']);
  if (changes !== undefined) into.push({ kind: 'group_updated', groupId, changes, group: after });
  if (before.archivedAt === after.archivedAt) return;
  if (after.archivedAt === null) into.push({ kind: 'group_restored', groupId, group: after });
  else into.push({ kind: 'group_removed', groupId, archivedAt: after.archivedAt, group: before });
};

const placeOf = (item: Cells): ItemPlace => {
  const { group, position } = readPlace(item);
  return { groupId: group as GroupId | null, position };
};

/** The columns' cells are read with before and after: types may have changed in the same transaction. */
interface Columns { before: ColumnIndex; after: ColumnIndex }

const valueChanges = (itemId: ItemId, before: Cells, after: Store, columns: Columns, into: BoardChange[]): void => {
  const was = readCells(before, columns.before).values;
  const is = readCells(after, columns.after).values;
  const values: Record<string, FieldChange<ColumnValue | null>> = {};
  for (const id of new Set([...Object.keys(was), ...Object.keys(is)])) {
    if (!sameValue(was[id], is[id])) values[id] = { before: was[id] ?? null, after: is[id] ?? null };
  }
  const name = { before: stringOf(before.get('name')), after: stringOf(after.get('name')) };
  const renamed = name.before !== name.after;
  if (renamed || Object.keys(values).length > 0) into.push({ kind: 'item_updated', itemId, ...(renamed ? { name } : {}), values });
};

const itemChanges = (id: string, change: RecordChange, columns: Columns, into: BoardChange[]): void => {
  const itemId = id as ItemId;
  const { before, after, replaced } = change;
  if (before !== undefined && (replaced || after === undefined)) into.push({ kind: 'item_erased', itemId });
  if (after === undefined) return;
  if (before === undefined || replaced) {
    const { values } = readCells(after, columns.after);
    const createdBy = stringOf(after.get('createdBy')) || null;
    const item = { ...placeOf(after), name: stringOf(after.get('name')), values, createdAt: timeOf(after.get('createdAt')) ?? 0, createdBy, deletedAt: timeOf(after.get('deletedAt')) };
    into.push({ kind: 'item_created', itemId, item });
    return;
  }
  valueChanges(itemId, before, after, columns, into);
  const from = placeOf(before);
  const to = placeOf(after);
  if (!sameValue(from, to)) {
    const at = atOf(after.get('place'));
    into.push({ kind: 'item_moved', itemId, from, to, rekeyed: from.groupId === to.groupId && at > 0 && at === atOf(before.get('place')) });
  }
  const was = timeOf(before.get('deletedAt'));
  const is = timeOf(after.get('deletedAt'));
  if (was !== is) into.push(is === null ? { kind: 'item_restored', itemId } : { kind: 'item_deleted', itemId, deletedAt: is });
};

const commentChanges = (itemId: ItemId, id: string, change: RecordChange, into: BoardChange[]): void => {
  const commentId = id as CommentId;
  const before = change.before === undefined ? undefined : commentView(change.before, id);
  const after = change.after === undefined ? undefined : commentView(change.after, id);
  if (after === undefined) {
    if (before !== undefined) into.push({ kind: 'comment_deleted', itemId, commentId, comment: before, erased: true });
  } else if (before === undefined) {
    into.push({ kind: 'comment_added', itemId, commentId, comment: after });
  } else if (before.deletedAt === undefined && after.deletedAt !== undefined) {
    into.push({ kind: 'comment_deleted', itemId, commentId, comment: before, erased: false });
  } else if (before.deletedAt !== undefined && after.deletedAt === undefined) {
    into.push({ kind: 'comment_restored', itemId, commentId, comment: after });
  } else if (!sameValue(before, after)) {
    into.push({ kind: 'comment_updated', itemId, commentId, before, after });
  }
};

const textSteps = (text: Y.Text, transaction: Y.Transaction): TextStep[] =>
  new Y.YTextEvent(text, transaction, new Set([null])).delta.flatMap(({ retain, delete: gone, insert }): TextStep[] => {
    if (retain !== undefined) return [{ retain }];
    if (gone !== undefined) return [{ delete: gone }];
    return insert === undefined ? [] : [{ insert: typeof insert === 'string' ? insert : '\uFFFC' }]; // an embedded object counts one
  });

/** Structure first, then items, then their texts and comments. Call it from `afterTransaction` or an observer. */
export const readChanges = (transaction: Y.Transaction): BoardChange[] => {
  const { doc } = transaction;
  const changes: BoardChange[] = [];
  const columns: RecordChanges = new Map();
  const groups: RecordChanges = new Map();
  const items: RecordChanges = new Map();
  const comments = new Map<ItemId, RecordChanges>();
  const texts: [ItemId, ColumnId, string][] = [];
  const retyped = new Set<string>();
  forEachChanged(transaction, (changed) => {
    retypedColumns(changed, retyped);
    const { root } = changed;
    if (root === 'board') boardChanges(changed, transaction, changes);
    else if (root === 'columns') collect(changed, transaction, columns);
    else if (root === 'groups') collect(changed, transaction, groups);
    else if (root === 'items') collect(changed, transaction, items);
    const parsed = parseRoot(root);
    if (parsed === null || !isId(parsed.itemId)) return;
    const itemId = parsed.itemId as ItemId;
    if (parsed.kind === 'text') {
      if (changed.depth === 0 && isId(parsed.columnId)) texts.push([itemId, parsed.columnId as ColumnId, root]);
      return;
    }
    const records: RecordChanges = comments.get(itemId) ?? new Map();
    comments.set(itemId, records);
    collect(changed, transaction, records);
  });
  columns.forEach((change, id) => columnChanges(id, change, changes));
  groups.forEach((change, id) => groupChanges(id, change, changes));
  if (items.size > 0 || retyped.size > 0) {
    const after = new ColumnIndex(doc, true);
    const earlierColumns = new Map([...retyped].map((id) => [id, columns.get(id)?.before]));
    const both: Columns = { after, before: retyped.size === 0 ? after : new ColumnIndex(doc, true, earlierColumns) };
    items.forEach((change, id) => itemChanges(id, change, both, changes));
    if (retyped.size > 0) {
      for (const id of itemsWithCells(doc, retyped)) {
        const item = child(itemsMap(doc), id);
        if (item !== undefined && !items.has(id)) valueChanges(id, item, item, both, changes);
      }
    }
  }
  for (const [itemId, columnId, root] of texts) {
    const text = existingText(doc, root);
    const steps = text === undefined ? [] : textSteps(text, transaction);
    if (steps.length > 0) changes.push({ kind: 'text_changed', itemId, columnId, steps });
  }
  comments.forEach((records, itemId) => records.forEach((change, id) => commentChanges(itemId, id, change, changes)));
  return changes;
};
