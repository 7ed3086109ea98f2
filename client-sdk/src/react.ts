/**
 * React hooks over the SDK (React 18+). Safe in StrictMode (mounting twice opens once) and on a server (renders the empty state).
 * Every hook takes the board it reads; `null` (not open yet) reads as empty.
 */
import type { ReactNode } from 'react';
import type { ColumnView, CommentView, GroupView, ItemView } from '@sunday/board-model';
import type { Board, BoardInfo, BoardStatus, Client, ConnectionState, Peer, PresenceState, UndoResult } from './types.ts';

export interface ItemQuery {
  /** Only this group; null: items without one. */
  readonly groupId?: string | null;
  /** The trash instead. */
  readonly deleted?: boolean;
  /** Keep a stable function (useCallback): a new one filters again. */
  readonly filter?: (item: ItemView) => boolean;
}

export interface UndoControls {
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  readonly undo: () => UndoResult;
  readonly redo: () => UndoResult;
}

export interface PresenceControls {
  readonly peers: readonly Peer[];
  readonly set: (patch: PresenceState) => void;
}

type NotYet = never;
const notYet = (): NotYet => { throw new Error('not built yet'); };

export const SundayProvider: (props: { client: Client; children?: ReactNode }) => ReactNode = notYet;
export const useClient: () => Client = notYet;
export const useConnection: () => ConnectionState = notYet;
/** Opens the board while mounted. null on the server and in the very first render. */
export const useBoard: (boardId: string | null) => Board | null = notYet;
export const useSyncState: (board: Board | null) => BoardStatus = notYet;
export const useBoardInfo: (board: Board | null) => BoardInfo | null = notYet;
export const useColumns: (board: Board | null) => readonly ColumnView[] = notYet;
export const useGroups: (board: Board | null) => readonly GroupView[] = notYet;
export const useItems: (board: Board | null, query?: ItemQuery) => readonly ItemView[] = notYet;
export const useItem: (board: Board | null, itemId: string | null) => ItemView | undefined = notYet;
export const useComments: (board: Board | null, itemId: string | null) => readonly CommentView[] = notYet;
export const useLongText: (board: Board | null, itemId: string | null, columnId: string) => string = notYet;
export const usePresence: (board: Board | null) => PresenceControls = notYet;
export const useUndo: (board: Board | null) => UndoControls = notYet;
