/**
 * Typed reads of items. They never throw and never change the document, whatever a stock client has put there: what does
 * not fit is left out, or shown as `invalid` so that a person can fix it.
 */
import type * as Y from 'yjs';
import { Parts } from './cells.ts';
import type { GroupId, ItemId } from './ids.ts';
import { readPlace } from './item-order.ts';
import { byPosition } from './order.ts';
import { atOf, isRegister, stringOf, timeOf, valueOf } from './register.ts';
import { authorsMap, child, columnsMap, existingText, forEachChild, groupsMap, itemsMap, parseCellKey, textRoot, textStart, type Cells, type Store } from './schema.ts';
import { columnView, readGroups } from './structure.ts';
import type { ColumnValue, ColumnView, ItemView } from './types.ts';
import { describeValue, mergeOf, parseValue } from './values.ts';

export interface ItemOptions {
  /** Cells of archived columns too. */
  archivedColumns?: boolean;
}

/** The board's columns as item reads need them, looked up once for many items. */
export class ColumnIndex {
  readonly texts: ColumnView[] = [];
  readonly computed: ColumnView[] = [];
  private readonly views = new Map<string, ColumnView>();

  /** @param earlier columns as they were, where that differs; undefined: it was not there */
  constructor(doc: Y.Doc, archived: boolean, earlier?: ReadonlyMap<string, ColumnView | undefined>) {
    forEachChild(columnsMap(doc), (record, id) => {
      if (earlier?.has(id) !== true) this.add(columnView(record, id), archived);
    });
    earlier?.forEach((column) => {
      if (column !== undefined) this.add(column, archived);
    });
  }

  private add(column: ColumnView, archived: boolean): void {
    if (column.archivedAt !== null && !archived) return;
    this.views.set(column.id, column);
    const merge = mergeOf(column.type);
    if (merge === 'text') this.texts.push(column);
    if (merge === 'computed') this.computed.push(column);
  }

  get(id: string): ColumnView | undefined {
    return this.views.get(id);
  }
}

const showComputed = (view: ItemView, column: ColumnView): ColumnValue | null => {
  switch (column.type) {
    case 'created_at':
      return new Date(view.createdAt).toISOString();
    case 'updated_at':
      return new Date(view.updatedAt).toISOString();
    case 'created_by':
      return view.createdBy;
    case 'updated_by':
      return view.updatedBy;
    default:
      return null; // auto numbers and formulas need the whole board: `computeColumns`
  }
};

/** Latest instant a Date can hold, ms: a wilder time reads as none. */
const MAX_DATE_MS = 8.64e15;
const instant = (ms: number | null): number => (ms !== null && Math.abs(ms) <= MAX_DATE_MS ? ms : 0);

/** The cells of a record, and which of its registers was written last. */
export interface ItemCells {
  values: Record<string, ColumnValue>;
  invalid: Record<string, string> | undefined;
  latestKey: string;
  latestAt: number;
}

/** Long texts and computed columns are not in the record. */
export const readCells = (item: Cells, columns: ColumnIndex): ItemCells => {
  const values: Record<string, ColumnValue> = {};
  let invalid: Record<string, string> | undefined;
  let parts: Map<string, Parts> | undefined;
  let latestAt = 0;
  let latestKey = '';
  item.forEach((stored, key) => {
    const at = atOf(stored);
    if (at > latestAt) {
      latestAt = at;
      latestKey = key;
    }
    const cell = parseCellKey(key);
    const column = cell === null ? undefined : columns.get(cell.columnId);
    if (cell === null || column === undefined) return;
    const merge = mergeOf(column.type);
    if (cell.element !== null) {
      if (merge !== 'set' && merge !== 'counter' && merge !== 'maximum') return;
      parts ??= new Map();
      let part = parts.get(column.id);
      if (part === undefined) parts.set(column.id, (part = new Parts(column.type)));
      part.add(stored, cell.element);
    } else {
      const value = valueOf(stored);
      if (value === null || value === undefined) return;
      const parsed = merge === 'register' && column.unknownType === undefined ? parseValue(column.type, value) : undefined;
      if (parsed === undefined) (invalid ??= {})[column.id] = describeValue(value);
      else values[column.id] = parsed;
    }
  });
  parts?.forEach((part, columnId) => {
    const value = part.value;
    if (value !== undefined) values[columnId] = value;
  });
  return { values, invalid, latestKey, latestAt };
};

