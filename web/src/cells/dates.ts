/**
 * Dates as people type and paste them: `2026-12-24`, `24.12.2026`, `24 Dec 2026`, with a time of day behind if there is one. Pure.
 * Three plain numbers are read in the order of the reader's language (dots always mean day first), so that nobody gets another's reading.
 */
import { parseValue } from '@sunday/board-model';
import type { ColumnValue } from '../board/model.ts';

type Part = 'year' | 'month' | 'day';
export type TypedDate = { date: string; time?: string };

const ORDER: readonly Part[] = new Intl.DateTimeFormat()
  .formatToParts()
  .flatMap(({ type }) => (type === 'year' || type === 'month' || type === 'day' ? [type] : []));

const TIME = /[\s,T]+(\d{1,2}):(\d{2})(?::\d{2})?(?:\s*([ap])\.?m\.?)?$/i;
const CENTURY = 2000; // of a year typed with two digits

function monthsIn(language: string | undefined): string[] {
  const month = new Intl.DateTimeFormat(language, { month: 'long', timeZone: 'UTC' });
  return Array.from({ length: 12 }, (_, index) => month.format(Date.UTC(2024, index, 1)).toLowerCase());
}

/** By its first letters, in the reader's language or in English. */
function monthNamed(word: string): string | undefined {
  const start = word.toLowerCase().replace('.', '');
  for (const language of [undefined, 'en']) {
    const at = monthsIn(language).findIndex((name) => name.startsWith(start));
    if (at >= 0) return String(at + 1);
  }
  return undefined;
}

/** Which number is what; undefined where the words are no date at all. The year may be left out: this one. */
function partsOf(words: string): Partial<Record<Part, string>> | undefined {
  const iso = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$/.exec(words);
  if (iso) return { year: iso[1], month: iso[2], day: iso[3] };
  const named = /^(?:(\d{1,2})\.? +)?(\p{L}{3,}\.?)(?: +(\d{1,2}))?(?:,? +(\d{4}))?$/u.exec(words);
  if (named) return { year: named[4], month: monthNamed(named[2] ?? ''), day: named[1] ?? named[3] };
  const plain = /^(\d{1,2})([./-])(\d{1,2})(?:\2(\d{4}|\d{2})?)?$/.exec(words);
  if (!plain) return undefined;
  const isDayFirst = plain[2] === '.' || ORDER.indexOf('day') < ORDER.indexOf('month');
  const year = plain[4]?.length === 2 ? String(CENTURY + Number(plain[4])) : plain[4];
  return isDayFirst ? { year, month: plain[3], day: plain[1] } : { year, month: plain[1], day: plain[3] };
}

function timeOf(words: string): string | undefined {
  const [whole, hour = '', minute = '', half] = TIME.exec(words) ?? [];
  if (whole === undefined) return undefined;
  const hours = half === undefined ? hour : String((Number(hour) % 12) + (half.toLowerCase() === 'p' ? 12 : 0));
  return `${hours.padStart(2, '0')}:${minute}`;
}

/** null: the words are no date. */
export function parseDate(text: string): TypedDate | null {
  const words = text.trim();
  const time = timeOf(words);
  const parts = partsOf(words.replace(TIME, ''));
  if (!parts?.month || !parts.day) return null;
  const date = `${parts.year ?? new Date().getFullYear()}-${parts.month.padStart(2, '0')}-${parts.day.padStart(2, '0')}`;
  const value = time === undefined ? { date } : { date, time };
  return parseValue('date', value) === undefined ? null : value;
}

/** Two dates with a dash or "to" between them, as a timeline shows itself. */
export function parseSpan(text: string): ColumnValue | null {
  const [from, to, ...more] = text.split(/\s+(?:[-–—]|to)\s+/).map(parseDate);
  if (!from || !to || more.length > 0) return null;
  return parseValue('timeline', { from: from.date, to: to.date }) ?? null;
}
