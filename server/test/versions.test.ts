import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { listAll, startTestServer, type Api, type BoardBody, type ItemBody, type PageBody, type TestServer } from './rest-support.ts';

type Version = { id: string; name: string | null; reason: string; seq: number; bytes: number; createdBy: string | null };
type Restored = { seq: number; undo: string; items: number };
type Diff = {
  counts: { added: number; removed: number; changed: number };
  diff: { columns: { removed: { title: string }[] }; items: { added: { name: string }[]; removed: { name: string }[]; changed: { name: string; values: Record<string, { before: unknown; after: unknown }> }[] } };
};

let server: TestServer;
let ada: Api;
let bob: Api;

before(async () => {
  server = await startTestServer({ SUNDAY_MAX_VERSIONS: '3' });
  ada = await server.as('ada');
  bob = await server.as('bob');
});
after(() => server.close());

const columns = [{ id: 'n', type: 'number', title: 'N' }, { id: 'who', type: 'person', title: 'Who' }, { id: 'text', type: 'long_text', title: 'Text' }];
const newBoard = async (): Promise<string> => (await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Plan', columns, groups: [{ id: 'now', title: 'Now' }, { id: 'later', title: 'Later' }] } })).body.id;
const addItem = (board: string, id: string, values: Record<string, unknown> = {}) => ada.expect(201, 'POST', `/boards/${board}/items`, { body: { id, name: id, values } });
const makeVersion = async (board: string, name: string): Promise<Version> => (await ada.expect<Version>(201, 'POST', `/boards/${board}/versions`, { body: { name } })).body;
const versionsOf = (board: string): Promise<Version[]> => listAll<Version>(ada, `/boards/${board}/versions`, 2);

/** What people see of a board. */
const readBoard = async (board: string): Promise<unknown> => {
  const { body: { name, columns: shown, groups } } = await ada.expect<BoardBody>(200, 'GET', `/boards/${board}`);
  const items = await listAll<ItemBody>(ada, `/boards/${board}/items`, 100);
  const full = await Promise.all(items.map(async ({ id }) => (await ada.expect<ItemBody>(200, 'GET', `/boards/${board}/items/${id}`)).body));
  return { name, shown, groups, items: full.map(({ id, name: called, groupId, values, position }) => ({ id, called, groupId, values, position })) };
};

test('a board edited after a version reads like it once that is restored, and the restore can be taken back', async () => {
  const board = await newBoard();
  await addItem(board, 'one', { n: 1, who: ['ada', 'bob'], text: 'a long text '.repeat(100) });
  await addItem(board, 'two', { n: 2 });
  await addItem(board, 'three');
  const version = await makeVersion(board, 'Before the meeting');
  const then = await readBoard(board);

  await ada.expect(200, 'PATCH', `/boards/${board}`, { body: { name: 'Another plan' } });
  await ada.expect(200, 'PATCH', `/boards/${board}/items/one`, { body: { name: 'changed', values: { n: 10, who: ['cleo'], text: 'gone' } } });
  await ada.expect(200, 'POST', `/boards/${board}/items/two/move`, { body: { groupId: 'later' } });
  await ada.expect(204, 'DELETE', `/boards/${board}/items/three`);
  await ada.expect(204, 'DELETE', `/boards/${board}/columns/n`);
  await ada.expect(201, 'POST', `/boards/${board}/columns`, { body: { id: 'new', type: 'text', title: 'New' } });
  await addItem(board, 'four', { new: 'x' });
  await ada.expect(201, 'POST', `/boards/${board}/items/one/comments`, { body: { body: 'said since' } });
  const changed = await readBoard(board);

  const { body: { counts, diff } } = await ada.expect<Diff>(200, 'GET', `/boards/${board}/versions/${version.id}/diff`);
  assert.deepEqual(counts, { added: 1, removed: 1, changed: 2 });
  assert.deepEqual([diff.items.added, diff.items.removed, diff.columns.removed].map((list) => list.map((entry) => Object.values(entry)[1])), [['four'], ['three'], ['N']]);
  assert.deepEqual(diff.items.changed.find(({ name }) => name === 'changed')?.values['who'], { before: ['ada', 'bob'], after: ['cleo'] });

  const { body: restored } = await ada.expect<Restored>(200, 'POST', `/boards/${board}/versions/${version.id}/restore`);
  assert.deepEqual(await readBoard(board), then);
  assert.equal((await listAll<{ body: string }>(ada, `/boards/${board}/items/one/comments`, 10))[0]?.body, 'said since', 'comments stay');
  assert.deepEqual((await listAll<ItemBody>(ada, `/boards/${board}/items?deleted=true`, 10)).map(({ id }) => id), ['four'], 'what came later is in the trash');

  await ada.expect(200, 'POST', `/boards/${board}/versions/${restored.undo}/restore`);
  assert.deepEqual(await readBoard(board), changed);
  const { body: again } = await ada.expect<Restored>(200, 'POST', `/boards/${board}/versions/${restored.undo}/restore`);
  assert.equal(again.items, 0, 'nothing is left to restore');
});

test('one item is restored without the others', async () => {
  const board = await newBoard();
  await addItem(board, 'one', { n: 1 });
  await addItem(board, 'two', { n: 1 });
  const version = await makeVersion(board, 'Start');
  for (const id of ['one', 'two']) await bobEdits(board, id);
  await ada.expect(204, 'DELETE', `/boards/${board}/items/one`);
  await ada.expect(200, 'POST', `/boards/${board}/versions/${version.id}/restore`, { body: { itemId: 'one' } });
  const read = async (id: string) => (await ada.expect<ItemBody>(200, 'GET', `/boards/${board}/items/${id}`)).body;
  assert.deepEqual([(await read('one')).values['n'], (await read('one')).updatedBy], [1, 'ada']);
  assert.deepEqual([(await read('two')).values['n'], (await read('two')).updatedBy], [2, 'bob']);
  assert.equal((await ada.expect(404, 'POST', `/boards/${board}/versions/${version.id}/restore`, { body: { itemId: 'none' } })).body['code'], 'not_found');
});

const bobEdits = async (board: string, item: string): Promise<void> => {
  await ada.call('POST', `/boards/${board}/members`, { body: { userId: 'bob', role: 'editor' } });
  await bob.expect(200, 'PATCH', `/boards/${board}/items/${item}`, { body: { values: { n: 2 } } });
};

test('a board of thousands of items is compared and restored while others are served', async () => {
  const rows = Array.from({ length: 3000 }, (_, i) => `row ${i},${i},text of row ${i}`);
  const csv = ['Name,Number,Text', ...rows].join('\n');
  const { id: board } = (await ada.expect<BoardBody>(201, 'POST', '/boards/import?name=Large', { raw: { type: 'text/csv', bytes: csv } })).body;
  const version = await makeVersion(board, 'Whole');
  const items = await listAll<ItemBody>(ada, `/boards/${board}/items`, 500);
  for (let at = 0; at < items.length; at += 500) {
    await ada.expect(200, 'POST', `/boards/${board}/items/batch`, { body: { operations: items.slice(at, at + 500).map(({ id }) => ({ op: 'update', id, name: 'overwritten' })) } });
  }
  let slowest = 0;
  const work = { done: false };
  const asking = (async () => {
    while (!work.done) {
      const at = performance.now();
      await ada.expect(200, 'GET', `/boards/${board}`);
      slowest = Math.max(slowest, performance.now() - at);
    }
  })();
  const { body: { counts, diff } } = await ada.expect<Diff>(200, 'GET', `/boards/${board}/versions/${version.id}/diff?limit=10`);
  assert.deepEqual([counts.changed, diff.items.changed.length], [3000, 10]);
  await ada.expect(200, 'POST', `/boards/${board}/versions/${version.id}/restore`);
  work.done = true;
  await asking;
  console.log(`slowest answer while 3 000 items were restored: ${Math.round(slowest)} ms`);
  assert.deepEqual((await listAll<ItemBody>(ada, `/boards/${board}/items`, 500)).map(({ name }) => name), items.map(({ name }) => name));
});

test('versions are listed latest first, have a number, and people can make room', async () => {
  const board = await newBoard();
  await addItem(board, 'one');
  const first = await makeVersion(board, 'First');
  await addItem(board, 'two');
  await makeVersion(board, 'Second');
  const key = { 'idempotency-key': 'third' };
  const third = (await ada.expect<Version>(201, 'POST', `/boards/${board}/versions`, { headers: key })).body;
  assert.deepEqual((await ada.expect<Version>(201, 'POST', `/boards/${board}/versions`, { headers: key })).body, third);
  assert.deepEqual(new Set((await versionsOf(board)).filter(({ reason }) => reason === 'named').map(({ name }) => name)), new Set(['First', 'Second', null]));
  assert.equal((await ada.expect(409, 'POST', `/boards/${board}/versions`, { body: { name: 'One too many' } })).body['code'], 'limit_reached');
  await ada.expect(204, 'DELETE', `/boards/${board}/versions/${first.id}`);
  await ada.expect(404, 'GET', `/boards/${board}/versions/${first.id}`);
  await makeVersion(board, 'Fits again');
  const { text } = await fetch(`${server.url}/metrics`).then(async (answer) => ({ text: await answer.text() }));
  assert.match(text, /sunday_versions_total\{what="limit_reached"\} 1/);
});

test('a board that changes gets one automatic version, of how it was before', async () => {
  const board = await newBoard();
  await addItem(board, 'one');
  await addItem(board, 'two');
  let automatic: Version[] = [];
  for (const deadline = Date.now() + 10_000; automatic.length === 0; ) {
    assert(Date.now() < deadline, 'an automatic version is made');
    automatic = (await versionsOf(board)).filter(({ reason }) => reason === 'hourly');
  }
  await addItem(board, 'three');
  automatic = (await versionsOf(board)).filter(({ reason }) => reason === 'hourly');
  assert.deepEqual(automatic.map(({ seq, createdBy }) => [seq, createdBy]), [[1, null]]);
  const { body: { diff } } = await ada.expect<Diff>(200, 'GET', `/boards/${board}/versions/${automatic[0]?.id}/diff`);
  assert.deepEqual(diff.items.added.map(({ name }) => name), ['one', 'two', 'three']);
});

test('automatic versions thin out to one a day, and go in the end; named ones stay', async () => {
  const board = await newBoard();
  await addItem(board, 'one');
  const insert = `INSERT INTO board_versions (board_id, seq, name, reason, snapshot, created_at) VALUES ($1, 1, $2, $3, $4, date_trunc('day', now()) - make_interval(hours => $5))`;
  for (const [name, reason, hours] of [['old named', 'named', 2000], ['too old', 'hourly', 2000], ['day before, early', 'hourly', 40], ['day before, late', 'hourly', 26]] as const) {
    await server.database.database.query(insert, [board, name, reason, Buffer.alloc(2), hours]);
  }
  const version = await makeVersion(board, 'Now');
  await addItem(board, 'two');
  await ada.expect(200, 'POST', `/boards/${board}/versions/${version.id}/restore`);
  const left = new Set((await versionsOf(board)).map(({ name }) => name));
  assert.deepEqual(['old named', 'too old', 'day before, early', 'day before, late'].filter((name) => left.has(name)), ['old named', 'day before, late']);
});

test('a viewer may look and compare, an editor may make and restore, nobody else may do either', async () => {
  const board = await newBoard();
  await addItem(board, 'one');
  const version = await makeVersion(board, 'Mine');
  await bob.expect(403, 'GET', `/boards/${board}/versions`);
  await ada.expect(201, 'POST', `/boards/${board}/members`, { body: { userId: 'bob', role: 'viewer' } });
  await bob.expect<PageBody<Version>>(200, 'GET', `/boards/${board}/versions`);
  await bob.expect(200, 'GET', `/boards/${board}/versions/${version.id}/diff`);
  await bob.expect(403, 'POST', `/boards/${board}/versions`);
  await bob.expect(403, 'POST', `/boards/${board}/versions/${version.id}/restore`);
  await bob.expect(403, 'DELETE', `/boards/${board}/versions/${version.id}`);
  const other = await newBoard();
  await ada.expect(404, 'POST', `/boards/${other}/versions/${version.id}/restore`);
  await ada.expect(404, 'GET', `/boards/${board}/versions/${version.id}/diff?against=${board}`);
});
