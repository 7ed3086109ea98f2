/** Boards and workspaces. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf, ERROR_RESPONSES, sendTagged, writeOptionsOf, type RestDependencies } from './context.ts';
import {
  board, boardParams, createBoardBody, createWorkspaceBody, duplicateBoardBody, listQuery, page, presenceEntry, updateBoardBody, workspace, writeHeaders,
} from './schemas.ts';

export const boardRoutes: FastifyPluginAsyncZod<RestDependencies> = async (app, { boards, config }) => {
  const capped = (limit: number): number => Math.min(limit, config.limits.maxPageSize);

  app.post('/workspaces', {
    schema: { tags: ['workspaces'], summary: 'Create a workspace', headers: writeHeaders, body: createWorkspaceBody, response: { 201: workspace, ...ERROR_RESPONSES } },
  }, async (request, reply) => reply.code(201).send(await boards.createWorkspace(actorOf(request), request.body, writeOptionsOf(request))));

  app.get('/workspaces', {
    schema: { tags: ['workspaces'], summary: 'Workspaces of yours, newest first', querystring: listQuery, response: { 200: page(workspace), ...ERROR_RESPONSES } },
  }, async (request) => boards.listWorkspaces(actorOf(request), { ...request.query, limit: capped(request.query.limit) }));

  app.post('/boards', {
    schema: { tags: ['boards'], summary: 'Create a board', headers: writeHeaders, body: createBoardBody, response: { 201: board, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const created = await boards.createBoard(actorOf(request), request.body, writeOptionsOf(request));
    return sendTagged(reply.code(201).header('location', `/v1/boards/${created.board.id}`), created.etag, created.board);
  });

  app.get('/boards', {
    schema: {
      tags: ['boards'], summary: 'Boards you are a member of, newest first',
      querystring: z.object({ ...listQuery.shape, workspaceId: z.string().optional() }),
      response: { 200: page(board), ...ERROR_RESPONSES },
    },
  }, async (request) => boards.listBoards(actorOf(request), { ...request.query, limit: capped(request.query.limit) }));

  app.get('/boards/:boardId', {
    schema: { tags: ['boards'], summary: 'One board', params: boardParams, response: { 200: board, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const found = await boards.getBoard(actorOf(request), request.params.boardId);
    return sendTagged(reply, found.etag, found.board);
  });

  app.patch('/boards/:boardId', {
    schema: { tags: ['boards'], summary: 'Rename or describe a board', headers: writeHeaders, params: boardParams, body: updateBoardBody, response: { 200: board, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const updated = await boards.updateBoard(actorOf(request), request.params.boardId, request.body, writeOptionsOf(request));
    return sendTagged(reply, updated.etag, updated.board);
  });

  app.delete('/boards/:boardId', {
    schema: { tags: ['boards'], summary: 'Delete a board (owners)', headers: writeHeaders, params: boardParams, response: { 204: z.null().describe('Deleted'), ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    await boards.deleteBoard(actorOf(request), request.params.boardId, writeOptionsOf(request));
    return reply.code(204).send(null);
  });

  app.post('/boards/:boardId/duplicate', {
    schema: { tags: ['boards'], summary: 'Copy a board', headers: writeHeaders, params: boardParams, body: duplicateBoardBody.nullish(), response: { 201: board, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const { name, workspaceId, withItems = true } = request.body ?? {};
    const copy = await boards.duplicateBoard(actorOf(request), request.params.boardId, { name, workspaceId, withItems }, writeOptionsOf(request));
    return sendTagged(reply.code(201).header('location', `/v1/boards/${copy.board.id}`), copy.etag, copy.board);
  });

  app.get('/boards/:boardId/presence', {
    schema: { tags: ['presence'], summary: 'Who is on the board now', params: boardParams, response: { 200: page(presenceEntry), ...ERROR_RESPONSES } },
  }, async (request) => ({ data: await boards.listPresence(actorOf(request), request.params.boardId), nextCursor: null }));
};
