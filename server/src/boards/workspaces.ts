/** Workspaces: named places for boards, of the user who made them. A workspace somebody else made is one that is not there. */
import { isUuid, type Database } from '@sunday/database';
import { SundayError } from '../errors.ts';
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts';
import { RANDOM_IDS } from './derived-ids.ts';
import type { BoardsParts, WriteOptions } from './parts.ts';
import type { Actor, Page } from './resources.ts';

export type WorkspaceResource = { id: string; name: string; createdAt: string; createdBy: string };

type WorkspaceRow = { id: string; name: string; created_at: Date; created_by: string };

/** Repeating it with the same id changes nothing. $1 id, $2 name, $3 user */
const CREATE_WORKSPACE = `
INSERT INTO workspaces (id, name, created_by) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET name = workspaces.name
RETURNING id, name, created_at, created_by`;

/** Workspaces a user made, and those that hold a board the user is a member of. $1 user, $2 and $3 the last one's time and id or null, $4 limit */
const WORKSPACES_OF_USER = `
SELECT id, name, created_at, created_by, created_at::text AS cursor_at
  FROM workspaces
 WHERE (created_by = $1 OR EXISTS (
         SELECT 1 FROM members JOIN boards ON boards.id = members.board_id AND boards.deleted_at IS NULL
          WHERE members.user_id = $1 AND boards.workspace_id = workspaces.id))
   AND ($2::timestamptz IS NULL OR (created_at, id) < ($2::timestamptz, $3::uuid))
 ORDER BY created_at DESC, id DESC
 LIMIT $4`;

/** $1 workspace, $2 user */
const OWN_WORKSPACE = { name: 'own_workspace', text: 'SELECT 1 FROM workspaces WHERE id = $1 AND created_by = $2' } as const;

const workspaceOf = (row: WorkspaceRow): WorkspaceResource => ({ id: row.id, name: row.name, createdAt: row.created_at.toISOString(), createdBy: row.created_by });

export type Workspaces = {
  createWorkspace(actor: Actor, input: { name: string }, options?: WriteOptions): Promise<WorkspaceResource>;
  listWorkspaces(actor: Actor, listing: { limit: number; cursor?: string | undefined }): Promise<Page<WorkspaceResource>>;
};

export function workspaces({ database }: Pick<BoardsParts, 'database'>): Workspaces {
  return {
    async createWorkspace(actor, { name }, { ids = RANDOM_IDS } = {}) {
      const [row] = await database.query<WorkspaceRow>(CREATE_WORKSPACE, [ids.boardId(), name, actor.userId]);
      if (row === undefined) throw new SundayError('internal', 'an insert returned no row');
      return workspaceOf(row);
    },

    async listWorkspaces(actor, { limit, cursor }) {
      const list = ['workspaces', actor.userId];
      const [at = null, id = null] = decodeCursor(list, cursor, 2) ?? [];
      const rows = await database.query<WorkspaceRow & { cursor_at: string }>(WORKSPACES_OF_USER, [actor.userId, at, id, limit + 1]);
      return pageOf(rows, limit, workspaceOf, (last) => encodeCursor(list, [last.cursor_at, last.id]));
    },
  };
}

/** Who may put boards into a workspace: the user who made it. @throws SundayError workspace_not_found */
export async function requireWorkspace(database: Database, actor: Actor, workspaceId: string | null): Promise<void> {
  if (workspaceId === null) return;
  const rows = isUuid(workspaceId) ? await database.query(OWN_WORKSPACE, [workspaceId, actor.userId]) : [];
  if (rows.length === 0) throw new SundayError('workspace_not_found', undefined, { field: 'workspaceId' });
}

/** A copy stays in the workspace of its source where the caller may put boards there. */
export async function workspaceForCopy(database: Database, actor: Actor, workspaceId: string | null): Promise<string | null> {
  if (workspaceId === null) return null;
  return (await database.query(OWN_WORKSPACE, [workspaceId, actor.userId])).length > 0 ? workspaceId : null;
}
