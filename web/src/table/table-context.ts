/** What rows of one table share: the keyboard's place, the visible columns, where a drag would land. */
import { createContext, useContext } from 'react';
import type { ColumnView } from '../board/model.ts';
import type { Leave } from '../cells/InlineEditor.tsx';
import { createStore } from '../ui/store.ts';
import type { Store } from '../ui/store.ts';
import { openGrid } from './grid-state.ts';
import type { GridStore } from './grid-state.ts';
import type { Drop } from './row-drag.ts';

export interface TableScope {
  grid: GridStore;
  drop: Store<Drop | null>;
  columns: readonly ColumnView[];
  /** Ends an edit and moves the keyboard on. */
  leave: (how: Leave) => void;
}

export const TableContext = createContext<TableScope>({ grid: openGrid(), drop: createStore<Drop | null>(null), columns: [], leave: () => {} });
export const useTable = (): TableScope => useContext(TableContext);
