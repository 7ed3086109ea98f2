/** Keys of the grid, as decisions: which cell next, or what to do with the one we are on. Pure; the table carries them out. */
import { HANDLE_KEY, NAME_KEY } from '../board/model.ts';
import type { Row } from '../board/query.ts';
import type { GridState } from './grid-state.ts';

export type GridAction =
  | { kind: 'move'; row: string; column: string }
  | { kind: 'edit'; typed: string | null }
  | { kind: 'clear' }
  | { kind: 'open' }
  | { kind: 'pick' }
  | { kind: 'leave' };

const PAGE = 12; // rows a Page key moves

interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
}

export function gridAction(event: Pressed, state: GridState, rows: readonly Row[], columns: readonly string[]): GridAction | null {
  const at = rows.findIndex((row) => row.key === state.row);
  const row = rows[at];
  if (!row || event.altKey) return null;
  const mod = event.ctrlKey || event.metaKey;
  const col = Math.max(0, columns.indexOf(state.column));
  const toRow = (index: number): GridAction | null => {
    const next = rows[Math.max(0, Math.min(rows.length - 1, index))];
    return next ? { kind: 'move', row: next.key, column: state.column } : null;
  };
  const toColumn = (index: number): GridAction | null => {
    const next = columns[index];
    return next === undefined || row.kind !== 'item' ? null : { kind: 'move', row: row.key, column: next };
  };
  switch (event.key) {
    case 'ArrowDown':
      return toRow(mod ? rows.length - 1 : at + 1);
    case 'ArrowUp':
      return toRow(mod ? 0 : at - 1);
    case 'PageDown':
      return toRow(at + PAGE);
    case 'PageUp':
      return toRow(at - PAGE);
    case 'ArrowRight':
      return toColumn(mod ? columns.length - 1 : col + 1);
    case 'ArrowLeft':
      return toColumn(mod ? 1 : col - 1);
    case 'Home':
      return mod ? toRow(0) : toColumn(columns.indexOf(NAME_KEY));
    case 'End':
      return mod ? toRow(rows.length - 1) : toColumn(columns.length - 1);
    case 'Escape':
      return { kind: 'leave' };
    case 'Enter':
    case 'F2':
      if (state.column === HANDLE_KEY) return event.key === 'Enter' ? { kind: 'pick' } : null;
      return event.shiftKey ? { kind: 'open' } : { kind: 'edit', typed: null };
    case 'Delete':
    case 'Backspace':
      return row.kind === 'item' ? { kind: 'clear' } : null;
    case '/':
      return null; // the page's: it goes to the search
    case ' ':
      return state.column === HANDLE_KEY ? null : { kind: 'open' };
    default: {
      const types = event.key.length === 1 && !mod && row.kind === 'item' && state.column !== HANDLE_KEY;
      return types ? { kind: 'edit', typed: event.key } : null;
    }
  }
}
