/**
 * The boards that are open on this node's sockets, or about to be, by user and by board. One attachment = one user, one board, one socket.
 *
 *   checking ──token, revocation, role known──▶ admitted ──board loaded──▶ open ──▶ gone
 *
 * An attachment is here from the moment its user is known, so that what is announced while the database is asked or the board is
 * loaded is not missed: `version` counts what was announced about it.
 */
import type { Connection, ConnectionConfiguration } from '@hocuspocus/server';
import type { AccessCode } from './errors.ts';
import type { Role } from './roles.ts';

/** The context of a connection, as other extensions find it. `role` and `expiresAt` are kept current in `connection.context`. */
export interface AccessContext {
  readonly userId: string;
  readonly user: { readonly id: string; readonly name: string; readonly picture: string | null };
  role: Role;
  /** Milliseconds since 1970. */
  expiresAt: number | undefined;
}

export type Phase =
  | { readonly kind: 'checking' }
  /** `refusal`: decided while the board was still loading */
  | { readonly kind: 'admitted'; readonly since: number; refusal: AccessCode | null }
  | { readonly kind: 'open'; readonly connection: Connection<AccessContext> }
  | { readonly kind: 'gone' };

export interface Attachment {
  readonly boardId: string;
  readonly userId: string;
  /** Hocuspocus' own, one for each attachment: what identifies it, and whose `readOnly` counts until the connection exists. */
  readonly config: ConnectionConfiguration;
  phase: Phase;
  version: number;
  role: Role;
  /** Of the newest token seen, ms since 1970. */
  issuedAt: number;
  expiresAt: number | undefined;
  /** When the client is next asked for a new token. */
  askAt: number;
}

export class Attachments {
  readonly all = new Set<Attachment>();
  private readonly byUser = new Map<string, Set<Attachment>>();
  private readonly byBoard = new Map<string, Set<Attachment>>();
  private readonly byConfig = new WeakMap<ConnectionConfiguration, Attachment>();

  add(attachment: Attachment): void {
    this.all.add(attachment);
    this.byConfig.set(attachment.config, attachment);
    addTo(this.byUser, attachment.userId, attachment);
    addTo(this.byBoard, attachment.boardId, attachment);
  }

  remove(attachment: Attachment): void {
    this.all.delete(attachment);
    removeFrom(this.byUser, attachment.userId, attachment);
    removeFrom(this.byBoard, attachment.boardId, attachment);
  }

  of(config: ConnectionConfiguration): Attachment | undefined {
    return this.byConfig.get(config);
  }

  /** A copy: what is done to one may take it out of here. */
  ofUser(userId: string): Attachment[] {
    return [...(this.byUser.get(userId) ?? [])];
  }

  onBoard(boardId: string): Attachment[] {
    return [...(this.byBoard.get(boardId) ?? [])];
  }
}

function addTo(index: Map<string, Set<Attachment>>, key: string, attachment: Attachment): void {
  const set = index.get(key);
  if (set === undefined) index.set(key, new Set([attachment]));
  else set.add(attachment);
}

function removeFrom(index: Map<string, Set<Attachment>>, key: string, attachment: Attachment): void {
  const set = index.get(key);
  if (set?.delete(attachment) === true && set.size === 0) index.delete(key);
}
