import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { listAll, startTestServer, type Api, type BoardBody, type ItemBody, type PageBody, type TestServer } from './rest-support.ts';

let server: TestServer;
let ada: Api;
let bob: Api;

before(async () => {
  server = await startTestServer();
  ada = await server.as('ada');
  bob = await server.as('bob');
});
after(() => server.close());

const newBoard = async (body: Record<string, unknown> = {}): Promise<BoardBody> => (await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Board', ...body } })).body;

test('a board is made, read, renamed, listed and deleted', async () => {
  const created = await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Roadmap', description: 'What next', template: 'tasks' } });
  const board = created.body;
  assert.equal(created.headers.get('location'), `/v1/boards/${board.id}`);
  assert.equal(board.role, 'owner');
  assert.deepEqual(board.columns.map((column) => column.id), ['status', 'owner', 'due', 'priority', 'notes']);
  assert.deepEqual(board.groups.map((group) => group.id), ['now', 'next', 'done']);

  const read = await ada.expect<BoardBody>(200, 'GET', `/boards/${board.id}`);
  assert.deepEqual(read.body, board);
  const etag = read.headers.get('etag') ?? '';
  assert.equal(created.headers.get('etag'), etag);
  assert.equal((await ada.call('GET', `/boards/${board.id}`, { headers: { 'if-none-match': etag } })).status, 304);

  const renamed = await ada.expect<BoardBody>(200, 'PATCH', `/boards/${board.id}`, { body: { name: 'Plan' } });
  assert.equal(renamed.body.name, 'Plan');
  assert.equal(renamed.body.description, 'What next');
  assert(renamed.body.version > board.version);
  // a 2xx means committed: what is read next is what was written
  const again = await ada.expect<BoardBody>(200, 'GET', `/boards/${board.id}`);
  assert.equal(again.body.name, 'Plan');
  assert.equal(again.headers.get('etag'), renamed.headers.get('etag'));
  assert.notEqual(renamed.headers.get('etag'), etag);

  assert((await listAll<BoardBody>(ada, '/boards', 2)).some((entry) => entry.id === board.id && entry.name === 'Plan'));
  await ada.expect(204, 'DELETE', `/boards/${board.id}`);
  const gone = await ada.expect(404, 'GET', `/boards/${board.id}`);
  assert.equal(gone.body['code'], 'board_not_found');
  assert(!(await listAll<BoardBody>(ada, '/boards', 50)).some((entry) => entry.id === board.id));
});

test('boards are listed newest first, page by page, each once, and only to members', async () => {
  const carol = await server.as('carol');
  const names = Array.from({ length: 7 }, (_, index) => `Board ${index}`);
  for (const name of names) await carol.expect(201, 'POST', '/boards', { body: { name } });
  assert.deepEqual((await listAll<BoardBody>(carol, '/boards', 3)).map((board) => board.name), names.toReversed());
  assert(!(await listAll<BoardBody>(bob, '/boards', 50)).some((board) => board.name === 'Board 3'));
});

test('If-Match: the second of two writers that read the same board is told', async () => {
  const { id } = await newBoard();
  const etag = (await ada.expect(200, 'GET', `/boards/${id}`)).headers.get('etag') ?? '';
  await ada.expect(200, 'PATCH', `/boards/${id}`, { body: { name: 'First' }, headers: { 'if-match': etag } });
  const refused = await ada.expect(412, 'PATCH', `/boards/${id}`, { body: { name: 'Second' }, headers: { 'if-match': etag } });
  assert.equal(refused.body['code'], 'precondition_failed');
  assert.equal((await ada.expect<BoardBody>(200, 'GET', `/boards/${id}`)).body.name, 'First');
  assert.equal((await ada.expect(412, 'DELETE', `/boards/${id}`, { headers: { 'if-match': etag } })).body['code'], 'precondition_failed');
  await ada.expect(200, 'PATCH', `/boards/${id}`, { body: { name: 'Third' }, headers: { 'if-match': '*' } });
});

test('a board ETag covers columns and groups, not cells', async () => {
  const { id } = await newBoard({ columns: [{ id: 'n', type: 'number', title: 'N' }] });
  const tag = async (): Promise<string | null> => (await ada.expect(200, 'GET', `/boards/${id}`)).headers.get('etag');
  const before = await tag();
  await ada.expect(201, 'POST', `/boards/${id}/items`, { body: { name: 'x', values: { n: 1 } } });
  assert.equal(await tag(), before);
  await ada.expect(201, 'POST', `/boards/${id}/columns`, { body: { type: 'text', title: 'T' }, headers: { 'if-match': before ?? '' } });
  assert.notEqual(await tag(), before);
  await ada.expect(412, 'POST', `/boards/${id}/groups`, { body: { title: 'G' }, headers: { 'if-match': before ?? '' } });
});

test('columns and groups are added, changed, ordered and removed', async () => {
  const { id } = await newBoard({ columns: [], groups: [] });
  const first = (await ada.expect<{ id: string }>(201, 'POST', `/boards/${id}/columns`, { body: { type: 'number', title: 'Effort', settings: { unit: 'd' } } })).body;
  await ada.expect(201, 'POST', `/boards/${id}/columns`, { body: { id: 'due', type: 'date', title: 'Due', before: first.id } });
  const titles = async (kind: string): Promise<string[]> => (await ada.expect<PageBody<{ title: string }>>(200, 'GET', `/boards/${id}/${kind}`)).body.data.map((entry) => entry.title);
  assert.deepEqual(await titles('columns'), ['Due', 'Effort']);
  await ada.expect(200, 'PATCH', `/boards/${id}/columns/${first.id}`, { body: { title: 'Days', before: 'due' } });
  assert.deepEqual(await titles('columns'), ['Days', 'Due']);
  await ada.expect(204, 'DELETE', `/boards/${id}/columns/due`);
  assert.deepEqual(await titles('columns'), ['Days']);
  assert.equal((await ada.expect(409, 'POST', `/boards/${id}/columns`, { body: { id: first.id, type: 'text', title: 'Again' } })).body['code'], 'already_exists');
  assert.equal((await ada.expect(404, 'PATCH', `/boards/${id}/columns/none`, { body: { title: 'x' } })).body['code'], 'not_found');

  const group = (await ada.expect<{ id: string }>(201, 'POST', `/boards/${id}/groups`, { body: { title: 'Now', color: 'blue' } })).body;
  await ada.expect(201, 'POST', `/boards/${id}/groups`, { body: { id: 'later', title: 'Later', after: group.id } });
  await ada.expect(200, 'PATCH', `/boards/${id}/groups/later`, { body: { before: group.id, color: 'red' } });
  assert.deepEqual(await titles('groups'), ['Later', 'Now']);
  const { body: item } = await ada.expect<ItemBody>(201, 'POST', `/boards/${id}/items`, { body: { name: 'x', groupId: 'later' } });
  await ada.expect(204, 'DELETE', `/boards/${id}/groups/later`);
  assert.equal((await ada.expect<ItemBody>(200, 'GET', `/boards/${id}/items/${item.id}`)).body.groupId, null);
});

test('a copy has everything and is its own', async () => {
  const { id } = await newBoard({ name: 'Source', columns: [{ id: 'n', type: 'number', title: 'N' }] });
  await ada.expect(201, 'POST', `/boards/${id}/items`, { body: { id: 'one', name: 'One', values: { n: 5 } } });
  const copy = (await ada.expect<BoardBody>(201, 'POST', `/boards/${id}/duplicate`)).body;
  assert.equal(copy.name, 'Copy of Source');
  assert.notEqual(copy.id, id);
  const items = await listAll<ItemBody>(ada, `/boards/${copy.id}/items`, 10);
  assert.deepEqual(items.map((item) => [item.name, Object.values(item.values)]), [['One', [5]]]);
  await ada.expect(200, 'PATCH', `/boards/${copy.id}/items/${items[0]?.id}`, { body: { name: 'Changed' } });
  assert.equal((await ada.expect<ItemBody>(200, 'GET', `/boards/${id}/items/one`)).body.name, 'One');
  const empty = (await ada.expect<BoardBody>(201, 'POST', `/boards/${id}/duplicate`, { body: { name: 'Empty', withItems: false } })).body;
  assert.deepEqual([empty.name, await listAll(ada, `/boards/${empty.id}/items`, 10)], ['Empty', []]);
});

test('workspaces hold boards of their maker', async () => {
  const workspace = (await ada.expect<{ id: string }>(201, 'POST', '/workspaces', { body: { name: 'Team' } })).body;
  const board = await newBoard({ workspaceId: workspace.id });
  assert.equal(board.workspaceId, workspace.id);
  assert.deepEqual((await listAll<BoardBody>(ada, `/boards?workspaceId=${workspace.id}`, 10)).map((entry) => entry.id), [board.id]);
  assert.equal((await bob.expect(404, 'POST', '/boards', { body: { name: 'x', workspaceId: workspace.id } })).body['code'], 'workspace_not_found');
  const ids = async (api: Api): Promise<string[]> => (await listAll<{ id: string }>(api, '/workspaces', 1)).map((entry) => entry.id);
  assert.deepEqual([await ids(ada), await ids(bob)], [[workspace.id], []]);
  await ada.expect(201, 'POST', `/boards/${board.id}/members`, { body: { userId: 'bob', role: 'viewer' } });
  assert.deepEqual(await ids(bob), [workspace.id]);
});

test('each role may do its part and no more', async () => {
  const { id } = await newBoard({ columns: [{ id: 'n', type: 'number', title: 'N' }] });
  await ada.expect(201, 'POST', `/boards/${id}/items`, { body: { id: 'x', name: 'x' } });
  assert.equal((await bob.expect(403, 'GET', `/boards/${id}`)).body['code'], 'forbidden');

  // what needs which role, from the least on
  const attempts: [string, () => Promise<number>][] = [
    ['viewer', async () => (await bob.call('GET', `/boards/${id}/items`)).status],
    ['commenter', async () => (await bob.call('POST', `/boards/${id}/items/x/comments`, { body: { body: 'hi' } })).status],
    ['editor', async () => (await bob.call('PATCH', `/boards/${id}/items/x`, { body: { name: 'y' } })).status],
    ['owner', async () => (await bob.call('POST', `/boards/${id}/members`, { body: { userId: 'dan', role: 'viewer' } })).status],
  ];
  const roles = attempts.map(([role]) => role);
  for (const [level, role] of roles.entries()) {
    if (level === 0) await ada.expect(201, 'POST', `/boards/${id}/members`, { body: { userId: 'bob', role } });
    else await ada.expect(200, 'PATCH', `/boards/${id}/members/bob`, { body: { role } });
    for (const [needed, [name, attempt]] of attempts.entries()) {
      const status = await attempt();
      assert.equal(status < 300, needed <= level, `${role} tries what a ${name} may: ${status}`);
      if (needed > level) assert.equal(status, 403);
    }
  }
});

test('members are listed, keep an owner, and may leave', async () => {
  const { id } = await newBoard();
  assert.equal((await ada.expect(409, 'DELETE', `/boards/${id}/members/ada`)).body['code'], 'last_owner');
  assert.equal((await ada.expect(409, 'PATCH', `/boards/${id}/members/ada`, { body: { role: 'viewer' } })).body['code'], 'last_owner');
  await ada.expect(201, 'POST', `/boards/${id}/members`, { body: { userId: 'never seen before', role: 'editor' } });
  await ada.expect(201, 'POST', `/boards/${id}/members`, { body: { userId: 'never seen before', role: 'editor' } });
  assert.equal((await ada.expect(409, 'POST', `/boards/${id}/members`, { body: { userId: 'never seen before', role: 'viewer' } })).body['code'], 'already_exists');
  await ada.expect(201, 'POST', `/boards/${id}/members`, { body: { userId: 'bob', role: 'viewer' } });
  const members = await listAll<{ userId: string; role: string; name: string | null }>(ada, `/boards/${id}/members`, 2);
  assert.deepEqual(members.map(({ userId, role, name }) => [userId, role, name]), [['ada', 'owner', 'Name of ada'], ['bob', 'viewer', 'Name of bob'], ['never seen before', 'editor', null]]);
  await bob.expect(403, 'DELETE', `/boards/${id}/members/ada`);
  await bob.expect(204, 'DELETE', `/boards/${id}/members/bob`);
  await bob.expect(403, 'GET', `/boards/${id}`);
  assert.equal((await ada.expect(404, 'PATCH', `/boards/${id}/members/nobody`, { body: { role: 'viewer' } })).body['code'], 'not_found');
});

test('presence of a board nobody has open is empty', async () => {
  const { id } = await newBoard();
  assert.deepEqual((await ada.expect<PageBody<unknown>>(200, 'GET', `/boards/${id}/presence`)).body.data, []);
  await bob.expect(403, 'GET', `/boards/${id}/presence`);
});
