/**
 * Column settings. Labels are keys of their own (`label:{labelId}`), so that two people adding labels at once keep both;
 * the rest is one register. Reads never throw.
 */
import { BoardModelError } from './errors.ts';
import { isId } from './ids.ts';
import { valueOf, type Writer } from './register.ts';
import type { Cells, Store } from './schema.ts';
import type { ColumnSettings, Label } from './types.ts';
import { isRecord } from './values.ts';

const LABEL = 'label:';
/** Settings are read with every board and held in one row: JSON characters, enough for thousands of labels or people. */
const MAX_SETTINGS_LENGTH = 500_000;
const MAX_LABEL_TITLE_LENGTH = 1000; // characters

interface OrderedLabel extends Label { order: number }

const readLabel = (id: string, value: unknown, index: number): OrderedLabel | undefined => {
  if (!isId(id) || !isRecord(value) || typeof value['title'] !== 'string') return undefined;
  const { title, color, order } = value;
  return { id, title, color: typeof color === 'string' ? color : '', order: typeof order === 'number' ? order : index };
};

const plainLabels = (value: unknown): OrderedLabel[] =>
  Array.isArray(value) ? value.flatMap((label: unknown, i) => (isRecord(label) ? readLabel(String(label['id']), label, i) ?? [] : [])) : [];

export const readSettings = (column: Cells): ColumnSettings => {
  const stored = valueOf(column.get('settings'));
  const { labels: inline, ...settings } = (isRecord(stored) ? stored : {}) as ColumnSettings;
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

const refuse = (message: string, field = 'settings'): never => {
  throw new BoardModelError('invalid_value', message, field);
};

const checkLabels = (value: unknown): Label[] => {
  if (!Array.isArray(value)) return refuse('labels must be a list', 'settings.labels');
  const seen = new Set<string>();
  return value.map((label: unknown) => {
    if (!isRecord(label) || !isId(label['id']) || seen.has(label['id'])) return refuse('every label needs an id of its own', 'settings.labels');
    const { id, title, color = '' } = label;
    if (typeof title !== 'string' || title.length > MAX_LABEL_TITLE_LENGTH || typeof color !== 'string' || color.length > 32) {
      return refuse('a label has a title and a color', 'settings.labels');
    }
    seen.add(id);
    return { id, title: title.toWellFormed(), color };
  });
};

/** A checked deep copy. @throws BoardModelError invalid_value */
export const checkSettings = (settings: unknown): ColumnSettings => {
  if (!isRecord(settings)) return refuse('settings must be an object');
  let json: string;
  try {
    json = JSON.stringify(settings).toWellFormed();
  } catch {
    return refuse('settings must be JSON');
  }
  if (json.length > MAX_SETTINGS_LENGTH) return refuse('settings are too large');
  const copy = JSON.parse(json) as ColumnSettings;
  if (copy.labels !== undefined && copy.labels !== null) copy.labels = checkLabels(copy.labels);
  const { max, formula, placeholders } = copy;
  if (max !== undefined && max !== null && (!Number.isInteger(max) || max < 1 || max > 100)) refuse('max must be a whole number from 1 to 100', 'settings.max');
  if (formula !== undefined && formula !== null && typeof formula !== 'string') refuse('formula must be text', 'settings.formula');
  if (placeholders !== undefined && placeholders !== null && !(Array.isArray(placeholders) && placeholders.every((p: unknown) => isRecord(p) && typeof p['id'] === 'string' && typeof p['name'] === 'string'))) {
    refuse('placeholders must be a list of {id, name}', 'settings.placeholders');
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
  for (const { id } of before) if (!wanted.some((label) => label.id === id)) wrote = writer.set(column, LABEL + id, null) || wrote;
  wanted.forEach(({ id, title, color }, order) => {
    wrote = writer.set(column, LABEL + id, { title, color, order }) || wrote;
  });
  return wrote;
};
