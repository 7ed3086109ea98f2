import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cable, type Cable } from './cable.ts';
import { listAll, startTestServer, type Api, type BoardBody, type ItemBody, type TestServer } from './rest-support.ts';

let server: TestServer;
let ada: Api;
let line: Cable;

before(async () => {
  server = await startTestServer({}, async (target) => {
    line = await cable(target);
    return line.url;
  });
  ada = await server.as('ada');
});
after(async () => {
  await server.close();
  await line.close();
});

test('while the database is away a write answers 503 before anything is applied, and works again after', async () => {
  const { id } = (await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Outage' } })).body;
  await ada.expect(201, 'POST', `/boards/${id}/items`, { body: { name: 'before' } });

  line.cut();
  const writes: [string, string, unknown][] = [
    ['POST', `/boards/${id}/items`, { name: 'during' }],
    ['POST', `/boards/${id}/items/batch`, { operations: [{ op: 'create', name: 'during' }] }],
    ['PATCH', `/boards/${id}`, { name: 'during' }],
    ['POST', '/boards', { name: 'during' }],
    ['POST', `/boards/${id}/members`, { userId: 'during', role: 'viewer' }],
  ];
  for (const [method, path, body] of writes) {
    const refused = await ada.expect(503, method, path, { body });
    assert.equal(refused.body['code'], 'database_unavailable', `${method} ${path}`);
    assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
  }
  assert.equal((await ada.expect(503, 'GET', `/boards/${id}/items`)).body['code'], 'database_unavailable');

  line.mend();
  const deadline = Date.now() + 20_000;
  while ((await ada.call('GET', `/boards/${id}`)).status === 503) assert(Date.now() < deadline, 'the database is not found again');
  await ada.expect(201, 'POST', `/boards/${id}/items`, { body: { name: 'after' } });
  assert.deepEqual((await listAll<ItemBody>(ada, `/boards/${id}/items`, 10)).map((item) => item.name), ['before', 'after']);
  assert.deepEqual((await listAll<BoardBody>(ada, '/boards', 10)).map((board) => board.name), ['Outage']);
});
