/**
 * What is true now, done to what is open: roles that changed, people removed, boards deleted, tokens revoked or over.
 *
 * Guarantees: nothing here throws into its caller. What cannot be looked up because the database is away stays due and is looked up when it
 * is back; until then the attachment goes on as it was. An answer of the database is used only if nothing was announced since it was asked.
 * Owns the one timer of this package: while anything is attached, a pass over all attachments each second.
 */
import type { Connection } from '@hocuspocus/server';
import type { Database } from '@sunday/database';
import type { AccessContext, Attachment, Attachments } from './attachments.ts';
import { closeCodeOf, type AccessCode } from './errors.ts';
import { writingMessage, type Role, type Writing } from './roles.ts';
import { STANDING_OF_MANY } from './sql.ts';

export interface AccessTiming {
  /** This long before its token ends a client is asked for a new one; half of what is left if that is less. */
  readonly renewBeforeMs: number;
  /** Asked again after this. */
  readonly askAgainMs: number;
  /** Past its expiry a token counts this long on an open board, for a renewal that is on its way. */
  readonly graceMs: number;
}

export const TIMING: AccessTiming = { renewBeforeMs: 60_000, askAgainMs: 15_000, graceMs: 5_000 };

export interface AccessLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A change announced a moment ago is seen within a second with this, whatever the clocks of other timers. */
const PASS_MS = 1000;
/** A board that was let in and never attached (its load failed, or the socket went first) is forgotten after this; see `attached`. */
const ADMITTED_MS = 120_000;
/** Rows a statement asks for at once after a lost LISTEN. */
const CHUNK = 1000;

export type Refuse = (connection: Connection, code: AccessCode) => void;
export type Promoted = (connection: Connection) => void;

interface Standing {
  readonly gone: boolean;
  readonly role: Role | null;
  readonly revoked_before: number | null;
}

export class Enforcement {
  /** Tells the client and ends one board on its socket. */
  refuse: Refuse = (connection, code) => { connection.close({ code: closeCodeOf(code), reason: code }); };
  /** The connection may write from now on; what it wrote before was dropped. */
  promoted: Promoted = () => undefined;

  private readonly database: Database;
  private readonly attachments: Attachments;
  private readonly log: AccessLog;
  private readonly timing: AccessTiming;
  readonly writingOf: (role: Role) => Writing;
  private readonly due = new Set<Attachment>();
  private looking = false;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(database: Database, attachments: Attachments, log: AccessLog, timing: AccessTiming, writingOf: (role: Role) => Writing) {
    this.database = database;
    this.attachments = attachments;
    this.log = log;
    this.timing = timing;
    this.writingOf = writingOf;
  }

  /** Something is attached: time matters. */
  wake(): void {
    if (this.closed) return;
    this.timer ??= setInterval(() => { this.pass(); }, PASS_MS).unref();
  }

  /** Its role may have changed. */
  recheck(attachments: Iterable<Attachment>): void {
    for (const attachment of attachments) {
      attachment.version++;
      // one that is being checked asks again by itself, and its board's id may be anything
      if (attachment.phase.kind === 'admitted' || attachment.phase.kind === 'open') this.due.add(attachment);
    }
    void this.look();
  }

  /** Ends the board on the socket, or sees to it that it ends as soon as it is there. */
  end(attachment: Attachment, code: AccessCode): void {
    attachment.version++;
    const { phase } = attachment;
    switch (phase.kind) {
      case 'checking': // asks again, because of the version
      case 'gone':
        return;
      case 'admitted':
        phase.refusal = code;
        attachment.config.readOnly = true;
        return;
      case 'open':
        attachment.phase = { kind: 'gone' };
        this.attachments.remove(attachment);
        this.log.debug({ boardId: attachment.boardId, userId: attachment.userId, code }, 'access ended');
        phase.connection.readOnly = true; // what is queued behind this moment is not applied
        this.guarded(() => { this.refuse(phase.connection, code); });
        if (phase.connection.document.hasConnection(phase.connection)) {
          this.guarded(() => { phase.connection.close({ code: closeCodeOf(code), reason: code }); });
        }
    }
  }

  setRole(attachment: Attachment, role: Role): void {
    const before = this.writingOf(attachment.role);
    const now = this.writingOf(role);
    attachment.role = role;
    attachment.config.readOnly = now === 'nothing';
    if (attachment.phase.kind !== 'open') return;
    const { connection } = attachment.phase;
    connection.context.role = role;
    if (before === now) return;
    this.log.debug({ boardId: attachment.boardId, userId: attachment.userId, role }, 'role changed');
    connection.readOnly = now === 'nothing';
    if (before === 'nothing') this.guarded(() => { this.promoted(connection); });
    // After the promotion, which tells a client that it may write.
    this.guarded(() => { connection.sendStateless(writingMessage(now)); });
  }

  /** A token was seen: when to ask for the next. */
  schedule(attachment: Attachment): void {
    if (attachment.expiresAt === undefined) return;
    const left = attachment.expiresAt - Date.now();
    // spread, so that people who signed in together are not asked together
    const early = Math.min(this.timing.renewBeforeMs, left / 2) * (0.8 + 0.2 * Math.random());
    attachment.askAt = attachment.expiresAt - early;
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    this.due.clear();
  }

  private pass(): void {
    const now = Date.now();
    for (const attachment of this.attachments.all) {
      if (attachment.phase.kind === 'admitted' && now - attachment.phase.since > ADMITTED_MS) this.attachments.remove(attachment);
      else if (attachment.phase.kind === 'open') this.keepTime(attachment, attachment.phase.connection, now);
    }
    if (this.due.size > 0) void this.look();
    if (this.attachments.all.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private keepTime(attachment: Attachment, connection: Connection<AccessContext>, now: number): void {
    if (attachment.expiresAt === undefined) return;
    if (now >= attachment.expiresAt + this.timing.graceMs) {
      this.end(attachment, 'token_expired');
    } else if (now >= attachment.askAt) {
      attachment.askAt = now + this.timing.askAgainMs;
      this.guarded(() => { connection.requestToken(); });
    }
  }

  /** Looks up everything that is due, until nothing is or the database does not answer. */
  private async look(): Promise<void> {
    if (this.looking || !this.database.up || this.closed) return;
    this.looking = true;
    try {
      while (this.due.size > 0) await this.lookAt([...this.due].slice(0, CHUNK));
    } catch (error) {
      this.log.warn({ err: error, due: this.due.size }, 'access could not be looked up; it will be');
    } finally {
      this.looking = false;
    }
  }

  private async lookAt(attachments: readonly Attachment[]): Promise<void> {
    const versions = attachments.map((attachment) => attachment.version);
    const rows = await this.database.query<Standing>(STANDING_OF_MANY, [
      attachments.map((attachment) => attachment.boardId),
      attachments.map((attachment) => attachment.userId),
    ]);
    for (const [index, attachment] of attachments.entries()) {
      if (attachment.version !== versions[index]) continue; // announced since: stays due
      this.due.delete(attachment);
      const row = rows[index];
      if (row !== undefined) this.apply(attachment, row);
    }
  }

  private apply(attachment: Attachment, { gone, role, revoked_before: revokedBefore }: Standing): void {
    if (attachment.phase.kind === 'gone') return;
    if (revokedBefore !== null && attachment.issuedAt < revokedBefore) this.end(attachment, 'token_revoked');
    else if (gone) this.end(attachment, 'board_not_found');
    else if (role === null) this.end(attachment, 'forbidden');
    else this.setRole(attachment, role);
  }

  private guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.log.error({ err: error }, 'a consequence of a change of access failed');
    }
  }
}
