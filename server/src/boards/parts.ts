/**
 * What the boards layer is made of, and the steps every command and query starts with: who is asking, and may they.
 *
 * An id that is no UUID is a board that does not exist: it never reaches Postgres or the engine, whatever it spells.
 */
import { isStructureLocked } from '@sunday/board-model';
import { isUuid, type Database } from '@sunday/database';
import type * as Y from 'yjs';
import type { Engine, WriteActor } from '../engine/types.ts';
import { ERRORS, SundayError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { RANDOM_IDS } from './derived-ids.ts';
import type { Precondition } from './etags.ts';
import type { EventFeed } from './event-feed.ts';
import { ROLES, type Actor, type Role } from './resources.ts';
import type { VersionCount, VersionLimits } from './version-store.ts';

/** What boards ask of access: the role of a user, or the reason why there is none (AccessError board_not_found or forbidden). */
export interface RoleSource {
  roleOn(boardId: string, userId: string): Promise<Role>;
  /** A role was changed here: this node must not wait for the announcement, or the next request would still see the old one. */
  roleChanged?(boardId: string, userId: string): void;
}

/** ended: by a lost token or board; stalled: the client took nothing. */
export type StreamCount = 'ended' | 'stalled' | 'too_many_streams' | 'too_many_boards';

export type PresenceEntry = { clientId: number; user: { id: string; name: string; picture: string | null; color: string }; state: unknown };

export type BoardsParts = {
  /** A conflict was resolved over an API: `lostBy` may have it on screen. */
  readonly onConflictClosed?: (boardId: string, conflictId: string, lostBy: string | null) => void;
  readonly database: Database;
  readonly engine: Engine;
  readonly access: RoleSource;
  readonly limits: Pick<Limits, 'maxBatchOperations' | 'maxImportRows' | 'maxStreamBoards' | VersionLimits>;
  readonly feed: EventFeed;
  /** Told when an event stream ends on purpose or is refused. */
  readonly onStream?: (what: StreamCount) => void;
  /** Told of versions made, and of limits of versions hit. */
  readonly onVersion?: (what: VersionCount) => void;
  /** Who is on the board now; without it, nobody is. */
  readonly presence?: (boardId: string) => Promise<readonly PresenceEntry[]>;
};

/** How a write came in: the ids of what it creates, and the state it expects. */
export type WriteOptions = { readonly ids?: typeof RANDOM_IDS; readonly precondition?: Precondition };

/** @throws SundayError board_not_found, forbidden */
export async function requireRole(parts: Pick<BoardsParts, 'access'>, actor: Actor, boardId: string, needed: Role): Promise<Role> {
  if (!isUuid(boardId)) throw new SundayError('board_not_found');
  const role = await parts.access.roleOn(boardId, actor.userId);
  if (ROLES.indexOf(role) < ROLES.indexOf(needed)) throw new SundayError('forbidden', `This needs the role ${needed}; yours is ${role}`);
  return role;
}

/** Where its owners locked the structure, editors edit items only: what the guard holds sockets to. @throws SundayError forbidden */
export function requireStructure(doc: Y.Doc, role: Role): void {
  if (role !== 'owner' && isStructureLocked(doc)) throw new SundayError('forbidden', ERRORS.update_structure_locked.title);
}

export const byRest = ({ userId, correlationId }: Actor): WriteActor => ({ userId, source: 'rest', correlationId });

/** A database that takes longer for `SELECT 1` is away for a caller who waits. */
const ASK_TIMEOUT_MS = 3_000;
/** Whether Postgres answers now. */
const ASK = { name: 'database_answers', text: 'SELECT 1' } as const;

/**
 * The engine, with a look at Postgres before each write. The engine notices an absent database at its next commit, when a change is
 * already applied; an API call can still be refused whole. A fraction of a millisecond a write.
 */
export const askingFirst = (engine: Engine, database: Database): Engine => ({
  read: (boardId, fn) => engine.read(boardId, fn),
  committedState: (boardId) => engine.committedState(boardId),
  createBoard: (input) => engine.createBoard(input),
  deleteBoard: (boardId, actor) => engine.deleteBoard(boardId, actor),
  async write(boardId, actor, fn) {
    if (!database.up) throw new SundayError('database_unavailable');
    await answersInTime(database);
    return engine.write(boardId, actor, fn);
  },
});

async function answersInTime(database: Database): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new SundayError('database_unavailable')), ASK_TIMEOUT_MS);
  });
  try {
    await Promise.race([database.query(ASK), late]);
  } finally {
    clearTimeout(timer);
  }
}
