/** Members of a board, and revoking a user's sessions. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { SundayError } from '../../errors.ts';
import { actorOf, ERROR_RESPONSES, type RestDependencies } from './context.ts';
import { addMemberBody, boardParams, listQuery, member, page, updateMemberBody, writeHeaders } from './schemas.ts';

const memberParams = z.object({ boardId: z.string(), userId: z.string() });
const tags = ['members'];

export const peopleRoutes: FastifyPluginAsyncZod<RestDependencies> = async (app, { boards, access, config }) => {
  const capped = (limit: number): number => Math.min(limit, config.limits.maxPageSize);

  app.get('/boards/:boardId/members', {
    schema: { tags, summary: 'Members and their roles', params: boardParams, querystring: listQuery, response: { 200: page(member), ...ERROR_RESPONSES } },
  }, async (request) => boards.listMembers(actorOf(request), request.params.boardId, { ...request.query, limit: capped(request.query.limit) }));

  app.post('/boards/:boardId/members', {
    schema: { tags, summary: 'Add a member (owners)', description: 'A user id not seen before is accepted: it is who will sign in with it.', headers: writeHeaders, params: boardParams, body: addMemberBody, response: { 201: member, ...ERROR_RESPONSES } },
  }, async (request, reply) => reply.code(201).send(await boards.addMember(actorOf(request), request.params.boardId, request.body)));

  app.patch('/boards/:boardId/members/:userId', {
    schema: { tags, summary: 'Change a role (owners)', headers: writeHeaders, params: memberParams, body: updateMemberBody, response: { 200: member, ...ERROR_RESPONSES } },
  }, async (request) => boards.setMemberRole(actorOf(request), request.params.boardId, request.params.userId, request.body.role));

  app.delete('/boards/:boardId/members/:userId', {
    schema: { tags, summary: 'Remove a member (owners), or leave', headers: writeHeaders, params: memberParams, response: { 204: z.null().describe('Removed'), ...ERROR_RESPONSES } },
  }, async (request, reply) => {
    await boards.removeMember(actorOf(request), request.params.boardId, request.params.userId);
    return reply.code(204).send(null);
  });

  app.post('/users/:userId/sessions/revoke', {
    schema: {
      tags: ['sessions'], summary: 'Sign a user out everywhere',
      description: 'Tokens issued before now stop working on every node at once, open sockets included. Your own; anybody\'s for the users in SUNDAY_ADMINS.',
      headers: writeHeaders, params: z.object({ userId: z.string() }), response: { 204: z.null().describe('Revoked'), ...ERROR_RESPONSES },
    },
  }, async (request, reply) => {
    const { userId } = request.params;
    const actor = actorOf(request);
    if (actor.userId !== userId && !config.admins.includes(actor.userId)) throw new SundayError('forbidden', 'Only your own sessions: others are for the users in SUNDAY_ADMINS');
    await access.revokeSessions(userId);
    return reply.code(204).send(null);
  });
};
