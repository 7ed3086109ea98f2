/** What happened to boards: lists, the history of an item, the log as a file, and a stream of what happens (server-sent events). */
import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { EVENT_EXPORTS, EVENT_ORDERS } from '../../boards/event-queries.ts';
import { decodePositions, encodePositions, type Positions, type StreamMessage } from '../../boards/event-stream.ts';
import { SundayError } from '../../errors.ts';
import { actorOf, bearerOf, ERROR_RESPONSES, type RestDependencies } from './context.ts';
import { boardEvent, boardParams, itemParams, listQuery, page } from './schemas.ts';

const tags = ['history'];
/** A browser that lost its stream comes back after this. */
const RETRY_MS = 2_000;
/** A client that takes nothing for this long is cut off; it goes on from its last event when it comes back. */
const STALL_MS = 30_000;

const eventsQuery = z.object({
  ...listQuery.shape,
  after: z.coerce.number().int().min(0).default(0).describe('Version of the last event you have; 0: from the beginning'),
  order: z.enum(EVENT_ORDERS).default('asc').describe('desc: the latest first; `after` does not count then'),
});
const historyQuery = z.object({ ...listQuery.shape, columnId: z.string().max(64).optional().describe('Only what concerns this cell') });
const exportQuery = z.object({ format: z.enum(EVENT_EXPORTS).default('ndjson') });
const streamQuery = z.object({
  boardId: z.union([z.string(), z.array(z.string())]).optional().describe('Only this board; may be repeated. Without it: all boards you may read'),
  after: z.coerce.number().int().min(0).optional().describe('With one boardId: version of the last event you have. Without it, and without Last-Event-ID: what happens from now on'),
});
const streamHeaders = z.looseObject({ 'last-event-id': z.string().max(16_000).optional().describe('The id of the last event you got: the stream goes on from there, board by board') });

