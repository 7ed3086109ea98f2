/**
 * Idempotency-Key of writes (draft-ietf-httpapi-idempotency-key-header).
 *
 * Guarantees: the same key, user and request is answered once by doing and afterwards by the stored answer, byte for byte; another request
 * under the key is `idempotency_conflict`. Only successes are stored: after an error the key is free again. Where a crash lost the answer
 * (claimed, no status), the request is done again after CLAIM_STALE_S; its ids follow from the key, so nothing is created twice.
 * Does not: store streamed answers.
 */
import { createHash } from 'node:crypto';
import type { Database } from '@sunday/database';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { canonical } from '../../boards/etags.ts';
import { SundayError } from '../../errors.ts';

/** A claim without an answer after this is a crashed request's: longer than any write may take (the engine gives up after 10 s). */
const CLAIM_STALE_S = 30;
const SWEEP_EVERY_MS = 3_600_000; // keys live for hours; an hour more does not matter
const KEY = /^[\x21-\x7e]{1,255}$/;

/** Claims a key: a free one, an expired one, or one whose request died. $1 user, $2 key, $3 hash, $4 hours to live, $5 seconds until stale */
const CLAIM = {
  name: 'idempotency_claim',
  text: `INSERT INTO idempotency_keys AS held (user_id, key, request_hash) VALUES ($1, $2, $3)
         ON CONFLICT (user_id, key) DO UPDATE
            SET request_hash = excluded.request_hash, status = NULL, body = NULL, created_at = now()
          WHERE held.created_at < now() - make_interval(hours => $4::int)
             OR (held.status IS NULL AND held.request_hash = excluded.request_hash AND held.created_at < now() - make_interval(secs => $5::int))
      RETURNING 1`,
} as const;
/** $1 user, $2 key */
const HELD = { name: 'idempotency_held', text: 'SELECT request_hash, status, body FROM idempotency_keys WHERE user_id = $1 AND key = $2' } as const;
/** $1 user, $2 key, $3 status, $4 answer */
const STORE = { name: 'idempotency_store', text: 'UPDATE idempotency_keys SET status = $3, body = $4::jsonb WHERE user_id = $1 AND key = $2' } as const;
/** $1 user, $2 key */
const RELEASE = { name: 'idempotency_release', text: 'DELETE FROM idempotency_keys WHERE user_id = $1 AND key = $2' } as const;
/** $1 hours to live */
const SWEEP = 'DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(hours => $1::int)';

/** Headers that are part of an answer's meaning. */
const KEPT_HEADERS = ['content-type', 'etag', 'location'] as const;

/** Stored as a JSON string inside jsonb, because jsonb itself changes key order and cannot hold NUL. */
type StoredAnswer = { headers: Record<string, string>; body: string };

type Held = { request_hash: string; status: number | null; body: string | null };

declare module 'fastify' {
  interface FastifyRequest {
    /** The key this request claimed and must settle. */
    claimedKey: string | null;
  }
}

export const idempotencyKeyOf = (request: FastifyRequest): string | undefined => {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !KEY.test(key)) throw new SundayError('validation_failed', 'Idempotency-Key must be 1 to 255 visible ASCII characters', { field: 'idempotency-key' });
  return key;
};

export function installIdempotency(app: FastifyInstance, options: { database: Database; hours: number; userIdOf: (request: FastifyRequest) => string }): void {
  const { database, hours, userIdOf } = options;
  app.decorateRequest('claimedKey', null);

  app.addHook('preHandler', async (request, reply) => {
    if (request.method === 'GET' || request.method === 'HEAD') return undefined;
    const key = idempotencyKeyOf(request);
    if (key === undefined) return undefined;
    const userId = userIdOf(request);
    const hash = hashOf(request);
    const claimed = await database.query(CLAIM, [userId, key, hash, hours, CLAIM_STALE_S]);
    if (claimed.length > 0) {
      request.claimedKey = key;
      return undefined;
    }
    const [held] = await database.query<Held>(HELD, [userId, key]);
    // gone between the two statements: its request failed just now
    if (held === undefined) throw new SundayError('idempotency_in_progress');
    if (held.request_hash !== hash) throw new SundayError('idempotency_conflict');
    if (held.status === null || held.body === null) throw new SundayError('idempotency_in_progress');
    return replay(reply, held.status, JSON.parse(held.body) as StoredAnswer);
  });

  app.addHook('onSend', async (request, reply, payload: unknown) => {
    const key = request.claimedKey;
    if (key === null) return payload;
    request.claimedKey = null;
    const userId = userIdOf(request);
    const storable = reply.statusCode < 300 && (typeof payload === 'string' || payload === undefined || payload === null);
    try {
      if (storable) await database.query(STORE, [userId, key, reply.statusCode, JSON.stringify(JSON.stringify(answerOf(reply, payload ?? '')))]);
      else await database.query(RELEASE, [userId, key]);
    } catch (error) {
      // the write itself is committed; a repeat finds the claim stale and does it again under the same ids
      request.log.warn({ err: error }, 'the answer to an Idempotency-Key could not be stored');
    }
    return payload;
  });

  const sweep = setInterval(() => {
    database.query(SWEEP, [hours]).catch((error: unknown) => app.log.warn({ err: error }, 'old Idempotency-Keys could not be removed'));
  }, SWEEP_EVERY_MS);
  sweep.unref();
  app.addHook('onClose', async () => clearInterval(sweep));
}

function hashOf(request: FastifyRequest): string {
  const hash = createHash('sha256').update(`${request.method} ${request.url}\n`);
  hash.update(Buffer.isBuffer(request.body) ? request.body : canonical(request.body ?? null));
  // the same body under another condition is another request
  hash.update(`\n${request.headers['if-match'] ?? ''}`);
  return hash.digest('base64url');
}

function answerOf(reply: FastifyReply, body: string): StoredAnswer {
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = reply.getHeader(name);
    if (typeof value === 'string') headers[name] = value;
  }
  return { headers, body };
}

function replay(reply: FastifyReply, status: number, answer: StoredAnswer): FastifyReply {
  void reply.code(status).headers(answer.headers).header('idempotency-replayed', 'true').serializer((body) => body as string);
  return answer.body === '' ? reply.send() : reply.send(answer.body);
}
