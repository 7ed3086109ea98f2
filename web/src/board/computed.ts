/**
 * Auto numbers and formulas: they need the whole board, so they are worked out for all items at once, a moment after the board changed,
 * and only while such a column is on the board. Rows read their own value.
 */
import { computeColumns } from '@sunday/board-model';
import type { Board } from '@sunday/client';
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import { createStore } from '../ui/store.ts';
import type { Store } from '../ui/store.ts';
import type { ColumnType, ColumnValue, ItemView } from './model.ts';

const SETTLE_MS = 120; // edits within this come out as one recomputation; unnoticed by the eye

type Computed = ReadonlyMap<string, ItemView>;
const NOTHING: Computed = new Map();

export const needsBoard = (type: ColumnType): boolean => type === 'auto_number' || type === 'formula';

export const ComputedContext = createContext<Store<Computed>>(createStore(NOTHING));

export function useComputedColumns(board: Board): Store<Computed> {
  const [store] = useState(() => createStore(NOTHING));
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const compute = () => {
      timer = undefined;
      if (!board.columns.all.some((column) => needsBoard(column.type))) return store.set(NOTHING);
      store.set(new Map(computeColumns(board.doc, board.items.all).map((item) => [item.id, item])));
    };
    const soon = () => {
      timer ??= setTimeout(compute, SETTLE_MS);
    };
    compute();
    const stops = [board.items.subscribe(soon), board.columns.subscribe(soon)];
    return () => {
      clearTimeout(timer);
      for (const stop of stops) stop();
    };
  }, [board, store]);
  return store;
}

const never = () => () => {};

/** A cell's value and what is wrong with it, computed ones included. */
export function useCellValue(item: ItemView, columnId: string, type: ColumnType): { value: ColumnValue | undefined; invalid: string | undefined } {
  const store = useContext(ComputedContext);
  const source = () => (needsBoard(type) ? (store.get().get(item.id) ?? item) : item);
  const subscribe = needsBoard(type) ? store.subscribe : never;
  const value = useSyncExternalStore(subscribe, () => source().values[columnId]);
  const invalid = useSyncExternalStore(subscribe, () => source().invalid?.[columnId]);
  return { value, invalid };
}
