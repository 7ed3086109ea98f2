import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { listAll, startTestServer, type Api, type BoardBody, type PageBody, type TestServer } from './rest-support.ts';
import { openStream, type StreamClient } from './event-stream-client.ts';

type Event = { id: string; type: string; aggregateId: string; boardId: string; version: number; data: Record<string, unknown>; metadata: { userId: string | null; source: string } };

let server: TestServer;
let ada: Api;
let bob: Api;

before(async () => {
  server = await startTestServer({ SUNDAY_MAX_STREAMS_PER_USER: '5' });
  ada = await server.as('ada');
  bob = await server.as('bob');
});
after(() => server.close());

const newBoard = async (): Promise<string> => (await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Plan' } })).body.id;
const APPEND = 'SELECT append_board_event($1, $2, $3, $4, $5, $6::jsonb, $7, $8) AS version';
/** An event of a part that the server does not have, so that no other event is like it. */
const happen = async (board: string, name: string, { item, data = {}, user = 'ada' }: { item?: string; data?: object; user?: string } = {}): Promise<number> => {
  const [row] = await server.database.database.query<{ version: string }>(APPEND, [board, randomUUID(), `Test${name}`, item === undefined ? 'board' : 'item', item ?? board, JSON.stringify(data), user, 'rest']);
  return Number(row?.version);
};
const ours = (events: readonly Event[]): string[] => events.filter(({ type }) => type.startsWith('Test')).map(({ type }) => type.slice(4));
const stream = (api: Api, query: string, lastEventId?: string): Promise<StreamClient> => openStream(server.url, api.token, query, lastEventId);

test('events of a board are read in order, without gaps, from any version on', async () => {
  const board = await newBoard();
  for (let i = 0; i < 25; i++) await happen(board, `Step${i}`, { data: { i } });
  const all = await listAll<Event>(ada, `/boards/${board}/events`, 7);
  assert.deepEqual(all.map(({ version }) => version), all.map((_, i) => i + 1));
  assert.deepEqual(ours(all), Array.from({ length: 25 }, (_, i) => `Step${i}`));
  const from = all.at(-5)?.version ?? 0;
  const { body: rest } = await ada.expect<PageBody<Event>>(200, 'GET', `/boards/${board}/events?after=${from}`);
  assert.deepEqual([ours(rest.data), rest.nextCursor], [['Step21', 'Step22', 'Step23', 'Step24'], null]);
  assert.deepEqual(ours(await listAll<Event>(ada, `/boards/${board}/events?order=desc`, 10)), Array.from({ length: 25 }, (_, i) => `Step${24 - i}`));
  const { boardId, metadata, data } = rest.data[0] ?? assert.fail();
  assert.deepEqual([boardId, metadata.userId, metadata.source, data], [board, 'ada', 'rest', { i: 21 }]);
});

test('the history of an item, and of one of its cells, latest first', async () => {
  const board = await newBoard();
  await happen(board, 'Created', { item: 'one', data: { name: 'One', itemData: { values: { n: 1 } } } });
  await happen(board, 'Other', { item: 'two', data: { changes: { n: { before: 1, after: 2 } } } });
  await happen(board, 'Number', { item: 'one', data: { changes: { n: { before: 1, after: 2 } } } });
  await happen(board, 'Text', { item: 'one', data: { changes: { t: { before: null, after: 'x' } } } });
  await happen(board, 'Assigned', { item: 'one', data: { columnId: 'who', assigneeId: 'bob' } });
  const history = async (query = ''): Promise<string[]> => ours(await listAll<Event>(ada, `/boards/${board}/items/one/history${query}`, 2));
  assert.deepEqual(await history(), ['Assigned', 'Text', 'Number', 'Created']);
  assert.deepEqual(await history('?columnId=n'), ['Number', 'Created']);
  assert.deepEqual(await history('?columnId=who'), ['Assigned']);
});

test('the log is exported as NDJSON and as CSV that no spreadsheet runs', async () => {
  const board = await newBoard();
  for (let i = 0; i < 600; i += 1) await happen(board, i === 3 ? '=1' : 'Step', { item: '=cmd', user: '=HYPERLINK("x")' });
  const { text: lines } = await ada.expect(200, 'GET', `/boards/${board}/events/export`);
  const events = lines.trim().split('\n').map((line) => JSON.parse(line) as Event);
  assert.deepEqual(events.map(({ version }) => version), events.map((_, i) => i + 1));
  assert.equal(ours(events).length, 600);
  const { text: csv, headers } = await ada.expect(200, 'GET', `/boards/${board}/events/export?format=csv`);
  assert.match(headers.get('content-type') ?? '', /^text\/csv/);
  assert.equal(csv.trim().split('\n').length, events.length + 1);
  assert.match(csv, /,'=cmd,"'=HYPERLINK\(""x""\)",rest/);
});

test('a stream tells of events of one board within a second, and goes on from the last one it told of', async () => {
  const board = await newBoard();
  await happen(board, 'Before');
  const first = await stream(ada, `?boardId=${board}`);
  await happen(board, 'One');
  await happen(board, 'Two');
  assert.deepEqual(await first.names(2), ['One', 'Two'], 'what was before is not told again');
  const { lastEventId } = first;
  await first.close();
  await happen(board, 'Three');
  const second = await stream(ada, `?boardId=${board}`, lastEventId);
  await happen(board, 'Four');
  assert.deepEqual(await second.names(2), ['Three', 'Four']);
  await second.close();
  const whole = await stream(ada, `?boardId=${board}&after=0`);
  assert.deepEqual(await whole.names(5), ['Before', 'One', 'Two', 'Three', 'Four']);
  await whole.close();
});

test('NOTIFY wakes a stream without waiting for the next look', async () => {
  const board = await newBoard();
  const client = await stream(ada, `?boardId=${board}`);
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    await happen(board, `N${i}`);
    const at = performance.now();
    await server.database.database.query(`SELECT pg_notify('sunday_events', $1)`, [` ${board}`]);
    await client.names(1);
    waits.push(performance.now() - at);
  }
  await client.close();
  console.log(`from NOTIFY to the client: ${waits.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  assert(Math.min(...waits) < 500);
});

test('a stream of all boards has those one may read, also new ones, and each goes on where it stood', async () => {
  const [mine, theirs] = [await newBoard(), (await bob.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Bob' } })).body.id];
  const client = await stream(ada, '');
  await happen(theirs, 'Secret');
  await happen(mine, 'Mine');
  assert.deepEqual(await client.names(1), ['Mine']);
  const later = await newBoard();
  await happen(later, 'OnANewBoard');
  assert.deepEqual(await client.names(1), ['OnANewBoard']);
  const { lastEventId } = client;
  await client.close();
  await happen(mine, 'Missed');
  await happen(later, 'MissedToo');
  const again = await stream(ada, '', lastEventId);
  assert.deepEqual(new Set(await again.names(2)), new Set(['Missed', 'MissedToo']));
  await again.close();
});

test('who loses a board, or the right to be here, is told no more and the stream ends', async () => {
  const board = await newBoard();
  await bob.expect(403, 'GET', `/boards/${board}/events`);
  await bob.expect(403, 'GET', `/boards/${board}/items/x/history`);
  await bob.expect(403, 'GET', `/boards/${board}/events/export`);
  await bob.expect(403, 'GET', `/events/stream?boardId=${board}`);
  await ada.expect(201, 'POST', `/boards/${board}/members`, { body: { userId: 'bob', role: 'viewer' } });
  const named = await stream(bob, `?boardId=${board}`);
  const all = await stream(bob, '');
  await happen(board, 'Seen');
  assert.deepEqual([await named.names(1), await all.names(1)], [['Seen'], ['Seen']]);
  await ada.expect(204, 'DELETE', `/boards/${board}/members/bob`);
  await happen(board, 'NotForBob');
  assert.equal(await named.ended(), 'forbidden');
  await ada.expect(201, 'POST', `/boards/${board}/members`, { body: { userId: 'cleo', role: 'viewer' } });
  assert.deepEqual(all.heard().filter((name) => name === 'NotForBob'), []);
  await bob.expect(204, 'POST', '/users/bob/sessions/revoke');
  assert.equal(await all.ended(), 'token_revoked');
  assert.deepEqual(all.heard(), ['Seen']);
});

test('a user has so many streams, and a stopping server ends them', async () => {
  const cleo = await server.as('cleo');
  const board = (await cleo.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Cleo' } })).body.id;
  const open = await Promise.all([1, 2, 3, 4, 5].map(() => stream(cleo, `?boardId=${board}`)));
  assert.equal((await cleo.expect(429, 'GET', '/events/stream')).body['code'], 'rate_limited');
  await Promise.all(open.map((client) => client.close()));
  await cleo.expect(400, 'GET', '/events/stream?after=3');
  const other = await startTestServer();
  const dora = await other.as('dora');
  await dora.expect(201, 'POST', '/boards', { body: { name: 'Dora' } });
  const client = await openStream(other.url, dora.token, '');
  await other.close();
  assert.equal(await client.ended(), 'draining');
});
