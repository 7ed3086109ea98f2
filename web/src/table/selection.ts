/** Rows selected for something to be done with all of them. A store of ids, so that picking re-renders the row and the bar only. */
import { createContext, useContext } from 'react';
import type { Row } from '../board/query.ts';
import { createStore, useSelected } from '../ui/store.ts';
import type { Store } from '../ui/store.ts';

export interface Selection {
  ids: Store<ReadonlySet<string>>;
  /** Picks or drops one row; with `range`, everything between it and the row picked before. */
  toggle: (itemId: string, rows: readonly Row[], range: boolean) => void;
  clear: () => void;
}

const NONE: ReadonlySet<string> = new Set();

export function openSelection(): Selection {
  const ids = createStore(NONE);
  let last: string | null = null;
  return {
    ids,
    toggle(itemId, rows, range) {
      const next = new Set(ids.get());
      const items = rows.flatMap((row) => (row.kind === 'item' ? [row.itemId] : []));
      const from = range && last !== null ? items.indexOf(last) : -1;
      const to = items.indexOf(itemId);
      const picked = from < 0 || to < 0 ? [itemId] : items.slice(Math.min(from, to), Math.max(from, to) + 1);
      const on = !next.has(itemId);
      for (const id of picked) {
        if (on) next.add(id);
        else next.delete(id);
      }
      last = itemId;
      ids.set(next);
    },
    clear() {
      last = null;
      ids.set(NONE);
    },
  };
}

export const SelectionContext = createContext<Selection>(openSelection());
export const useSelection = (): Selection => useContext(SelectionContext);
export const useIsSelected = (itemId: string): boolean => useSelected(useSelection().ids, (ids) => ids.has(itemId));
