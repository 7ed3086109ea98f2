/**
 * What each column type holds and how it merges. `parseValue` is the one judge of a value, for writes (undefined: refuse)
 * and for reads (undefined: show as invalid). It never throws and returns a fresh, normalised value.
 */
import { isId, isUserId } from './ids.ts';
import { clean } from './register.ts';
import type { ColumnType, ColumnValue } from './types.ts';

/** register: later write wins · set: add wins · counter: sum of clients · maximum: greatest of clients · text: by character. */
export type Merge = 'register' | 'set' | 'counter' | 'maximum' | 'text' | 'computed';

/** Longest text of a one-line cell or an item's name; longer writing belongs in long text. Characters. */
export const MAX_TEXT_LENGTH = 10_000;
/** Longest body written to a long text at once, characters: what one update of 1 MB can carry. */
export const MAX_LONG_TEXT_LENGTH = 1_000_000;
/** Most elements one set cell takes in one write: beyond this nothing on screen can show it. */
export const MAX_SET_SIZE = 1000;

/** A plain object: no array, no shared type of Yjs, no bytes. */
export const isRecord = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** Deepest nesting that is looked into: the most that a server can be told to take. */
const MAX_JSON_DEPTH = 256;

const isPlain = (value: unknown, depth: number): boolean => {
  if (typeof value === 'string') return clean(value) === value;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value === 'boolean' || value === null) return true;
  if (depth === 0) return false;
  if (Array.isArray(value)) return value.every((part) => isPlain(part, depth - 1));
  return isRecord(value) && Object.entries(value).every(([key, part]) => clean(key) === key && (part === undefined || isPlain(part, depth - 1)));
};

/**
 * Whether this is JSON of at most `max` characters, the same on every copy and in a database: no bigint, no bytes, nothing that is not finite. A
 * property that is undefined counts as absent, as it does there. Never throws.
 */
export const isJson = (value: unknown, max: number): boolean => isPlain(value, MAX_JSON_DEPTH) && JSON.stringify(value).length <= max;

/** Whether a stored value is what a reader makes of it, and beside that JSON of a bearable size, for those who take it as it is. */
export const isJustlyRead = (value: unknown, read: unknown): boolean =>
  read !== undefined && (typeof value !== 'object' || isJson(value, JSON.stringify(read).length + MAX_TEXT_LENGTH));

const text = (value: unknown, max: number): string | undefined =>
  typeof value === 'string' && value.length <= max && clean(value) === value ? value : undefined;
const finite = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?Z?$/;

/** Whether this is a day of the calendar, as YYYY-MM-DD. */
export const isDate = (value: unknown): value is string => {
  if (typeof value !== 'string' || !DATE.test(value)) return false;
  const year = Number(value.slice(0, 4));
  const month = Number(value.slice(5, 7));
  const day = Number(value.slice(8));
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return month >= 1 && month <= 12 && day >= 1 && day <= days;
};
export const isTime = (value: unknown): value is string => typeof value === 'string' && TIME.test(value);

/** http, https or mailto, and nothing that a browser would strip from the scheme or the middle. */
const SAFE_URL = /^(https?:\/\/|mailto:)[^\0-\x20]+$/i;
const safeUrl = (url: string): boolean => SAFE_URL.test(url) && url.length <= MAX_TEXT_LENGTH && url.isWellFormed();

/** Whether a link may be followed: an absolute http, https or mailto address. Reads leave out the parsing: it costs more than all the rest. */
export const isSafeUrl = (url: string): boolean => safeUrl(url) && URL.canParse(url);

/** The id list of a set cell, without repeats; undefined when any element is no id. */
const idList = (value: unknown): string[] | undefined =>
  Array.isArray(value) && value.length <= MAX_SET_SIZE && value.every(isUserId) ? [...new Set(value)] : undefined;

/** Greatest rating any column may allow. */
export const MAX_RATING = 100;

