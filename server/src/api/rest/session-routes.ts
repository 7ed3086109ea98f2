/**
 * Sign-in for development: a name is enough. Exists only where this server makes its own tokens, outside production, on a loopback HOST,
 * and answers only requests that name a loopback host: a page that rebinds its own DNS name to 127.0.0.1, or a proxy that exposes the
 * port, gets no token.
 */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { isLoopbackHost } from '../../config.ts';
import { SundayError } from '../../errors.ts';
import { ERROR_RESPONSES, type RestDependencies } from './context.ts';
import { session, sessionBody } from './schemas.ts';

export const devSessionRoutes: FastifyPluginAsyncZod<RestDependencies> = async (app, { config, signDevSession }) => {
  if (config.production || !config.loopback || signDevSession === undefined) return;
  app.post('/dev/sessions', {
    schema: { tags: ['sessions'], summary: 'Sign in by name (development only)', security: [], body: sessionBody, response: { 200: session, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    if (!isLoopbackHost(request.hostname)) throw new SundayError('forbidden', 'Development sign-in answers on localhost only');
    return reply.header('cache-control', 'no-store').send(await signDevSession(request.body.name));
  });
};
