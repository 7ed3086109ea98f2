/**
 * The shapes of the board model: column types and their values (the same for read and write), and the views that reads
 * return. Times are milliseconds since 1970 (UTC). Views are plain data: safe to keep, compare, and send as JSON.
 */
import type { ColumnId, CommentId, GroupId, ItemId } from './ids.ts';

/** The schema this package reads and writes; a board's own is in `BoardView.schemaVersion`. */
export const SCHEMA_VERSION = 1;

export const COLUMN_TYPES = [
  'text', 'number', 'checkbox', 'rating', 'link', 'email', 'phone', 'location', 'status', 'dropdown', 'date', 'timeline',
  'person', 'tags', 'relation', 'files', 'long_text', 'counter', 'maximum', 'created_at', 'created_by', 'updated_at',
  'updated_by', 'auto_number', 'formula',
] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** `url` is http, https or mailto. */
export interface LinkValue { url: string; text?: string }
export interface LocationValue { address?: string; lat?: number; lng?: number }
export interface LabelValue { labelId: string }
/** `date` is YYYY-MM-DD; `time` is HH:MM[:SS[.fraction]], and with a final `Z` it names an instant (UTC), else local time. */
export interface DateValue { date: string; time?: string }
/** Both YYYY-MM-DD, `from` not after `to`. */
export interface TimelineValue { from: string; to: string }

export type ColumnValue = string | number | boolean | LinkValue | LocationValue | LabelValue | DateValue | TimelineValue | string[];

export interface Label { id: string; title: string; color: string }
/** Somebody named in imported data who is not a user yet: stands in a person cell under its own id until mapped. */
export interface Placeholder {
  id: string;
  name: string;
  /** Whom it was mapped to. */
  userId?: string;
}

/** Known settings; others are kept as they are. */
export interface ColumnSettings {
  labels?: Label[]; // status, dropdown; in this order
  max?: number; // rating: greatest value, 1–100, default 5
  unit?: string; // number
  formula?: string; // formula: see README
  placeholders?: Placeholder[]; // person
  [key: string]: unknown;
}

export interface ColumnView {
  id: ColumnId;
  type: ColumnType;
  /** The stored type, when this version does not know it. The column then reads as text and refuses writes. */
  unknownType?: string;
  title: string;
  settings: ColumnSettings;
  position: string;
  archivedAt: number | null;
}

export interface GroupView {
  id: GroupId;
  title: string;
  color: string;
  position: string;
  archivedAt: number | null;
}

export interface BoardView {
  name: string;
  description: string;
  schemaVersion: number;
  columns: ColumnView[];
  groups: GroupView[];
}

/** How a board was as a table that it was imported from. */
export interface BoardTable {
  /** The header of the column that holds the items' names. */
  nameTitle: string;
  /** Where that column stood; -1: the names are not a column. */
  nameIndex: number;
}

export interface ItemView {
  id: ItemId;
  /** null: ungrouped, or its group is gone or archived (shown under "Ungrouped"; it returns with the group). */
  groupId: GroupId | null;
  name: string;
  /** Cells that hold a value of their column's type. An empty cell is absent. */
  values: Record<string, ColumnValue>;
  /** Cells that hold something else, as a short text, so that a person can see and fix them. */
  invalid?: Record<string, string>;
  position: string;
  createdAt: number;
  createdBy: string | null;
  /** Time of the last register write of the item; null author when the document does not name it. */
  updatedAt: number;
  updatedBy: string | null;
  deletedAt: number | null;
}

export interface CommentView {
  id: CommentId;
  author: string;
  body: string;
  mentions: string[];
  createdAt: number;
  editedAt?: number;
  deletedAt?: number;
}

/** Who writes, and on whose behalf. */
export interface WriteContext {
  userId: string;
  /** Milliseconds; default: now. A floor for the clock: a write never gets an earlier `at` than the value it replaces. */
  at?: number;
  /** Passed to `doc.transact`. */
  origin?: unknown;
}
