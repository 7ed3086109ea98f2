/** A small board in React: rows that render alone, presence, undo, and an honest word on saving. No JSX, so that Node can check it as is. */
import { createElement as h, memo, type ReactElement } from 'react';
import type { Board, Client } from '../src/index.ts';
import { SundayProvider, useBoard, useBoardInfo, useColumns, useItem, useItems, usePresence, useSyncState, useUndo } from '../src/react.ts';

const WORDS = { saved: 'Saved', saving: 'Saving…', offline: 'Offline', volatile: 'Saving… (the database is away)' } as const;

const Row = memo(({ board, id }: { readonly board: Board; readonly id: string }): ReactElement | null => {
  const item = useItem(board, id); // this item's changes only
  const columns = useColumns(board);
  const { peers, set } = usePresence(board);
  if (!item) return null;
  const here = peers.filter(({ state }) => state.cell?.itemId === id).map(({ user }) => user.name);
  return h('tr', { onFocus: () => set({ cell: { itemId: id, columnId: 'name' } }) },
    h('td', null, h('input', { value: item.name, onChange: (event: { target: { value: string } }) => board.items.update(id, { name: event.target.value }) })),
    columns.map((column) => h('td', { key: column.id }, JSON.stringify(item.values[column.id] ?? ''))),
    h('td', null, here.join(', ')));
});

function BoardTable({ boardId }: { readonly boardId: string }): ReactElement {
  const board = useBoard(boardId);
  const info = useBoardInfo(board);
  const items = useItems(board);
  const { loaded, sync, unsaved, readOnly } = useSyncState(board);
  const { canUndo, canRedo, undo, redo } = useUndo(board);
  if (!board || !loaded) return h('p', null, sync === 'offline' ? 'Offline, and this board was not opened here before.' : 'Loading…');
  return h('section', null,
    h('h1', null, info?.name),
    h('p', null, readOnly === null ? WORDS[sync] : 'You can look, not edit', sync === 'offline' && unsaved ? ', your edits are kept here' : ''),
    h('button', { disabled: !canUndo, onClick: undo }, 'Undo'),
    h('button', { disabled: !canRedo, onClick: redo }, 'Redo'),
    h('button', { onClick: () => board.items.create({ name: 'New item' }) }, 'Add'),
    h('table', null, h('tbody', null, items.map(({ id }) => h(Row, { key: id, board, id })))));
}

export function App({ client, boardId }: { readonly client: Client; readonly boardId: string }): ReactElement {
  return h(SundayProvider, { client }, h(BoardTable, { boardId }));
}
