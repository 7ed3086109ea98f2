/**
 * The public shapes of the SDK: what `createClient` takes and gives. Only types; the code is in the files named after them.
 *
 * Two promises hold everywhere. Every read (`all`, `get`, `current`, `peers`, `status`) returns the same reference until its content
 * changes, so it can be a React snapshot. Every `subscribe` and `on` calls back synchronously after a change and returns its own undo.
 */
import type {
  addComment, BoardView, ColumnValue, ColumnView, CommentId, CommentView, createColumn, createGroup, createItem, GroupView, ItemId,
  ItemView, moveItem, updateBoard, updateColumn, updateGroup, updateItem, ColumnId, GroupId
} from '@sunday/board-model';
import type * as Y from 'yjs';
import type { ClientErrorCode } from './errors.ts';

export type Unsubscribe = () => void;
export type Listener = () => void;

export type TokenSource = string | (() => string | Promise<string>);

export interface ClientUser {
  readonly id: string;
  readonly name?: string;
}

/** Any event of a socket: a message has `data`, a close has `code`. */
export interface SocketEvent {
  readonly type: string;
  readonly data?: unknown;
  readonly code?: number;
}

/** The part of the browser's WebSocket the SDK uses; `ws` and Node's own satisfy it. */
export interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: SocketEvent) => void): void;
}

export interface ClientOptions {
  /** The server: `https://boards.example.org` (the path /sync is added), or a whole `wss://…/sync` address. */
  readonly url: string;
  /** The user's JWT, or what fetches one: called at each connect and whenever the server asks for a renewal. */
  readonly token: TokenSource;
  /** Who writes. Left out, it is the token's `sub`: then nothing can be read from the offline copy before a token was had. */
  readonly user?: ClientUser;
  /** Where edits survive a reload. Default: 'indexeddb' where there is one. */
  readonly persistence?: 'indexeddb' | false;
  /** Default: the global one. */
  readonly WebSocket?: new (url: string) => SocketLike;
}

export type ConnectionState = 'connecting' | 'connected' | 'offline';

export interface Client {
  readonly connection: ConnectionState;
  /** Why the whole connection was refused for good (a 44xx close), until `reconnect()`. */
  readonly refusedCode: string | null;
  /** The writing user, once known. */
  readonly user: ClientUser | null;
  /** Opens a board, or counts one more user of an open one. Pair each with `board.close()`. */
  open(boardId: string): Board;
  /** The board if it is open, uncounted. */
  peek(boardId: string): Board | null;
  on(event: 'connection', fn: Listener): Unsubscribe;
  /** Tries at once, e.g. after signing in again. */
  reconnect(): void;
  /** Closes every board and the socket. Offline copies are written out before it resolves. */
  destroy(): Promise<void>;
}

/**
 * `saved`: every edit here is committed on the server. `saving`: some are not (they may be in the offline copy already).
 * `offline`: no working connection; `unsaved` tells whether edits wait. `volatile`: the server's database is away, edits are in memory.
 */
export type SyncState = 'saved' | 'saving' | 'offline' | 'volatile';

/** What a refused board still holds. Never dropped by the SDK: keep it, show it, or replay it with `board.startFresh({ replay: true })`. */
export interface Draft {
  /** The local document, refused edits included, as one Yjs update. */
  readonly update: Uint8Array;
  /** The edits of this session that were not committed, oldest first. */
  readonly changes: readonly Change[];
}

export interface Refusal {
  /** Stable code: forbidden, board_not_found, token_expired, token_revoked, unauthenticated, too_large, malformed_update, update_… (the guard's), … */
  readonly code: string;
  readonly draft: Draft;
}

export interface BoardStatus {
  /** There is content to show: from the offline copy or from the server. */
  readonly loaded: boolean;
  readonly sync: SyncState;
  readonly unsaved: boolean;
  /** Why nothing can be written ('forbidden', 'schema_too_old', …), or nothing but comments ('comments_only'), or null. */
  readonly readOnly: string | null;
  readonly refused: Refusal | null;
}

export interface ReplayResult {
  readonly applied: number;
  readonly skipped: readonly SkippedChange[];
}

