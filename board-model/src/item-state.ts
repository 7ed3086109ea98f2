/**
 * An item as events tell of it: what is in its record, without long texts (they are told of as they are typed) and without what is
 * computed. Reads the state before a transaction, too: call that from `afterTransaction` or an observer, while Yjs still has it.
 */
import * as Y from 'yjs';
import { earlier, keyChanges, removed } from './changes.ts';
import type { GroupId, ItemId } from './ids.ts';
import { readPlace } from './item-order.ts';
import { readCells, type ColumnIndex } from './read.ts';
import { stringOf, timeOf } from './register.ts';
import { child, itemsMap, type Cells, type Store } from './schema.ts';
import type { ColumnValue } from './types.ts';

export interface ItemState {
  name: string;
  /** As stored; it may name a group that is gone. */
  groupId: GroupId | null;
  position: string;
  /** Of all columns, archived ones too. */
  values: Record<string, ColumnValue>;
  createdAt: number;
  createdBy: string | null;
  deletedAt: number | null;
}

const stateOf = (item: Cells, columns: ColumnIndex): ItemState => {
  const { group, position } = readPlace(item);
  return {
    name: stringOf(item.get('name')),
    groupId: group as GroupId | null,
    position,
    values: readCells(item, columns).values,
    createdAt: timeOf(item.get('createdAt')) ?? 0,
    createdBy: stringOf(item.get('createdBy')) || null,
    deletedAt: timeOf(item.get('deletedAt')),
  };
};

/** undefined: no such item. Never throws. */
export const itemState = (doc: Y.Doc, itemId: ItemId, columns: ColumnIndex): ItemState | undefined => {
  const item = child(itemsMap(doc), itemId);
  return item === undefined ? undefined : stateOf(item, columns);
};

const hasChanged = (type: Store, transaction: Y.Transaction): boolean =>
  transaction.changed.has(type as unknown as Y.AbstractType<Y.YEvent<Y.AbstractType<unknown>>>);

/** As it was before the transaction; `columns` are those of then. */
export const itemStateBefore = (transaction: Y.Transaction, itemId: ItemId, columns: ColumnIndex): ItemState | undefined => {
  const items = itemsMap(transaction.doc);
  const change = hasChanged(items, transaction) ? keyChanges(items, transaction).get(itemId) : undefined;
  if (change !== undefined) {
    return change.oldValue instanceof Y.Map ? stateOf(removed(change.oldValue as Store, transaction), columns) : undefined;
  }
  const item = child(items, itemId);
  if (item === undefined) return undefined;
  return stateOf(hasChanged(item, transaction) ? earlier(item, transaction) : item, columns);
};
