/**
 * Defects of Hocuspocus 4.7 that Sunday is built around, those of documents, acks, loads and unloads: what a client would
 * see if they were still there. A malformed update that is acknowledged is in bad-input.test.ts, the counter in honest-counter.test.ts.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createItem, updateBoard } from '@sunday/board-model';
import { DatabaseUnavailable } from '@sunday/database';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { Journal, PostgresStore } from '@sunday/extension-journal';
import * as Y from 'yjs';
import { BoardHost } from '../src/engine/board-host.ts';
import { createEngine } from '../src/engine/engine.ts';
import { cable, type Cable } from './cable.ts';
import { preparePlace } from './crash/place.ts';
import { startTestServer, type Api, type TestServer } from './rest-support.ts';
import { authFrame, bare, committed, holds, makeBoard, stock, textOf, until } from './stock-clients.ts';
import { freePort, SundayProcess, token } from './sunday-process.ts';

const MIB = 1024 * 1024;
const MOST_SOCKETS = 8;

describe('on a server with small limits', { concurrency: true }, () => {
  let server: TestServer;
  let owner: Api;
  before(async () => {
    server = await startTestServer({ SUNDAY_MAX_BOARDS_PER_SOCKET: '3', SUNDAY_MAX_SOCKETS_PER_USER: String(MOST_SOCKETS), SUNDAY_MAX_OUTBOUND_BYTES: String(MIB), SUNDAY_MAX_FRAMES_PER_SECOND: '100000', SUNDAY_MAX_USER_FRAMES_PER_SECOND: '100000' });
    owner = await server.as('olga');
  });
  after(() => server.close());

  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(new RegExp(`^${name.replaceAll(/[{}"]/g, (c) => `\\${c}`)} (.*)$`, 'm').exec(text)?.[1] ?? 0);
  };

  test('somebody refused is told in-band, keeps the socket for other boards, and comes back on it when let in again', async (t) => {
    const cell = await makeBoard(owner, ['ann']);
    const other = await makeBoard(owner, ['ann']);
    const ann = stock(server.url, cell.boardId, await server.tokenOf('ann'));
    const beside = stock(server.url, other.boardId, await server.tokenOf('ann'), { beside: ann });
    t.after(() => { beside.close(); ann.close(); });
    await until('both boards are open', () => ann.provider.synced && beside.provider.synced);
    await owner.expect(204, 'DELETE', `/boards/${cell.boardId}/members/ann`);
    await until('told', () => ann.denied.length > 0);
    assert.deepEqual(ann.denied, ['forbidden']);
    textOf(beside.doc, other).insert(0, 'goes on');
    await until('the other board goes on', () => !beside.provider.hasUnsyncedChanges);
    await owner.expect(201, 'POST', `/boards/${cell.boardId}/members`, { body: { userId: 'ann', role: 'editor' } });
    textOf(ann.doc, cell).insert(0, 'written while out');
    await ann.provider.sendToken();
    ann.provider.startSync();
    await until('back, and saved', async () => textOf(await committed(server.database, cell.boardId), cell).toString() === 'written while out');
    assert.equal(ann.sockets.length, 1, 'all on one socket');
  });

  test('a socket may open only so many boards, also after it was let in once', async (t) => {
    const boards = await Promise.all([1, 2, 3, 4].map(() => makeBoard(owner, ['bob'])));
    const socket = await bare(server.url);
    t.after(() => { socket.websocket.close(); });
    const bob = await server.tokenOf('bob');
    for (const { boardId } of boards.slice(0, 3)) {
      socket.websocket.send(authFrame(boardId, bob));
      await until('let in', () => socket.authenticated(boardId));
    }
    const fourth = boards[3]?.boardId ?? assert.fail();
    socket.websocket.send(authFrame(fourth, bob));
    await until('refused', () => socket.deniedFor(fourth).length > 0);
    assert.deepEqual(socket.deniedFor(fourth), ['rate_limited']);
    assert.equal(socket.authenticated(fourth), false);
    assert((await metric('sunday_socket_events_total{event="too_many_boards"}')) > 0);
  });

  test('a user may have only so many sockets; when one is closed the next is let in', async (t) => {
    const { boardId } = await makeBoard(owner, ['max']);
    const auth = authFrame(boardId, await server.tokenOf('max'));
    const open = async () => {
      const socket = await bare(server.url);
      t.after(() => { socket.websocket.close(); });
      socket.websocket.send(auth);
      return socket;
    };
    const sockets = await Promise.all(Array.from({ length: MOST_SOCKETS }, open));
    await until('all are in', () => sockets.every((socket) => socket.authenticated(boardId)));
    assert.deepEqual(await (await open()).closed, { code: 4529, reason: 'rate_limited' });
    assert((await metric('sunday_socket_events_total{event="too_many_sockets"}')) > 0);
    const [first] = sockets;
    first?.websocket.close();
    await first?.closed;
    await until('the next one is let in', async () => {
      const next = await open();
      const said = await Promise.race([next.closed.then(() => false), until('in', () => next.authenticated(boardId)).then(() => true)]);
      return said && next.websocket.readyState === next.websocket.OPEN;
    });
  });

  test('what a viewer wrote is not applied, is not acknowledged, and does not end the connection', async (t) => {
    const cell = await makeBoard(owner);
    await owner.expect(201, 'POST', `/boards/${cell.boardId}/members`, { body: { userId: 'vic', role: 'viewer' } });
    const doc = new Y.Doc();
    textOf(doc, cell).insert(0, 'not allowed');
    const vic = stock(server.url, cell.boardId, await server.tokenOf('vic'), { doc });
    t.after(() => { vic.close(); });
    await until('the viewer is in', () => vic.provider.synced);
    textOf(doc, cell).insert(0, 'nor this: ');
    await owner.expect(200, 'PATCH', `/boards/${cell.boardId}/items/${cell.itemId}`, { body: { name: 'renamed meanwhile' } });
    await until('the viewer sees what others do', () => JSON.stringify(doc.getMap('items').toJSON()).includes('renamed meanwhile'));
    assert.deepEqual(vic.closes, []);
    assert.deepEqual(vic.denied, []);
    assert(vic.provider.hasUnsyncedChanges);
    assert.equal(textOf(await committed(server.database, cell.boardId), cell).toString(), '');
  });

  test('who does not read is held back in bounded memory, and gets all that was missed when reading again', async (t) => {
    const cell = await makeBoard(owner, ['sly', 'ann']);
    const [sly, ann] = [stock(server.url, cell.boardId, await server.tokenOf('sly')), stock(server.url, cell.boardId, await server.tokenOf('ann'))];
    t.after(() => { sly.close(); ann.close(); });
    await until('both are in', () => sly.provider.synced && ann.provider.synced);
    const heldBefore = await metric('sunday_held_back_bytes_total');
    sly.sockets.at(-1)?.pause();
    const text = textOf(ann.doc, cell);
    // The system's buffers of a local socket take some megabytes first.
    for (let part = 0; part < 200 && (await metric('sunday_held_back_bytes_total')) - heldBefore < MIB; part += 1) {
      text.delete(0, text.length);
      text.insert(0, `${part}`.padEnd(100_000, 'x'));
      await until('ann is saved', () => !ann.provider.hasUnsyncedChanges);
    }
    assert((await metric('sunday_held_back_bytes_total')) - heldBefore >= MIB, 'batches were held back');
    sly.sockets.at(-1)?.resume();
    await until('the same on both', () => Y.equalSnapshots(Y.snapshot(sly.doc), Y.snapshot(ann.doc)));
    assert.deepEqual(sly.closes, []);
  });

  test('who never reads is closed with 4508 and catches up on the next socket', { timeout: 60_000 }, async (t) => {
    const cell = await makeBoard(owner, ['sly', 'ann']);
    const [sly, ann] = [stock(server.url, cell.boardId, await server.tokenOf('sly')), stock(server.url, cell.boardId, await server.tokenOf('ann'))];
    t.after(() => { sly.close(); ann.close(); });
    await until('both are in', () => sly.provider.synced && ann.provider.synced);
    const stuck = sly.sockets.at(-1) ?? assert.fail();
    const open = await metric('sunday_open_sockets');
    stuck.pause();
    const text = textOf(ann.doc, cell);
    for (let part = 0; part < 80; part += 1) {
      text.delete(0, text.length);
      text.insert(0, `${part}`.padEnd(100_000, 'y'));
      await until('ann is saved', () => !ann.provider.hasUnsyncedChanges);
    }
    t.diagnostic(`${open} sockets open before`);
    await new Promise((resolve) => { setTimeout(resolve, 16_000); }); // the 15 s the server waits; nothing to see from outside meanwhile
    stuck.resume();
    await until('closed', () => sly.closes.length > 0);
    assert.deepEqual(sly.closes, [4508]);
    await until('the same on both', () => Y.equalSnapshots(Y.snapshot(sly.doc), Y.snapshot(ann.doc)));
  });
});

describe('with the database cut off', () => {
  let server: TestServer;
  let owner: Api;
  let line: Cable;
  before(async () => {
    server = await startTestServer({}, async (target) => {
      line = await cable(target);
      return line.url;
    });
    owner = await server.as('olga');
  });
  after(async () => {
    line.mend();
    await server.close();
    await line.close();
  });

  test('a failed load is passing trouble, not a denial: the socket closes with 4503 and the client gets in when the database is back', async (t) => {
    const cell = await makeBoard(owner, ['ann']);
    const fresh = await startTestServer({}, () => Promise.resolve(line.url), { database: server.database, node: 'fresh' });
    const ticket = await fresh.tokenOf('ann');
    line.cut();
    const ann = stock(fresh.url, cell.boardId, ticket);
    t.after(async () => {
      ann.close();
      line.mend();
      await fresh.close();
    });
    await until('closed', () => ann.closes.length > 0);
    assert.equal(ann.closes[0], 4503);
    assert.deepEqual(ann.denied, []);
    assert.equal(await fetch(`${fresh.url}/metrics`).then((answer) => answer.text()).then((text) => /^sunday_open_boards (.*)$/m.exec(text)?.[1]), '0');
    line.mend();
    await until('in', () => ann.provider.synced);
  });

  test('a board whose commit fails is not unloaded unstored: everybody left, and the edit is there afterwards', async () => {
    const cell = await makeBoard(owner, ['ann']);
    const ann = stock(server.url, cell.boardId, await server.tokenOf('ann'));
    await until('in', () => ann.provider.synced && !ann.provider.hasUnsyncedChanges);
    line.cut();
    textOf(ann.doc, cell).insert(0, 'the last words');
    const words = Y.encodeStateAsUpdate(ann.doc);
    await until('the server knows that it is away', async () => (await fetch(`${server.url}/metrics`).then((answer) => answer.text())).includes('sunday_database_away 1'));
    assert(ann.provider.hasUnsyncedChanges);
    ann.close();
    line.mend();
    await until('committed', async () => holds(await committed(server.database, cell.boardId), words));
  });
});

test('a sign-in that the server is too slow to judge is passing trouble: the socket closes with 4503, not as unauthenticated', async (t) => {
  const lines: Cable[] = [];
  const server = await startTestServer({ SUNDAY_AUTH_TIMEOUT_MS: '500' }, async (target) => {
    const line = await cable(target);
    lines.push(line);
    return line.url;
  });
  const [line] = lines;
  assert(line !== undefined);
  t.after(async () => {
    line.mend();
    await server.close();
    await line.close();
  });
  const cell = await makeBoard(await server.as('olga'), ['ann']);
  line.hang();
  const [asks, silent] = [await bare(server.url), await bare(server.url)];
  asks.websocket.send(authFrame(cell.boardId, await server.tokenOf('ann')));
  assert.equal((await asks.closed).code, 4503);
  assert.equal((await silent.closed).code, 4401, 'who says nothing is not waited for');
});

test('a server told to stop while the database is away ends within its grace, and says that it could not commit', { timeout: 60_000 }, async (t) => {
  const database = await openTestDatabase();
  const line = await cable(database.connectionString);
  const dataDir = await mkdtemp(join(tmpdir(), 'sunday-stop-'));
  const server = new SundayProcess(await freePort(), dataDir, { DATABASE_URL: line.url, SUNDAY_SHUTDOWN_GRACE_MS: '2000' });
  t.after(async () => {
    await server.signal('SIGKILL');
    await line.close();
    await database.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  await server.start();
  const place = await preparePlace(server, 1);
  const ann = stock(place.url, place.boardId, await token('u_0'));
  t.after(() => { ann.close(); });
  await until('in', () => ann.provider.synced && !ann.provider.hasUnsyncedChanges);
  line.cut();
  textOf(ann.doc, place).insert(0, 'kept by its author');
  const started = performance.now();
  assert.equal(await server.signal('SIGTERM'), 1);
  assert(performance.now() - started < 10_000);
  assert(ann.provider.hasUnsyncedChanges, 'never shown as saved');
  line.mend();
  await server.start();
  await until('saved after all', () => ann.provider.synced && !ann.provider.hasUnsyncedChanges);
  assert.equal(textOf(await committed(database, place.boardId), place).toString(), 'kept by its author');
});

/** Of a host of its own, beside a server on the same database. */
async function takeDown(journal: Journal, host: BoardHost, server: TestServer, database: TestDatabase): Promise<void> {
  await journal.drain();
  await host.shutdown();
  await journal.close();
  await server.close();
  await database.close();
}

