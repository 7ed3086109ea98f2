/**
 * Items: create, update, move, delete, restore. Everything is checked before the first change, so a write that throws has
 * changed nothing. Deleting is soft: a concurrent edit survives, and restoring brings everything back.
 */
import * as Y from 'yjs';
import { applyCell, checkCell, type WritableColumn } from './cells.ts';
import { BoardModelError } from './errors.ts';
import { asItemId, newId, type GroupId, type ItemId } from './ids.ts';
import { itemOrder, readPlace, search, type Place } from './item-order.ts';
import { byPosition, placeAmong, readPosition, type Placed } from './order.ts';
import { atOf, clean, timeOf, write, type Writer } from './register.ts';
import { child, columnsMap, groupsMap, itemsMap, type Store } from './schema.ts';
import { readGroups, type Spot } from './structure.ts';
import type { ColumnValue, WriteContext } from './types.ts';
import { isRecord, MAX_TEXT_LENGTH } from './values.ts';

const checkName = (name: unknown): string => {
  if (typeof name === 'string' && name.length <= MAX_TEXT_LENGTH) return clean(name);
  throw new BoardModelError('invalid_value', `name must be text of at most ${MAX_TEXT_LENGTH} characters`, 'name');
};

type CheckedCells = [WritableColumn, ColumnValue | null][];

const checkCells = (doc: Y.Doc, values: Record<string, unknown> | undefined): CheckedCells => {
  if (values === undefined) return [];
  if (!isRecord(values)) throw new BoardModelError('invalid_value', 'values must be an object', 'values');
  const columns = columnsMap(doc);
  return Object.entries(values).map(([columnId, value]) => {
    const record = child(columns, columnId);
    if (record === undefined) throw new BoardModelError('unknown_column', 'The board has no such column', columnId.slice(0, 64));
    return checkCell(record, columnId, value);
  });
};

const existing = (doc: Y.Doc, itemId: ItemId): Store => {
  const item = child(itemsMap(doc), itemId);
  if (item !== undefined) return item;
  throw new BoardModelError('unknown_item', 'The board has no such item', 'itemId');
};

const isLive = (doc: Y.Doc, group: string): boolean => {
  const record = child(groupsMap(doc), group);
  return record !== undefined && timeOf(record.get('archivedAt')) === null;
};

/** The ordered entries people see in a group; null: everything that shows as ungrouped. */
const entriesOf = (doc: Y.Doc, group: string | null): Placed[] => {
  const order = itemOrder(doc);
  if (group !== null) return order.list(group);
  const strays = [...order.groups()].filter((id) => id !== null && order.list(id).length > 0 && !isLive(doc, id));
  return strays.length === 0 ? order.list(null) : [null, ...strays].flatMap((id) => order.list(id)).sort(byPosition);
};

interface Target extends Spot<ItemId> {
  groupId?: GroupId | null;
}

const checkTarget = (doc: Y.Doc, target: Target): void => {
  for (const field of ['before', 'after'] as const) {
    const neighbour = target[field];
    if (neighbour !== undefined && child(itemsMap(doc), neighbour) === undefined) throw new BoardModelError('unknown_item', 'There is no such neighbour', field);
  }
  const { groupId } = target;
  if (typeof groupId === 'string' && child(groupsMap(doc), groupId) === undefined) throw new BoardModelError('unknown_group', 'The board has no such group', 'groupId');
};

/** Finds a place and makes room for it. A neighbour that stands in another group is one that was moved meanwhile: then at the end. */
const findPlace = (writer: Writer, itemId: string, target: Target, fallback: string | null): Place => {
  const { doc } = writer;
  const order = itemOrder(doc);
  const neighbour = target.before ?? target.after;
  const beside = neighbour === undefined ? undefined : order.place(neighbour)?.group;
  const group: string | null = target.groupId === undefined ? (beside ?? (neighbour === undefined ? fallback : null)) : target.groupId;
  const exact = readPosition(target.position);
  if (exact !== '') return { group, position: exact };
  order.put(itemId, null); // its caller puts it back; until then the list is the others
  const list = entriesOf(doc, group);
  const place = neighbour === undefined ? undefined : order.place(neighbour);
  const at = place === undefined || neighbour === undefined ? -1 : search(list, { id: neighbour, position: place.position });
  const found = list[at]?.id === neighbour ? at : -1;
  const { position, rekeyed } = placeAmong(list, found < 0 || neighbour === undefined ? list.length : target.before === undefined ? found + 1 : found);
  for (const entry of rekeyed) {
    const item = child(itemsMap(doc), entry.id);
    if (item === undefined) continue;
    // a re-keyed item keeps its group and its time: nobody moved it, and a concurrent move of it must count as later
    const stored = readPlace(item);
    setPlace(writer, item, entry.id, { group: stored.group, position: entry.position }, atOf(item.get('place')));
  }
  return { group, position };
};

