/** Moves the browser's focus to the grid's cell, after the virtual list has brought its row on screen. */
import { useCallback, useEffect, useRef } from 'react';
import type { RefObject } from 'react';
import type { Row } from '../board/query.ts';
import type { GridStore } from './grid-state.ts';

const TRIES = 8; // frames to wait for a far row to be mounted

export function useCellFocus(
  grid: GridStore,
  scroller: RefObject<HTMLElement | null>,
  rows: RefObject<readonly Row[]>,
  scrollTo: (index: number) => void,
  pinned: RefObject<number>,
): () => void {
  const scroll = useRef(scrollTo);
  scroll.current = scrollTo;
  const frame = useRef(0);

  useEffect(() => {
    const pin = () => {
      const { row } = grid.get();
      pinned.current = row === null ? -1 : rows.current.findIndex((each) => each.key === row);
    };
    pin();
    return grid.subscribe(pin);
  });
  useEffect(() => () => cancelAnimationFrame(frame.current), []);

  return useCallback(() => {
    const { row, column } = grid.get();
    if (row === null) return;
    const index = rows.current.findIndex((each) => each.key === row);
    if (index < 0) return;
    const find = () => scroller.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(row)}"][data-col="${CSS.escape(column)}"]`);
    // at once where it is mounted, so that the next key already goes there
    find()?.focus({ preventScroll: true });
    const before = document.activeElement;
    scroll.current(index);
    const reach = (left: number) => {
      const now = grid.get();
      if (now.row !== row || now.column !== column || now.editing) return;
      const cell = find();
      if (cell) {
        // Keys may have gone on meanwhile, to something in the cell or a panel: the focus is theirs then.
        if (document.activeElement === before || document.activeElement === document.body) cell.focus({ preventScroll: true });
        cell.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      } else if (left > 0) frame.current = requestAnimationFrame(() => reach(left - 1));
    };
    cancelAnimationFrame(frame.current);
    frame.current = requestAnimationFrame(() => reach(TRIES));
  }, [grid, scroller, rows]);
}
