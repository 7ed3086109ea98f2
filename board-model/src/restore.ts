/**
 * Making a board read like an earlier state of it, as fresh writes: nothing is taken out of the document, so nobody's history is lost
 * and every other copy follows by ordinary sync.
 *
 * Guarantees: after `applyRestoration(doc, restorationOf(readImage(doc), wanted))` every column, group and item of `wanted` reads as it
 * did: cells, order, long texts, archived or deleted or not. What came later is archived or deleted, with all that is in it. Comments
 * are left alone. Applying it again writes nothing.
 * A restoration names only what differs; what others changed meanwhile elsewhere is left as it is, as if they had done so afterwards.
 */
import * as Y from 'yjs';
import { applyCell, readCell, resetMaximum } from './cells.ts';
import type { ColumnId, GroupId, ItemId } from './ids.ts';
import { plain, type BoardImage, type ItemImage } from './image.ts';
import { itemOrder, readPlace } from './item-order.ts';
import { sameValue, stringOf, timeOf, valueOf, write, type Writer } from './register.ts';
import { boardMap, cellKey, child, columnsMap, groupsMap, itemsMap, type Store } from './schema.ts';
import { readSettings, readType, writeSettings } from './settings.ts';
import type { ColumnSettings, ColumnView, GroupView, WriteContext } from './types.ts';
import { mergeOf } from './values.ts';

export interface Restoration {
  /** null: the board's own fields stay. */
  board: Pick<BoardImage, 'name' | 'description' | 'table'> | null;
  /** To read like this; missing ones are made again. */
  columns: ColumnView[];
  groups: GroupView[];
  items: ItemImage[];
  /** Cells of `items` in these columns are restored, empty ones as well. */
  cellsOf: ColumnId[];
  /** What came later: archived or deleted. */
  later: { columns: ColumnId[]; groups: GroupId[]; items: ItemId[] };
}

const differing = <T extends { id: string }>(current: readonly T[], wanted: readonly T[]): T[] => {
  const now = new Map(current.map((entry) => [entry.id, entry]));
  return wanted.filter((entry) => !sameValue(now.get(entry.id), entry));
};

/** Those of `current` that are shown and that `wanted` does not know. */
const later = <Id extends string, T extends { id: Id }>(current: readonly T[], wanted: readonly T[], gone: (entry: T) => boolean): Id[] => {
  const known = new Set<string>(wanted.map(({ id }) => id));
  return current.filter((entry) => !known.has(entry.id) && !gone(entry)).map(({ id }) => id);
};

/** An item with its cells in these columns only: what lies in columns that came later is archived with them. */
const within = ({ values, stored, ...item }: ItemImage, columns: ReadonlySet<string>): ItemImage => {
  const known = <T>(cells: Record<string, T>): Record<string, T> => Object.fromEntries(Object.entries(cells).filter(([id]) => columns.has(id)));
  const odd = known(stored ?? {});
  return { ...item, values: known(values), ...(Object.keys(odd).length === 0 ? {} : { stored: odd }) };
};

const archived = ({ archivedAt }: ColumnView | GroupView): boolean => archivedAt !== null;

export const restorationOf = (current: BoardImage, wanted: BoardImage): Restoration => {
  const own = ({ name, description, table }: BoardImage): NonNullable<Restoration['board']> => ({ name, description, table });
  const known = new Set<string>(wanted.columns.map(({ id }) => id));
  return {
    board: sameValue(own(current), own(wanted)) ? null : own(wanted),
    columns: differing(current.columns, wanted.columns),
    groups: differing(current.groups, wanted.groups),
    items: differing(current.items.map((item) => within(item, known)), wanted.items),
    cellsOf: wanted.columns.map(({ id }) => id),
    later: {
      columns: later(current.columns, wanted.columns, archived),
      groups: later(current.groups, wanted.groups, archived),
      items: later(current.items, wanted.items, ({ deletedAt }) => deletedAt !== null),
    },
  };
};

/** Of one item only: its cells, its name and place, and whether it is deleted. */
export const restorationOfItem = (item: ItemImage, wanted: BoardImage): Restoration => ({
  board: null,
  columns: [],
  groups: [],
  items: [item],
  cellsOf: wanted.columns.map(({ id }) => id),
  later: { columns: [], groups: [], items: [] },
});

export const isEmptyRestoration = ({ board, columns, groups, items, later: { columns: newColumns, groups: newGroups, items: newItems } }: Restoration): boolean =>
  board === null && [columns, groups, items, newColumns, newGroups, newItems].every((list) => list.length === 0);

/** In parts of at most so many items, for boards so large that one transaction would hold others up. The first has all that is no item. */
export const restorationParts = (restoration: Restoration, itemsEach: number): Restoration[] => {
  const { items, later: { items: deletions, ...structure } } = restoration;
  const parts: Restoration[] = [];
  const rest = { board: null, columns: [], groups: [], cellsOf: restoration.cellsOf };
  for (let at = 0; at < Math.max(items.length, 1); at += itemsEach) {
    const own = items.slice(at, at + itemsEach);
    parts.push(at === 0 ? { ...restoration, items: own, later: { ...structure, items: [] } } : { ...rest, items: own, later: { columns: [], groups: [], items: [] } });
  }
  for (let at = 0; at < deletions.length; at += itemsEach) {
    parts.push({ ...rest, items: [], later: { columns: [], groups: [], items: deletions.slice(at, at + itemsEach) } });
  }
  return parts;
};

