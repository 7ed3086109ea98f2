/**
 * One cell: read it, write it, by the merge rule of its column. Reads never throw; a write is checked before it is applied.
 */
import type * as Y from 'yjs';
import { BoardModelError } from './errors.ts';
import { isUserId, type ColumnId } from './ids.ts';
import { atOf, clean, valueOf, type Writer } from './register.ts';
import { cellKey, existingText, forEachPart, partKey, textRoot, type Cells, type Store } from './schema.ts';
import { hasLabel, readSettings, readType } from './settings.ts';
import type { ColumnType, ColumnValue, ColumnView } from './types.ts';
import { describeValue, isRecord, isSafeUrl, MAX_SET_SIZE, mergeOf, parseValue } from './values.ts';

/** Elements of a set in order: by their stored number, then by id. */
export const sortSet = (elements: [order: number, element: string][]): string[] =>
  elements.sort(([a, x], [b, y]) => a - b || (x < y ? -1 : 1)).map(([, element]) => element);

const orderOf = (stored: unknown): number => (typeof stored === 'number' && Number.isFinite(stored) ? stored : 0);
const numberOf = (stored: unknown): number | undefined => {
  const value = valueOf(stored);
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
};

/** Collects the parts of one multi-part cell and says what they come to: the one place that does. */
export class Parts {
  private readonly parts: [number, string][] = [];
  private readonly type: ColumnType;

  constructor(type: ColumnType) {
    this.type = type;
  }

  add(stored: unknown, element: string): void {
    if (mergeOf(this.type) === 'set') {
      if (isUserId(element)) this.parts.push([orderOf(stored), element]);
      return;
    }
    const value = numberOf(stored);
    if (value !== undefined) this.parts.push([value, element]);
  }

  get value(): ColumnValue | undefined {
    const { parts, type } = this;
    if (parts.length === 0) return undefined;
    if (mergeOf(type) === 'set') return sortSet(parts).slice(0, MAX_SET_SIZE);
    // In order of the clients: sums of fractions depend on the order, and copies have their parts in that of arrival.
    parts.sort(([, x], [, y]) => (x < y ? -1 : 1));
    const total = parts.map(([value]) => value).reduce((a, b) => (type === 'counter' ? a + b : Math.max(a, b)));
    // a count of nothing is an empty cell, however it came to be: so that undoing the first vote leaves no trace; and so is one that no number says
    return type === 'counter' && (total === 0 || !Number.isFinite(total)) ? undefined : total;
  }
}

const readParts = (item: Cells, column: Pick<ColumnView, 'id' | 'type'>): ColumnValue | undefined => {
  const parts = new Parts(column.type);
  forEachPart(item, column.id, (stored, element) => parts.add(stored, element));
  return parts.value;
};

/** Half a surrogate pair cannot be encoded, and no database keeps NUL: dropped before they make one copy differ from others. */
const cleaned = (value: unknown): unknown => {
  if (typeof value === 'string') return clean(value);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, typeof part === 'string' ? clean(part) : part]));
};

/** What a cell holds now; null: nothing, or nothing of its type. Long texts and computed columns are not in the record. */
export const readCell = (item: Cells, column: Pick<ColumnView, 'id' | 'type'>): ColumnValue | null =>
  (mergeOf(column.type) === 'register' ? parseValue(column.type, valueOf(item.get(cellKey(column.id)))) : readParts(item, column)) ?? null;

/** A column that is written to: what it is, and where to look further. */
export interface WritableColumn { id: ColumnId; type: ColumnType }

/** The checked form of a value to write; null empties the cell. @throws BoardModelError */
export const checkCell = (record: Cells, id: string, value: unknown): [WritableColumn, ColumnValue | null] => {
  const type = readType(record);
  if (type === undefined) throw new BoardModelError('unsupported_column_type', 'Columns of this type cannot be written', id);
  if (mergeOf(type) === 'computed') throw new BoardModelError('computed_column', 'This column is computed', id);
  const column = { id: id as ColumnId, type };
  if (value === null || value === undefined) return [column, null];
  const max = type === 'rating' ? (readSettings(record).max ?? 5) : undefined;
  const parsed = parseValue(type, cleaned(value), max);
  const url = type === 'link' && isRecord(value) ? value['url'] : undefined;
  if (typeof url === 'string' && !isSafeUrl(url)) throw new BoardModelError('invalid_link', 'A link must be http, https or mailto', id);
  if (parsed === undefined) throw new BoardModelError('invalid_value', `${describeValue(value).slice(0, 80)} is no value for a column of type ${type}`, id);
  if (typeof parsed === 'object' && 'labelId' in parsed && !hasLabel(record, parsed.labelId)) throw new BoardModelError('unknown_label', 'The column has no such label', id);
  return [column, parsed];
};

