/**
 * Cells as text: how a value of each column type is written in a table, and what a column of texts most likely holds.
 * Guarantees of `inferColumn`: every cell of the column, parsed and formatted again, is string-equal to what it was; where no
 * richer type manages that, the column is text. What a format needs (decimals, date pattern, words for true and false)
 * is kept in the column's settings.
 */
import { newId } from './ids.ts';
import type { ColumnSettings, ColumnType, ColumnValue, Label, Placeholder } from './types.ts';
import { isDate, isSafeUrl, parseValue } from './values.ts';

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const ISO = 'YYYY-MM-DD';
/** In order of preference. Month before day is tried first, and both are left as text where no cell tells them apart. */
const DATE_PATTERNS = [ISO, 'YYYY/MM/DD', 'DD.MM.YYYY', 'D.M.YYYY', 'MM/DD/YYYY', 'DD/MM/YYYY', 'M/D/YYYY', 'D/M/YYYY', 'MMM D, YYYY', 'MMMM D, YYYY', 'D MMM YYYY', 'D MMMM YYYY'];
/** Words for true and false, as spreadsheets and trackers write them. */
const BOOLEANS: [yes: string, no: string][] = [['true', 'false'], ['TRUE', 'FALSE'], ['True', 'False'], ['yes', 'no'], ['Yes', 'No'], ['YES', 'NO']];
/** What labels get, in turn. */
const PALETTE = ['#579bfc', '#fdab3d', '#00c875', '#e2445c', '#a25ddc', '#037f4c', '#ff7575', '#66ccff', '#9d99b9', '#cab641', '#7f5347', '#bb3354'];
/** Beyond these a column is no choice from a list: distinct values, and characters of one. */
const MAX_LABELS = 60;
const MAX_LABEL_LENGTH = 60;
const MAX_PLACEHOLDERS = 500;
/** A text longer than this, or with line breaks, belongs in a long text. Characters. */
const MAX_LINE_LENGTH = 255;

const formatDate = (date: string, pattern: string): string => {
  const [year = '', month = '', day = ''] = date.split('-');
  const name = MONTHS[Number(month) - 1] ?? '';
  const parts: Record<string, string> = { YYYY: year, MMMM: name, MMM: name.slice(0, 3), MM: month, M: String(Number(month)), DD: day, D: String(Number(day)) };
  return pattern.replace(/YYYY|M{1,4}|DD?/g, (token) => parts[token] ?? token);
};

const datePatterns = new Map<string, RegExp>();
const dateRegExp = (pattern: string): RegExp => {
  const known = datePatterns.get(pattern);
  if (known !== undefined) return known;
  const source = pattern.replace(/[./]/g, '\\$&').replace(/YYYY|M{1,4}|DD?/g, (token) => {
    if (token === 'YYYY') return '(?<y>\\d{4})';
    if (token.startsWith('D')) return '(?<d>\\d{1,2})';
    return token.length > 2 ? '(?<n>[A-Z][a-z]+)' : '(?<m>\\d{1,2})';
  });
  const made = new RegExp(`^${source}$`);
  datePatterns.set(pattern, made);
  return made;
};

const parseDate = (text: string, pattern: string): string | undefined => {
  const found = dateRegExp(pattern).exec(text)?.groups;
  if (found === undefined) return undefined;
  const { y = '', d = '', m, n } = found;
  const month = m === undefined ? MONTHS.findIndex((name) => name === n || name.slice(0, 3) === n) + 1 : Number(m);
  const date = `${y}-${String(month).padStart(2, '0')}-${d.padStart(2, '0')}`;
  return isDate(date) ? date : undefined;
};

/** What naming the ids in a column's cells takes, made once for a column. */
export interface Names {
  labels: Map<string, string>;
  people: (id: string) => string;
}

export const namesOf = (settings: ColumnSettings, people?: (userId: string) => string | undefined): Names => {
  const placeholders = new Map((settings.placeholders ?? []).map(({ id, name }) => [id, name.length > MAX_LINE_LENGTH ? name.slice(0, MAX_LINE_LENGTH).toWellFormed() : name]));
  return { labels: new Map((settings.labels ?? []).map(({ id, title }) => [id, title])), people: (id) => placeholders.get(id) ?? people?.(id) ?? id };
};

/** A word or a pattern of the settings. One of many pages would be in every cell of a table. */
const text = (value: unknown, otherwise: string): string => (typeof value === 'string' && value.length <= MAX_LINE_LENGTH ? value : otherwise);

/** A value as the text of a table cell. */
export const formatValue = (type: ColumnType, settings: ColumnSettings, value: ColumnValue, names: Names): string => {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return typeof settings['decimals'] === 'number' ? value.toFixed(Math.min(100, Math.max(0, settings['decimals']))) : String(value);
  if (typeof value === 'boolean') return value ? text(settings['trueText'], 'true') : text(settings['falseText'], 'false');
  if (Array.isArray(value)) return value.map((id) => (type === 'person' ? names.people(id) : id)).join(', ');
  if ('labelId' in value) return names.labels.get(value.labelId) ?? value.labelId;
  if ('url' in value) return value.url;
  if ('from' in value) return `${value.from}/${value.to}`;
  if ('date' in value) {
    const date = formatDate(value.date, text(settings['dateFormat'], ISO));
    return value.time === undefined ? date : `${date}${text(settings['timeSeparator'], 'T')}${value.time}`;
  }
  return value.address ?? `${value.lat ?? ''}, ${value.lng ?? ''}`;
};

/** A column to make for a column of texts, and how each of its cells becomes a value. */
export interface ColumnPlan {
  type: ColumnType;
  settings: ColumnSettings;
  parse: (cell: string) => ColumnValue | undefined;
}

