/**
 * The Hocuspocus side: lets a board be opened, takes renewed tokens, keeps book of what is open.
 *
 * Guarantees: a hook throws only where Hocuspocus answers the client with it (onAuthenticate), always an AccessError, with an empty
 * message: Hocuspocus would print it. A renewed token must be of the same user.
 */
import type { Extension } from '@hocuspocus/server';
import { DatabaseUnavailable } from '@sunday/database';
import type { AccessContext, Attachment, Attachments } from './attachments.ts';
import type { AccessLog, Enforcement } from './enforcement.ts';
import { AccessError } from './errors.ts';
import type { Identity } from './identity.ts';
import { writingMessage, type Role, type Roles } from './roles.ts';
import type { Sessions } from './sessions.ts';
import type { TokenVerifier } from './token-verifier.ts';

/** Somebody whose role changes faster than it can be read is let in with the last reading, and checked again. */
const MAX_CHECKS = 5;

export interface ExtensionParts {
  readonly verifier: TokenVerifier;
  readonly sessions: Sessions;
  readonly roles: Roles;
  readonly attachments: Attachments;
  readonly enforcement: Enforcement;
  readonly log: AccessLog;
  readonly mayOpen: (userId: string) => Promise<boolean>;
}

export function createExtension({ verifier, sessions, roles, attachments, enforcement, log, mayOpen }: ExtensionParts): Extension<AccessContext> {
  /** Asks again as long as something is announced meanwhile. */
  async function check(attachment: Attachment, identity: Identity): Promise<Role> {
    for (let checks = 1; ; checks++) {
      const { version } = attachment;
      await sessions.check(identity);
      const role = await roles.roleOn(attachment.boardId, identity.userId);
      if (attachment.version === version || checks >= MAX_CHECKS) return role;
    }
  }

  async function admit(attachment: Attachment, identity: Identity): Promise<AccessContext> {
    attachments.add(attachment);
    try {
      attachment.role = await check(attachment, identity);
    } catch (error) {
      attachment.phase = { kind: 'gone' };
      attachments.remove(attachment);
      throw error;
    }
    attachment.phase = { kind: 'admitted', since: Date.now(), refusal: null };
    attachment.config.readOnly = enforcement.writingOf(attachment.role) === 'nothing';
    enforcement.schedule(attachment);
    enforcement.wake();
    const { userId, name, picture, expiresAt } = identity;
    return { userId, user: { id: userId, name, picture }, role: attachment.role, expiresAt };
  }

  /** What the client is told. */
  function denial(error: unknown): AccessError {
    if (error instanceof AccessError) {
      if (error.code === 'not_available') log.warn({ err: error }, 'nobody can sign in');
      return new AccessError(error.code, '', { cause: error });
    }
    if (error instanceof DatabaseUnavailable) return new AccessError('database_unavailable', '', { cause: error });
    log.error({ err: error }, 'a board could not be opened');
    return new AccessError('internal', '', { cause: error });
  }

  async function renew(attachment: Attachment, token: string): Promise<void> {
    const identity = await verifier.verify(token);
    if (identity.userId !== attachment.userId) throw new AccessError('forbidden', 'The token is of another user');
    await sessions.check(identity);
    if (identity.issuedAt < attachment.issuedAt) return; // an older token adds nothing
    attachment.issuedAt = identity.issuedAt;
    if (identity.expiresAt === attachment.expiresAt) return; // the same again: asked for once more in a while
    attachment.expiresAt = identity.expiresAt;
    if (attachment.phase.kind === 'open') attachment.phase.connection.context.expiresAt = identity.expiresAt;
    enforcement.schedule(attachment);
  }

  return {
    extensionName: 'access',

    async onAuthenticate({ token, documentName, connectionConfig }) {
      try {
        const identity = await verifier.verify(token);
        if (!(await mayOpen(identity.userId))) throw new AccessError('rate_limited');
        return await admit({
          boardId: documentName, userId: identity.userId, config: connectionConfig, phase: { kind: 'checking' }, version: 0, role: 'viewer',
          issuedAt: identity.issuedAt, expiresAt: identity.expiresAt, askAt: Infinity,
        }, identity);
      } catch (error) {
        throw denial(error);
      }
    },

    async onTokenSync({ token, connectionConfig }) {
      const attachment = attachments.of(connectionConfig);
      if (attachment === undefined) return;
      try {
        await renew(attachment, token);
      } catch (error) {
        const { code } = denial(error);
        // Passing trouble decides nothing: the token it has counts until its end, and the client is asked again.
        if (code === 'database_unavailable' || code === 'not_available' || code === 'internal') return;
        enforcement.end(attachment, code);
      }
    },

    async connected({ connection, connectionConfig }) {
      const attachment = attachments.of(connectionConfig);
      if (attachment?.phase.kind !== 'admitted') return;
      const { refusal } = attachment.phase;
      connection.onClose(() => {
        attachment.phase = { kind: 'gone' };
        attachments.remove(attachment);
      });
      if (!connection.document.hasConnection(connection)) { // ended by another extension already
        attachment.phase = { kind: 'gone' };
        attachments.remove(attachment);
        return;
      }
      connection.context.role = attachment.role;
      connection.context.expiresAt = attachment.expiresAt;
      attachment.phase = { kind: 'open', connection };
      // Hocuspocus tells at sign-in who only reads; of this it knows nothing.
      if (enforcement.writingOf(attachment.role) === 'comments') connection.sendStateless(writingMessage('comments'));
      if (refusal !== null) {
        // after the other extensions have been told that it is there
        setImmediate(() => { enforcement.end(attachment, refusal); });
      } else if (!attachments.all.has(attachment)) { // loading took so long that it was forgotten
        attachments.add(attachment);
        enforcement.recheck([attachment]);
      }
      enforcement.wake();
    },
  };
}