export const eventRoutes: FastifyPluginAsyncZod<RestDependencies> = async (app, { access, boards, config, onStream }) => {
  const capped = (limit: number): number => Math.min(limit, config.limits.maxPageSize);
  const open = new Map<AbortController, string>();

  app.get('/boards/:boardId/events', {
    schema: {
      tags, summary: 'Events of a board, in order and without gaps', params: boardParams, querystring: eventsQuery, response: { 200: page(boardEvent), ...ERROR_RESPONSES },
      description: 'What happened, who did it, with values before and after. Versions count up by one. Keep the last version you have handled and ask for what came `after` it.',
    },
  }, async (request) => boards.listEvents(actorOf(request), request.params.boardId, { ...request.query, limit: capped(request.query.limit) }));

  app.get('/boards/:boardId/events/export', {
    schema: {
      tags, summary: 'The whole log of a board as a file', params: boardParams, querystring: exportQuery, produces: ['application/x-ndjson', 'text/csv'],
      description: 'Oldest first. In csv, texts that a spreadsheet would run as a formula begin with an apostrophe.',
      response: { 200: z.unknown().describe('The file'), ...ERROR_RESPONSES },
    },
  }, async (request, reply) => {
    const { boardId } = request.params;
    const { format } = request.query;
    const pieces = await boards.exportEvents(actorOf(request), boardId, format);
    return reply
      .type(format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/x-ndjson; charset=utf-8')
      .header('content-disposition', `attachment; filename="events-${boardId}.${format}"`)
      .header('cache-control', 'private, no-store')
      .send(Readable.from(pieces));
  });

  app.get('/boards/:boardId/items/:itemId/history', {
    schema: { tags, summary: 'What happened to an item or a cell, the latest first', params: itemParams, querystring: historyQuery, response: { 200: page(boardEvent), ...ERROR_RESPONSES } },
  }, async (request) => {
    const { boardId, itemId } = request.params;
    return boards.itemHistory(actorOf(request), boardId, itemId, { ...request.query, limit: capped(request.query.limit) });
  });

  app.get('/events/stream', {
    schema: {
      tags, summary: 'Events as they happen (server-sent events)', querystring: streamQuery, headers: streamHeaders, produces: ['text/event-stream'],
      description: 'Every message is an event of a board as JSON; its `id` is for Last-Event-ID. Events may come twice: tell them apart by their `id` inside. A last message of type `end` says in `code` why the server closed the stream.',
      response: { 200: z.unknown().describe('The stream'), ...ERROR_RESPONSES },
    },
  }, async (request, reply) => {
    const actor = actorOf(request);
    const { boardId = [], after } = request.query;
    const boardIds = [...new Set([boardId].flat())];
    const positions = positionsOf(request.headers['last-event-id'], boardIds, after);
    const streamsOfUser = [...open.values()].filter((userId) => userId === actor.userId).length;
    if (streamsOfUser >= config.limits.maxStreamsPerUser) {
      onStream?.('too_many_streams');
      throw new SundayError('rate_limited', `You have ${streamsOfUser} streams open here, which is the most`);
    }
    const token = bearerOf(request);
    const abort = new AbortController();
    open.set(abort, actor.userId);
    // the client is gone, or all is said: at once, not when the stream next looks up
    reply.raw.once('close', () => { abort.abort(); open.delete(abort); });
    try {
      const messages = await boards.streamEvents(actor, { boardIds, positions, signedIn: () => access.authenticate(token), signal: abort.signal });
      const stream = Readable.from(frames(messages, () => { onStream?.('stalled'); stream.destroy(); }), { objectMode: true, highWaterMark: 1 });
      // a connection kept alive after its stream has ended would keep a stopping server waiting
      return await reply.header('connection', 'close').type('text/event-stream; charset=utf-8').header('cache-control', 'no-store').header('x-accel-buffering', 'no').send(stream);
    } catch (error) {
      open.delete(abort);
      throw error;
    }
  });

  // an open stream would keep the server from closing
  app.addHook('preClose', async () => { for (const abort of open.keys()) abort.abort(); });
};

function positionsOf(lastEventId: string | undefined, boardIds: readonly string[], after: number | undefined): Positions {
  if (lastEventId !== undefined) return decodePositions(lastEventId);
  if (after === undefined) return new Map();
  const [only, ...others] = boardIds;
  if (only === undefined || others.length > 0) throw new SundayError('validation_failed', 'after is for a stream of one board: name it with boardId', { field: 'after' });
  return new Map([[only, after]]);
}

/** Frames are made one at a time, as the client takes them. */
async function* frames(messages: AsyncGenerator<StreamMessage>, onStall: () => void): AsyncGenerator<string> {
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    for await (const message of messages) {
      const stall = setTimeout(onStall, STALL_MS);
      stall.unref();
      yield frameOf(message);
      clearTimeout(stall);
    }
  } finally {
    await messages.return(undefined);
  }
}

function frameOf(message: StreamMessage): string {
  switch (message.kind) {
    case 'position':
      return `id: ${encodePositions(message.positions)}\n\n`;
    case 'events':
      return eventFrames(message.events, message.positions);
    case 'heartbeat':
      return ': still here\n\n';
    case 'end':
      return `event: end\ndata: ${JSON.stringify({ code: message.code })}\n\n`;
    default:
      return message satisfies never;
  }
}

/** With one board every event has its id; with many, whose ids are long, the last of a page: the others may come twice. */
function eventFrames(events: Extract<StreamMessage, { kind: 'events' }>['events'], positions: Positions): string {
  return events
    .map((event, at) => {
      const exact = positions.size === 1 || at === events.length - 1;
      const id = exact ? `id: ${encodePositions(positions.size === 1 ? new Map([[event.boardId, event.version]]) : positions)}\n` : '';
      return `${id}data: ${JSON.stringify(event)}\n\n`;
    })
    .join('');
}
