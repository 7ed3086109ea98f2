/** Two people write one status at the same time: one write is kept, the other's author is told, over the socket and over REST, and may have it their way. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { WebSocketStatus } from '@hocuspocus/provider';
import { asItemId, createItem, readItem, updateItem } from '@sunday/board-model';
import * as Y from 'yjs';
import { startTestServer, type Api, type TestServer } from './rest-support.ts';
import { stock, until, type StockClient } from './stock-clients.ts';

interface Conflict { id: string; itemId: string; columnId: string; policy: string; kept: { value: unknown; userId: string }; lost: { value: unknown; userId: string }; resolution: string | null }
interface Page { data: Conflict[] }

const ITEM = asItemId('item');
let server: TestServer;
let owner: Api;
before(async () => {
  server = await startTestServer();
  owner = await server.as('olga');
});
after(() => server.close());

interface Desk { readonly client: StockClient; readonly heard: Record<string, unknown>[]; write(labelId: string): void; shows(): unknown }

/** A board with a status column, and two people on it who hear what the server tells them. */
async function table(t: TestContext, at: TestServer = server) {
  const owner = await at.as('olga');
  const { body: board } = await owner.expect<{ id: string; columns: { id: string }[] }>(201, 'POST', '/boards', {
    body: { name: 'Plan', columns: [{ title: 'Status', type: 'status', settings: { labels: ['a', 'b', 'c'].map((id) => ({ id, title: id, color: '' })) } }] },
  });
  const columnId = board.columns[0]?.id ?? assert.fail('no column');
  const sit = async (userId: string): Promise<Desk> => {
    await owner.expect(201, 'POST', `/boards/${board.id}/members`, { body: { userId, role: 'editor' } });
    const client = stock(at.url, board.id, await at.tokenOf(userId));
    t.after(() => { client.close(); });
    const heard: Record<string, unknown>[] = [];
    client.provider.on('stateless', ({ payload }: { payload: string }) => { heard.push(JSON.parse(payload) as Record<string, unknown>); });
    await until('they are in', () => client.provider.synced);
    return {
      client, heard,
      write: (labelId) => { updateItem(client.doc, ITEM, { values: { [columnId]: { labelId } } }, { userId }); },
      shows: () => readItem(client.doc, ITEM)?.values[columnId],
    };
  };
  const [ann, bob] = [await sit('ann'), await sit('bob')];
  createItem(ann.client.doc, { id: ITEM, name: 'Item' }, { userId: 'ann' });
  await until('both have it', () => bob.shows() === undefined && readItem(bob.client.doc, ITEM) !== undefined && !ann.client.provider.hasUnsyncedChanges);
  return { boardId: board.id, columnId, ann, bob };
}

/** Bob is offline when he writes, Ann writes meanwhile: neither knew of the other. Answers the conflict, once both show one value. */
async function race({ boardId, ann, bob }: Awaited<ReturnType<typeof table>>): Promise<Conflict> {
  bob.client.socket.disconnect();
  await until('bob is offline', () => bob.client.socket.status !== WebSocketStatus.Connected);
  bob.write('b');
  ann.write('a');
  await until('hers is saved', () => !ann.client.provider.hasUnsyncedChanges);
  void bob.client.socket.connect();
  await until('both show one value', () => bob.client.provider.synced && !bob.client.provider.hasUnsyncedChanges && JSON.stringify(ann.shows()) === JSON.stringify(bob.shows()));
  const { body } = await owner.expect<Page>(200, 'GET', `/boards/${boardId}/conflicts?open=true`);
  assert.equal(body.data.length, 1);
  return body.data[0] ?? assert.fail();
}

