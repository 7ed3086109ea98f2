/** Columns and groups of a board. A board's ETag covers them, so their writes honour it in If-Match. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf, ERROR_RESPONSES, writeOptionsOf, type RestDependencies } from './context.ts';
import {
  boardParams, column, createColumnBody, createGroupBody, group, page, updateColumnBody, updateGroupBody, writeHeaders,
} from './schemas.ts';

const columnParams = z.object({ boardId: z.string(), columnId: z.string() });
const groupParams = z.object({ boardId: z.string(), groupId: z.string() });
const gone = z.null().describe('Removed');
const tags = ['structure'];

export const structureRoutes: FastifyPluginAsyncZod<RestDependencies> = async (app, { boards }) => {
  app.get('/boards/:boardId/columns', {
    schema: { tags, summary: 'Columns, in order', params: boardParams, response: { 200: page(column), ...ERROR_RESPONSES } },
  }, async (request) => ({ data: (await boards.getBoard(actorOf(request), request.params.boardId)).board.columns, nextCursor: null }));

  app.post('/boards/:boardId/columns', {
    schema: { tags, summary: 'Add a column', headers: writeHeaders, params: boardParams, body: createColumnBody, response: { 201: column, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const { boardId } = request.params;
    const created = await boards.createColumn(actorOf(request), boardId, request.body, writeOptionsOf(request));
    return reply.code(201).header('location', `/v1/boards/${boardId}/columns/${created.id}`).send(created);
  });

  app.patch('/boards/:boardId/columns/:columnId', {
    schema: { tags, summary: 'Change or move a column', headers: writeHeaders, params: columnParams, body: updateColumnBody, response: { 200: column, ...ERROR_RESPONSES } },
  }, async (request) => boards.updateColumn(actorOf(request), request.params.boardId, request.params.columnId, request.body, writeOptionsOf(request)));

  app.delete('/boards/:boardId/columns/:columnId', {
    schema: { tags, summary: 'Take a column off the board', headers: writeHeaders, params: columnParams, response: { 204: gone, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    await boards.removeColumn(actorOf(request), request.params.boardId, request.params.columnId, writeOptionsOf(request));
    return reply.code(204).send(null);
  });

  app.get('/boards/:boardId/groups', {
    schema: { tags, summary: 'Groups, in order', params: boardParams, response: { 200: page(group), ...ERROR_RESPONSES } },
  }, async (request) => ({ data: (await boards.getBoard(actorOf(request), request.params.boardId)).board.groups, nextCursor: null }));

  app.post('/boards/:boardId/groups', {
    schema: { tags, summary: 'Add a group', headers: writeHeaders, params: boardParams, body: createGroupBody, response: { 201: group, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const { boardId } = request.params;
    const created = await boards.createGroup(actorOf(request), boardId, request.body, writeOptionsOf(request));
    return reply.code(201).header('location', `/v1/boards/${boardId}/groups/${created.id}`).send(created);
  });

  app.patch('/boards/:boardId/groups/:groupId', {
    schema: { tags, summary: 'Change or move a group', headers: writeHeaders, params: groupParams, body: updateGroupBody, response: { 200: group, ...ERROR_RESPONSES } },
  }, async (request) => boards.updateGroup(actorOf(request), request.params.boardId, request.params.groupId, request.body, writeOptionsOf(request)));

  app.delete('/boards/:boardId/groups/:groupId', {
    schema: { tags, summary: 'Take a group off the board; its items become ungrouped', headers: writeHeaders, params: groupParams, response: { 204: gone, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    await boards.removeGroup(actorOf(request), request.params.boardId, request.params.groupId, writeOptionsOf(request));
    return reply.code(204).send(null);
  });
};
