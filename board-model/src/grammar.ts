/**
 * SPEC.md as a judge: what may be stored under which key of which record. For a server that looks at updates before it applies them
 * (extensions/guard); reading never needs it, since it tolerates anything.
 *
 * Guarantees: whatever this package writes, passes; so does a plain value of a stock client where a register belongs. What may change
 * while a client looks away (labels, a rating's maximum, whether a column exists) is not held against it. Never throws.
 */
import { isId, isUserId } from './ids.ts';
import { readPosition } from './order.ts';
import { clean, isRegister, MAX_AT_MS, valueOf } from './register.ts';
import { MAX_BODY_LENGTH, MAX_MENTIONS } from './comments.ts';
import { cellOf, type CellKey } from './schema.ts';
import { MAX_DESCRIPTION_LENGTH, MAX_TITLE_LENGTH, MAX_WORD_LENGTH, parseTable } from './structure.ts';
import { isSettings, isLabel } from './settings.ts';
import type { ColumnType } from './types.ts';
import { isColumnType, isJson, isJustlyRead, isRecord, isSafeUrl, MAX_TEXT_LENGTH, mergeOf, parseValue } from './values.ts';

/** Where a value may lie: the two roots that hold values themselves, and the records. */
export type FieldsOf = 'board' | 'authors' | 'columns' | 'groups' | 'items' | 'comments';

/** Why an entry is none: its key, its value, or whose it claims to be. */
export type EntryFault = 'unknown_path' | 'invalid_value' | 'invalid_link' | 'computed_column' | 'foreign_author' | 'foreign_part';

export interface EntryContext {
  /** Whose words these are; null: not known, and then not judged. */
  readonly author: string | null;
  /** The Yjs client that writes. */
  readonly client: number;
  /** The type of a column; undefined: there is none, or none that this version knows. */
  typeOf(columnId: string): ColumnType | undefined;
}

type Check = (value: unknown, context: EntryContext) => EntryFault | null;
interface Field {
  readonly check: Check;
  /** Set when the record is made, and never again. */
  readonly fixed?: boolean;
  /** A record without it is none: it may be overwritten, not removed. */
  readonly required?: boolean;
}

const when = (holds: boolean): EntryFault | null => (holds ? null : 'invalid_value');
const text = (max: number): Check => (value) => when(typeof value === 'string' && value.length <= max && clean(value) === value);
const time: Check = (value) => when(typeof value === 'number' && Number.isFinite(value));
const timeOrNull: Check = (value, context) => (value === null ? null : time(value, context));
const position: Check = (value) => when(readPosition(value) !== '');
const ownName: Check = (value, { author }) => (isUserId(value) ? (author === null || value === author ? null : 'foreign_author') : 'invalid_value');

const FIELDS: Record<Exclude<FieldsOf, 'authors'>, Readonly<Record<string, Field>>> = {
  board: {
    name: { check: text(MAX_TITLE_LENGTH), required: true },
    description: { check: text(MAX_DESCRIPTION_LENGTH) },
    schemaVersion: { check: (value) => when(Number.isSafeInteger(value)), required: true },
    structureLocked: { check: (value) => when(typeof value === 'boolean') },
    table: { check: (value) => when(value === null || isJustlyRead(value, parseTable(value))) },
  },
  columns: {
    type: { check: (value) => when(isColumnType(value)), fixed: true, required: true },
    title: { check: text(MAX_TITLE_LENGTH), required: true },
    position: { check: position, required: true },
    archivedAt: { check: timeOrNull },
    settings: { check: (value) => when(isSettings(value)) },
  },
  groups: {
    title: { check: text(MAX_TITLE_LENGTH), required: true },
    color: { check: text(MAX_WORD_LENGTH) },
    position: { check: position, required: true },
    archivedAt: { check: timeOrNull },
  },
  items: {
    name: { check: text(MAX_TEXT_LENGTH), required: true },
    place: { check: (value) => when(Array.isArray(value) && value.length === 2 && (value[0] === null || isId(value[0])) && readPosition(value[1]) !== ''), required: true },
    createdAt: { check: time, fixed: true, required: true },
    createdBy: { check: ownName, fixed: true, required: true },
    deletedAt: { check: timeOrNull },
    touched: { check: time },
  },
  comments: {
    author: { check: ownName, fixed: true, required: true },
    createdAt: { check: time, fixed: true, required: true },
    body: { check: text(MAX_BODY_LENGTH), required: true },
    mentions: { check: (value) => when(Array.isArray(value) && value.length <= MAX_MENTIONS && value.every(isUserId)) },
    editedAt: { check: timeOrNull },
    deletedAt: { check: timeOrNull },
  },
};