/** Reads a record with its columns at hand; `groupId` as stored, long texts up to `maxText` characters. */
export const itemView = (doc: Y.Doc, item: Store, itemId: string, columns: ColumnIndex, maxText = Infinity): ItemView => {
  const { group, position } = readPlace(item);
  const { values, invalid, latestKey, latestAt } = readCells(item, columns);
  for (const column of columns.texts) {
    const text = existingText(doc, textRoot(itemId, column.id));
    if (text !== undefined && text.length > 0) values[column.id] = maxText === Infinity ? text.toJSON() : textStart(text, maxText);
  }
  const createdAt = instant(timeOf(item.get('createdAt')));
  const view: ItemView = {
    id: itemId as ItemId,
    groupId: group as GroupId | null,
    name: stringOf(item.get('name')),
    values,
    position,
    createdAt,
    createdBy: stringOf(item.get('createdBy')) || null,
    updatedAt: Math.max(createdAt, instant(Math.floor(latestAt))),
    updatedBy: authorOf(doc, item, latestKey),
    deletedAt: timeOf(item.get('deletedAt')),
  };
  if (invalid !== undefined) view.invalid = invalid;
  for (const column of columns.computed) {
    const value = showComputed(view, column);
    if (value !== null) values[column.id] = value;
  }
  return view;
};

/** Who wrote a register: named in it, or known by its client. */
const authorOf = (doc: Y.Doc, item: Store, key: string): string | null => {
  const stored = item.get(key);
  if (isRegister(stored) && stored[2] !== undefined) return stored[2];
  const client = item._map.get(key)?.id.client;
  const author = client === undefined ? undefined : authorsMap(doc).get(String(client));
  return typeof author === 'string' ? author : null;
};

const liveGroup = (doc: Y.Doc, id: string | null): boolean => {
  const group = id === null ? undefined : child(groupsMap(doc), id);
  return group !== undefined && timeOf(group.get('archivedAt')) === null;
};

/** undefined: no such item. A deleted one is read too (`deletedAt`). */
export const readItem = (doc: Y.Doc, itemId: ItemId, options: ItemOptions = {}): ItemView | undefined => {
  const item = child(itemsMap(doc), itemId);
  if (item === undefined) return undefined;
  const view = itemView(doc, item, itemId, new ColumnIndex(doc, options.archivedColumns === true));
  if (!liveGroup(doc, view.groupId)) view.groupId = null;
  return view;
};

export interface ListOptions extends ItemOptions {
  /** true: only deleted items, latest deletion first. Default: only those not deleted. */
  deleted?: boolean;
  /** Only this group; null: only ungrouped. */
  groupId?: GroupId | null;
}

/** In the order people see: group by group, then the ungrouped, each by (position, id). */
export const listItems = (doc: Y.Doc, options: ListOptions = {}): ItemView[] => {
  const columns = new ColumnIndex(doc, options.archivedColumns === true);
  const byGroup = new Map<string | null, ItemView[]>(readGroups(doc).map((group) => [group.id, []]));
  const ungrouped: ItemView[] = [];
  byGroup.set(null, ungrouped);
  forEachChild(itemsMap(doc), (item, id) => {
    if ((timeOf(item.get('deletedAt')) !== null) !== (options.deleted === true)) return;
    const stored = readPlace(item).group;
    const group = byGroup.has(stored) ? stored : null;
    if (options.groupId !== undefined && options.groupId !== group) return;
    const view = itemView(doc, item, id, columns);
    if (group === null) view.groupId = null;
    byGroup.get(group)?.push(view);
  });
  const items = [...byGroup.values()].flatMap((list) => list.sort(byPosition));
  return options.deleted === true ? items.sort((a, b) => (b.deletedAt ?? 0) - (a.deletedAt ?? 0)) : items;
};