/** The record under `id`, made where there is none. */
const recordOf = (map: Store, id: string): Store => {
  const found = child(map, id);
  if (found !== undefined) return found;
  const made: Store = new Y.Map();
  map.set(id, made);
  return made;
};

const setTime = (writer: Writer, record: Store, key: 'archivedAt' | 'deletedAt', time: number | null): void => {
  if (timeOf(record.get(key)) !== time) writer.set(record, key, time);
};

const restoreSettings = (writer: Writer, record: Store, wanted: ColumnSettings): void => {
  const surplus = Object.keys(readSettings(record)).filter((key) => key !== 'labels' && !Object.hasOwn(wanted, key));
  writeSettings(writer, record, { ...Object.fromEntries(surplus.map((key) => [key, null])), ...wanted });
  // a column without labels is not one whose labels were all removed
  if (wanted.labels === undefined) for (const key of Array.from(record.keys())) if (key.startsWith('label:')) record.delete(key);
};

const restoreColumn = (writer: Writer, column: ColumnView): void => {
  const record = recordOf(columnsMap(writer.doc), column.id);
  writer.set(record, 'type', column.unknownType ?? column.type);
  writer.set(record, 'title', column.title);
  writer.set(record, 'position', column.position);
  restoreSettings(writer, record, column.settings);
  setTime(writer, record, 'archivedAt', column.archivedAt);
};

const restoreGroup = (writer: Writer, group: GroupView): void => {
  const record = recordOf(groupsMap(writer.doc), group.id);
  for (const key of ['title', 'color', 'position'] as const) writer.set(record, key, group[key]);
  setTime(writer, record, 'archivedAt', group.archivedAt);
};

const restoreCell = (writer: Writer, record: Store, image: ItemImage, columnId: ColumnId, column: Store): void => {
  const type = readType(column);
  const merge = type === undefined ? 'register' : mergeOf(type);
  const value = image.values[columnId] ?? null;
  const stored = image.stored?.[columnId] ?? (merge === 'register' ? value : null);
  const key = cellKey(columnId);
  if (!sameValue(plain(valueOf(record.get(key)) ?? null), stored)) writer.set(record, key, stored);
  if (type === undefined || merge === 'register' || merge === 'computed') return;
  const cell = { id: columnId, type };
  const now = merge === 'maximum' ? readCell(record, cell) : null;
  if (typeof now === 'number' && typeof value === 'number' && value < now) resetMaximum(writer, record, cell, value);
  else applyCell(writer, record, image.id, cell, value);
};

const restoreItem = (writer: Writer, image: ItemImage, columns: readonly (readonly [ColumnId, Store])[]): void => {
  const record = recordOf(itemsMap(writer.doc), image.id);
  writer.set(record, 'name', image.name);
  const place = readPlace(record);
  if (!record.has('place') || place.group !== image.groupId || place.position !== image.position) {
    writer.set(record, 'place', [image.groupId, image.position]);
    itemOrder(writer.doc).put(image.id, { group: image.groupId, position: image.position });
  }
  // written once, when an item is made: only of one made again do they differ
  if ((timeOf(record.get('createdAt')) ?? 0) !== image.createdAt) record.set('createdAt', image.createdAt);
  if ((stringOf(record.get('createdBy')) || null) !== image.createdBy) {
    if (image.createdBy === null) record.delete('createdBy');
    else record.set('createdBy', image.createdBy);
  }
  setTime(writer, record, 'deletedAt', image.deletedAt);
  for (const [columnId, column] of columns) restoreCell(writer, record, image, columnId, column);
};

const goneNow = (writer: Writer, map: Store, ids: readonly string[], key: 'archivedAt' | 'deletedAt'): void => {
  for (const id of ids) {
    const record = child(map, id);
    if (record !== undefined && timeOf(record.get(key)) === null) writer.set(record, key, Math.floor(writer.stamp()));
  }
};

/** One transaction. What no longer is there to be archived or deleted is passed over. */
export const applyRestoration = (doc: Y.Doc, restoration: Restoration, ctx: WriteContext): void =>
  write(doc, ctx, (writer) => {
    if (restoration.board !== null) {
      const { name, description, table } = restoration.board;
      const board = boardMap(doc);
      writer.set(board, 'name', name);
      writer.set(board, 'description', description);
      if (table !== null || board.has('table')) writer.set(board, 'table', table);
    }
    for (const column of restoration.columns) restoreColumn(writer, column);
    for (const group of restoration.groups) restoreGroup(writer, group);
    const columns = restoration.cellsOf.flatMap((id) => {
      const record = child(columnsMap(doc), id);
      return record === undefined ? [] : [[id, record] as const];
    });
    for (const item of restoration.items) restoreItem(writer, item, columns);
    goneNow(writer, columnsMap(doc), restoration.later.columns, 'archivedAt');
    goneNow(writer, groupsMap(doc), restoration.later.groups, 'archivedAt');
    goneNow(writer, itemsMap(doc), restoration.later.items, 'deletedAt');
  });
