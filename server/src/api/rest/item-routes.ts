/** Items of a board and their comments. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { FILTER_OPS, type Filter, type FilterOp } from '../../boards/item-filter.ts';
import { SundayError } from '../../errors.ts';
import { actorOf, ERROR_RESPONSES, sendTagged, writeOptionsOf, type RestDependencies } from './context.ts';
import {
  batchBody, boardParams, comment, createCommentBody, createItemBody, item, itemListQuery, itemParams, listQuery, moveItemBody, page, updateItemBody, writeHeaders,
} from './schemas.ts';

const tags = ['items'];

export const itemRoutes: FastifyPluginAsyncZod<RestDependencies> = async (app, { boards, config }) => {
  const capped = (limit: number): number => Math.min(limit, config.limits.maxPageSize);

  app.get('/boards/:boardId/items', {
    schema: {
      tags, summary: 'Items, in the order of the board or sorted, filtered by values', params: boardParams, querystring: itemListQuery,
      description: 'Long texts are cut to 500 characters here; an item by its own address has them in full.',
      response: { 200: page(item), ...ERROR_RESPONSES },
    },
  }, async (request) => {
    const { limit, cursor, sort, deleted } = request.query;
    return boards.listItems(actorOf(request), request.params.boardId, { limit: capped(limit), cursor, sort, deleted, filters: filtersOf(request.query) });
  });

  app.post('/boards/:boardId/items', {
    schema: { tags, summary: 'Create an item', headers: writeHeaders, params: boardParams, body: createItemBody, response: { 201: item, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const { boardId } = request.params;
    const created = await boards.createItem(actorOf(request), boardId, request.body, writeOptionsOf(request));
    return sendTagged(reply.code(201).header('location', `/v1/boards/${boardId}/items/${created.item.id}`), created.etag, created.item);
  });

  app.post('/boards/:boardId/items/batch', {
    schema: {
      tags, summary: 'Several changes of items at once: all or none', headers: writeHeaders, params: boardParams, body: batchBody,
      response: { 200: z.object({ data: z.array(item).describe('One an operation, in order: the item as it is afterwards') }), ...ERROR_RESPONSES },
    },
  }, async (request) => ({ data: await boards.batchItems(actorOf(request), request.params.boardId, request.body.operations, writeOptionsOf(request)) }));

  app.get('/boards/:boardId/items/:itemId', {
    schema: { tags, summary: 'One item', params: itemParams, response: { 200: item, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const found = await boards.getItem(actorOf(request), request.params.boardId, request.params.itemId);
    return sendTagged(reply, found.etag, found.item);
  });

  app.patch('/boards/:boardId/items/:itemId', {
    schema: { tags, summary: 'Change the name or values of an item', headers: writeHeaders, params: itemParams, body: updateItemBody, response: { 200: item, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const updated = await boards.updateItem(actorOf(request), request.params.boardId, request.params.itemId, request.body, writeOptionsOf(request));
    return sendTagged(reply, updated.etag, updated.item);
  });

  app.delete('/boards/:boardId/items/:itemId', {
    schema: { tags, summary: 'Put an item into the trash', headers: writeHeaders, params: itemParams, response: { 204: z.null().describe('In the trash'), ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    await boards.deleteItem(actorOf(request), request.params.boardId, request.params.itemId, writeOptionsOf(request));
    return reply.code(204).send(null);
  });

  app.post('/boards/:boardId/items/:itemId/move', {
    schema: {
      tags, summary: 'Move an item', headers: writeHeaders, params: itemParams, body: moveItemBody, response: { 200: item, ...ERROR_RESPONSES },
      description: 'To a group (default: the neighbour\'s, else its own), beside a neighbour or at the end.',
    },
  }, async (request, reply) => {
    const moved = await boards.moveItem(actorOf(request), request.params.boardId, request.params.itemId, request.body, writeOptionsOf(request));
    return sendTagged(reply, moved.etag, moved.item);
  });

  app.post('/boards/:boardId/items/:itemId/restore', {
    schema: { tags, summary: 'Take an item out of the trash', headers: writeHeaders, params: itemParams, response: { 200: item, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const restored = await boards.restoreItem(actorOf(request), request.params.boardId, request.params.itemId, writeOptionsOf(request));
    return sendTagged(reply, restored.etag, restored.item);
  });

  app.get('/boards/:boardId/items/:itemId/comments', {
    schema: { tags: ['comments'], summary: 'Comments, oldest first', params: itemParams, querystring: listQuery, response: { 200: page(comment), ...ERROR_RESPONSES } },
  }, async (request) => {
    const { boardId, itemId } = request.params;
    return boards.listComments(actorOf(request), boardId, itemId, { ...request.query, limit: capped(request.query.limit) });
  });

  app.post('/boards/:boardId/items/:itemId/comments', {
    schema: { tags: ['comments'], summary: 'Comment on an item', headers: writeHeaders, params: itemParams, body: createCommentBody, response: { 201: comment, ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    const { boardId, itemId } = request.params;
    return reply.code(201).send(await boards.addComment(actorOf(request), boardId, itemId, request.body, writeOptionsOf(request)));
  });
};

const FILTER_KEY = /^filter\[([^[\]]{1,80})\](?:\[([A-Za-z]{1,20})\])?$/;

/** `filter[field][op]=value`; `filter[field]=value` is eq. @throws SundayError invalid_filter */
function filtersOf(query: Readonly<Record<string, unknown>>): Filter[] {
  const filters: Filter[] = [];
  for (const [key, value] of Object.entries(query)) {
    if (!key.startsWith('filter') || value === undefined) continue;
    const match = FILTER_KEY.exec(key);
    const op = match?.[2] ?? 'eq';
    if (match?.[1] === undefined || !isFilterOp(op)) throw new SundayError('invalid_filter', `Write filters as filter[columnId][op]=value, op one of ${FILTER_OPS.join(', ')}`, { field: key.slice(0, 80) });
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) filters.push({ field: match[1], op, value: String(one) });
  }
  return filters;
}

const isFilterOp = (op: string): op is FilterOp => (FILTER_OPS as readonly string[]).includes(op);
