/**
 * Opaque keyset cursors. A cursor holds the sort keys of the last entry of a page, not an offset: entries that are added or removed
 * elsewhere neither repeat nor hide others. It is bound to its list by a fingerprint, so it cannot be used with another sort or filter.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { SundayError } from '../errors.ts';

const shape = z.tuple([z.string(), z.array(z.string().nullable()).max(16)]);
/** Longer than a URL that servers and proxies pass on: such a cursor was not made here. */
const MAX_CURSOR_LENGTH = 16_000;

export type CursorKeys = (string | null)[];

/** @param list what the cursor belongs to: list, filter and sort, in any stable form */
export function encodeCursor(list: unknown, keys: CursorKeys): string {
  return Buffer.from(JSON.stringify([fingerprint(list), keys])).toString('base64url');
}

/** @throws SundayError invalid_cursor */
export function decodeCursor(list: unknown, cursor: string | undefined, length: number): CursorKeys | undefined {
  if (cursor === undefined) return undefined;
  const parsed = shape.safeParse(jsonOf(cursor));
  if (!parsed.success || parsed.data[0] !== fingerprint(list) || parsed.data[1].length !== length) throw new SundayError('invalid_cursor', undefined, { field: 'cursor' });
  return parsed.data[1];
}

function jsonOf(cursor: string): unknown {
  if (cursor.length > MAX_CURSOR_LENGTH) return undefined;
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
}

const fingerprint = (list: unknown): string => createHash('sha256').update(JSON.stringify(list)).digest('base64url').slice(0, 12);

/** Cuts one entry too many into a page. */
export function pageOf<Row, T>(rows: readonly Row[], limit: number, make: (row: Row) => T, cursorOf: (last: Row) => string): { data: T[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { data: shown.map(make), nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}
