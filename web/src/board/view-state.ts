/**
 * How one person looks at one board: filters, sort, hidden columns, widths, folded groups. Kept on this browser, not on the board.
 * Guarantees: a stored state of another shape reads as the default.
 */
import { createStore } from '../ui/store.ts';
import type { Store } from '../ui/store.ts';

export type Operator = 'contains' | 'any_of' | 'none_of' | 'equals' | 'above' | 'below' | 'before' | 'after' | 'checked' | 'unchecked' | 'empty' | 'not_empty';

export interface FilterRule {
  id: string;
  columnId: string;
  operator: Operator;
  /** Words, a number or a day as typed; ids for any_of and none_of. */
  text: string;
  ids: string[];
}

export interface Sort {
  columnId: string;
  direction: 'up' | 'down';
}

export interface ViewState {
  search: string;
  filters: FilterRule[];
  sort: Sort | null;
  hidden: string[];
  widths: Record<string, number>;
  folded: string[];
  /** The column (or '@group') that makes the kanban's lanes; null: the first status column. */
  lanes: string | null;
}

export type ViewStore = Store<ViewState> & { readonly patch: (change: Partial<ViewState>) => void };

const EMPTY: ViewState = { search: '', filters: [], sort: null, hidden: [], widths: {}, folded: [], lanes: null };

function restore(text: string | null): ViewState {
  if (!text) return EMPTY;
  try {
    const data: unknown = JSON.parse(text);
    if (typeof data !== 'object' || data === null) return EMPTY;
    const state: ViewState = { ...EMPTY, ...data, search: '' };
    const sound = Array.isArray(state.filters) && Array.isArray(state.hidden) && Array.isArray(state.folded) && typeof state.widths === 'object';
    return sound ? state : EMPTY;
  } catch {
    return EMPTY;
  }
}

export function openView(boardId: string): ViewStore {
  const key = `sunday.view.${boardId}`;
  const store = createStore<ViewState>(restore(localStorage.getItem(key)));
  return {
    ...store,
    patch(change) {
      const next = { ...store.get(), ...change };
      store.set(next);
      localStorage.setItem(key, JSON.stringify({ ...next, search: '' }));
    },
  };
}
