/**
 * React hooks over the SDK (React 18 and later).
 *
 * Guarantees: safe in StrictMode (mounting twice opens a board once, by the client's grace on closing), in concurrent rendering
 * (`useSyncExternalStore` over stable references) and on a server (every hook renders the empty state, opens nothing).
 * Every hook takes the board it reads; `null` (not open yet) reads as empty.
 */
import { createContext, createElement, useCallback, useContext, useMemo, useRef, useSyncExternalStore, type ReactElement, type ReactNode } from 'react';
import type { ColumnView, CommentView, GroupView, ItemView } from '@sunday/board-model';
import type {
  Board, BoardInfo, BoardStatus, Client, Conflict, ConnectionState, Listener, Peer, PresenceCrowd, PresenceState, Unsubscribe, UndoResult
} from './types.ts';

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
  readonly crowd: PresenceCrowd | null;
  readonly set: (patch: PresenceState) => void;
}

const ClientContext = createContext<Client | null>(null);

export function SundayProvider({ client, children }: { readonly client: Client; readonly children?: ReactNode }): ReactElement {
  return createElement(ClientContext.Provider, { value: client }, children);
}

export function useClient(): Client {
  const client = useContext(ClientContext);
  if (!client) throw new Error('Sunday hooks need a <SundayProvider client={…}> above them');
  return client;
}

const nothing = (): void => undefined;

/** One value of a board, as a snapshot: empty without a board and on a server. */
function useOf<T>(board: Board | null, subscribe: (board: Board, fn: Listener) => Unsubscribe, read: (board: Board) => T, empty: T): T {
  const subscribed = useCallback((fn: Listener) => (board ? subscribe(board, fn) : nothing), [board, subscribe]);
  const none = (): T => empty;
  return useSyncExternalStore(subscribed, board ? () => read(board) : none, none);
}

export function useConnection(): ConnectionState {
  const client = useClient();
  const subscribe = useCallback((fn: Listener) => client.on('connection', fn), [client]);
  return useSyncExternalStore(subscribe, () => client.connection, () => 'connecting' as const);
}

/** Opens the board while mounted. null on the server, in the very first render, and for a null id. */
export function useBoard(boardId: string | null): Board | null {
  const client = useClient();
  const subscribe = useCallback(() => {
    if (boardId === null) return nothing;
    const board = client.open(boardId);
    return () => board.close();
  }, [client, boardId]);
  return useSyncExternalStore(subscribe, () => (boardId === null ? null : client.peek(boardId)), () => null);
}

const CLOSED: BoardStatus = { loaded: false, sync: 'saved', unsaved: false, readOnly: null, refused: null };
const onStatus = (board: Board, fn: Listener): Unsubscribe => board.on('status', fn);
export const useSyncState = (board: Board | null): BoardStatus => useOf(board, onStatus, (open) => open.status, CLOSED);

const onInfo = (board: Board, fn: Listener): Unsubscribe => board.info.subscribe(fn);
export const useBoardInfo = (board: Board | null): BoardInfo | null => useOf<BoardInfo | null>(board, onInfo, (open) => open.info.current, null);

const NO_COLUMNS: readonly ColumnView[] = [];
const onColumns = (board: Board, fn: Listener): Unsubscribe => board.columns.subscribe(fn);
export const useColumns = (board: Board | null): readonly ColumnView[] => useOf(board, onColumns, (open) => open.columns.all, NO_COLUMNS);

const NO_GROUPS: readonly GroupView[] = [];
const onGroups = (board: Board, fn: Listener): Unsubscribe => board.groups.subscribe(fn);
export const useGroups = (board: Board | null): readonly GroupView[] => useOf(board, onGroups, (open) => open.groups.all, NO_GROUPS);

const NO_ITEMS: readonly ItemView[] = [];
const onItems = (board: Board, fn: Listener): Unsubscribe => board.items.subscribe(fn);

/** The items, in order; the array keeps its reference while what it holds is the same. */
export function useItems(board: Board | null, query: ItemQuery = {}): readonly ItemView[] {
  const { groupId, deleted, filter } = query;
  const source = useOf(board, onItems, (open) => {
    if (deleted === true) return open.items.deleted;
    return groupId === undefined ? open.items.all : open.items.inGroup(groupId);
  }, NO_ITEMS);
  const last = useRef(NO_ITEMS);
  return useMemo(() => {
    const chosen = source.filter((item) => (deleted !== true || groupId === undefined || item.groupId === groupId) && (!filter || filter(item)));
    const same = chosen.length === last.current.length && chosen.every((item, i) => item === last.current[i]);
    if (!same) last.current = chosen.length === source.length ? source : chosen;
    return last.current;
  }, [source, groupId, deleted, filter]);
}

/** One item; renders again for this item's changes only. */
export function useItem(board: Board | null, itemId: string | null): ItemView | undefined {
  const subscribe = useCallback((open: Board, fn: Listener) => (itemId === null ? nothing : open.items.subscribe(itemId, fn)), [itemId]);
  return useOf(board, subscribe, (open) => (itemId === null ? undefined : open.items.get(itemId)), undefined);
}

const NO_COMMENTS: readonly CommentView[] = [];

export function useComments(board: Board | null, itemId: string | null): readonly CommentView[] {
  const subscribe = useCallback((open: Board, fn: Listener) => (itemId === null ? nothing : open.comments.subscribe(itemId, fn)), [itemId]);
  return useOf(board, subscribe, (open) => (itemId === null ? NO_COMMENTS : open.comments.of(itemId)), NO_COMMENTS);
}

const NO_CONFLICTS: readonly Conflict[] = [];
const onConflicts = (board: Board, fn: Listener): Unsubscribe => board.conflicts.subscribe(fn);
/** One's own writes that lost to somebody's of the same time; answer with `board.conflicts.keepMine(id)` or `keepTheirs(id)`. */
export const useConflicts = (board: Board | null): readonly Conflict[] => useOf(board, onConflicts, (open) => open.conflicts.current, NO_CONFLICTS);

/** The text of a long_text cell; write with `board.setLongText`. */
export function useLongText(board: Board | null, itemId: string | null, columnId: string): string {
  const value = useItem(board, itemId)?.values[columnId];
  return typeof value === 'string' ? value : '';
}

const NO_PEERS: readonly Peer[] = [];
const onPresence = (board: Board, fn: Listener): Unsubscribe => board.presence.subscribe(fn);

export function usePresence(board: Board | null): PresenceControls {
  const peers = useOf(board, onPresence, (open) => open.presence.peers, NO_PEERS);
  const set = useCallback((patch: PresenceState) => board?.presence.set(patch), [board]);
  const crowd = useOf(board, onPresence, (open) => open.presence.crowd, null);
  return useMemo(() => ({ peers, crowd, set }), [peers, crowd, set]);
}

const NOTHING_UNDONE: UndoResult = { applied: 0, skipped: [] };
const onHistory = (board: Board, fn: Listener): Unsubscribe => board.history.subscribe(fn);

export function useUndo(board: Board | null): UndoControls {
  const canUndo = useOf(board, onHistory, (open) => open.history.canUndo, false);
  const canRedo = useOf(board, onHistory, (open) => open.history.canRedo, false);
  return useMemo(() => ({
    canUndo, canRedo,
    undo: () => board?.undo() ?? NOTHING_UNDONE,
    redo: () => board?.redo() ?? NOTHING_UNDONE
  }), [board, canUndo, canRedo]);
}

