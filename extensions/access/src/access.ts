/**
 * Identity and access: who a request is from, what they are on a board, and what happens to open boards when that changes.
 *
 * Guarantees (README.md has them in full): a change committed on any node reaches open sockets and requests on every node as soon as Postgres
 * delivers the notification, typically within milliseconds; after a lost LISTEN connection everything open is looked up again.
 * Does not: change memberships (server/src/boards does, and announces it).
 */
import type { Connection, Extension } from '@hocuspocus/server';
import { patiently, type Database } from '@sunday/database';
import { ACCESS_CHANNEL, readAnnouncement, type Announcement } from './announcements.ts';
import { Attachments, type AccessContext, type Attachment } from './attachments.ts';
import { Enforcement, TIMING, type AccessLog, type AccessTiming } from './enforcement.ts';
import type { AccessCode } from './errors.ts';
import { createExtension } from './extension.ts';
import type { Identity } from './identity.ts';
import { Roles, writingOf, type Role } from './roles.ts';
import { Sessions } from './sessions.ts';
import { DELETE_BOARD } from './sql.ts';
import type { TokenVerifier } from './token-verifier.ts';

export interface AccessOptions {
  readonly database: Database;
  readonly verifier: TokenVerifier;
  readonly log: AccessLog;
  readonly timing?: Partial<AccessTiming>;
  /** A guard judges every update by `context.role`, so that commenters may write comments over sockets. Default: they only read. */
  readonly commentsAreJudged?: boolean;
}

export interface Access {
  /** For a plain request. @throws AccessError unauthenticated, token_expired, token_revoked, not_available; DatabaseUnavailable */
  authenticate(token: string): Promise<Identity>;
  /** @throws AccessError board_not_found, forbidden; DatabaseUnavailable */
  roleOn(boardId: string, userId: string): Promise<Role>;
  /** For whoever changed a membership here: this node knows at once, without waiting for its own announcement. */
  roleChanged(boardId: string, userId: string): void;
  /** Tokens issued before now stop working, on every node. Resolves when a token issued now works, which is at most a second later. */
  revokeSessions(userId: string): Promise<void>;
  /** Marks a board deleted and ends it on every open socket. Again is harmless. `userId` is who did it. */
  deleteBoard(boardId: string, userId: string): Promise<void>;
  /** To be put into Hocuspocus' extensions, before those that read `context`. */
  readonly extension: Extension<AccessContext>;
  /** How one board on one socket is ended: default, Hocuspocus' Close with the code as its reason. */
  onRefused(refuse: (connection: Connection, code: AccessCode) => void): void;
  /** Whether this user may open another board; asked when the token has been verified, before anything is looked up. May take its time. */
  onOpening(mayOpen: (userId: string) => Promise<boolean>): void;
  /** Somebody who could only read may write from now on; `connection.readOnly` is false already. */
  onPromoted(promoted: (connection: Connection) => void): void;
  /** Boards open on this node's sockets, or being opened. */
  readonly openAttachments: number;
  close(): Promise<void>;
}

export async function createAccess({ database, verifier, log, timing = {}, commentsAreJudged = false }: AccessOptions): Promise<Access> {
  const sessions = new Sessions(database);
  const roles = new Roles(database);
  const attachments = new Attachments();
  const enforcement = new Enforcement(database, attachments, log, { ...TIMING, ...timing }, (role) => writingOf(role, commentsAreJudged));

  const handle = (announcement: Announcement): void => {
    switch (announcement.kind) {
      case 'role':
        roles.changed(announcement.boardId, announcement.userId);
        enforcement.recheck(attachments.ofUser(announcement.userId).filter(({ boardId }) => boardId === announcement.boardId));
        return;
      case 'revoked':
        sessions.revoked(announcement.userId);
        for (const attachment of attachments.ofUser(announcement.userId)) endIfIssuedBefore(attachment, announcement.before);
        return;
      case 'board_deleted':
        roles.deleted(announcement.boardId);
        for (const attachment of attachments.onBoard(announcement.boardId)) enforcement.end(attachment, 'board_not_found');
        return;
    }
  };

  const endIfIssuedBefore = (attachment: Attachment, before: number): void => {
    attachment.version++;
    if (attachment.issuedAt < before) enforcement.end(attachment, 'token_revoked');
  };

  const doubtEverything = (): void => {
    sessions.doubtAll();
    roles.doubtAll();
  };

  const unlisten = await patiently(() => database.listen(
    ACCESS_CHANNEL,
    (payload) => {
      const announcement = readAnnouncement(payload);
      if (announcement === null) log.warn({ bytes: payload.length }, 'an announcement about access was not understood');
      else handle(announcement);
    },
    () => {
      doubtEverything();
      enforcement.recheck(attachments.all);
    },
  ));
  const forgetDown = database.onDown(doubtEverything);

  let mayOpen = (_userId: string): Promise<boolean> => Promise.resolve(true);

  return {
    extension: createExtension({ verifier, sessions, roles, attachments, enforcement, log, mayOpen: (userId) => mayOpen(userId) }),
    get openAttachments() { return attachments.all.size; },

    async authenticate(token) {
      const identity = await verifier.verify(token);
      await sessions.check(identity);
      return identity;
    },

    roleOn: (boardId, userId) => roles.roleOn(boardId, userId),
    roleChanged: (boardId, userId) => { handle({ kind: 'role', boardId, userId }); },
    revokeSessions: (userId) => sessions.revoke(userId, (before) => { handle({ kind: 'revoked', userId, before }); }),

    async deleteBoard(boardId, userId) {
      const rows = await database.query(DELETE_BOARD, [boardId, userId]);
      if (rows.length === 0) return;
      log.debug({ boardId, userId }, 'board deleted');
      handle({ kind: 'board_deleted', boardId });
    },

    onRefused: (refuse) => { enforcement.refuse = refuse; },
    onOpening: (asked) => { mayOpen = asked; },
    onPromoted: (promoted) => { enforcement.promoted = promoted; },

    async close() {
      forgetDown();
      enforcement.close();
      await unlisten();
    },
  };
}
