import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { readItem } from '@sunday/board-model';
import type { ItemId } from '@sunday/board-model';
import { ClientError, deleteOfflineCopies } from '../src/index.ts';
import { connect, startPlainServer, until, type PlainServer } from './rig.ts';

const indexed = { persistence: 'indexeddb' } as const;

async function rowsOf(user: string, store: string): Promise<number> {
  const open = indexedDB.open(`sunday:${user}`, 1);
  const database = await new Promise<IDBDatabase>((resolve) => { open.addEventListener('success', () => resolve(open.result)); });
  const request = database.transaction(store).objectStore(store).count();
  const count = await new Promise<number>((resolve) => { request.addEventListener('success', () => resolve(request.result)); });
  database.close();
  return count;
}

/** A server address with nobody behind it. */
async function deadUrl(): Promise<string> {
  const server = await startPlainServer();
  await server.stop();
  return server.url;
}

const onServer = (server: PlainServer, boardId: string, id: ItemId): unknown => {
  const doc = server.hocuspocus.documents.get(boardId);
  return doc && readItem(doc, id)?.name;
};

suite('the offline copy', () => {
  test('edits made offline survive a reload and reach the server when it is back', async (t) => {
    const server = await startPlainServer();
    const user = { id: 'reload' };
    const first = connect(t, server.url, { ...indexed, user });
    const board = first.open('b1');
    await board.ready;
    const online = board.items.create({ name: 'online' });
    await server.stop();
    await until('offline', () => board.status.sync === 'offline');
    const offline = board.items.create({ name: 'offline' });
    board.items.update(online, { name: 'edited offline' });
    assert.equal(board.status.unsaved, true);
    await first.destroy();

    const second = connect(t, server.url, { ...indexed, user });
    const again = second.open('b1');
    await again.ready; // from the copy: there is no server
    assert.deepEqual(again.items.all.map(({ name }) => name), ['edited offline', 'offline']);
    await until('offline is said, and that edits wait', () => again.status.sync === 'offline' && again.status.unsaved);
    again.items.update(offline, { name: 'offline twice' });

    // The server comes back, with the board as another client has it: the same history, as a database would keep it.
    const state = Y.encodeStateAsUpdate(again.doc);
    const back = await startPlainServer({ onLoadDocument: ({ document }) => { Y.applyUpdate(document, state); document.getMap('x').set('y', 1); return Promise.resolve(document); } }, server.port);
    t.after(back.stop);
    await until('the server has the edits', () => onServer(back, 'b1', offline) === 'offline twice' && onServer(back, 'b1', online) === 'edited offline');
  });

  test('an edit is on disk in the turn it was made, marked as waiting; a copy of one user is not shown to another', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const client = connect(t, server.url, { ...indexed, user: { id: 'turn' } });
    const board = client.open('b1');
    await board.ready;
    board.items.create({ name: 'x' });
    await until('a mark', async () => (await rowsOf('turn', 'unsaved')) === 1);
    await client.destroy();
    const stranger = connect(t, await deadUrl(), { ...indexed, user: { id: 'other' } }).open('b1');
    await until('offline', () => stranger.status.sync === 'offline');
    assert.equal(stranger.status.loaded, false);
    assert.throws(() => stranger.items.create({ name: 'x' }), (error) => error instanceof ClientError && error.code === 'not_loaded');
  });

  test('the copy does not grow with openings, nor without bound with edits', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const user = { id: 'growth' };
    for (let opening = 0; opening < 40; opening++) {
      const client = connect(t, server.url, { ...indexed, user });
      const board = client.open('b1');
      await board.ready;
      if (opening % 4 === 0) board.items.create({ name: `item ${opening}` });
      await client.destroy();
    }
    const rows = await rowsOf('growth', 'updates');
    assert.ok(rows <= 33, `${rows} rows after 40 openings and 10 edits`);
    const client = connect(t, server.url, { ...indexed, user });
    const board = client.open('b1');
    await board.ready;
    const [item] = board.items.all;
    assert.ok(item);
    for (let i = 0; i < 1200; i++) {
      board.items.update(item.id, { values: { size: i } });
      await Promise.resolve();
    }
    await client.destroy();
    assert.ok((await rowsOf('growth', 'updates')) <= 533);
    const offline = connect(t, await deadUrl(), { ...indexed, user }).open('b1');
    await offline.ready;
    assert.equal(offline.items.get(item.id)?.values['size'], 1199);
    assert.equal(offline.items.all.length, 10);
  });

  test('a refusal of content hands out the draft, clears the copy, and a fresh start replays it with a new client id', async (t) => {
    const poison = 'poison';
    let refusing = true;
    const server = await startPlainServer({
      beforeSync: ({ connection, payload, type, document }) => {
        const clone = new Y.Doc();
        if (type !== 0 && refusing) {
          Y.applyUpdate(clone, Y.encodeStateAsUpdate(document));
          Y.applyUpdate(clone, payload);
        }
        const names = [...clone.getMap<Y.Map<unknown>>('items').values()].map((item) => JSON.stringify(item.get('name')));
        clone.destroy();
        if (!names.some((name) => name.includes(poison))) return Promise.resolve();
        connection.close({ code: 4422, reason: 'refused' });
        return Promise.reject(Object.assign(new Error('refused'), { code: 4422, reason: 'refused' }));
      }
    });
    t.after(server.stop);
    const user = { id: 'refused' };
    const client = connect(t, server.url, { ...indexed, user });
    const [board, neighbour] = [client.open('b1'), client.open('b2')];
    await Promise.all([board.ready, neighbour.ready]);
    const good = board.items.create({ name: 'good' });
    await until('the server has it', () => onServer(server, 'b1', good) === 'good');
    const clientId = board.doc.clientID;
    const bad = board.items.create({ name: poison, values: { size: 3 } });
    board.comments.add(bad, { body: 'why?' });
    await until('refused', () => board.status.refused !== null);
    const { refused } = board.status;
    assert.equal(refused?.code, 'refused');
    assert.ok(refused?.draft.changes.some((change) => change.kind === 'item' && change.after?.name === poison));
    assert.equal(board.items.get(bad)?.name, poison, 'the draft is still shown');
    assert.throws(() => board.items.create({ name: 'y' }), (error) => error instanceof ClientError && error.code === 'refused');
    assert.equal(neighbour.status.refused, null);
    await until('the copy is cleared', async () => (await rowsOf('refused', 'unsaved')) <= 1);

    refusing = false;
    const { applied, skipped } = await board.startFresh({ replay: true });
    assert.ok(applied >= 2, `${applied}`);
    assert.deepEqual(skipped, []);
    assert.notEqual(board.doc.clientID, clientId);
    assert.equal(board.status.refused, null);
    await until('the server has the draft', () => onServer(server, 'b1', bad) === poison);
    assert.equal(board.items.get(bad)?.values['size'], 3);
    assert.equal(board.comments.of(bad)[0]?.body, 'why?');
    assert.equal(board.items.all.length, 2);
  });

  test('a board the user was removed from leaves the disk, unless it holds their work; let in again, edits are kept again', async (t) => {
    let member = true;
    const server = await startPlainServer({
      onAuthenticate: () => (member ? Promise.resolve({}) : Promise.reject(Object.assign(new Error('no'), { reason: 'forbidden' })))
    });
    t.after(server.stop);
    const client = connect(t, server.url, { ...indexed, user: { id: 'removed' } });
    const board = client.open('b1');
    await board.ready;
    await until('a copy', async () => (await rowsOf('removed', 'updates')) > 0);
    member = false;
    server.cut();
    await until('refused', () => board.status.refused?.code === 'forbidden');
    await until('off the disk', async () => (await rowsOf('removed', 'updates')) === 0);
    member = true;
    client.reconnect();
    await until('back', () => board.status.refused === null && board.status.loaded && board.status.sync !== 'offline');
    board.items.create({ name: 'mine' });
    await until('on the disk', async () => (await rowsOf('removed', 'unsaved')) === 1);
    member = false;
    server.cut();
    await until('refused', () => board.status.refused?.code === 'forbidden');
    assert.equal(board.status.unsaved, true);
    assert.ok((await rowsOf('removed', 'updates')) > 0, 'work that was not committed stays');
  });

  test('a broken IndexedDB does not keep a board from working', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const real = indexedDB.open.bind(indexedDB);
    indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); };
    t.after(() => { indexedDB.open = real; });
    const board = connect(t, server.url, { ...indexed, user: { id: 'broken' } }).open('b1');
    await board.ready;
    const id = board.items.create({ name: 'works' });
    await until('the server has it', () => onServer(server, 'b1', id) === 'works');
  });

  test('two tabs share the copy', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const user = { id: 'tabs' };
    const [one, two] = [connect(t, server.url, { ...indexed, user }), connect(t, server.url, { ...indexed, user })];
    const [a, b] = [one.open('b1'), two.open('b1')];
    await Promise.all([a.ready, b.ready]);
    for (let i = 0; i < 10; i++) {
      a.items.create({ name: `a${i}` });
      b.items.create({ name: `b${i}` });
    }
    await until('both have all', () => a.items.all.length === 20 && b.items.all.length === 20);
    await Promise.all([one.destroy(), two.destroy()]);
    const offline = connect(t, await deadUrl(), { ...indexed, user }).open('b1');
    await offline.ready;
    assert.equal(offline.items.all.length, 20);
    await deleteOfflineCopies('tabs');
    assert.equal(await rowsOf('tabs', 'updates').catch(() => 0), 0);
  });
});
