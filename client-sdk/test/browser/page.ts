/** The page the Chromium test drives: a small board app on the hooks, and what the test wants to know of it on `window.probe`. */
import { createElement as h, memo, StrictMode, useCallback, useState, type ReactElement } from 'react';
import { createRoot, hydrateRoot, type Root } from 'react-dom/client';
import { createClient, type Board, type Client } from '../../src/index.ts';
import {
  SundayProvider, useBoard, useBoardInfo, useColumns, useComments, useConnection, useGroups, useItem, useItems, useLongText, usePresence, useSyncState, useUndo
} from '../../src/react.ts';

const renders: Record<string, number> = {};
const count = (what: string): void => { renders[what] = (renders[what] ?? 0) + 1; };

const Row = memo(({ board, id }: { readonly board: Board; readonly id: string }): ReactElement => {
  const item = useItem(board, id);
  const comments = useComments(board, id);
  const notes = useLongText(board, id, 'notes');
  count(item?.name ?? id);
  return h('li', { 'data-id': id }, `${item?.name ?? ''} ${comments.length} ${notes}`);
});

export function App({ boardId }: { readonly boardId: string }): ReactElement {
  const board = useBoard(boardId);
  const items = useItems(board);
  const done = useItems(board, { filter: useCallback((item: { readonly name: string }) => item.name.endsWith('!'), []) });
  const info = useBoardInfo(board);
  const columns = useColumns(board);
  const groups = useGroups(board);
  const { sync, loaded, refused } = useSyncState(board);
  const { canUndo, undo } = useUndo(board);
  const { peers } = usePresence(board);
  const connection = useConnection();
  count('app');
  return h('main', { 'data-loaded': String(loaded) },
    h('h1', null, info?.name ?? 'No board'),
    h('p', { id: 'state' }, [sync, connection, columns.length, groups.length, items.length, done.length, peers.length, refused?.code ?? 'ok'].join(' ')),
    h('button', { id: 'undo', disabled: !canUndo, onClick: undo }, 'Undo'),
    h('ul', null, board && items.map(({ id }) => h(Row, { key: id, board, id }))));
}

function Shell({ client }: { readonly client: Client }): ReactElement {
  const [boardId, setBoardId] = useState('b1');
  return h(SundayProvider, { client }, h(App, { boardId }), h('button', { id: 'switch', onClick: () => setBoardId('b2') }, 'Other board'));
}

const probe = {
  renders,
  client: null as Client | null,
  root: null as Root | null,
  start(url: string, html: string | null): void {
    const client = createClient({ url, token: 'any', user: { id: 'browser' } });
    probe.client = client;
    const node = document.querySelector('#root');
    if (!node) throw new Error('no root');
    const app = h(StrictMode, null, h(Shell, { client }));
    if (html === null) {
      probe.root = createRoot(node);
      probe.root.render(app);
    } else {
      node.innerHTML = html;
      probe.root = hydrateRoot(node, app);
    }
  }
};

export type Probe = typeof probe;
export const ServerShell = Shell;
if (typeof window !== 'undefined') Object.assign(window, { probe });
