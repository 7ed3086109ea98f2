/** What every part of a board page needs, in one place: the live board, how it is looked at, and what may be done. */
import { ClientError } from '@sunday/client';
import type { Board } from '@sunday/client';
import { createContext, useContext, useSyncExternalStore } from 'react';
import type { SessionUser } from '../app/session.ts';
import { toast } from '../ui/toast.tsx';
import type { ColumnValue, ColumnView, GroupView, ItemView } from './model.ts';
import type { ViewState, ViewStore } from './view-state.ts';

export interface BoardScope {
  board: Board;
  user: SessionUser;
  view: ViewStore;
  canWrite: boolean;
  canComment: boolean;
  /** Opens the item's side panel; null closes it. */
  openItem: (itemId: string | null) => void;
  openDialog: (dialog: BoardDialog | null) => void;
}

export type BoardDialog = { kind: 'share' } | { kind: 'trash' } | { kind: 'conflicts' } | { kind: 'column'; columnId: string } | { kind: 'new-column'; after?: string };

export const BoardContext = createContext<BoardScope | null>(null);

export function useScope(): BoardScope {
  const scope = useContext(BoardContext);
  if (!scope) throw new Error('useScope outside a board page');
  return scope;
}

export function useView(): ViewState {
  const { view } = useScope();
  return useSyncExternalStore(view.subscribe, view.get, view.get);
}

/** Columns and groups come by context: one subscription for the page, the same arrays for every row. */
export const ColumnsContext = createContext<readonly ColumnView[]>([]);
export const GroupsContext = createContext<readonly GroupView[]>([]);
export const useColumnList = (): readonly ColumnView[] => useContext(ColumnsContext);
export const useGroupList = (): readonly GroupView[] => useContext(GroupsContext);

/** Why a board takes no writes from somebody, where it is not that their role is to read. */
const READ_ONLY: ReadonlyMap<string | undefined, string> = new Map([
  ['comments_only', 'You can only read this board and comment'],
  ['schema_too_old', 'This page is older than the board: reload it to edit'],
]);

function wordsFor(error: unknown): string {
  if (error instanceof ClientError && error.code === 'read_only') return READ_ONLY.get(error.reason) ?? 'You can only view this board';
  if (error instanceof ClientError && error.code === 'refused') return 'This board takes no changes of yours any more';
  return error instanceof Error ? error.message : String(error);
}

/** Runs a write; what the board model or the SDK refuses is told to the user instead of thrown. */
export function attempt<T>(write: () => T): T | undefined {
  try {
    return write();
  } catch (error) {
    toast(wordsFor(error), { tone: 'error' });
    return undefined;
  }
}

/** Answers whether it was taken. */
export function setCell(board: Board, itemId: string, columnId: string, value: ColumnValue | null): boolean {
  return attempt(() => (board.items.update(itemId, { values: { [columnId]: value } }), true)) === true;
}

export function deleteItem(board: Board, item: Pick<ItemView, 'id' | 'name'>): void {
  attempt(() => {
    board.items.delete(item.id);
    toast(`“${item.name.slice(0, 40) || 'Untitled'}” is in the trash`, { action: { label: 'Undo', run: () => attempt(() => board.items.restore(item.id)) } });
  });
}
