/**
 * The web app at `/`: files of `web/dist`, and its index page for every other address a browser navigates to.
 *
 * Guarantees: nothing under the API's addresses is ever answered with the index page; hashed assets are cached for ever, the index page
 * never. Does not: build the web app. Where it was not built, `/` says so, and the API works.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SundayError } from '../errors.ts';
import { pathOf, sendProblem } from './problem.ts';

/** First segments that belong to programs: a mistyped API address must be a 404 problem, not a page. */
const API_SEGMENTS = new Set(['v1', 'sync', 'yjs', 'graphql', 'docs', 'metrics', 'healthz', 'readyz', 'openapi.json', 'assets']);

export async function installWebApp(app: FastifyInstance, directory: string | undefined): Promise<void> {
  if (directory !== undefined && existsSync(directory)) {
    await app.register(fastifyStatic, {
      root: directory,
      index: false,
      cacheControl: false,
      setHeaders: (response, path) => {
        const hashed = path.startsWith(join(directory, 'assets'));
        void response.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  }
  // looked at each time: a build may come, or be in the middle of it
  const isBuilt = (): boolean => directory !== undefined && existsSync(join(directory, 'index.html'));
  const page = (_request: FastifyRequest, reply: FastifyReply) =>
    isBuilt() && reply.sendFile !== undefined
      ? reply.header('cache-control', 'no-cache').sendFile('index.html')
      : reply
          .code(503)
          .type('text/html; charset=utf-8')
          .send(
            '<!doctype html><title>Sunday</title><p>The server runs. The web app has not been built: run <code>npm run build</code>. The API is described at <a href="/docs">/docs</a>.',
          );
  app.get('/', { schema: { hide: true } }, page);
  app.setNotFoundHandler((request, reply) => {
    const navigates = (request.method === 'GET' || request.method === 'HEAD') && (request.headers.accept?.includes('text/html') ?? false);
    const first = pathOf(request.url).split('/')[1] ?? '';
    if (navigates && !API_SEGMENTS.has(first)) return page(request, reply);
    return sendProblem(reply, new SundayError('not_found', 'There is nothing at this address'));
  });
}
