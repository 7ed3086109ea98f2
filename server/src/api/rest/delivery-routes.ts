/** For operators (SUNDAY_ADMINS): deliveries of domain events that consumers could not handle. */
import { discardParked, listFailed, replayParked } from '@sunday/extension-event-bus';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import { decodeCursor, encodeCursor, pageOf } from '../../boards/cursor.ts';
import { SundayError } from '../../errors.ts';
import { actorOf, ERROR_RESPONSES, type RestDependencies } from './context.ts';
import { changedDeliveries, changeDeliveriesBody, delivery, discardDeliveriesBody, listDeliveriesQuery, page, writeHeaders } from './schemas.ts';

const tags = ['admin'];

export const deliveryRoutes: FastifyPluginAsyncZod<RestDependencies> = async (app, { database, config }) => {
  const requireAdmin = (request: FastifyRequest): void => {
    if (!config.admins.includes(actorOf(request).userId)) throw new SundayError('forbidden', 'For the users in SUNDAY_ADMINS');
  };

  app.get('/admin/events/parked', {
    schema: {
      tags, summary: 'Events that consumers could not handle', description: 'Oldest first. `parked`: given up on until somebody replays it; `retrying`: to be tried again; `waiting`: behind one of its board.',
      querystring: listDeliveriesQuery, response: { 200: page(delivery), ...ERROR_RESPONSES },
    },
  }, async (request) => {
    requireAdmin(request);
    const { group, boardId, state, cursor } = request.query;
    const limit = Math.min(request.query.limit, config.limits.maxPageSize);
    const list = ['deliveries', group, boardId, state];
    const [after] = decodeCursor(list, cursor, 1) ?? [];
    const rows = await listFailed(database, { group, boardId, state, after: after ?? undefined, limit: limit + 1 });
    return pageOf(rows, limit, (row) => row, (last) => encodeCursor(list, [last.id]));
  });

  app.post('/admin/events/replay', {
    schema: {
      tags, summary: 'Try parked events again', description: 'Those that fit all that is given; an empty object means all. The workers of each group begin within about a second, in the order of each board.',
      headers: writeHeaders, body: changeDeliveriesBody, response: { 200: changedDeliveries, ...ERROR_RESPONSES },
    },
  }, async (request) => {
    requireAdmin(request);
    return { count: await replayParked(database, request.body) };
  });

  app.post('/admin/events/discard', {
    schema: {
      tags, summary: 'Give up a parked event', description: 'For one that can never be handled. It stays in the history of its board.',
      headers: writeHeaders, body: discardDeliveriesBody, response: { 200: changedDeliveries, ...ERROR_RESPONSES },
    },
  }, async (request) => {
    requireAdmin(request);
    return { count: await discardParked(database, request.body) };
  });
};
