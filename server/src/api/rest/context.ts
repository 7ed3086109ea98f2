/** What the REST routes share: their parts, who is asking, and how a write came in. */
import type { Database } from '@sunday/database';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Boards } from '../../boards/index.ts';
import { idsFromKey, RANDOM_IDS } from '../../boards/derived-ids.ts';
import { parsePrecondition } from '../../boards/etags.ts';
import type { StreamCount, WriteOptions } from '../../boards/parts.ts';
import type { Actor } from '../../boards/resources.ts';
import type { Config } from '../../config.ts';
import { SundayError } from '../../errors.ts';
import { idempotencyKeyOf } from './idempotency.ts';
import { problem } from './schemas.ts';

export type Identity = { readonly userId: string; readonly name: string; readonly picture?: string | null | undefined };

/** What REST asks of access. Both throw an error with a stable `code`. */
export interface Authenticator {
  authenticate(token: string): Promise<Identity>;
  /** Tokens of the user issued before now stop working, on every node. */
  revokeSessions(userId: string): Promise<void>;
}

export type RestDependencies = {
  readonly config: Pick<Config, 'limits' | 'admins' | 'loopback' | 'production'>;
  readonly boards: Boards;
  readonly access: Authenticator;
  readonly database: Database;
  readonly onStream?: ((what: StreamCount) => void) | undefined;
  /** Signs a session for a name; given only where tokens are made by this server itself. */
  readonly signDevSession?: (name: string) => Promise<{ token: string; user: { id: string; name: string } }>;
};

declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity | null;
  }
}

export function actorOf(request: FastifyRequest): Actor {
  if (request.identity === null) throw new SundayError('unauthenticated');
  return { userId: request.identity.userId, correlationId: request.id };
}

/** @throws SundayError unauthenticated */
export function bearerOf(request: FastifyRequest): string {
  const token = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) throw new SundayError('unauthenticated', 'Send the token as "Authorization: Bearer …"');
  return token;
}

export function writeOptionsOf(request: FastifyRequest): Required<WriteOptions> {
  const key = idempotencyKeyOf(request);
  return {
    ids: key === undefined ? RANDOM_IDS : idsFromKey(actorOf(request).userId, key),
    precondition: parsePrecondition(request.headers['if-match']),
  };
}

/** Answers 304 where the caller has this version already. */
export function sendTagged(reply: FastifyReply, etag: string, body: unknown): FastifyReply {
  void reply.header('etag', etag).header('cache-control', 'private, no-cache');
  const { request } = reply;
  const held = parsePrecondition(request.headers['if-none-match']);
  const fresh = held.kind === 'any' || (held.kind === 'tags' && held.tags.some((tag) => tag.replace(/^W\//, '') === etag));
  return request.method === 'GET' && fresh ? reply.code(304).send() : reply.send(body);
}

/** The answer of every route to what went wrong. */
export const ERROR_RESPONSES = {
  default: { description: 'A problem document (RFC 9457) with a stable code', content: { 'application/problem+json': { schema: problem } } },
} as const;