test('what could not be loaded is gone, and takes nothing with it that was loaded in its stead', async (t) => {
  const database = await openTestDatabase();
  const server = await startTestServer({}, undefined, { database });
  let away = true;
  class Away extends PostgresStore {
    override load(boardId: string): ReturnType<PostgresStore['load']> {
      return away ? Promise.reject(new DatabaseUnavailable('away')) : super.load(boardId);
    }
  }
  const journal = new Journal({ store: new Away(database.database, 'away'), isUnavailable: (error) => error instanceof DatabaseUnavailable });
  const made: Y.Doc[] = [];
  const remember = { priority: 2000, onLoadDocument: ({ document }: { document: Y.Doc }) => { made.push(document); return Promise.resolve(); } };
  const idleMs = 50;
  const host = new BoardHost({ extensions: [remember, journal.extension], quiet: true }, idleMs);
  t.after(() => takeDown(journal, host, server, database));
  const { boardId } = await makeBoard(await server.as('olga'));
  await assert.rejects(host.pin(boardId), { reason: 'database_unavailable', message: '' });
  away = false;
  const document = await host.pin(boardId);
  const [failed] = made;
  assert.equal(failed?.isDestroyed, true);
  const unloaded = until('it is taken away', () => host.documents.get(boardId) !== document, idleMs * 6);
  await assert.rejects(unloaded);
  assert.equal(document.isDestroyed, false);
  const engine = createEngine({ host, journal, deleteBoard: () => Promise.resolve() });
  await engine.write(boardId, { userId: 'olga', source: 'rest' }, (doc) => { createItem(doc, { name: 'kept' }, { userId: 'olga' }); });
  host.release(document);
});

