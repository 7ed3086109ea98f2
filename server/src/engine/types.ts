/**
 * What the rest of the server asks of the engine: the live documents of this node, and the journal behind them.
 *
 * `write` and `read` pin the board for their duration, so that it can be neither unloaded nor replaced under them.
 */
import type * as Y from 'yjs';
import type { BoardContent } from './board-content.ts';

/** Who writes, by what way, and the request or trace it belongs to: events name them. */
export type WriteActor = {
  readonly userId: string;
  readonly source: 'rest' | 'import' | 'system';
  readonly correlationId?: string | undefined;
  readonly traceId?: string | undefined;
};

export interface Engine {
  /**
   * Pins the board, runs `fn` synchronously in one Yjs transaction attributed to `actor`, resolves when what it did is committed.
   * Throws SundayError('database_unavailable') before `fn` runs when Postgres is away. A throw of `fn` reaches the caller.
   */
  write<T>(boardId: string, actor: WriteActor, fn: (doc: Y.Doc) => T): Promise<{ value: T; seq: number }>;
  /** Runs `fn` synchronously on the document at a moment when document = committed state; waits for a running commit if need be. */
  read<T>(boardId: string, fn: (doc: Y.Doc) => T): Promise<{ value: T; seq: number }>;
  /** The committed board as one Yjs update, made off the event loop and without loading the board. */
  committedState(boardId: string): Promise<{ seq: number; bytes: Uint8Array }>;
  /** Writes a new board from a full document (board-content.ts): head, snapshot, item rows, events and its owner, in one transaction. */
  createBoard(input: { boardId: string; workspaceId: string | null; createdBy: string; source: WriteActor['source']; content: BoardContent }): Promise<{ seq: number }>;
  /** Marks the board deleted and refuses every open attachment of it, on every node. */
  deleteBoard(boardId: string, actor: WriteActor): Promise<void>;
}
