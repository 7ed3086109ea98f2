/**
 * Typed reads of items. They never throw and never change the document, whatever a stock client has put there: what does
 * not fit is left out, or shown as `invalid` so that a person can fix it.
 */
import type * as Y from 'yjs';
import { Parts } from './cells.ts';
import { isUserId, type ColumnId, type GroupId, type ItemId } from './ids.ts';
import { readPlace } from './item-order.ts';
import { byPosition } from './order.ts';
import { atOf, clampTime, clean, isRegister, stringOf, timeOf, valueOf } from './register.ts';
import { authorsMap, cellKey, child, columnsMap, existingText, forEachChild, groupsMap, itemsMap, textRoot, textStart, type Cells, type Store } from './schema.ts';
import { readType } from './settings.ts';
import { readGroups } from './structure.ts';
import type { ColumnType, ColumnValue, ItemView } from './types.ts';
import { describeValue, mergeOf, parseValue, type Merge } from './values.ts';

export interface ItemOptions {
  /** Cells of archived columns too. */
  archivedColumns?: boolean;
}

/** What reading a cell needs of its column: without the settings, which take longer to read than all cells of an item. */
export interface CellColumn {
  id: ColumnId;
  type: ColumnType;
  merge: Merge | 'unknown';
}

/** The board's columns as item reads need them, looked up once for many items. */
export class ColumnIndex {
  readonly texts: CellColumn[] = [];
  readonly computed: CellColumn[] = [];
  /** Of `texts`, those in which an item has one, where that is known (text-index.ts). */
  textsOf: ((itemId: string) => readonly CellColumn[]) | undefined;
  private readonly columns = new Map<string, CellColumn>();

  /** @param earlier columns as they were, where that differs; undefined: it was not there */
  constructor(doc: Y.Doc, archived: boolean, earlier?: ReadonlyMap<string, Cells | undefined>) {
    const add = (column: Cells, id: string): void => {
      if (!archived && timeOf(column.get('archivedAt')) !== null) return;
      const type = readType(column);
      const merge = type === undefined ? 'unknown' : mergeOf(type);
      const entry: CellColumn = { id: id as ColumnId, type: type ?? 'text', merge };
      this.columns.set(cellKey(id), entry);
      if (merge === 'text') this.texts.push(entry);
      if (merge === 'computed') this.computed.push(entry);
    };
    forEachChild(columnsMap(doc), (column, id) => {
      if (earlier?.has(id) !== true) add(column, id);
    });
    earlier?.forEach((column, id) => {
      if (column !== undefined) add(column, id);
    });
  }

  /** By the key of a register cell. */
  get(key: string): CellColumn | undefined {
    return this.columns.get(key);
  }
}

const showComputed = (view: ItemView, column: CellColumn): ColumnValue | null => {
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
    if (at > latestAt || (at === latestAt && at > 0 && key > latestKey)) {
      latestAt = at;
      latestKey = key;
    }
    const column = columns.get(key);
    if (column === undefined) {
      const end = key.startsWith('c:') ? key.indexOf(':', 2) : -1;
      const parted = end < 0 ? undefined : columns.get(key.slice(0, end));
      if (parted === undefined || (parted.merge !== 'set' && parted.merge !== 'counter' && parted.merge !== 'maximum')) return;
      parts ??= new Map();
      let part = parts.get(parted.id);
      if (part === undefined) parts.set(parted.id, (part = new Parts(parted.type)));
      part.add(stored, key.slice(end + 1));
      return;
    }
    const value = valueOf(stored);
    if (value === null || value === undefined) return;
    const parsed = column.merge === 'register' ? parseValue(column.type, value) : undefined;
    if (parsed === undefined) (invalid ??= {})[column.id] = describeValue(value);
    else values[column.id] = parsed;
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
  for (const { id } of columns.textsOf?.(itemId) ?? columns.texts) {
    const text = existingText(doc, textRoot(itemId, id));
    if (text !== undefined && text.length > 0) values[id] = clean(maxText === Infinity ? text.toJSON() : textStart(text, maxText));
  }
  const createdAt = timeOf(item.get('createdAt')) ?? 0;
  const view: ItemView = {
    id: itemId as ItemId,
    groupId: group as GroupId | null,
    name: stringOf(item.get('name')),
    values,
    position,
    createdAt,
    createdBy: stringOf(item.get('createdBy')) || null,
    updatedAt: Math.max(createdAt, clampTime(latestAt)),
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

/** Whose client id it is, as its own entry claims. */
export const claimedOwner = (doc: Y.Doc, client: number): string | undefined => {
  const claimed = authorsMap(doc).get(String(client));
  return isUserId(claimed) ? claimed : undefined;
};

/** Who wrote a register: named in it, or known by its client. */
const authorOf = (doc: Y.Doc, item: Store, key: string): string | null => {
  const stored = item.get(key);
  if (isRegister(stored) && stored[2] !== undefined) return isUserId(stored[2]) ? stored[2] : null;
  const client = item._map.get(key)?.id.client;
  return client === undefined ? null : (claimedOwner(doc, client) ?? null);
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
  /** Each item's group as stored, even where it is gone or archived and the item shows as ungrouped. */
  storedGroups?: boolean;
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
    if (group === null && options.storedGroups !== true) view.groupId = null;
    byGroup.get(group)?.push(view);
  });
  const items = [...byGroup.values()].flatMap((list) => list.sort(byPosition));
  return options.deleted === true ? items.sort((a, b) => (b.deletedAt ?? 0) - (a.deletedAt ?? 0)) : items;
};