test('writes that meet an unload vanish nowhere', async (t) => {
  const database = await openTestDatabase();
  const server = await startTestServer({}, undefined, { database });
  const journal = new Journal({ store: new PostgresStore(database.database, 'hammer'), isUnavailable: (error) => error instanceof DatabaseUnavailable });
  const host = new BoardHost({ extensions: [journal.extension], quiet: true }, 0);
  t.after(() => takeDown(journal, host, server, database));
  const engine = createEngine({ host, journal, deleteBoard: () => Promise.resolve() });
  const { boardId } = await makeBoard(await server.as('olga'));
  const actor = { userId: 'olga', source: 'rest' } as const;
  let unloads = 0;
  const unload = host.unloadDocument.bind(host);
  host.unloadDocument = (document) => {
    unloads += 1;
    return unload(document);
  };
  const names: string[] = [];
  for (let round = 0; round < 60; round += 1) {
    await Promise.all([0, 1, 2].map(async (each) => {
      const name = `${round}/${each}`;
      await new Promise((resolve) => { setTimeout(resolve, each * 2); });
      await engine.write(boardId, actor, (doc) => {
        createItem(doc, { name }, { userId: 'olga' });
        updateBoard(doc, { name }, { userId: 'olga' });
      });
      names.push(name);
    }));
  }
  t.diagnostic(`${names.length} writes, ${unloads} times nobody had the board open`);
  const rows = await database.database.query<{ name: string }>('SELECT name FROM items WHERE board_id = $1', [boardId]);
  const stored = new Set(rows.map((row) => row.name));
  assert.deepEqual(names.filter((name) => !stored.has(name)), []);
});
