/**
 * The HTTP side of the server: one Fastify instance with REST, docs, health, metrics and the web app. WebSockets share its port but not
 * its code: the gateway listens to the `upgrade` event of `app.server`.
 *
 * Without the role `api` only health, readiness and metrics are answered; everything else is `not_available`.
 *
 * Guarantees: every answer has the security headers and a request id; errors are problem documents; no query string is ever logged.
 * Does not: listen, nor own the parts handed in; closing the app closes only the app.
 */
import { randomUUID } from 'node:crypto';
import { signDevSession } from '@sunday/extension-access';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Registry } from 'prom-client';
import { restApi, type Authenticator, type RestDependencies } from '../api/rest/index.ts';
import { createBoards, type BoardsParts, type PresenceEntry, type RoleSource } from '../boards/index.ts';
import type { Config } from '../config.ts';
import type { Engine } from '../engine/types.ts';
import { SundayError } from '../errors.ts';
import { trustOf } from './client-address.ts';
import { installDocs } from './docs.ts';
import { installHealth, type Readiness } from './health.ts';
import { installProblems, pathOf, sendProblem } from './problem.ts';
import { installSecurity } from './security.ts';
import { installWebApp } from './web-app.ts';

export type HttpDependencies = Omit<RestDependencies, 'boards' | 'config' | 'access' | 'signDevSession'> & {
  readonly config: Config;
  readonly engine: Engine;
  readonly access: Authenticator & RoleSource;
  /** Who is on a board now. */
  readonly presence?: (boardId: string) => Promise<readonly PresenceEntry[]>;
  /** Told of versions made, and of limits of versions hit. */
  readonly onVersion?: BoardsParts['onVersion'];
  readonly onConflictClosed?: BoardsParts['onConflictClosed'];
  readonly feed: BoardsParts['feed'];
  readonly log: FastifyBaseLogger;
  /** One line per dependency for /readyz. */
  readonly readiness: Readiness;
  /** Registry whose text /metrics answers; the HTTP histogram is added to it. */
  readonly metrics?: Registry;
  /** Directory of the built web app. */
  readonly webDirectory?: string;
};

/** A well-behaved proxy's or client's request id; anything else is replaced, so that logs cannot be forged through it. */
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;
/** Longest id in a path that reaches a handler. The router answers 404 to longer ones. */
const MAX_PARAM_LENGTH = 300;
/** Node's default of 5 s races with load balancers that keep connections for a minute. */
const KEEP_ALIVE_TIMEOUT_MS = 72_000;

export async function createHttpApp(dependencies: HttpDependencies): Promise<FastifyInstance> {
  const { config, log, engine, access, database, presence, feed, onVersion, onStream, onConflictClosed } = dependencies;
  const boards = createBoards({
    database, engine, access, feed, limits: config.limits,
    ...(presence === undefined ? {} : { presence }), ...(onVersion === undefined ? {} : { onVersion }), ...(onConflictClosed === undefined ? {} : { onConflictClosed }), ...(onStream === undefined ? {} : { onStream }),
  });
  const app: FastifyInstance = Fastify({
    loggerInstance: log.child({ part: 'http' }, { serializers: { req: loggedRequest } }),
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: trustOf(config.trustProxy),
    bodyLimit: config.limits.maxBodyBytes,
    requestTimeout: config.limits.requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    // what the router itself refuses: an address that cannot be decoded, an id that is too long
    frameworkErrors: (_error, _request, reply) => {
      void sendProblem(reply, new SundayError('not_found', 'There is nothing at this address'));
    },
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    const level = reply.statusCode >= 500 ? 'warn' : 'debug';
    request.log[level]({ method: request.method, path: pathOf(request.url), status: reply.statusCode, ms: Math.round(reply.elapsedTime) }, 'request');
  });
  installProblems(app);
  await installSecurity(app, config);
  installHealth(app, { readiness: dependencies.readiness, metrics: dependencies.metrics });
  if (!config.roles.has('api')) {
    app.setNotFoundHandler((_request, reply) => sendProblem(reply, new SundayError('not_available', 'This process has no role api: ask another')));
    return app;
  }
  await installDocs(app);
  const { secret, issuer, audience } = config.auth;
  const signs = config.devAuth && secret !== undefined;
  const rest = { config, boards, access, database, onStream, ...(signs ? { signDevSession: (name: string) => signDevSession(secret, { name, issuer, audience }) } : {}) };
  // The prefix stays with this scope: among the options it would be added again by every route module below.
  await app.register((scope) => restApi(scope, rest), { prefix: '/v1' });
  await installWebApp(app, dependencies.webDirectory);
  return app;
}

function loggedRequest(request: { method?: string; url?: string; id?: string }): object {
  return { method: request.method, path: pathOf(request.url ?? ''), id: request.id };
}
