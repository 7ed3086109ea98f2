/** Who is what on which board, as the database has it. */
import { isUuid, type Database } from '@sunday/database';
import { AccessError } from './errors.ts';
import { Known } from './known.ts';
import { ROLE_ON_BOARD } from './sql.ts';

export type Role = 'owner' | 'editor' | 'commenter' | 'viewer';

/** What a role lets somebody write over a socket. `comments` needs a look into each update: who does not have that looked at, lets them read. */
export type Writing = 'all' | 'comments' | 'nothing';

export const writingOf = (role: Role, commentsAreJudged: boolean): Writing => {
  switch (role) {
    case 'owner':
    case 'editor':
      return 'all';
    case 'commenter':
      return commentsAreJudged ? 'comments' : 'nothing';
    case 'viewer':
      return 'nothing';
  }
};

/** What the SDK is told, so that it offers no more. */
export const writingMessage = (writing: Writing): string => JSON.stringify({ sunday: 'read_only', reason: REASON[writing] });
const REASON: Readonly<Record<Writing, string | null>> = { all: null, comments: 'comments_only', nothing: 'forbidden' };

export class Roles {
  private readonly database: Database;
  private readonly roles = new Known<Role>();

  constructor(database: Database) {
    this.database = database;
  }

  /** @throws AccessError board_not_found, forbidden; DatabaseUnavailable */
  async roleOn(boardId: string, userId: string): Promise<Role> {
    if (!isUuid(boardId)) throw new AccessError('board_not_found');
    return this.roles.get(keyOf(boardId, userId), () => this.read(boardId, userId));
  }

  changed(boardId: string, userId: string): void {
    this.roles.drop(keyOf(boardId, userId));
  }

  deleted(boardId: string): void {
    this.roles.dropWhere((key) => key.startsWith(boardId));
  }

  doubtAll(): void {
    this.roles.doubtAll();
  }

  private async read(boardId: string, userId: string): Promise<Role> {
    const [row] = await this.database.query<{ deleted: boolean; role: Role | null }>(ROLE_ON_BOARD, [boardId, userId]);
    if (row === undefined || row.deleted) throw new AccessError('board_not_found');
    if (row.role === null) throw new AccessError('forbidden');
    return row.role;
  }
}

/** Board ids are all of one length, so that no two pairs spell the same. */
const keyOf = (boardId: string, userId: string): string => `${boardId} ${userId}`;
