/** How each column type is edited, and how typed words become its value. */
import { isSafeUrl } from '@sunday/board-model';
import { isComputed } from '../board/model.ts';
import type { ColumnType, ColumnValue, ColumnView } from '../board/model.ts';

/** inline: an input in the cell · panel: a popover · toggle: Enter changes it at once · page: the item's side panel */
export type EditKind = 'inline' | 'panel' | 'toggle' | 'page' | 'none';

export function editKindOf(column: ColumnView): EditKind {
  if (column.unknownType !== undefined || isComputed(column.type)) return 'none';
  switch (column.type) {
    case 'text':
    case 'number':
    case 'email':
    case 'phone':
    case 'maximum':
      return 'inline';
    case 'checkbox':
    case 'counter':
      return 'toggle';
    case 'long_text':
      return 'page';
    default:
      return 'panel';
  }
}

export type Parsed = { ok: true; value: ColumnValue | null } | { ok: false; why: string };

/** Typed words as the value of a one-line column. Empty words empty the cell. */
export function parseTyped(type: ColumnType, text: string): Parsed {
  const words = text.trim();
  if (words === '') return { ok: true, value: null };
  switch (type) {
    case 'number':
    case 'maximum':
    case 'counter':
    case 'rating': {
      const number = Number(
        words
          .replaceAll(/[\s_]/g, '')
          .replace(/,(?=\d{3}(\D|$))/g, '')
          .replace(',', '.'),
      );
      return Number.isFinite(number) ? { ok: true, value: number } : { ok: false, why: `“${words}” is not a number` };
    }
    case 'email':
      return /^[^\s@<>]+@[^\s@<>]+$/.test(words) ? { ok: true, value: words } : { ok: false, why: 'An email address has an @ in it' };
    default:
      return { ok: true, value: words };
  }
}

/** A web address as people type it, with https:// where they left it out; null when it cannot be followed safely. */
export function parseUrl(text: string): string | null {
  const words = text.trim();
  if (isSafeUrl(words)) return words;
  if (/^[\w.+-]+@[\w-]+\.[\w.-]+$/.test(words)) return `mailto:${words}`;
  if (/^[a-z][a-z\d+.-]*:/i.test(words) && !/^[\w.-]+:\d+/.test(words)) return null;
  const guess = `https://${words}`;
  return /^[^\s/]+\.[^\s/]+/.test(words) && isSafeUrl(guess) ? guess : null;
}
