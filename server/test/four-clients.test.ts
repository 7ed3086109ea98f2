/** Four people on four clients edit one board at once: two stock Hocuspocus providers, a stock y-websocket provider, and the SDK. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createItem, createGroup, listItems, moveItem, projectItem, readGroups, updateItem } from '@sunday/board-model';
import { createClient } from '@sunday/client';
import { WebSocket } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { startTestServer, type Api, type TestServer } from './rest-support.ts';
import { committed, makeBoard, seeded, stock, textOf, until } from './stock-clients.ts';

const ROUNDS = 60;

let server: TestServer;
let owner: Api;
before(async () => {
  server = await startTestServer();
  owner = await server.as('olga');
});
after(() => server.close());

test('all converge, and the rows of the SQL projection say what the document says', async (t) => {
  const random = seeded(t);
  const cell = await makeBoard(owner, ['ann', 'bob', 'cyd', 'dan']);
  const { boardId, plain } = cell;
  const ann = stock(server.url, boardId, await server.tokenOf('ann'));
  const bob = stock(server.url, boardId, await server.tokenOf('bob'));
  const cyd = new Y.Doc();
  const yWebsocket = new WebsocketProvider(`${server.url.replace('http', 'ws')}/yjs`, boardId, cyd, {
    params: { token: await server.tokenOf('cyd') }, WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket, disableBc: true,
  });
  const token = await server.tokenOf('dan');
  const client = createClient({ url: server.url, token: () => token, user: { id: 'dan' }, persistence: false });
  const board = client.open(boardId);
  t.after(async () => {
    ann.close();
    bob.close();
    yWebsocket.destroy();
    cyd.destroy();
    await client.destroy();
  });
  await board.ready;
  await until('all are in', () => ann.provider.synced && bob.provider.synced && yWebsocket.synced);

  const people = [{ doc: ann.doc, userId: 'ann' }, { doc: bob.doc, userId: 'bob' }, { doc: cyd, userId: 'cyd' }, { doc: board.doc, userId: 'dan' }];
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] ?? assert.fail('nothing to pick from');
  createGroup(ann.doc, { title: 'Group of ann' }, { userId: 'ann' });
  createGroup(cyd, { title: 'Group of cyd' }, { userId: 'cyd' });
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { doc, userId } of people) {
      const items = listItems(doc);
      const ctx = { userId };
      const roll = random();
      if (roll < 0.2) createItem(doc, { name: `${userId} ${round}` }, ctx);
      else if (roll < 0.5) updateItem(doc, pick(items).id, { values: { [plain]: `${userId} wrote ${round}` } }, ctx);
      else if (roll < 0.7) moveItem(doc, pick(items).id, { groupId: pick(readGroups(doc)).id, before: undefined }, ctx);
      else {
        const text = textOf(doc, cell);
        const at = Math.floor(random() * (text.length + 1));
        if (random() < 0.7) text.insert(at, `${userId}${round} `);
        else text.delete(at, Math.min(3, text.length - at));
      }
    }
    board.items.update(pick(board.items.all).id, { name: `named by the SDK in ${round}` });
    if (round % 5 === 0) await new Promise((resolve) => { setImmediate(resolve); });
  }

  await board.saved();
  await until('every edit of the stock providers is acknowledged', () => !ann.provider.hasUnsyncedChanges && !bob.provider.hasUnsyncedChanges);
  const state = (doc: Y.Doc): string => JSON.stringify({ board: doc.getMap('items').toJSON(), groups: doc.getMap('groups').toJSON(), text: textOf(doc, cell).toString() });
  const same = (a: Y.Doc, b: Y.Doc): boolean => Y.equalSnapshots(Y.snapshot(a), Y.snapshot(b));
  await until('all four hold the same', () => people.every(({ doc }) => same(doc, ann.doc)));
  let stored = await committed(server.database, boardId);
  await until('the database holds the same', async () => {
    stored = await committed(server.database, boardId);
    return same(stored, ann.doc);
  });
  for (const { doc, userId } of people) assert.deepEqual(JSON.parse(state(doc)), JSON.parse(state(stored)), `${userId}'s copy`);

  const rows = await server.database.database.query<{ item_id: string; group_id: string | null; name: string; position: string; item_values: unknown; updated_by: string | null }>(
    'SELECT item_id, group_id, name, position, item_values, updated_by FROM items WHERE board_id = $1', [boardId]);
  const items = [...stored.getMap('items').keys()];
  assert.equal(rows.length, items.length);
  for (const row of rows) {
    const item = projectItem(stored, row.item_id as Parameters<typeof projectItem>[1]) ?? assert.fail(`a row without its item: ${row.item_id}`);
    assert.deepEqual(
      { groupId: row.group_id, name: row.name, position: row.position, values: row.item_values, updatedBy: row.updated_by },
      JSON.parse(JSON.stringify({ groupId: item.groupId, name: item.name, position: item.position, values: item.values, updatedBy: item.updatedBy })),
    );
  }
  t.diagnostic(`${rows.length} items, ${textOf(stored, cell).length} characters`);
});
