import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { HocuspocusProvider } from '@hocuspocus/provider';
import { createItem, type ItemId } from '@sunday/board-model';
import { untilWithin } from '@sunday/board-model/testing/until';
import { DatabaseUnavailable } from '@sunday/database';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { Journal, PostgresStore } from '@sunday/extension-journal';
import * as Y from 'yjs';
import { listAll, startTestServer, type BoardBody, type ItemBody } from './rest-support.ts';

const until = untilWithin(10_000);

let database: TestDatabase;

before(async () => { database = await openTestDatabase(); });
after(() => database.close());

type Event = { type: string; metadata: { userId: string | null } };
type Exported = { items: { id: string; createdBy: string | null; updatedBy: string | null }[] };

test('who made and changed what is known after the journal is compacted and every copy in memory is gone', async () => {
  const first = await startTestServer({}, undefined, { database });
  const [ada, bob, cleo] = [await first.as('ada'), await first.as('bob'), await first.as('cleo')];
  const { id: board } = (await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Who', columns: [{ id: 'n', type: 'number', title: 'N' }] } })).body;
  for (const userId of ['bob', 'cleo']) await ada.expect(201, 'POST', `/boards/${board}/members`, { body: { userId, role: 'editor' } });
  await ada.expect(201, 'POST', `/boards/${board}/items`, { body: { id: 'rest', name: 'by REST' } });
  await bob.expect(200, 'PATCH', `/boards/${board}/items/rest`, { body: { values: { n: 1 } } });

  const document = new Y.Doc();
  const provider = new HocuspocusProvider({ url: `${first.url.replace('http', 'ws')}/sync`, name: board, document, token: cleo.token });
  await until('the board is loaded', () => provider.isSynced);
  createItem(document, { id: 'socket' as ItemId, name: 'by socket' }, { userId: 'cleo' });
  await until('the edit is committed', () => !provider.hasUnsyncedChanges);
  provider.destroy();
  await bob.expect(200, 'PATCH', `/boards/${board}/items/socket`, { body: { name: 'changed' } });
  for (const [item, user] of [['rest', 'ada'], ['socket', 'cleo']] as const) {
    await database.database.query(`SELECT append_board_event($1, $2, 'TestHappened', 'item', $3, '{}', $4, 'rest')`, [board, randomUUID(), item, user]);
  }
  const historyOf = async (api: typeof ada, item: string): Promise<(string | null)[][]> =>
    (await listAll<Event>(api, `/boards/${board}/items/${item}/history`, 100)).map(({ type, metadata }) => [type, metadata.userId]);
  const before = [await historyOf(ada, 'rest'), await historyOf(ada, 'socket')];
  await first.close();

  const journal = new Journal({ store: new PostgresStore(database.database, 'compactor'), isUnavailable: (error) => error instanceof DatabaseUnavailable });
  assert.equal((await journal.compact(board)).replaced, true);
  await journal.close();
  assert.deepEqual(await database.database.query('SELECT seq FROM board_updates WHERE board_id = $1', [board]), [], 'only the snapshot is left');

  const second = await startTestServer({}, undefined, { database });
  const again = await second.as('ada');
  const { items } = (await again.expect<Exported>(200, 'GET', `/boards/${board}/export`)).body;
  const who = Object.fromEntries(items.map(({ id, createdBy, updatedBy }) => [id, [createdBy, updatedBy]]));
  assert.deepEqual(who, { rest: ['ada', 'bob'], socket: ['cleo', 'bob'] }, 'in the document');
  for (const [id, [createdBy, updatedBy] = []] of Object.entries(who)) {
    const { body } = await again.expect<ItemBody>(200, 'GET', `/boards/${board}/items/${id}`);
    assert.deepEqual([body.createdBy, body.updatedBy], [createdBy, updatedBy], 'in its row');
  }
  assert.deepEqual([await historyOf(again, 'rest'), await historyOf(again, 'socket')], before, 'in its history');
  assert(before.every((events) => events.length > 0));
  await second.close();
});