const label = (value: unknown): ColumnValue | undefined => (isRecord(value) && isId(value['labelId']) ? { labelId: value['labelId'] } : undefined);
const shortText = (value: unknown): string | undefined => text(value, MAX_TEXT_LENGTH);

const link = (value: unknown): ColumnValue | undefined => {
  if (!isRecord(value) || typeof value['url'] !== 'string' || !safeUrl(value['url'])) return undefined;
  const title = value['text'] === undefined ? '' : shortText(value['text']);
  if (title === undefined) return undefined;
  return title === '' ? { url: value['url'] } : { url: value['url'], text: title };
};

const location = (value: unknown): ColumnValue | undefined => {
  if (!isRecord(value)) return undefined;
  const address = shortText(value['address']);
  if (address === undefined && value['address'] !== undefined) return undefined;
  const named = address === undefined ? {} : { address };
  if (value['lat'] === undefined && value['lng'] === undefined) return address === undefined ? undefined : named;
  const lat = finite(value['lat']);
  const lng = finite(value['lng']);
  return lat !== undefined && lng !== undefined && Math.abs(lat) <= 90 && Math.abs(lng) <= 180 ? { ...named, lat, lng } : undefined;
};

const date = (value: unknown): ColumnValue | undefined => {
  if (!isRecord(value) || !isDate(value['date'])) return undefined;
  if (value['time'] === undefined) return { date: value['date'] };
  return isTime(value['time']) ? { date: value['date'], time: value['time'] } : undefined;
};

const timeline = (value: unknown): ColumnValue | undefined =>
  isRecord(value) && isDate(value['from']) && isDate(value['to']) && value['from'] <= value['to'] ? { from: value['from'], to: value['to'] } : undefined;

const email = (value: unknown): string | undefined => {
  const address = text(value, 320); // the longest address RFC 5321 allows
  return address !== undefined && /^[^\s@<>]+@[^\s@<>]+$/.test(address) ? address : undefined;
};

type Parse = (value: unknown, max: number) => ColumnValue | undefined;
const register = (parse: Parse): [Merge, Parse] => ['register', parse];
const set: [Merge, Parse] = ['set', idList];
const none: [Merge, Parse] = ['computed', () => undefined];

/** The one table of column types: how each merges, and what it holds. */
const TYPES: Record<ColumnType, [Merge, Parse]> = {
  text: register(shortText), phone: register(shortText), email: register(email), number: register(finite),
  checkbox: register((value) => (typeof value === 'boolean' ? value : undefined)),
  rating: register((value, max) => (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max ? value : undefined)),
  link: register(link), location: register(location), status: register(label), dropdown: register(label), date: register(date), timeline: register(timeline),
  person: set, tags: set, relation: set, files: set,
  counter: ['counter', finite], maximum: ['maximum', finite],
  long_text: ['text', (value) => text(value, MAX_LONG_TEXT_LENGTH)],
  created_at: none, created_by: none, updated_at: none, updated_by: none, auto_number: none, formula: none,
};

export const isColumnType = (value: unknown): value is ColumnType => typeof value === 'string' && Object.hasOwn(TYPES, value);
export const mergeOf = (type: ColumnType): Merge => TYPES[type][0];
/** @param max for a rating: the column's greatest value, which binds writes only */
export const parseValue = (type: ColumnType, value: unknown, max = MAX_RATING): ColumnValue | undefined => TYPES[type][1](value, max);

const SHOWN_LENGTH = 500; // characters of an invalid value that a person gets to see

/** Some text for a value that is not what its column holds. */
export const describeValue = (value: unknown): string => {
  if (typeof value === 'string') return clean(value.slice(0, SHOWN_LENGTH));
  try {
    return clean((JSON.stringify(value) ?? '').slice(0, SHOWN_LENGTH));
  } catch {
    return '?'; // what JSON cannot say: cycles cannot come out of a document, BigInt can
  }
};