const LABEL = 'label:';

const fieldOf = (of: FieldsOf, key: string): Field | undefined => {
  if (of === 'authors') return /^\d{1,16}$/.test(key) ? AUTHOR : undefined;
  const fields = FIELDS[of];
  if (Object.hasOwn(fields, key)) return fields[key];
  return of === 'columns' && key.startsWith(LABEL) && isId(key.slice(LABEL.length)) ? LABEL_FIELD : undefined;
};
const AUTHOR: Field = { check: ownName, required: true };
const LABEL_FIELD: Field = { check: (value) => when(value === null || isLabel(value)), required: true };

/** Whether there may be anything under this key. */
export const isKey = (of: FieldsOf, key: string): boolean => fieldOf(of, key) !== undefined || (of === 'items' && cellOf(key) !== null);
/** Whether this is set once and for all when the record is made. */
export const isFixed = (of: FieldsOf, key: string): boolean => fieldOf(of, key)?.fixed === true;
/** Whether this may not be taken away from a record. */
export const isRequired = (of: FieldsOf, key: string): boolean => fieldOf(of, key)?.required === true;

/** Whether `stored` may lie under `key`; null: it may. */
export const judgeEntry = (of: FieldsOf, key: string, stored: unknown, context: EntryContext): EntryFault | null => {
  if (isRegister(stored)) {
    const [, at, author] = stored;
    if (author !== undefined && context.author !== null && author !== context.author) return 'foreign_author';
    // a clock may be wrong, but says a time
    if (Math.abs(at) > MAX_AT_MS || (author !== undefined && !isUserId(author))) return 'invalid_value';
  }
  const field = fieldOf(of, key);
  if (field !== undefined) {
    if (of === 'authors' && key !== String(context.client)) return 'foreign_author';
    return field.check(valueOf(stored), context);
  }
  const cell = of === 'items' ? cellOf(key) : null;
  return cell === null ? 'unknown_path' : judgeCell(cell, stored, context);
};

const judgeCell = ({ columnId, element }: CellKey, stored: unknown, context: EntryContext): EntryFault | null => {
  const type = context.typeOf(columnId);
  const value = valueOf(stored);
  // its column may be on the way, or of a later version: it reads as nothing until then
  if (type === undefined) return when(isCellLike(value) && (element === null || isUserId(element)));
  switch (mergeOf(type)) {
    case 'computed':
      return 'computed_column';
    case 'register':
      if (element !== null) return 'unknown_path';
      if (value === null || isJustlyRead(value, parseValue(type, value))) return null;
      return type === 'link' && isRecord(value) && typeof value['url'] === 'string' && !isSafeUrl(value['url']) ? 'invalid_link' : 'invalid_value';
    case 'set':
      if (element === null) return 'unknown_path';
      return when(isUserId(element) && typeof stored === 'number' && Number.isFinite(stored));
    case 'counter':
    case 'maximum':
      if (element === null) return 'unknown_path';
      if (element !== String(context.client)) return 'foreign_part';
      return when(typeof value === 'number' && Number.isFinite(value));
    case 'text':
      return 'unknown_path'; // in a root of its own
  }
};

/** JSON of a size that some cell could hold. */
const isCellLike = (value: unknown): boolean => (typeof value === 'string' ? value.length <= MAX_TEXT_LENGTH && clean(value) === value : isJson(value, MAX_TEXT_LENGTH));

const PLAIN_FORMATS = new Set(['bold', 'italic', 'underline', 'strike', 'code', 'blockquote', 'code-block', 'header', 'list', 'indent', 'align']);
const MAX_FORMAT_LENGTH = 64; // characters: names of an alignment, a kind of list, a language of code

/** Whether a long text may be formatted so: an allow-list, and nothing that a page would load or run. */
export const judgeFormat = (name: string, value: unknown): EntryFault | null => {
  if (name === 'link') return value === null || (typeof value === 'string' && isSafeUrl(value)) ? null : 'invalid_link';
  if (!PLAIN_FORMATS.has(name)) return 'unknown_path';
  // in a document it is JSON, which has no 1e999: read as infinite here, it would be null to whoever is sent it
  return when(value === null || typeof value === 'boolean' || Number.isFinite(value) || (typeof value === 'string' && value.length <= MAX_FORMAT_LENGTH));
};

/** How deep a value is nested: 0 for a scalar. Counts no further than `max` + 1. */
export const depthOf = (value: unknown, max: number): number => {
  if (typeof value !== 'object' || value === null) return 0;
  if (max < 0) return 1;
  let deepest = 0;
  for (const part of Object.values(value)) deepest = Math.max(deepest, depthOf(part, max - 1));
  return deepest + 1;
};
