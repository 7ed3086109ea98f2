/**
 * The engine: the live documents of this node with the journal behind them, as the rest of the server uses them (types.ts).
 *
 * A write is applied to the live document like any client's edit and answered after its commit; it fails with
 * `database_unavailable` before it is applied while Postgres is away. A write whose commit is cut off afterwards is answered
 * with `commit_pending`: it is applied and will be committed, and the caller may ask again with the same Idempotency-Key.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Document } from '@hocuspocus/server';
import { newBoardEvents } from '@sunday/extension-domain-events';
import { BoardLoadError, DatabaseAway, type Journal } from '@sunday/extension-journal';
import type * as Y from 'yjs';
import { SundayError } from '../errors.ts';
import type { BoardHost } from './board-host.ts';
import type { Engine, WriteActor } from './types.ts';

/** The target for an API answer is 200 ms; past this a caller is told that the outcome is still open. */
const COMMIT_TIMEOUT_MS = 10_000;

export interface EngineOptions {
  readonly host: BoardHost;
  readonly journal: Journal;
  /** Marks the board deleted and announces it to every node, in one transaction. */
  readonly deleteBoard: (boardId: string, userId: string) => Promise<void>;
}

export function createEngine({ host, journal, deleteBoard }: EngineOptions): Engine {
  const pinned = async <T>(boardId: string, work: (document: Document) => Promise<T>): Promise<T> => {
    let document: Document;
    try {
      document = await host.pin(boardId);
    } catch (error) {
      throw error instanceof BoardLoadError ? new SundayError(error.reason, undefined, { cause: error }) : error;
    }
    try {
      return await work(document);
    } finally {
      host.release(document);
    }
  };

  const assertAvailable = (): void => {
    if (journal.away) throw new SundayError('database_unavailable');
  };

  return {
    write<T>(boardId: string, actor: WriteActor, fn: (doc: Y.Doc) => T) {
      assertAvailable();
      return pinned(boardId, async (document) => {
        assertAvailable();
        const value = document.transact(() => fn(document), { source: 'local', skipStoreHooks: true, context: actor });
        return { value, seq: await committed(journal.barrier(boardId)) };
      });
    },

    read<T>(boardId: string, fn: (doc: Y.Doc) => T) {
      return pinned(boardId, async () => {
        assertAvailable();
        return committed(journal.whenCommitted(boardId, fn));
      });
    },

    async committedState(boardId) {
      const state = await journal.stateAt(boardId);
      if (state === null) throw new SundayError('board_not_found');
      return state;
    },

    async createBoard({ boardId, workspaceId, createdBy, source, content }) {
      const board = { boardId, workspaceId, createdBy, ...content };
      await journal.create({ ...board, events: newBoardEvents({ ...board, source }) });
      return { seq: 1 };
    },

    deleteBoard: (boardId, actor) => deleteBoard(boardId, actor.userId),
  };
}

async function committed<T>(commit: Promise<T>): Promise<T> {
  const cancel = new AbortController();
  const timeout = delay(COMMIT_TIMEOUT_MS, null, { signal: cancel.signal }).then(() => { throw new SundayError('commit_pending'); });
  try {
    return await Promise.race([commit, timeout]);
  } catch (error) {
    throw error instanceof DatabaseAway ? new SundayError('commit_pending', undefined, { cause: error }) : error;
  } finally {
    cancel.abort();
    timeout.catch(() => { /* aborted: the commit came first */ });
  }
}
