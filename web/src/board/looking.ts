/**
 * What this person looks at, told to the server while the board is crowded, so that those who look at the same are shown to each other first.
 *
 * A table says which pages of the board are in view. Pages are of the board's own order, whatever each person's filters and sort: who sees
 * the same item names the same page. A kanban is one view, an open item one more. Nothing is said while there is no crowd.
 */
import type { Board } from '@sunday/client';
import { createContext, useContext, useEffect, useState } from 'react';
import type { ItemView } from './model.ts';

const PAGE = 40; // items: about a screen
const MAX_NAMES = 8; // the server heeds no more
const SETTLE_MS = 200; // scrolling past is not looking

export type Part = 'item' | 'view';

interface Looking {
  /** Until the returned function is called, `names` tells what is looked at in this part of the page. */
  at: (part: Part, names: () => readonly string[]) => () => void;
}

export const LookingContext = createContext<Looking>({ at: () => () => {} });

function look(board: Board): Looking & { stop(): void } {
  const parts = new Map<Part, () => readonly string[]>();
  let told = '';
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = () => {
    timer = undefined;
    const all = board.presence.crowd === null ? [] : [parts.get('item'), parts.get('view')].flatMap((names) => names?.() ?? []);
    const names = [...new Set(all)].slice(0, MAX_NAMES);
    if (names.join() === told) return;
    told = names.join();
    board.presence.set({ view: names.length === 0 ? null : names });
  };
  const soon = () => {
    if ((board.presence.crowd !== null || told !== '') && timer === undefined) timer = setTimeout(tell, SETTLE_MS);
  };
  let crowded = false;
  const unsubscribe = board.presence.subscribe(() => {
    if (crowded === (board.presence.crowd !== null)) return;
    crowded = !crowded;
    soon();
  });
  return {
    at(part, names) {
      parts.set(part, names);
      soon();
      return () => {
        if (parts.get(part) === names) parts.delete(part);
        soon();
      };
    },
    stop() {
      unsubscribe();
      clearTimeout(timer);
    },
  };
}

export function useLooking(board: Board): Looking {
  const [looking, setLooking] = useState<Looking>({ at: () => () => {} });
  useEffect(() => {
    const made = look(board);
    setLooking(made);
    return () => made.stop();
  }, [board]);
  return looking;
}

/** `names` must keep its reference while it says the same. */
export function useLooksAt(part: Part, names: () => readonly string[]): void {
  const looking = useContext(LookingContext);
  useEffect(() => looking.at(part, names), [looking, part, names]);
}

/** Pages of the board that hold these items. */
export function pagesOf(board: Board, itemIds: readonly string[]): string[] {
  const places = placesIn(board.items.all);
  const pages = new Set<number>();
  for (const id of itemIds) pages.add(Math.floor((places.get(id) ?? 0) / PAGE));
  return Array.from(pages, (page) => `page-${page}`);
}

const known = new WeakMap<readonly ItemView[], ReadonlyMap<string, number>>();

function placesIn(items: readonly ItemView[]): ReadonlyMap<string, number> {
  const places: ReadonlyMap<string, number> = known.get(items) ?? new Map(items.map((item, index) => [item.id, index]));
  known.set(items, places);
  return places;
}
