/**
 * Members of a board and their roles.
 *
 * Guarantees: a board always has an owner; a change is told of as an event and announced to every node in its own transaction (`sunday_access`), so that open
 * sockets follow within a second and no node acts on a change that did not happen.
 */
import type { Tx } from '@sunday/database';
import { appendEvent, type LooseEvent } from '@sunday/extension-domain-events';
import { SundayError } from '../errors.ts';
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts';
import { requireRole, type BoardsParts } from './parts.ts';
import type { Actor, Page, Role } from './resources.ts';

export type MemberResource = { userId: string; role: Role; name: string | null; picture: string | null; addedBy: string | null; addedAt: string };

type MemberRow = { user_id: string; role: Role; name: string | null; picture: string | null; added_by: string | null; added_at: Date };

const MEMBER_COLUMNS = 'members.user_id, members.role, users.name, users.picture, members.added_by, members.added_at';

/** $1 board, $2 last user id or null, $3 limit */
const MEMBERS_OF_BOARD = {
  name: 'members_of_board',
  text: `SELECT ${MEMBER_COLUMNS} FROM members LEFT JOIN users ON users.id = members.user_id
          WHERE members.board_id = $1 AND ($2::text IS NULL OR members.user_id > $2)
          ORDER BY members.user_id LIMIT $3`,
} as const;

/** $1 board, $2 user */
const ONE_MEMBER = {
  name: 'one_member',
  text: `SELECT ${MEMBER_COLUMNS} FROM members LEFT JOIN users ON users.id = members.user_id WHERE members.board_id = $1 AND members.user_id = $2`,
} as const;

/** Two changes of one board's owners wait for each other here, so that neither removes what the other counts on. $1 board */
const LOCK_OWNERS = `SELECT user_id FROM members WHERE board_id = $1 AND role = 'owner' ORDER BY user_id FOR UPDATE`;

/** $1 board, $2 user, $3 role, $4 by whom */
const ADD_MEMBER = `INSERT INTO members (board_id, user_id, role, added_by) VALUES ($1, $2, $3, $4) ON CONFLICT (board_id, user_id) DO NOTHING RETURNING user_id`;
/** $1 board, $2 user, $3 role */
const SET_ROLE = `UPDATE members SET role = $3 WHERE board_id = $1 AND user_id = $2`;
/** $1 board, $2 user */
const REMOVE_MEMBER = `DELETE FROM members WHERE board_id = $1 AND user_id = $2 RETURNING user_id`;
/** Delivered when the transaction commits. $1 message */
const ANNOUNCE = `SELECT pg_notify('sunday_access', $1)`;

/** What a change came to, and what is told of it; null: nothing has changed. */
type Changed<T> = { readonly result: T; readonly event: Pick<LooseEvent, 'type' | 'data'> | null };

export type Members = {
  listMembers(actor: Actor, boardId: string, listing: { limit: number; cursor?: string | undefined }): Promise<Page<MemberResource>>;
  addMember(actor: Actor, boardId: string, input: { userId: string; role: Role }): Promise<MemberResource>;
  setMemberRole(actor: Actor, boardId: string, userId: string, role: Role): Promise<MemberResource>;
  /** An owner removes anybody; everybody may leave. */
  removeMember(actor: Actor, boardId: string, userId: string): Promise<void>;
};

export function members(parts: BoardsParts): Members {
  const { database } = parts;

  async function memberOf(source: Pick<Tx, 'query'>, boardId: string, userId: string): Promise<MemberResource> {
    const [row] = await source.query<MemberRow>(ONE_MEMBER, [boardId, userId]);
    if (row === undefined) throw noSuchMember();
    return memberResource(row);
  }

  /** Runs a change that must leave an owner, tells of it, and announces it. */
  async function changing<T>(actor: Actor, boardId: string, userId: string, change: (tx: Tx, owners: readonly string[]) => Promise<Changed<T>>): Promise<T> {
    const changed = await database.transaction(async (tx) => {
      const owners = await tx.query<{ user_id: string }>(LOCK_OWNERS, [boardId]);
      const { result, event } = await change(tx, owners.map((owner) => owner.user_id));
      if (event !== null) await appendEvent(tx, { boardId, ...event, aggregateType: 'board', aggregateId: boardId, userId: actor.userId, source: 'rest' });
      await tx.query(ANNOUNCE, [JSON.stringify({ kind: 'role', boardId, userId })]);
      return result;
    });
    parts.access.roleChanged?.(boardId, userId);
    return changed;
  }

  const keepAnOwner = (owners: readonly string[], userId: string): void => {
    if (owners.length === 1 && owners[0] === userId) throw new SundayError('last_owner');
  };

  return {
    async listMembers(actor, boardId, { limit, cursor }) {
      await requireRole(parts, actor, boardId, 'viewer');
      const list = ['members', boardId];
      const [after = null] = decodeCursor(list, cursor, 1) ?? [];
      const rows = await database.query<MemberRow>(MEMBERS_OF_BOARD, [boardId, after, limit + 1]);
      return pageOf(rows, limit, memberResource, (last) => encodeCursor(list, [last.user_id]));
    },

    async addMember(actor, boardId, { userId, role }) {
      await requireRole(parts, actor, boardId, 'owner');
      return changing(actor, boardId, userId, async (tx) => {
        const added = await tx.query(ADD_MEMBER, [boardId, userId, role, actor.userId]);
        const member = await memberOf(tx, boardId, userId);
        // the same again is harmless; another role is a change, and those are made knowingly
        if (member.role !== role) throw new SundayError('already_exists', `This user is a member already, as ${member.role}`, { field: 'userId' });
        return { result: member, event: added.length === 0 ? null : { type: 'BoardMemberAdded', data: { userId, role, addedBy: actor.userId } } };
      });
    },

    async setMemberRole(actor, boardId, userId, role) {
      await requireRole(parts, actor, boardId, 'owner');
      return changing(actor, boardId, userId, async (tx, owners) => {
        if (role !== 'owner') keepAnOwner(owners, userId);
        const { role: before } = await memberOf(tx, boardId, userId);
        await tx.query(SET_ROLE, [boardId, userId, role]);
        const event = { type: 'BoardMemberRoleChanged', data: { userId, role, previousRole: before, changedBy: actor.userId } };
        return { result: await memberOf(tx, boardId, userId), event: before === role ? null : event };
      });
    },

    async removeMember(actor, boardId, userId) {
      await requireRole(parts, actor, boardId, userId === actor.userId ? 'viewer' : 'owner');
      await changing(actor, boardId, userId, async (tx, owners) => {
        keepAnOwner(owners, userId);
        if ((await tx.query(REMOVE_MEMBER, [boardId, userId])).length === 0) throw noSuchMember();
        return { result: undefined, event: { type: 'BoardMemberRemoved', data: { userId, removedBy: actor.userId } } };
      });
    },
  };
}

const noSuchMember = (): SundayError => new SundayError('not_found', 'There is no such member on this board');

const memberResource = (row: MemberRow): MemberResource => ({
  userId: row.user_id, role: row.role, name: row.name, picture: row.picture, addedBy: row.added_by, addedAt: row.added_at.toISOString(),
});
