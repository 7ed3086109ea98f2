/**
 * A column's type and settings. Labels are keys of their own (`label:{labelId}`), so that two people adding labels at once keep both;
 * the rest is one register. Reads never throw.
 */
import { BoardModelError } from './errors.ts';
import { isId, isUserId } from './ids.ts';
import { clean, stringOf, valueOf, type Writer } from './register.ts';
import type { Cells, Store } from './schema.ts';
import type { ColumnSettings, ColumnType, Label } from './types.ts';
import { isColumnType, isJson, isRecord, MAX_RATING, MAX_TEXT_LENGTH } from './values.ts';

const LABEL = 'label:';
/** Settings are read with every board and held in one row: JSON characters, enough for thousands of labels or people. */
const MAX_SETTINGS_LENGTH = 500_000;
const MAX_LABEL_TITLE_LENGTH = 1000; // characters
const MAX_COLOR_LENGTH = 32;
const MAX_DEPTH = 10; // of nested settings

interface OrderedLabel extends Label { order: number }

const readLabel = (id: string, value: unknown, index: number): OrderedLabel | undefined => {
  if (!isId(id) || !isRecord(value) || typeof value['title'] !== 'string') return undefined;
  const { title, color, order } = value;
  return { id, title: stringOf(title, MAX_LABEL_TITLE_LENGTH), color: stringOf(color, MAX_COLOR_LENGTH), order: Number.isFinite(order) ? (order as number) : index };
};

const plainLabels = (value: unknown): OrderedLabel[] =>
  Array.isArray(value) ? value.flatMap((label: unknown, i) => (isRecord(label) ? readLabel(String(label['id']), label, i) ?? [] : [])) : [];

/** JSON that any database keeps, of whatever a stock client may have put there. */
const cleanJson = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'string') return clean(value);
  if (depth > MAX_DEPTH) return null;
  if (Array.isArray(value)) return value.map((part: unknown) => cleanJson(part, depth + 1));
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).flatMap(([key, part]) => (key in Object.prototype ? [] : [[clean(key), cleanJson(part, depth + 1)]])));
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)) ? value : null;
};

/** Whether a known setting is what it should be. Unknown ones are anything. */
const fits = (key: string, value: unknown): boolean => {
  switch (key) {
    case 'max':
      return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_RATING;
    case 'formula':
    case 'unit':
      return typeof value === 'string';
    case 'placeholders':
      return Array.isArray(value) && value.every((entry: unknown) => isRecord(entry) && isUserId(entry['id']) && typeof entry['name'] === 'string');
    default:
      return true;
  }
};

/** undefined: a type this version does not know. */
export const readType = (column: Cells): ColumnType | undefined => {
  const type = valueOf(column.get('type'));
  return isColumnType(type) ? type : undefined;
};

/** Known settings of a wrong type are left out. */
export const readSettings = (column: Cells): ColumnSettings => {
  const stored = valueOf(column.get('settings'));
  const { labels: inline, ...rest } = (isRecord(stored) ? cleanJson(stored) : {}) as ColumnSettings;
  const settings: ColumnSettings = Object.fromEntries(Object.entries(rest).filter(([key, value]) => fits(key, value)));
  const labels: OrderedLabel[] = [];
  let own = false;
  column.forEach((value, key) => {
    if (!key.startsWith(LABEL)) return;
    own = true;
    const label = readLabel(key.slice(LABEL.length), valueOf(value), 0);
    if (label !== undefined) labels.push(label);
  });
  // a stock client may have written them into the settings
  if (!own) labels.push(...plainLabels(inline));
  if (labels.length === 0 && !own && inline === undefined) return settings;
  labels.sort((a, b) => a.order - b.order || (a.id < b.id ? -1 : 1));
  return { ...settings, labels: labels.map(({ id, title, color }) => ({ id, title, color })) };
};

/** Whether a column has a label, without reading the others. */
export const hasLabel = (column: Cells, id: string): boolean => {
  const stored = column.get(LABEL + id);
  return stored === undefined ? readSettings(column).labels?.some((label) => label.id === id) === true : isRecord(valueOf(stored));
};

const refuse = (message: string, field = 'settings'): never => {
  throw new BoardModelError('invalid_value', message, field);
};

/** Whether a stored label is one. */
export const isLabel = (value: unknown): boolean =>
  isRecord(value) && typeof value['title'] === 'string' && value['title'].length <= MAX_LABEL_TITLE_LENGTH &&
  (value['color'] === undefined || (typeof value['color'] === 'string' && value['color'].length <= MAX_COLOR_LENGTH)) &&
  (value['order'] === undefined || Number.isFinite(value['order'])) && isJson(value, MAX_TEXT_LENGTH);

/** Whether stored settings are such: JSON of a bearable size, known ones of their kind. */
export const isSettings = (value: unknown): boolean =>
  isRecord(value) && Object.entries(value).every(([key, setting]) => fits(key, setting)) && isJson(value, MAX_SETTINGS_LENGTH);

const checkLabels = (value: unknown): Label[] => {
  if (!Array.isArray(value)) return refuse('labels must be a list', 'settings.labels');
  const seen = new Set<string>();
  return value.map((label: unknown) => {
    if (!isRecord(label) || !isId(label['id']) || seen.has(label['id'])) return refuse('every label needs an id of its own', 'settings.labels');
    const { id, title, color = '' } = label;
    if (typeof title !== 'string' || title.length > MAX_LABEL_TITLE_LENGTH || typeof color !== 'string' || color.length > MAX_COLOR_LENGTH) {
      return refuse('a label has a title and a color', 'settings.labels');
    }
    seen.add(id);
    return { id, title: clean(title), color: clean(color) };
  });
};

/** A checked deep copy. @throws BoardModelError invalid_value */
export const checkSettings = (settings: unknown): ColumnSettings => {
  if (!isRecord(settings)) return refuse('settings must be an object');
  let json: string;
  try {
    json = JSON.stringify(settings);
  } catch {
    return refuse('settings must be JSON');
  }
  if (json.length > MAX_SETTINGS_LENGTH) return refuse('settings are too large');
  const copy = cleanJson(JSON.parse(json)) as ColumnSettings;
  if (copy.labels !== undefined && copy.labels !== null) copy.labels = checkLabels(copy.labels);
  for (const [key, value] of Object.entries(copy)) {
    if (value !== null && !fits(key, value)) refuse(`${key.slice(0, 64)} is not what this setting holds`, `settings.${key.slice(0, 64)}`);
  }
  return copy;
};

/** Merges checked settings into the stored ones: a key given replaces, null removes, others stay. Tells whether it wrote. */
export const writeSettings = (writer: Writer, column: Store, patch: ColumnSettings): boolean => {
  const { labels: before = [], ...current } = readSettings(column);
  const { labels, ...rest } = patch;
  const merged = Object.fromEntries(Object.entries({ ...current, ...rest }).filter(([, value]) => value !== null && value !== undefined));
  let wrote = (Object.keys(merged).length > 0 || column.has('settings')) && writer.set(column, 'settings', merged);
  if (labels === undefined) return wrote;
  const wanted = labels ?? [];
  const kept = new Set(wanted.map(({ id }) => id));
  for (const { id } of before) if (!kept.has(id)) wrote = writer.set(column, LABEL + id, null) || wrote;
  wanted.forEach(({ id, title, color }, order) => {
    wrote = writer.set(column, LABEL + id, { title, color, order }) || wrote;
  });
  return wrote;
};