/** Tries a plan on all cells; a cell that would not come back equal fails it. */
const lossless = (plan: ColumnPlan, cells: readonly string[]): boolean => {
  const names = namesOf(plan.settings);
  return cells.every((cell) => {
    const value = plan.parse(cell);
    return value !== undefined && parseValue(plan.type, value) !== undefined && formatValue(plan.type, plan.settings, value, names) === cell;
  });
};

const plain = (type: ColumnType, settings: ColumnSettings, parse: (cell: string) => unknown): ColumnPlan => ({
  type,
  settings,
  parse: (cell) => parseValue(type, parse(cell)),
});

const numberPlan = (cells: readonly string[]): ColumnPlan => {
  const decimals = cells.map((cell) => (cell.includes('.') ? cell.length - cell.indexOf('.') - 1 : 0));
  const fixed = decimals[0] ?? 0;
  const settings = fixed > 0 && cells.some((cell) => cell.endsWith('0')) && decimals.every((count) => count === fixed) ? { decimals: fixed } : {};
  return plain('number', settings, (cell) => (/^(-?[1-9]|\d|-0\.0*[1-9])/.test(cell) ? Number(cell) : undefined)); // no minus zero
};

const datePlans = (cells: readonly string[]): ColumnPlan[] => {
  const separator = cells.some((cell) => /^\d{4}-\d{2}-\d{2} \d/.test(cell)) ? ' ' : 'T';
  const iso = plain('date', separator === ' ' ? { timeSeparator: ' ' } : {}, (cell) => {
    const at = cell.indexOf(separator);
    return at < 0 ? { date: cell } : { date: cell.slice(0, at), time: cell.slice(at + 1) };
  });
  const fits = DATE_PATTERNS.slice(1)
    .map((pattern) => plain('date', { dateFormat: pattern }, (cell) => ({ date: parseDate(cell, pattern) })))
    .filter((plan) => lossless(plan, cells));
  // 01/02/2024 in every cell: nobody can tell the day from the month
  const meanings = new Set(fits.map((plan) => JSON.stringify(cells.map((cell) => plan.parse(cell)))));
  return meanings.size === 1 ? [iso, ...fits] : [iso];
};

const labelPlan = (type: 'status' | 'dropdown', cells: readonly string[]): ColumnPlan => {
  const ids = new Map<string, string>();
  for (const cell of cells) if (!ids.has(cell)) ids.set(cell, newId(6));
  const labels: Label[] = [...ids].map(([title, id], i) => ({ id, title, color: PALETTE[i % PALETTE.length] ?? '' }));
  return plain(type, { labels }, (cell) => ({ labelId: ids.get(cell) }));
};

const personPlan = (cells: readonly string[]): ColumnPlan => {
  const ids = new Map<string, string>();
  for (const cell of cells) if (!ids.has(cell)) ids.set(cell, `placeholder:${newId(8)}`);
  const placeholders: Placeholder[] = [...ids].map(([name, id]) => ({ id, name }));
  return plain('person', { placeholders }, (cell) => [ids.get(cell)]);
};

/** What a column with this header and these cells holds. Empty cells say nothing. */
export const inferColumn = (header: string, column: readonly string[]): ColumnPlan => {
  const cells = column.filter((cell) => cell !== '');
  const textPlan = plain('text', {}, (cell) => cell);
  if (cells.length === 0) return textPlan;
  const longest = cells.reduce((length, cell) => Math.max(length, cell.length), 0);
  if (longest > MAX_LINE_LENGTH || cells.some((cell) => /[\r\n]/.test(cell))) return plain('long_text', {}, (cell) => cell);
  const distinct = new Set(cells).size;
  const choice = distinct <= MAX_LABELS && longest <= MAX_LABEL_LENGTH;
  const candidates: ColumnPlan[] = [];
  if (/(^|\W)(status|state|stage)$/i.test(header) && choice) candidates.push(labelPlan('status', cells));
  if (/^(owners?|assignees?|assigned to|person|people|persons|responsible|lead|members?|reporter|reviewer)$/i.test(header) && distinct <= MAX_PLACEHOLDERS && longest <= MAX_LINE_LENGTH) candidates.push(personPlan(cells));
  for (const [trueText, falseText] of BOOLEANS) {
    if (cells[0] !== trueText && cells[0] !== falseText) continue;
    const settings = trueText === 'true' ? {} : { trueText, falseText };
    candidates.push(plain('checkbox', settings, (cell) => (cell === trueText ? true : cell === falseText ? false : undefined)));
  }
  candidates.push(numberPlan(cells), ...datePlans(cells));
  candidates.push(plain('timeline', {}, (cell) => ({ from: cell.slice(0, 10), to: cell.slice(11) })));
  candidates.push(plain('link', {}, (url) => (isSafeUrl(url) ? { url } : undefined)), plain('email', {}, (cell) => cell));
  if (/phone|mobile|^tel/i.test(header) && cells.every((cell) => /^[+()\d\s./-]{5,}$/.test(cell))) candidates.push(plain('phone', {}, (cell) => cell));
  const found = candidates.find((plan) => lossless(plan, cells));
  if (found !== undefined) return found;
  // a choice from a list: few values, each used again, and not numbers of which one was typed as a word
  const numbers = cells.filter((cell) => /^-?\d+([.,]\d+)?$/.test(cell)).length;
  if (choice && distinct > 1 && distinct * 2 <= cells.length && numbers * 2 < cells.length) return labelPlan('dropdown', cells);
  return textPlan;
};

/** A cell no spreadsheet runs: one that starts like a formula gets an apostrophe before it. */
export const escapeFormula = (cell: string): string => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell);

