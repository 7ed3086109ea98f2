/**
 * Registers and the clock. A register is `[value, at]` or, where one Yjs client writes for several people (a server),
 * `[value, at, userId]`. A plain value of a stock client reads as a register without a time.
 *
 * The clock is a hybrid logical one: milliseconds, never at or before the `at` of the value being replaced or of this
 * document's last write, so that `at` orders what was sequential even when wall clocks disagree.
 */
import type * as Y from 'yjs';
import { asUserId } from './ids.ts';
import { authorsMap, type Store } from './schema.ts';
import type { WriteContext } from './types.ts';

/** 2⁻¹⁰ ms: a float64 of today's milliseconds still holds it exactly, so ticks count up without rounding. */
const TICK_MS = 2 ** -10;
/** A stored `at` further ahead than this is a broken clock's and not followed, or one junk value would set every later time. */
const MAX_AHEAD_MS = 86_400_000;

export const isRegister = (stored: unknown): stored is [unknown, number, string?] =>
  Array.isArray(stored) &&
  (stored.length === 2 || (stored.length === 3 && typeof stored[2] === 'string')) &&
  Number.isFinite(stored[1]);

export const valueOf = (stored: unknown): unknown => (isRegister(stored) ? stored[0] : stored);
/** Longest string that is read where nothing says otherwise, characters. A longer one is cut. */
const MAX_READ_LENGTH = 10_000;
/** The last millisecond of the year 9999: beyond it neither SQL nor JSON dates agree on anything. */
const MAX_TIME_MS = 253_402_300_799_999;
/** The furthest from 1970 that ECMAScript's dates go, either way: a clock may be wrong, but reads something. */
export const MAX_AT_MS = 8_640_000_000_000_000;

/** 0 for a plain value. */
export const atOf = (stored: unknown): number => (isRegister(stored) ? stored[1] : 0);

/** A string that every database and encoding keeps: without NUL and half characters. */
export const clean = (text: string): string => (text.includes('\0') || !text.isWellFormed() ? text.replaceAll('\0', '').toWellFormed() : text);

export const stringOf = (stored: unknown, max = MAX_READ_LENGTH): string => {
  const value = valueOf(stored);
  return typeof value === 'string' ? clean(value.slice(0, max)) : '';
};
/** Whole milliseconds from 1970 to 9999. */
export const clampTime = (ms: number): number => Math.floor(Math.min(Math.max(ms, 0), MAX_TIME_MS));
export const timeOf = (stored: unknown): number | null => {
  const value = valueOf(stored);
  return typeof value === 'number' && Number.isFinite(value) ? clampTime(value) : null;
};

/** Deep equality of JSON-like values, as they come back from a database: -0 is 0 there. */
export const sameValue = (a: unknown, b: unknown): boolean => {
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  const left = Object.entries(a);
  return left.length === Object.keys(b).length && left.every(([key, value]) => Object.hasOwn(b, key) && sameValue(value, (b as Record<string, unknown>)[key]));
};

const lastAt = new WeakMap<Y.Doc, number>();

/** One transaction's writer: stamps and attributes registers. Made by `write`, valid only inside it. */
export interface Writer {
  readonly doc: Y.Doc;
  readonly userId: string;
  /** This write's `at`, or a later one where the value being replaced has `previous`. */
  stamp(previous?: number): number;
  /** Sets a register unless it already holds an equal value; `at` overrides the clock. Tells whether it wrote. */
  set(map: Store, key: string, value: unknown, at?: number): boolean;
  /** The stored form of a value that replaces nothing. */
  fresh(value: unknown): unknown;
}

/** Runs `work` in one transaction. @throws BoardModelError invalid_id for a bad user id */
export const write = <T>(doc: Y.Doc, ctx: WriteContext, work: (writer: Writer) => T): T => {
  const userId: string = asUserId(ctx.userId);
  const authors = authorsMap(doc);
  const client = String(doc.clientID);
  const now = ctx.at ?? Date.now();
  const after = (floor: number): number => (floor < now || floor > now + MAX_AHEAD_MS ? now : floor + TICK_MS);
  const base = after(lastAt.get(doc) ?? 0);
  lastAt.set(doc, base);
  const stamp = (previous = 0): number => {
    if (previous < base) return base;
    const at = Math.max(after(previous), base);
    lastAt.set(doc, at);
    return at;
  };
  const signed = (value: unknown, at: number): unknown => {
    if (!authors.has(client)) authors.set(client, userId);
    return authors.get(client) === userId ? [value, at] : [value, at, userId];
  };
  const writer: Writer = {
    doc,
    userId,
    stamp,
    set(map, key, value, at) {
      const stored = map.get(key);
      if (stored !== undefined && sameValue(valueOf(stored), value)) return false;
      map.set(key, signed(value, at ?? stamp(atOf(stored))));
      return true;
    },
    fresh: (value) => signed(value, stamp()),
  };
  return doc.transact(() => work(writer), ctx.origin);
};