/** Applies a checked value. Marks the item as touched where the cell itself keeps no time. */
export const applyCell = (writer: Writer, item: Store, itemId: string, column: Pick<ColumnView, 'id' | 'type'>, value: ColumnValue | null): void => {
  switch (mergeOf(column.type)) {
    case 'register':
      if (value !== null || item.has(cellKey(column.id))) writer.set(item, cellKey(column.id), value);
      return;
    case 'set':
      if (applySet(item, column.id, Array.isArray(value) ? value : [])) touch(writer, item);
      return;
    case 'counter': {
      const current = readParts(item, column) as number | undefined;
      const delta = ((value as number | null) ?? 0) - (current ?? 0);
      if (delta !== 0) addToCount(writer, item, column.id, delta);
      return;
    }
    case 'maximum':
      if (applyMaximum(writer, item, column, value as number | null)) touch(writer, item);
      return;
    case 'text':
      applyText(writer.doc, textRoot(itemId, column.id), value as string | null);
      return;
    case 'computed':
  }
};

const touch = (writer: Writer, item: Store): void => {
  const stored = item.get('touched');
  writer.set(item, 'touched', Math.floor(writer.stamp(atOf(stored))));
};

const applySet = (item: Store, columnId: string, wanted: string[]): boolean => {
  const orders = new Map<string, number>();
  forEachPart(item, columnId, (stored, element) => orders.set(element, orderOf(stored)));
  let wrote = false;
  for (const element of orders.keys()) {
    if (wanted.includes(element)) continue;
    item.delete(partKey(columnId, element));
    wrote = true;
  }
  let last = -Infinity;
  for (const element of wanted) {
    const order = orders.get(element);
    if (order !== undefined && order > last) {
      last = order;
      continue;
    }
    // one more than what stands before it: small numbers take few bytes
    last = Number.isFinite(last) ? Math.floor(last) + 1 : 1;
    item.set(partKey(columnId, element), last);
    wrote = true;
  }
  return wrote;
};

/** Adds to this client's own count: no other client writes that key, so no addition is ever lost. */
export const addToCount = (writer: Writer, item: Store, columnId: string, delta: number): void => {
  const key = partKey(columnId, writer.doc.clientID);
  item.set(key, (numberOf(item.get(key)) ?? 0) + delta);
  touch(writer, item);
};

/** Raising writes this client's own key. A lower value changes nothing; null removes what is there. */
const applyMaximum = (writer: Writer, item: Store, column: Pick<ColumnView, 'id' | 'type'>, value: number | null): boolean => {
  const current = readParts(item, column) as number | undefined;
  if (value === null) {
    const keys: string[] = [];
    forEachPart(item, column.id, (_, element) => keys.push(partKey(column.id, element)));
    for (const key of keys) item.delete(key);
    return keys.length > 0;
  }
  if (current !== undefined && value <= current) return false;
  item.set(partKey(column.id, writer.doc.clientID), value);
  return true;
};

/** Undo of a raise: drops what is above `value`. A raise somebody else makes meanwhile stays. */
export const resetMaximum = (writer: Writer, item: Store, column: Pick<ColumnView, 'id' | 'type'>, value: number | null): void => {
  applyMaximum(writer, item, column, null);
  if (value !== null) applyMaximum(writer, item, column, value);
  touch(writer, item);
};

/** Makes a text read as `wanted` by replacing only what differs between its equal beginning and end. */
const applyText = (doc: Y.Doc, root: string, wanted: string | null): void => {
  const next = wanted ?? '';
  const existing = existingText(doc, root);
  if (existing === undefined && next === '') return;
  const target = existing ?? doc.getText(root);
  const current = target.toJSON();
  if (current === next) return;
  if (target.length !== current.length) {
    // it embeds something that is no text, which positions in the plain text do not count
    target.delete(0, target.length);
    target.insert(0, next);
    return;
  }
  let start = 0;
  while (start < current.length && start < next.length && current[start] === next[start]) start++;
  let end = 0;
  while (end < current.length - start && end < next.length - start && current[current.length - 1 - end] === next[next.length - 1 - end]) end++;
  // never between the halves of a surrogate pair
  if (start > 0 && /[\uD800-\uDBFF]/.test(next[start - 1] ?? '')) start--;
  if (end > 0 && /[\uDC00-\uDFFF]/.test(next[next.length - end] ?? '')) end--;
  target.delete(start, current.length - start - end);
  target.insert(start, next.slice(start, next.length - end));
};
