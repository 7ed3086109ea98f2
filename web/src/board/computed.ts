/**
 * Auto numbers and formulas: they need the whole board, so they are worked out for all items at once, a moment after the board changed,
 * and only while such a column is on the board. Rows read their own value, and queries that ask for one read all.
 */
import { computeColumns } from '@sunday/board-model';
import type { Board } from '@sunday/client';
import { createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { createStore } from '../ui/store.ts';
import type { Store } from '../ui/store.ts';
import { needsBoard } from './model.ts';
import type { ColumnType, ColumnValue, ColumnView, ItemView } from './model.ts';

const SETTLE_MS = 120; // edits within this come out as one recomputation; unnoticed by the eye

type Computed = ReadonlyMap<string, ItemView>;
const NOTHING: Computed = new Map();

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

/** The items as a query reads them: with what was worked out for them, if it asks for any of that. */
export function useQueried(items: readonly ItemView[], columns: readonly ColumnView[], asks: boolean): readonly ItemView[] {
  const store = useContext(ComputedContext);
  const computed = useSyncExternalStore(asks ? store.subscribe : never, () => (asks ? store.get() : NOTHING));
  return useMemo(() => withComputed(items, columns, computed), [items, columns, computed]);
}

const joined = new WeakMap<ItemView, ItemView>();

/** Everything else is the item's own: what was worked out may be a moment old. The same item while neither part changes. */
export function withComputed(items: readonly ItemView[], columns: readonly ColumnView[], computed: Computed): readonly ItemView[] {
  if (computed.size === 0) return items;
  const ids = columns.filter((column) => needsBoard(column.type)).map((column) => column.id);
  return items.map((item) => {
    const values = computed.get(item.id)?.values ?? {};
    const known = joined.get(item);
    if (known && ids.every((id) => known.values[id] === values[id])) return known;
    const whole: ItemView = { ...item, values: { ...item.values } };
    for (const id of ids) if (values[id] !== undefined) whole.values[id] = values[id];
    joined.set(item, whole);
    return whole;
  });
}
