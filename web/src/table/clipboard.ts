/** One cell to and from the clipboard: as words for every program, and as its value for another cell of that type. */
import type { Board } from '@sunday/client';
import { cellText } from '../board/cell-text.ts';
import { attempt, setCell } from '../board/context.ts';
import { labelsOf, NAME_KEY, nameOf } from '../board/model.ts';
import type { ColumnValue, ColumnView } from '../board/model.ts';
import type { People } from '../board/people.ts';
import { parseDate, parseSpan } from '../cells/dates.ts';
import { editKindOf, parseTyped, parseUrl } from '../cells/kind.ts';
import { toast } from '../ui/toast.tsx';

const CELL_TYPE = 'application/x-sunday-cell';

export function copyCell(data: DataTransfer, board: Board, itemId: string, columnId: string, people: People): boolean {
  const item = board.items.get(itemId);
  const column = board.columns.get(columnId);
  if (!item || (!column && columnId !== NAME_KEY)) return false;
  data.setData('text/plain', column ? cellText(column, item.values[columnId], people, (id) => nameOf(board.items.get(id) ?? { name: '' })) : item.name);
  if (column) data.setData(CELL_TYPE, JSON.stringify({ columnId, type: column.type, value: item.values[columnId] ?? null }));
  return true;
}

/** A label is the same label only in its own column; everything else fits any column of its type. */
function sameKind(copied: { columnId?: unknown; type?: unknown }, column: ColumnView): boolean {
  return copied.type === column.type && (copied.columnId === column.id || (column.type !== 'status' && column.type !== 'dropdown'));
}

function valueFor(column: ColumnView, words: string): ColumnValue | null | undefined {
  if (editKindOf(column) === 'inline') {
    const parsed = parseTyped(column.type, words);
    return parsed.ok ? parsed.value : undefined;
  }
  if (column.type === 'status' || column.type === 'dropdown') {
    const label = labelsOf(column).find((each) => each.title.toLowerCase() === words.trim().toLowerCase());
    return words.trim() === '' ? null : label && { labelId: label.id };
  }
  if (column.type === 'link') {
    const url = parseUrl(words);
    return url === null ? undefined : { url };
  }
  if (column.type === 'tags')
    return words
      .split(/[,\n]/)
      .map((tag) => tag.trim())
      .filter(Boolean);
  if (column.type === 'date') return words.trim() === '' ? null : (parseDate(words) ?? undefined);
  if (column.type === 'timeline') return words.trim() === '' ? null : (parseSpan(words) ?? undefined);
  return undefined;
}

export function pasteCell(data: DataTransfer, board: Board, itemId: string, columnId: string): void {
  const words = data.getData('text/plain');
  if (columnId === NAME_KEY) {
    const name = words.trim().replaceAll(/\s*\n\s*/g, ' ');
    if (name !== '') attempt(() => board.items.update(itemId, { name }));
    return;
  }
  const column = board.columns.get(columnId);
  if (!column || editKindOf(column) === 'none' || editKindOf(column) === 'page') return;
  const copied = parseCopied(data.getData(CELL_TYPE));
  const value = copied && sameKind(copied, column) ? copied.value : valueFor(column, words);
  if (value === undefined) toast(`“${words.trim().slice(0, 40)}” does not fit the column ${column.title}`, { tone: 'error' });
  else setCell(board, itemId, columnId, value);
}

function parseCopied(text: string): { columnId?: unknown; type?: unknown; value: ColumnValue | null } | null {
  if (text === '') return null;
  try {
    const data: unknown = JSON.parse(text);
    // the value itself is judged by the board model when it is written
    return typeof data === 'object' && data !== null && 'value' in data ? (data as { value: ColumnValue | null }) : null;
  } catch {
    return null;
  }
}
