import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { asItemId, createItem, readItem } from '@sunday/board-model';
import { cable, type Cable } from './cable.ts';
import { listAll, startTestServer, type Api, type BoardBody, type ItemBody, type TestServer } from './rest-support.ts';
import { stock, until } from './stock-clients.ts';

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

test('while Postgres refuses to write, its disk being full, people go on together, unsaved, and the node says so; then all is saved', async (t) => {
  const { id: boardId } = (await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Full' } })).body;
  await ada.expect(201, 'POST', `/boards/${boardId}/members`, { body: { userId: 'bob', role: 'editor' } });
  const people = [stock(server.url, boardId, await server.tokenOf('ada')), stock(server.url, boardId, await server.tokenOf('bob'))];
  t.after(() => { for (const person of people) person.close(); });
  const [one, other] = people;
  assert(one !== undefined && other !== undefined);
  await until('both are in', () => people.every(({ provider }) => provider.synced && !provider.hasUnsyncedChanges));
  const { database } = server.database;
  await database.query(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$`);
  await database.query('CREATE TRIGGER full_disk BEFORE INSERT ON board_updates FOR EACH ROW EXECUTE FUNCTION full_disk()');

  createItem(one.doc, { id: asItemId('first'), name: 'unsaved' }, { userId: 'ada' });
  await until('the other one sees it', () => readItem(other.doc, asItemId('first')) !== undefined);
  createItem(other.doc, { id: asItemId('second'), name: 'unsaved, too' }, { userId: 'bob' });
  await until('and is seen', () => readItem(one.doc, asItemId('second')) !== undefined);
  assert(people.every(({ provider }) => provider.hasUnsyncedChanges), 'nothing is acknowledged');
  await until('the node says so, and keeps its traffic', async () => {
    const answer = await fetch(`${server.url}/readyz`);
    return answer.status === 200 && /^postgres: degraded \(refuses what 1 boards commit/m.test(await answer.text());
  });

  await database.query('DROP TRIGGER full_disk ON board_updates');
  await until('all is saved', () => people.every(({ provider }) => !provider.hasUnsyncedChanges));
  assert.deepEqual((await listAll<ItemBody>(ada, `/boards/${boardId}/items`, 10)).map(({ name }) => name), ['unsaved', 'unsaved, too']);
  await until('and the node is well', async () => (await (await fetch(`${server.url}/readyz`)).text()).startsWith('status: ok'));
});
