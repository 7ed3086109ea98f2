/**
 * The cell the keyboard is on, and whether it is being edited. Outside React's tree, so that moving re-renders two rows and
 * not the table.
 */
import { createStore } from '../ui/store.ts';
import type { Store } from '../ui/store.ts';

export interface GridState {
  /** Row key (`i:{itemId}`, `g:{groupId}`, `a:{groupId}`), or null before the grid was entered. */
  row: string | null;
  column: string;
  editing: boolean;
  /** The character that began the edit: it replaces the text. */
  typed: string | null;
}

export type GridStore = Store<GridState>;

export const openGrid = (): GridStore => createStore<GridState>({ row: null, column: '@name', editing: false, typed: null });

/** What one row needs to know; a string, so that rows compare it cheaply. */
export function rowMark(state: GridState, rowKey: string): string {
  if (state.row !== rowKey) return '';
  return `${state.editing ? 'edit' : 'at'}:${state.column}`;
}