/** What a write did, as views before and after; undefined: not there (or archived). */
export type Change =
  | ChangeOf<'item', ItemId, ItemView>
  | ChangeOf<'column', ColumnId, ColumnView>
  | ChangeOf<'group', GroupId, GroupView>
  | ChangeOf<'board', '', BoardInfo>
  | (ChangeOf<'comment', CommentId, CommentView> & { readonly itemId: ItemId });

export interface ChangeOf<Kind extends string, Id extends string, View> {
  readonly kind: Kind;
  readonly id: Id;
  readonly before: View | undefined;
  readonly after: View | undefined;
}

export interface SkippedChange {
  readonly change: Change;
  /** The one field of it that was skipped (a column id, 'name', 'place', …); absent: all of it. */
  readonly field?: string;
  /** 'overwritten': somebody wrote there since; undo leaves their value. 'gone': its item or column is away. 'invalid': no longer allowed. */
  readonly reason: 'overwritten' | 'gone' | 'invalid';
}

export type BoardInfo = Pick<BoardView, 'name' | 'description' | 'schemaVersion'>;
export type InfoPatch = Parameters<typeof updateBoard>[1];
export type NewItem = Parameters<typeof createItem>[1];
export type ItemPatch = Parameters<typeof updateItem>[2];
export type ItemPlace = Parameters<typeof moveItem>[2];
export type NewColumn = Parameters<typeof createColumn>[1];
export type ColumnPatch = Parameters<typeof updateColumn>[2];
export type NewGroup = Parameters<typeof createGroup>[1];
export type GroupPatch = Parameters<typeof updateGroup>[2];
export type NewComment = Parameters<typeof addComment>[2];
/** A place among siblings, named by a neighbour; neither: the end. */
export interface Neighbour {
  readonly before?: string;
  readonly after?: string;
}

export interface InfoReads {
  readonly current: BoardInfo;
  subscribe(fn: Listener): Unsubscribe;
  update(patch: InfoPatch): void;
}

export interface ColumnReads {
  /** In order, archived ones left out. */
  readonly all: readonly ColumnView[];
  get(columnId: string): ColumnView | undefined;
  subscribe(fn: Listener): Unsubscribe;
  create(column: NewColumn): ColumnId;
  update(columnId: string, patch: ColumnPatch): void;
  move(columnId: string, place: Neighbour): void;
  /** Archives it: its cells stay and come back with it. */
  remove(columnId: string): void;
}

export interface GroupReads {
  readonly all: readonly GroupView[];
  get(groupId: string): GroupView | undefined;
  subscribe(fn: Listener): Unsubscribe;
  create(group: NewGroup): GroupId;
  update(groupId: string, patch: GroupPatch): void;
  move(groupId: string, place: Neighbour): void;
  remove(groupId: string): void;
}

export interface ItemReads {
  /** Every item that is not in the trash, by group and place. */
  readonly all: readonly ItemView[];
  /** The trash. */
  readonly deleted: readonly ItemView[];
  /** The items of one group in order; null: those without a (living) group. */
  inGroup(groupId: string | null): readonly ItemView[];
  get(itemId: string): ItemView | undefined;
  /** After any item changed. */
  subscribe(fn: Listener): Unsubscribe;
  /** After this item changed. */
  subscribe(itemId: string, fn: Listener): Unsubscribe;
  create(item: NewItem): ItemId;
  update(itemId: string, patch: ItemPatch): void;
  move(itemId: string, place: ItemPlace): void;
  /** To the trash. */
  delete(itemId: string): void;
  restore(itemId: string): void;
}

export interface CommentReads {
  of(itemId: string): readonly CommentView[];
  subscribe(itemId: string, fn: Listener): Unsubscribe;
  add(itemId: string, comment: NewComment): CommentId;
  edit(itemId: string, commentId: string, body: string): void;
  delete(itemId: string, commentId: string): void;
}

/** What one client shows of itself; JSON, bounded by the server. `user` is the server's to write. */
export interface PresenceState {
  readonly cell?: { readonly itemId: string; readonly columnId: string } | null;
  readonly editing?: boolean | null;
  /** What one looks at, by up to 8 names of the application's own: in a crowd, those who share one are shown first. */
  readonly view?: string | readonly string[] | null;
  readonly [key: string]: unknown;
}

