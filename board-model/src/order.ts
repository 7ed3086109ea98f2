/**
 * Fractional positions. Entries are ordered by (position, id), so that equal keys, which two clients make at once, still
 * order alike everywhere. A new key carries random digits, which makes equals rare; when a gap has no key left (equal,
 * endless or malformed neighbours) the entries around it are re-keyed without changing their order.
 *
 * Guarantees: `placeAmong` always finds a key; keys it makes are at most MAX_KEY_LENGTH long, whatever the neighbours.
 */
import { generateKeyBetween, generateNKeysBetween } from 'fractional-indexing';

export interface Placed { readonly id: string; readonly position: string }

/** Characters. A key gains one per six inserts into the same gap; past this length the neighbourhood is re-keyed instead. */
const MAX_KEY_LENGTH = 32;
/** Random digits on each key: two of n clients that insert into one gap at once get equal keys with n²/2 in 238 000. */
const JITTER_DIGITS = 3;
/** Entries re-keyed around a gap at first; doubled until the keys get short. Few writes for what is nearly always local. */
const REKEY_WINDOW = 32;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Longest position that is read; a longer one is somebody's junk and orders first. */
const MAX_READ_LENGTH = 1000;

/** A stored position, or '' for what is none. Only ASCII letters and digits: they order alike in JavaScript and SQL ("C"). */
export const readPosition = (value: unknown): string =>
  typeof value === 'string' && value.length <= MAX_READ_LENGTH && /^[0-9A-Za-z]+$/.test(value) ? value : '';

export const byPosition = (a: Placed, b: Placed): number =>
  a.position < b.position ? -1 : a.position > b.position ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0;

/** A random key strictly between two valid, different keys (null: the open end). @throws Error when there is none */
const keyBetween = (low: string | null, high: string | null): string => {
  if (low !== null && high !== null && low >= high) throw new RangeError('no key fits between these');
  let key = generateKeyBetween(low, high);
  // Digits go after the key, so it must not be the beginning of the upper bound.
  while (high?.startsWith(key)) key = generateKeyBetween(low, key);
  for (let i = 1; i <= JITTER_DIGITS; i++) {
    // the last digit is no zero: a key must not end with one
    const least = i === JITTER_DIGITS ? 1 : 0;
    key += DIGITS[least + Math.floor(Math.random() * (DIGITS.length - least))];
  }
  return key;
};

/** `count` keys in order after a last one, for many entries at once. A malformed last key counts for its beginning. */
export const keysAfter = (last: string | null, count: number): string[] => {
  try {
    return generateNKeysBetween(last, null, count);
  } catch {
    const start = `${(last ?? '').slice(0, MAX_KEY_LENGTH)}z`;
    return firstKeys(count).map((key) => start + key);
  }
};

const firstKeys = (count: number): string[] => generateNKeysBetween(null, null, count);

export interface Placement {
  position: string;
  /** Entries of the list that get a new position so that there is room, in order. */
  rekeyed: Placed[];
}

/** A key for a new entry at `index` of an ordered list that does not contain it yet. */
export const placeAmong = (list: readonly Placed[], index: number): Placement => {
  const keyAt = (at: number): string | null => list[at]?.position ?? null;
  try {
    const position = keyBetween(keyAt(index - 1), keyAt(index));
    if (position.length <= MAX_KEY_LENGTH) return { position, rekeyed: [] };
  } catch {
    // equal or malformed neighbours: re-key below
  }
  for (let reach = REKEY_WINDOW / 2; ; reach *= 2) {
    const from = Math.max(0, index - reach);
    const to = Math.min(list.length, index + reach);
    const whole = from === 0 && to === list.length;
    try {
      const low = keyAt(from - 1);
      const high = keyAt(to);
      if (low !== null && high !== null && low >= high) throw new RangeError('no key fits between these');
      const keys = generateNKeysBetween(low, high, to - from + 1);
      if (whole || keys.every((key) => key.length <= MAX_KEY_LENGTH / 2)) {
        const position = keys[index - from] ?? '';
        const rekeyed = list.slice(from, to).map(({ id }, i) => ({ id, position: keys[from + i < index ? i : i + 1] ?? '' }));
        return { position, rekeyed };
      }
    } catch {
      // a malformed or equal bound: reach further; the whole list has none
    }
  }
};
