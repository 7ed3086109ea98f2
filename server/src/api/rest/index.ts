/**
 * The REST API, mounted under /v1. Thin: it authenticates, decodes, calls `boards`, and spells the answer. No rule about boards lives here.
 */
import type { FastifyInstance } from 'fastify';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { SundayError } from '../../errors.ts';
import { boardRoutes } from './board-routes.ts';
import { conflictRoutes } from './conflict-routes.ts';
import { actorOf, bearerOf, type RestDependencies } from './context.ts';
import { deliveryRoutes } from './delivery-routes.ts';
import { eventRoutes } from './event-routes.ts';
import { installIdempotency } from './idempotency.ts';
import { itemRoutes } from './item-routes.ts';
import { peopleRoutes } from './people-routes.ts';
import { devSessionRoutes } from './session-routes.ts';
import { structureRoutes } from './structure-routes.ts';
import { transferRoutes } from './transfer-routes.ts';
import { versionRoutes } from './version-routes.ts';

export type { Authenticator, RestDependencies } from './context.ts';

export async function restApi(app: FastifyInstance, dependencies: RestDependencies): Promise<void> {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  // many clients name a content type on a POST or DELETE without a body: that is no body, not broken JSON
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null);
    else void parseJson(request, body.toString(), done);
  });
  await app.register(devSessionRoutes, dependencies);
  await app.register(signedIn, dependencies);
}

/** Every route in here needs a token. */
async function signedIn(app: FastifyInstance, dependencies: RestDependencies): Promise<void> {
  const { access, config, database } = dependencies;
  const { requestsPerMinute } = config.limits;
  const limiter = requestsPerMinute > 0 ? new RateLimiterMemory({ points: requestsPerMinute, duration: 60 }) : undefined;

  app.decorateRequest('identity', null);
  app.addHook('onRequest', async (request) => {
    request.identity = await access.authenticate(bearerOf(request));
    if (limiter !== undefined) await consume(limiter, request.identity.userId);
  });
  installIdempotency(app, { database, hours: config.limits.idempotencyHours, userIdOf: (request) => actorOf(request).userId });

  for (const routes of [boardRoutes, structureRoutes, itemRoutes, peopleRoutes, transferRoutes, versionRoutes, eventRoutes, conflictRoutes, deliveryRoutes]) await app.register(routes, dependencies);
}

async function consume(limiter: RateLimiterMemory, userId: string): Promise<void> {
  try {
    await limiter.consume(userId);
  } catch (refusal) {
    if (refusal instanceof Error) throw refusal;
    const { msBeforeNext = 1000 } = refusal as { msBeforeNext?: number };
    throw new SundayError('rate_limited', undefined, { retryAfterS: Math.ceil(msBeforeNext / 1000) });
  }
}