const setPlace = (writer: Writer, item: Store, itemId: string, place: Place, at?: number): void => {
  writer.set(item, 'place', [place.group, place.position], at);
  itemOrder(writer.doc).put(itemId, place);
};

export interface NewItem extends Spot<ItemId> {
  id?: ItemId;
  name: string;
  /** Default: the neighbour's group, else the first group; null: ungrouped. */
  groupId?: GroupId | null;
  values?: Record<string, ColumnValue | null>;
}

/** An id that exists already: returns it unchanged. @throws BoardModelError invalid_value, invalid_link, invalid_id, unknown_* */
export const createItem = (doc: Y.Doc, item: NewItem, ctx: WriteContext): ItemId => {
  const items = itemsMap(doc);
  const id = item.id === undefined ? (newId() as ItemId) : asItemId(item.id);
  if (child(items, id) !== undefined) return id;
  const name = checkName(item.name);
  const cells = checkCells(doc, item.values);
  checkTarget(doc, item);
  const first = item.groupId === undefined ? (readGroups(doc)[0]?.id ?? null) : null;
  return write(doc, ctx, (writer) => {
    const place = findPlace(writer, id, item, first);
    const record: Store = new Y.Map();
    items.set(id, record);
    writer.set(record, 'name', name);
    setPlace(writer, record, id, place);
    // these two never change: plain values, half the size of registers
    record.set('createdAt', Math.floor(ctx.at ?? Date.now()));
    record.set('createdBy', writer.userId);
    for (const [column, value] of cells) applyCell(writer, record, id, column, value);
    return id;
  });
};

export interface ItemPatch {
  name?: string;
  /** A column that is absent stays; null empties the cell. */
  values?: Record<string, ColumnValue | null>;
}

/** Also of a deleted item: a concurrent delete must not lose an edit. @throws BoardModelError invalid_value, invalid_link, unknown_*, computed_column */
export const updateItem = (doc: Y.Doc, itemId: ItemId, patch: ItemPatch, ctx: WriteContext): void => {
  const item = existing(doc, itemId);
  const name = patch.name === undefined ? undefined : checkName(patch.name);
  const cells = checkCells(doc, patch.values);
  write(doc, ctx, (writer) => {
    if (name !== undefined) writer.set(item, 'name', name);
    for (const [column, value] of cells) applyCell(writer, item, itemId, column, value);
  });
};

/** To a group (default: the neighbour's, else its own; null: ungrouped), beside a neighbour or at the end. @throws BoardModelError unknown_item, unknown_group */
export const moveItem = (doc: Y.Doc, itemId: ItemId, target: Target, ctx: WriteContext): void => {
  const item = existing(doc, itemId);
  checkTarget(doc, target);
  if (itemId === (target.before ?? target.after)) return;
  write(doc, ctx, (writer) => setPlace(writer, item, itemId, findPlace(writer, itemId, target, readPlace(item).group)));
};

/** Soft: it can be restored, and keeps what others write to it meanwhile. @throws BoardModelError unknown_item */
export const deleteItem = (doc: Y.Doc, itemId: ItemId, ctx: WriteContext): void => {
  const item = existing(doc, itemId);
  if (timeOf(item.get('deletedAt')) !== null) return;
  write(doc, ctx, (writer) => writer.set(item, 'deletedAt', Math.floor(writer.stamp(atOf(item.get('deletedAt'))))));
};

/** Back to where it stood. @throws BoardModelError unknown_item */
export const restoreItem = (doc: Y.Doc, itemId: ItemId, ctx: WriteContext): void => {
  const item = existing(doc, itemId);
  if (timeOf(item.get('deletedAt')) === null) return;
  write(doc, ctx, (writer) => writer.set(item, 'deletedAt', null));
};
