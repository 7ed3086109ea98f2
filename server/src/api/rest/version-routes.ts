/** Versions of a board: points to compare with and to return to. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CURRENT } from '../../boards/versions.ts';
import { actorOf, ERROR_RESPONSES, writeOptionsOf, type RestDependencies } from './context.ts';
import { boardParams, createVersionBody, listQuery, page, restored, restoreVersionBody, version, versionDiff, writeHeaders } from './schemas.ts';

const tags = ['history'];
const versionParams = z.object({ boardId: z.string(), versionId: z.string().describe('Id of the version') });
/** Items a diff names when the caller does not say. */
const DEFAULT_DIFF_ITEMS = 100;

const diffQuery = z.object({
  against: z.string().default(CURRENT).describe('What to compare with: another version, or `current`, the board as it is now'),
  limit: z.coerce.number().int().min(0).max(100_000).default(DEFAULT_DIFF_ITEMS).describe('Most items named of each kind; capped by the server. `counts` has how many there are'),
});

export const versionRoutes: FastifyPluginAsyncZod<RestDependencies> = async (app, { boards, config }) => {
  app.get('/boards/:boardId/versions', {
    schema: {
      tags, summary: 'Versions, the latest state first', params: boardParams, querystring: listQuery, response: { 200: page(version), ...ERROR_RESPONSES },
      description: 'Those people asked for stay. Automatic ones are made before a restore and, while a board changes, every hour; they thin out to one a day.',
    },
  }, async (request) => boards.listVersions(actorOf(request), request.params.boardId, { ...request.query, limit: Math.min(request.query.limit, config.limits.maxPageSize) }));

  app.post('/boards/:boardId/versions', {
    schema: { tags, summary: 'Keep the board as it is now', headers: writeHeaders, params: boardParams, body: createVersionBody.nullish(), response: { 201: version, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const { boardId } = request.params;
    const made = await boards.createVersion(actorOf(request), boardId, request.body ?? {}, writeOptionsOf(request));
    return reply.code(201).header('location', `/v1/boards/${boardId}/versions/${made.id}`).send(made);
  });

  app.get('/boards/:boardId/versions/:versionId', {
    schema: { tags, summary: 'One version', params: versionParams, response: { 200: version, ...ERROR_RESPONSES } },
  }, async (request) => boards.getVersion(actorOf(request), request.params.boardId, request.params.versionId));

  app.delete('/boards/:boardId/versions/:versionId', {
    schema: { tags, summary: 'Remove a version; the board is not changed', headers: writeHeaders, params: versionParams, response: { 204: z.null().describe('Removed'), ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    await boards.removeVersion(actorOf(request), request.params.boardId, request.params.versionId);
    return reply.code(204).send(null);
  });

  app.get('/boards/:boardId/versions/:versionId/diff', {
    schema: {
      tags, summary: 'What is different since a version', params: versionParams, querystring: diffQuery, response: { 200: versionDiff, ...ERROR_RESPONSES },
      description: 'From the version to what it is compared with, as people see them: what is archived or in the trash counts as gone. Cells are compared in columns that both have. Long texts are shown by their first 500 characters.',
    },
  }, async (request) => boards.diffVersion(actorOf(request), request.params.boardId, request.params.versionId, request.query));

  app.post('/boards/:boardId/versions/:versionId/restore', {
    schema: {
      tags, summary: 'Make the board, or one item, read like a version', headers: writeHeaders, params: versionParams, body: restoreVersionBody.nullish(), response: { 200: restored, ...ERROR_RESPONSES },
      description: 'A change like any other: everybody sees it at once, and nothing is lost. What came later is archived or goes to the trash; comments stay. `undo` is a version of the board just before: restoring it takes this back. Boards with many changes are restored in several steps; after an error, do it again.',
    },
  }, async (request) => boards.restoreVersion(actorOf(request), request.params.boardId, request.params.versionId, request.body ?? {}, writeOptionsOf(request)));
};
