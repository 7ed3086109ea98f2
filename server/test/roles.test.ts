/** Processes that share the roles between them are one Sunday: each does its part, refuses the others' cleanly, and says what it is. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { asItemId, listItems, updateItem } from '@sunday/board-model';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { noRedis, startRedis, type TestRedis } from '@sunday/extension-fanout/testing';
import { WebSocket } from 'ws';
import { connect, readiness, until } from './nodes-support.ts';
import { request, startTestServer, type Answer, type BoardBody, type TestServer } from './rest-support.ts';

const NOT_HERE = [503, 'not_available'];

suite('a sync node, an API node and a worker node', { skip: noRedis() }, () => {
  let redis: TestRedis;
  let database: TestDatabase;
  let sync: TestServer;
  let api: TestServer;
  let worker: TestServer;

  before(async () => {
    redis = await startRedis();
    database = await openTestDatabase();
    const start = (roles: string, name: string) => startTestServer({ REDIS_URL: redis.url, SUNDAY_ROLES: roles }, undefined, { database, node: name });
    sync = await start('sync', 'sync-1');
    api = await start('api', 'api-1');
    worker = await start('workers, relay', 'worker-1');
  });

  after(async () => {
    await Promise.all([sync, api, worker].map((node) => node.close()));
    await redis.close();
    await database.close();
  });

  test('each says that it lives, what it is, and what it measures', async () => {
    const expected = new Map([[sync, 'sync'], [api, 'api'], [worker, 'relay, workers']]);
    for (const [node, roles] of expected) {
      assert.equal((await request(`${node.url}/healthz`, 'GET')).text, 'ok\n');
      await until('the nodes know each other', async () => (await readiness(node)).includes('redis: ok (3 nodes)'));
      assert.match(await readiness(node), new RegExp(`^status: ok\nserver: ok \\(${roles}\\)\npostgres: ok\nredis: ok`));
      const { text } = await request(`${node.url}/metrics`, 'GET');
      assert.deepEqual([...text.matchAll(/^sunday_role\{role="(\w+)"\} 1$/gm)].map(([, role]) => role).join(', '), roles);
    }
  });

  test('what a node does not run it refuses with a code: pages and REST, and sockets of both protocols', async () => {
    const said = ({ status, body }: Answer): unknown[] => [status, body['code']];
    for (const node of [sync, worker]) {
      for (const path of ['/', '/v1/boards', '/openapi.json']) assert.deepEqual(said(await request(`${node.url}${path}`, 'GET', { headers: { accept: 'text/html' } })), NOT_HERE);
    }
    for (const node of [api, worker]) {
      for (const path of ['/sync', '/yjs/00000000-0000-4000-8000-000000000000?token=x']) {
        const socket = new WebSocket(`${node.url.replace('http', 'ws')}${path}`);
        const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
        assert.equal(answer.statusCode, 503);
        assert.match(String(await answer.toArray()), /"code":"not_available"/);
      }
    }
  });

  test('what is written over REST on one is seen on sockets of the other, and the other way round', async (t) => {
    const owner = await api.as('olga');
    const { body: { id } } = await owner.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Shared', template: 'tasks' } });
    const olga = await connect(t, sync, id, 'olga');
    await until('the socket is in sync', () => olga.provider.isSynced);
    const { body: item } = await owner.expect<{ id: string }>(201, 'POST', `/boards/${id}/items`, { body: { name: 'over REST' } });
    await until('it is seen', () => listItems(olga.doc).some(({ name }) => name === 'over REST'));
    updateItem(olga.doc, asItemId(item.id), { name: 'over a socket' }, { userId: 'olga' });
    await until('it is committed', () => !olga.provider.hasUnsyncedChanges);
    assert.equal((await owner.expect(200, 'GET', `/boards/${id}/items/${item.id}`)).body['name'], 'over a socket');
  });

  test('REST tells who is on a board though they are on another node, and that they have left', async (t) => {
    const owner = await api.as('olga');
    const { body: { id } } = await owner.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Looked at' } });
    const here = async (): Promise<unknown[]> => (await owner.expect<{ data: { state: unknown }[] }>(200, 'GET', `/boards/${id}/presence`)).body.data;
    assert.deepEqual(await here(), []);
    const olga = await connect(t, sync, id, 'olga');
    olga.awareness.setLocalState({ cursor: 1 });
    await until('she is listed', async () => (await here()).length === 1, 5_000);
    assert.partialDeepStrictEqual(await here(), [{ user: { id: 'olga', name: 'Name of olga' }, state: { cursor: 1 } }]);
    olga.close();
    await until('she is not', async () => (await here()).length === 0, 10_000);
  });
});
