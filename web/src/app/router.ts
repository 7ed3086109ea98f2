/** Where the app is, in the URL: `/` the boards, `/b/{boardId}?view=kanban&item={itemId}` one board. */
import type { MouseEvent } from 'react';
import { createStore, useStore } from '../ui/store.ts';

export type ViewName = 'table' | 'kanban';

export type Route = { page: 'boards' } | { page: 'board'; boardId: string; view: ViewName; itemId: string | null };

function parse(url: { pathname: string; search: string }): Route {
  const [, head, boardId] = url.pathname.split('/');
  if (head !== 'b' || !boardId) return { page: 'boards' };
  const params = new URLSearchParams(url.search);
  return {
    page: 'board',
    boardId: decodeURIComponent(boardId),
    view: params.get('view') === 'kanban' ? 'kanban' : 'table',
    itemId: params.get('item'),
  };
}

const route = createStore<Route>(parse(location));
window.addEventListener('popstate', () => route.set(parse(location)));

export function hrefOf(to: Route): string {
  if (to.page === 'boards') return '/';
  const params = new URLSearchParams();
  if (to.view !== 'table') params.set('view', to.view);
  if (to.itemId) params.set('item', to.itemId);
  const query = params.toString();
  return `/b/${encodeURIComponent(to.boardId)}${query ? `?${query}` : ''}`;
}

export function go(to: Route, how: 'push' | 'replace' = 'push'): void {
  const href = hrefOf(to);
  if (href === location.pathname + location.search) return;
  if (how === 'push') history.pushState(null, '', href);
  else history.replaceState(null, '', href);
  route.set(parse(location));
}

/** For links: an ordinary click stays in the app, every other one (new tab, new window) is the browser's. */
export function followInApp(to: Route): (event: MouseEvent) => void {
  return (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(to);
  };
}

export function useRoute(): Route {
  return useStore(route);
}

export function currentRoute(): Route {
  return route.get();
}

/** Opens the item's panel on the board that is shown, or closes it. */
export function showItem(itemId: string | null): void {
  const now = route.get();
  if (now.page === 'board') go({ ...now, itemId });
}
