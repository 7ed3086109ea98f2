/** What happened, the latest first: of a board, live, or of one item, read again when it changes. */
import { useCallback, useEffect, useState } from 'react';
import { followEvents, history } from '../api/history.ts';
import type { BoardEvent, Page } from '../api/history.ts';

const PAGE = 50;
/** Events of an edit are there when it is saved; a moment more lets a burst of edits be one request. */
const SETTLE_MS = 700;

export interface Activity {
  events: readonly BoardEvent[] | null;
  /** null: all is shown. */
  more: (() => void) | null;
  failed: string | null;
}

function useList(load: (cursor: string | null) => Promise<Page<BoardEvent>>) {
  const [events, setEvents] = useState<readonly BoardEvent[] | null>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  const take = useCallback(
    async (from: string | null) => {
      try {
        const page = await load(from);
        setEvents((known) => (from === null || known === null ? page.data : [...known, ...page.data]));
        setCursor(page.nextCursor);
        setFailed(null);
        return page;
      } catch (error) {
        setFailed(error instanceof Error ? error.message : String(error));
        return null;
      }
    },
    [load],
  );
  const more = cursor === null ? null : () => void take(cursor);
  return { events, setEvents, take, more, failed };
}

export function useBoardActivity(boardId: string): Activity {
  const load = useCallback((cursor: string | null) => history.events(boardId, cursor, PAGE), [boardId]);
  const { events, setEvents, take, more, failed } = useList(load);
  useEffect(() => {
    const abort = new AbortController();
    void take(null).then((page) => {
      if (page === null || abort.signal.aborted) return undefined;
      return followEvents(boardId, page.data[0]?.version ?? 0, abort.signal, (event) => setEvents((known) => [event, ...(known ?? [])]));
    });
    return () => abort.abort();
  }, [boardId, take, setEvents]);
  return { events, more, failed };
}

/** @param changed anything that is another value after the item changed */
export function useItemActivity(boardId: string, itemId: string, changed: unknown): Activity {
  const load = useCallback((cursor: string | null) => history.ofItem(boardId, itemId, cursor, PAGE), [boardId, itemId]);
  const { events, take, more, failed } = useList(load);
  useEffect(() => {
    const timer = setTimeout(() => void take(null), events === null ? 0 : SETTLE_MS);
    return () => clearTimeout(timer);
    // `events` only tells the first time from the others: what is loaded must not load again
  }, [take, changed]);
  return { events, more, failed };
}