test('who lost is told over the socket, and nobody else; "mine" is an ordinary write, and closes it', async (t) => {
  const board = await table(t);
  const conflict = await race(board);
  const people = { ann: board.ann, bob: board.bob };
  const [winner, loser] = conflict.kept.userId === 'ann' ? ['ann', 'bob'] as const : ['bob', 'ann'] as const;
  assert.deepEqual([conflict.itemId, conflict.columnId, conflict.lost.userId], [ITEM, board.columnId, loser]);
  assert.deepEqual(people[winner].shows(), conflict.kept.value);
  await until('the loser is told', () => people[loser].heard.some((message) => message['sunday'] === 'conflict'));
  assert.deepEqual(people[winner].heard.filter((message) => message['sunday'] === 'conflict'), []);

  const api = await server.as(loser);
  const { body: resolved } = await api.expect<Conflict>(200, 'POST', `/boards/${board.boardId}/conflicts/${conflict.id}/resolve`, { body: { choice: 'mine' } });
  assert.equal(resolved.resolution, 'mine');
  await until('everybody shows what was lost', () => [board.ann, board.bob].every((desk) => JSON.stringify(desk.shows()) === JSON.stringify(conflict.lost.value)));
  await until('the loser is told that it is closed', () => people[loser].heard.some((message) => message['sunday'] === 'conflict_closed' && message['id'] === conflict.id));
  await api.expect(409, 'POST', `/boards/${board.boardId}/conflicts/${conflict.id}/resolve`, { body: { choice: 'theirs' } });
  assert.deepEqual((await owner.expect<Page>(200, 'GET', `/boards/${board.boardId}/conflicts?open=true`)).body.data, []);
  const { body: events } = await owner.expect<{ data: { type: string }[] }>(200, 'GET', `/boards/${board.boardId}/events?after=0&limit=500`);
  const types = events.data.map(({ type }) => type);
  assert.equal(types.filter((type) => type === 'ConflictDetected').length, 1);
  assert.equal(types.at(-1), 'ConflictResolved');
});

test('the loser answers over the socket; a conflict that was written over is closed by itself; strangers see none', async (t) => {
  const board = await table(t);
  const conflict = await race(board);
  const loser = conflict.lost.userId === 'ann' ? board.ann : board.bob;
  loser.client.provider.sendStateless(JSON.stringify({ sunday: 'resolve', id: conflict.id, choice: 'theirs' }));
  await until('it is closed', () => loser.heard.some((message) => message['sunday'] === 'conflict_closed'));
  const listed = await owner.expect<Page>(200, 'GET', `/boards/${board.boardId}/conflicts`);
  assert.equal(listed.body.data[0]?.resolution, 'theirs');

  board.ann.write('c');
  await until('it is everywhere', () => JSON.stringify(board.bob.shows()) === JSON.stringify({ labelId: 'c' }) && !board.ann.client.provider.hasUnsyncedChanges);
  const second = await race(board);
  board.ann.write('c');
  await until('it is saved', () => !board.ann.client.provider.hasUnsyncedChanges);
  assert.deepEqual((await owner.expect<Page>(200, 'GET', `/boards/${board.boardId}/conflicts?open=true`)).body.data, [], 'there is nothing left to choose');
  const stranger = await server.as('eve');
  await stranger.expect(403, 'GET', `/boards/${board.boardId}/conflicts`);
  await stranger.expect(403, 'POST', `/boards/${board.boardId}/conflicts/${second.id}/resolve`, { body: { choice: 'mine' } });
  await owner.expect(404, 'POST', `/boards/${board.boardId}/conflicts/none/resolve`, { body: { choice: 'mine' } });
});

test('writes that wait for a busy server keep their times: what the server reads late is not taken for written late', async (t) => {
  const slow = await startTestServer({ SUNDAY_MAX_FRAMES_PER_SECOND: '4' });
  t.after(() => slow.close());
  const { ann, bob, columnId } = await table(t, slow);
  for (let turn = 0; turn < 14; turn += 1) ann.write(turn % 2 === 0 ? 'a' : 'b');
  const from = Date.now();
  await until('all is read, a few frames a second', () => !ann.client.provider.hasUnsyncedChanges && JSON.stringify(bob.shows()) === JSON.stringify(ann.shows()), 20_000);
  assert(Date.now() - from > 2000, 'they had to wait');
  const item = bob.client.doc.getMap('items').get(ITEM);
  const register: unknown = item instanceof Y.Map ? item.get(`c:${columnId}`) : null;
  assert(Array.isArray(register) && register.length === 2 && from - register[1] < 1000, `restated: ${JSON.stringify(register)}`);
});