export interface PresenceUser {
  readonly id: string;
  readonly name: string;
  readonly picture: string | null;
  readonly color: string;
}

export interface Peer {
  readonly clientId: number;
  readonly user: PresenceUser;
  readonly state: PresenceState;
}

/** The board has more people than can all be shown everything at once. */
export interface PresenceCrowd {
  /** Connections, one's own included. */
  readonly people: number;
  /** Milliseconds; one's own state is sent no more often. */
  readonly every: number;
  /** Milliseconds by which one hears later of those who look at something else. */
  readonly others: number;
}

export interface Presence {
  /** null while everybody is shown everything. */
  readonly crowd: PresenceCrowd | null;
  /** The other clients on the board (the same user's other tabs are others too). */
  readonly peers: readonly Peer[];
  /** Merges into one's own state; null removes a key. */
  set(patch: PresenceState): void;
  clear(): void;
  subscribe(fn: Listener): Unsubscribe;
}

/** A value that two people wrote into one cell at the same time, and who wrote it when (ms since the epoch). null: the cell was emptied. */
export interface ConflictSide {
  readonly value: ColumnValue | null;
  readonly userId: string | null;
  readonly at: number | null;
}

/** One's own write (`lost`) of a status, dropdown, date or timeline cell, made without knowledge of somebody's that stands there now (`kept`). */
export interface Conflict {
  readonly id: string;
  readonly itemId: string;
  readonly columnId: string;
  /** Why theirs was kept: it was written later, or within the second a clock may be off. */
  readonly policy: 'later_write' | 'same_moment';
  readonly kept: ConflictSide;
  readonly lost: ConflictSide;
}

export type ConflictChoice = 'mine' | 'theirs';

export interface ConflictReads {
  /** Those one may still answer: a cell that was written again since is no conflict any more. */
  readonly current: readonly Conflict[];
  subscribe(fn: Listener): Unsubscribe;
  /** Writes one's own value back (an undo step) and closes it. Does nothing where it is not open. @throws as `items.update`. */
  keepMine(id: string): void;
  /** Closes it: what stands is right. */
  keepTheirs(id: string): void;
}

export interface UndoResult {
  readonly applied: number;
  readonly skipped: readonly SkippedChange[];
}

export interface Undo {
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /** Takes back one's own last step by fresh writes. A cell somebody wrote since is left alone and named in `skipped`. */
  undo(): UndoResult;
  redo(): UndoResult;
  /** Forgets all steps. */
  clear(): void;
  subscribe(fn: Listener): Unsubscribe;
}

export interface Board {
  readonly id: string;
  /** Resolves when there is content to show. Rejects with ClientError when the board is refused before. */
  readonly ready: Promise<void>;
  readonly status: BoardStatus;
  on(event: 'status', fn: Listener): Unsubscribe;
  /** Resolves once everything written so far is committed; rejects when the board is refused or destroyed. */
  saved(): Promise<void>;

  readonly info: InfoReads;
  readonly columns: ColumnReads;
  readonly groups: GroupReads;
  readonly items: ItemReads;
  readonly comments: CommentReads;
  /** One's own writes that lost a cell to somebody's of the same time. */
  readonly conflicts: ConflictReads;
  readonly presence: Presence;
  /** undo/redo of one's own changes. */
  readonly history: Undo;
  undo(): UndoResult;
  redo(): UndoResult;

  /** Everything written inside is one update, one undo step and one notification. */
  batch<T>(fn: () => T): T;
  /** The live shared text of a long_text cell, for an editor binding. */
  longText(itemId: string, columnId: string): Y.Text;
  /** Turns the text into `text` by the smallest edit, so that a plain textarea merges with other writers. */
  setLongText(itemId: string, columnId: string, text: string): void;

  /** After a refusal: throws the local copy away, starts again with a new client id; `replay` writes the draft again. */
  startFresh(options?: { readonly replay?: boolean }): Promise<ReplayResult>;
  /** The document. Replaced by `startFresh`; writing to it directly goes past validation. */
  readonly doc: Y.Doc;
  close(): void;
}

export type { ClientErrorCode };
