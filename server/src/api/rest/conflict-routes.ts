/** Cells that two people wrote at the same time: which were, and which write is right. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf, ERROR_RESPONSES, type RestDependencies } from './context.ts';
import { boardParams, conflict, listQuery, page, writeHeaders } from './schemas.ts';

const conflictParams = z.object({ boardId: z.string(), conflictId: z.string() });
const conflictsQuery = z.object({ ...listQuery.shape, open: z.stringbool().default(false).describe('Only those nobody has resolved or written over') });
const resolveBody = z.union([
  z.strictObject({ choice: z.enum(['mine', 'theirs']) }),
  z.strictObject({ choice: z.literal('value'), value: z.unknown() }),
]);
const tags = ['conflicts'];

export const conflictRoutes: FastifyPluginAsyncZod<RestDependencies> = async (app, { boards, config }) => {
  app.get('/boards/:boardId/conflicts', {
    schema: { tags, summary: 'Cells that two wrote at the same time, newest first', params: boardParams, querystring: conflictsQuery, response: { 200: page(conflict), ...ERROR_RESPONSES } },
  }, async (request) => {
    const { limit, cursor, open } = request.query;
    return boards.listConflicts(actorOf(request), request.params.boardId, { limit: Math.min(limit, config.limits.maxPageSize), cursor, open });
  });

  app.post('/boards/:boardId/conflicts/:conflictId/resolve', {
    schema: {
      tags, summary: 'Say which write is right',
      description: '`mine`: what the caller wrote; of a caller who wrote neither, what was lost. `theirs`: the other one. `value`: another value. Writing it is an ordinary edit.',
      headers: writeHeaders, params: conflictParams, body: resolveBody, response: { 200: conflict, ...ERROR_RESPONSES },
    },
  }, async (request) => {
    const { body } = request;
    return boards.resolveConflict(actorOf(request), request.params.boardId, request.params.conflictId, body.choice === 'value' ? { choice: 'value', value: body.value ?? null } : body);
  });
};
