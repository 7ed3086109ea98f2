import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { listAll, startTestServer, type Api, type BoardBody, type ItemBody, type PageBody, type TestServer } from './rest-support.ts';

let server: TestServer;
let ada: Api;

before(async () => {
  server = await startTestServer();
  ada = await server.as('ada');
});
after(() => server.close());

const COLUMNS = [
  { id: 'note', type: 'text', title: 'Note' },
  { id: 'size', type: 'number', title: 'Size' },
  { id: 'done', type: 'checkbox', title: 'Done' },
  { id: 'state', type: 'status', title: 'State', settings: { labels: [{ id: 'todo', title: 'To do', color: 'grey' }, { id: 'ready', title: 'Ready', color: 'green' }] } },
  { id: 'due', type: 'date', title: 'Due' },
  { id: 'who', type: 'person', title: 'Who' },
  { id: 'site', type: 'link', title: 'Site' },
  { id: 'text', type: 'long_text', title: 'Text' },
  { id: 'made', type: 'created_at', title: 'Made' },
];
const newBoard = async (): Promise<string> => (await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Items', columns: COLUMNS, groups: [{ id: 'a', title: 'A' }, { id: 'b', title: 'B' }] } })).body.id;
const make = async (board: string, body: Record<string, unknown>): Promise<ItemBody> => (await ada.expect<ItemBody>(201, 'POST', `/boards/${board}/items`, { body })).body;
const names = async (board: string, query = ''): Promise<string[]> => (await listAll<ItemBody>(ada, `/boards/${board}/items${query}`, 2)).map((item) => item.name);
const codeOf = async (status: number, method: string, path: string, body?: unknown): Promise<unknown> => (await ada.expect(status, method, path, { body })).body['code'];

test('an item is made with values of every kind, read the same, changed, and carries who and when', async () => {
  const board = await newBoard();
  const values = { note: 'n', size: 2.5, done: true, state: { labelId: 'todo' }, due: { date: '2026-02-03', time: '10:30' }, who: ['u2', 'u1'], site: { url: 'https://a.example/', text: 'A' }, text: 'long '.repeat(300) };
  const created = await ada.expect<ItemBody & { createdAt: string }>(201, 'POST', `/boards/${board}/items`, { body: { name: 'One', values } });
  const item = created.body;
  assert.equal(created.headers.get('location'), `/v1/boards/${board}/items/${item.id}`);
  const { made, ...written } = item.values;
  assert.deepEqual(written, values);
  assert.equal(made, item.createdAt);
  assert.deepEqual([item.createdBy, item.updatedBy, item.groupId], ['ada', 'ada', 'a']);

  const read = await ada.expect<ItemBody>(200, 'GET', `/boards/${board}/items/${item.id}`);
  assert.deepEqual(read.body, item);
  assert.equal(read.headers.get('etag'), created.headers.get('etag'));
  const [listed] = await listAll<ItemBody>(ada, `/boards/${board}/items`, 5);
  assert.equal(String(listed?.values['text']).length, 500, 'long text is cut in lists');

  const patched = await ada.expect<ItemBody>(200, 'PATCH', `/boards/${board}/items/${item.id}`, { body: { name: 'Two', values: { size: null, note: 'm' } } });
  assert.equal(patched.body.name, 'Two');
  assert.deepEqual([patched.body.values['size'], patched.body.values['note'], patched.body.values['done']], [undefined, 'm', true]);
  assert.deepEqual((await ada.expect<ItemBody>(200, 'GET', `/boards/${board}/items/${item.id}`)).body, patched.body);
});

test('If-Match on an item: a change since then is refused, also a change deep in a long text', async () => {
  const board = await newBoard();
  const { id } = await make(board, { name: 'x', values: { text: 'a'.repeat(700) } });
  const path = `/boards/${board}/items/${id}`;
  const etag = (await ada.expect(200, 'GET', path)).headers.get('etag') ?? '';
  const second = await ada.expect(200, 'PATCH', path, { body: { values: { text: `${'a'.repeat(700)}b` } }, headers: { 'if-match': etag } });
  assert.notEqual(second.headers.get('etag'), etag);
  assert.equal((await ada.expect(412, 'PATCH', path, { body: { name: 'y' }, headers: { 'if-match': etag } })).body['etag'], second.headers.get('etag'));
  await ada.expect(412, 'DELETE', path, { headers: { 'if-match': etag } });
  await ada.expect(412, 'POST', `${path}/move`, { body: { groupId: 'b' }, headers: { 'if-match': etag } });
  await ada.expect(200, 'POST', `${path}/move`, { body: { groupId: 'b' }, headers: { 'if-match': second.headers.get('etag') ?? '' } });
});

test('of twenty writers that read the same item, If-Match lets one through', async () => {
  const board = await newBoard();
  const { id } = await make(board, { name: 'x' });
  const path = `/boards/${board}/items/${id}`;
  const etag = (await ada.expect(200, 'GET', path)).headers.get('etag') ?? '';
  const statuses = await Promise.all(Array.from({ length: 20 }, async (_, index) => (await ada.call('PATCH', path, { body: { name: `w${index}` }, headers: { 'if-match': etag } })).status));
  assert.deepEqual(statuses.toSorted((a, b) => a - b), [200, ...Array.from({ length: 19 }, () => 412)]);
});

test('items move between groups and neighbours, and the list follows', async () => {
  const board = await newBoard();
  const ids: Record<string, string> = {};
  for (const name of ['1', '2', '3', '4', '5']) ids[name] = (await make(board, { name })).id;
  assert.deepEqual(await names(board), ['1', '2', '3', '4', '5']);
  await ada.expect(200, 'POST', `/boards/${board}/items/${ids['5']}/move`, { body: { groupId: 'a', before: ids['2'] } });
  await ada.expect(200, 'POST', `/boards/${board}/items/${ids['1']}/move`, { body: { groupId: 'b' } });
  await ada.expect(200, 'POST', `/boards/${board}/items/${ids['2']}/move`, { body: { groupId: null } });
  assert.deepEqual(await names(board), ['5', '3', '4', '1', '2']);
  // groups change their order: the list follows without an item being written
  await ada.expect(200, 'PATCH', `/boards/${board}/groups/b`, { body: { before: 'a' } });
  assert.deepEqual(await names(board), ['1', '5', '3', '4', '2']);
  assert.equal(await codeOf(422, 'POST', `/boards/${board}/items/${ids['1']}/move`, { before: 'nobody' }), 'unknown_item');
  assert.equal(await codeOf(422, 'POST', `/boards/${board}/items/${ids['1']}/move`, { groupId: 'nowhere' }), 'unknown_group');
});

test('a deleted item goes to the trash and comes back', async () => {
  const board = await newBoard();
  const { id } = await make(board, { name: 'gone', values: { size: 1 } });
  const path = `/boards/${board}/items/${id}`;
  await ada.expect(204, 'DELETE', path);
  await ada.expect(204, 'DELETE', path);
  assert.equal(await codeOf(404, 'GET', path), 'not_found');
  assert.equal(await codeOf(404, 'PATCH', path, { name: 'x' }), 'not_found');
  assert.deepEqual([await names(board), await names(board, '?deleted=true')], [[], ['gone']]);
  const restored = await ada.expect<ItemBody>(200, 'POST', `${path}/restore`);
  assert.deepEqual([restored.body.deletedAt, restored.body.values['size']], [null, 1]);
  assert.deepEqual([await names(board), await names(board, '?deleted=true')], [['gone'], []]);
});

test('a batch is all or nothing, in order, one result each', async () => {
  const board = await newBoard();
  const { id } = await make(board, { name: 'old' });
  const batch = (operations: unknown[]) => ({ body: { operations } });
  const done = await ada.expect<{ data: ItemBody[] }>(200, 'POST', `/boards/${board}/items/batch`, batch([
    { op: 'create', id: 'new', name: 'new', values: { size: 1 } },
    { op: 'update', id: 'new', values: { size: 2 } },
    { op: 'move', id, groupId: 'b', after: 'new' },
    { op: 'delete', id },
    { op: 'restore', id },
  ]));
  assert.deepEqual(done.body.data.map((item) => item.id), ['new', 'new', id, id, id]);
  assert.equal(done.body.data[0]?.values['size'], 2);

  const before = await listAll<ItemBody>(ada, `/boards/${board}/items`, 50);
  const refusals: [unknown, number, string][] = [
    [{ op: 'update', id, values: { size: 'big' } }, 422, 'invalid_value'],
    [{ op: 'update', id: 'nobody', name: 'x' }, 422, 'unknown_item'],
    [{ op: 'create', name: 'x', values: { site: { url: 'javascript:alert(1)' } } }, 422, 'invalid_link'],
    [{ op: 'create', id: 'new', name: 'x' }, 409, 'already_exists'],
    [{ op: 'update', id, name: 'x', ifMatch: '"stale"' }, 412, 'precondition_failed'],
  ];
  for (const [operation, status, code] of refusals) {
    const refused = await ada.expect(status, 'POST', `/boards/${board}/items/batch`, batch([{ op: 'create', name: 'never' }, { op: 'update', id, name: 'never' }, operation]));
    assert.deepEqual([refused.body['code'], refused.body['index']], [code, 2]);
  }
  assert.deepEqual(await listAll<ItemBody>(ada, `/boards/${board}/items`, 50), before);
});

test('comments are added, listed page by page, and mention people', async () => {
  const board = await newBoard();
  const { id } = await make(board, { name: 'x' });
  const path = `/boards/${board}/items/${id}/comments`;
  for (const body of ['one', 'two', 'three']) await ada.expect(201, 'POST', path, { body: { body, mentions: ['bob'] } });
  const all = await listAll<{ body: string; author: string; mentions: string[]; itemId: string }>(ada, path, 2);
  assert.deepEqual(all.map((comment) => comment.body), ['one', 'two', 'three']);
  assert.deepEqual([all[0]?.author, all[0]?.mentions, all[0]?.itemId], ['ada', ['bob'], id]);
  assert.equal(await codeOf(404, 'POST', `/boards/${board}/items/nobody/comments`, { body: 'x' }), 'not_found');
});

test('items are found by what is in their cells', async () => {
  const board = await newBoard();
  await ada.expect(200, 'POST', `/boards/${board}/items/batch`, {
    body: {
      operations: [
        { op: 'create', name: 'Alpha', values: { note: 'red 100%', size: 1, done: true, state: { labelId: 'todo' }, due: { date: '2026-01-05' }, who: ['u1'] } },
        { op: 'create', name: 'beta', values: { note: 'Green', size: 10, state: { labelId: 'ready' }, due: { date: '2026-01-10', time: '09:00' }, who: ['u1', 'u2'] } },
        { op: 'create', name: 'Gamma', groupId: 'b', values: { size: -2.5, site: { url: 'https://a.example/x' } } },
      ],
    },
  });
  const cases: [string, string[]][] = [
    ['filter[size][gt]=-3', ['Alpha', 'beta', 'Gamma']],
    ['filter[size][gte]=1&filter[size][lt]=10', ['Alpha']],
    ['filter[size][eq]=10', ['beta']],
    ['filter[size]=1e1', ['beta']],
    ['filter[size][in]=1,-2.5', ['Alpha', 'Gamma']],
    ['filter[note][contains]=100%25', ['Alpha']],
    ['filter[note][contains]=0_', []],
    ['filter[note][startsWith]=gre', ['beta']],
    ['filter[note][empty]=true', ['Gamma']],
    ['filter[note][ne]=Green', ['Alpha', 'Gamma']],
    ['filter[done][eq]=false', ['beta', 'Gamma']],
    ['filter[state][eq]=ready', ['beta']],
    ['filter[state][eq]=To do', ['Alpha']],
    ['filter[state][empty]=false', ['Alpha', 'beta']],
    ['filter[due][eq]=2026-01-10', ['beta']],
    ['filter[due][lte]=2026-01-10', ['Alpha', 'beta']],
    ['filter[due][gt]=2026-01-10T08:00', ['beta']],
    ['filter[who][contains]=u2', ['beta']],
    ['filter[who][in]=u2,u3', ['beta']],
    ['filter[who][empty]=true', ['Gamma']],
    ['filter[site][contains]=a.example', ['Gamma']],
    ['filter[name][contains]=A', ['Alpha', 'beta', 'Gamma']],
    ['filter[groupId][eq]=b', ['Gamma']],
    ['filter[createdBy]=ada&filter[createdAt][gt]=2020-01-01T00:00:00Z', ['Alpha', 'beta', 'Gamma']],
    ['filter[values.size][lt]=0', ['Gamma']],
    ["filter[note][eq]=' OR 1=1 --", []],
  ];
  for (const [query, expected] of cases) assert.deepEqual(await names(board, `?${encodeURI(query).replaceAll('%2525', '%25')}`), expected, query);

  const refused = ['filter[nope][eq]=1', 'filter[size][contains]=1', 'filter[size][gt]=big', 'filter[done][gt]=true', 'filter[size][like]=1', 'filter[]=1', 'filter[created][eq]=1', 'filter[createdAt][gt]=yesterday', 'sort=nope', 'sort=who', 'filter[constructor][eq]=1', 'sort=__proto__'];
  for (const query of refused) assert.equal(await codeOf(400, 'GET', `/boards/${board}/items?${encodeURI(query)}`), 'invalid_filter', query);
  assert.equal(await codeOf(400, 'GET', `/boards/${board}/items?filter=1`), 'validation_failed');
});

test('sorted pages are one order: by any keys, empty cells last, each item once', async () => {
  const board = await newBoard();
  const operations = fc.sample(
    fc.record({
      op: fc.constant('create'),
      name: fc.constantFrom('a', 'B', 'b', 'ä', ''),
      groupId: fc.constantFrom('a', 'b', null),
      values: fc.record({ size: fc.constantFrom(1, 2, 2.5, -1), due: fc.constantFrom({ date: '2026-01-01' }, { date: '2026-01-01', time: '10:00' }), state: fc.constantFrom({ labelId: 'todo' }, { labelId: 'ready' }), done: fc.boolean() }, { requiredKeys: [] }),
    }),
    { numRuns: 60, seed: 7 },
  );
  await ada.expect(200, 'POST', `/boards/${board}/items/batch`, { body: { operations } });
  const all = await listAll<ItemBody>(ada, `/boards/${board}/items`, 500);
  assert.equal(all.length, 60);
  const order = { todo: 0, ready: 1 } as Record<string, number>;
  const keys: Record<string, (item: ItemBody) => string | number | null> = {
    size: (item) => (item.values['size'] as number | undefined) ?? null,
    state: (item) => order[(item.values['state'] as { labelId: string } | undefined)?.labelId ?? ''] ?? null,
    name: (item) => item.name.toLowerCase(),
    due: (item) => {
      const due = item.values['due'] as { date: string; time?: string } | undefined;
      return due === undefined ? null : `${due.date}${due.time === undefined ? '' : `T${due.time}`}`;
    },
    done: (item) => (item.values['done'] === true ? 1 : 0),
  };
  for (const sort of ['size', '-size', '-state,name', 'due,-size', 'name,-due,done', '-createdAt', 'updatedAt,-name']) {
    for (const limit of [7, 500]) {
      const sorted = await listAll<ItemBody>(ada, `/boards/${board}/items?sort=${sort}`, limit);
      assert.deepEqual(new Set(sorted.map((item) => item.id)), new Set(all.map((item) => item.id)), `${sort} by ${limit}`);
      const parsed = sort.split(',').map((key) => ({ read: keys[key.replace('-', '')], down: key.startsWith('-') }));
      if (parsed.some((key) => key.read === undefined)) continue; // all made in one batch: the times are equal or not, the set is what counts
      const expected = all.toSorted((x, y) => {
        for (const { read, down } of parsed) {
          const [a, b] = [read?.(x) ?? null, read?.(y) ?? null];
          if (a === b) continue;
          if (a === null || b === null) return a === null ? 1 : -1;
          return (a < b ? -1 : 1) * (down ? -1 : 1);
        }
        return x.id < y.id ? -1 : 1;
      });
      assert.deepEqual(sorted.map((item) => item.id), expected.map((item) => item.id), `${sort} by ${limit}`);
    }
  }
});

test('pages in board order show each item once, also while items come and go', async () => {
  const board = await newBoard();
  const operations = Array.from({ length: 30 }, (_, index) => ({ op: 'create', id: `i${index}`, name: `${index}`, groupId: ['a', 'b', null][index % 3] }));
  await ada.expect(200, 'POST', `/boards/${board}/items/batch`, { body: { operations } });
  const first = (await ada.expect<PageBody<ItemBody>>(200, 'GET', `/boards/${board}/items?limit=4`)).body;
  // the item the cursor stands on is deleted, others are put before and after it
  await ada.expect(204, 'DELETE', `/boards/${board}/items/${first.data[3]?.id}`);
  await make(board, { id: 'front', name: 'front', before: first.data[0]?.id });
  await make(board, { id: 'back', name: 'back', groupId: 'b' });
  const rest: ItemBody[] = [];
  for (let { nextCursor } = first; nextCursor !== null; ) {
    const page: PageBody<ItemBody> = (await ada.expect<PageBody<ItemBody>>(200, 'GET', `/boards/${board}/items?limit=4&cursor=${nextCursor}`)).body;
    rest.push(...page.data);
    ({ nextCursor } = page);
  }
  const shown = [...first.data, ...rest].map((item) => item.id);
  assert.equal(new Set(shown).size, shown.length);
  assert.deepEqual(new Set(shown), new Set([...operations.map((operation) => operation.id), 'back']));
});

test('a cursor belongs to one list', async () => {
  const board = await newBoard();
  for (const name of ['1', '2', '3']) await make(board, { name, values: { size: 1 } });
  const { nextCursor } = (await ada.expect<PageBody<ItemBody>>(200, 'GET', `/boards/${board}/items?limit=1&sort=size`)).body;
  for (const query of [`sort=-size&cursor=${nextCursor}`, `cursor=${nextCursor}`, 'cursor=garbage', `sort=size&cursor=${nextCursor?.slice(0, -6)}`, `sort=size&filter[size][gt]=0&cursor=${nextCursor}`]) {
    assert.equal(await codeOf(400, 'GET', `/boards/${board}/items?limit=1&${query}`), 'invalid_cursor', query);
  }
});

test('wrong values are refused with the column that is at fault', async () => {
  const board = await newBoard();
  const { id } = await make(board, { name: 'x' });
  const cases: [Record<string, unknown>, string][] = [
    [{ size: 'three' }, 'invalid_value'],
    [{ done: 'yes' }, 'invalid_value'],
    [{ due: { date: '31.12.2026' } }, 'invalid_value'],
    [{ site: { url: 'javascript:alert(1)' } }, 'invalid_link'],
    [{ state: { labelId: 'nope' } }, 'unknown_label'],
    [{ who: 'u1' }, 'invalid_value'],
    [{ made: '2020-01-01' }, 'computed_column'],
    [{ nope: 1 }, 'unknown_column'],
    [{ constructor: 1 }, 'unknown_column'],
  ];
  for (const [values, code] of cases) {
    const refused = await ada.expect(422, 'PATCH', `/boards/${board}/items/${id}`, { body: { name: 'never', values } });
    assert.equal(refused.body['code'], code, JSON.stringify(values));
    assert.equal(refused.body['field'], Object.keys(values)[0]);
  }
  assert.equal((await ada.expect<ItemBody>(200, 'GET', `/boards/${board}/items/${id}`)).body.name, 'x');
});
