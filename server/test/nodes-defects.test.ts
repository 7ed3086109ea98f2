/**
 * Defects of Hocuspocus 4.7 with its Redis extension that show on several nodes, as what people would see if Sunday had them: those of the
 * store lock, of Redis being away, and of presence. Whole servers on one Postgres and one real Redis, stock clients. (Those of one node are in
 * hocuspocus-defects.test.ts and presence.test.ts.)
 */
import assert from 'node:assert/strict';
import { connect as dial } from 'node:net';
import { after, before, describe, test, type TestContext } from 'node:test';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { DatabaseUnavailable } from '@sunday/database';
import { createClient } from '@sunday/client';
import { Journal, PostgresStore, type JournalStore } from '@sunday/extension-journal';
import { noRedis } from '@sunday/extension-fanout/testing';
import { WebsocketProvider } from 'y-websocket';
import type { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { openLine } from './cable.ts';
import { Cells, connect, startCluster, until, type Client, type Cluster } from './nodes-support.ts';
import type { Api, BoardBody, TestServer } from './rest-support.ts';
import { committed, makeBoard, stock, textOf } from './stock-clients.ts';

const OWNER = 'olga';

describe('several nodes', { skip: noRedis(), concurrency: true }, () => {
  let cluster: Cluster;
  let owner: Api;

  before(async () => {
    cluster = await startCluster(2);
    owner = await node(1).as(OWNER);
  });
  after(() => cluster.close());

  function node(number: number): TestServer {
    return cluster.nodes[number - 1] ?? assert.fail('no such node');
  }

  const synced = (...clients: Client[]) => until('all are synced', () => clients.every(({ provider }) => provider.synced && !provider.hasUnsyncedChanges));

  async function newBoard(...members: string[]): Promise<string> {
    const { body } = await owner.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Shared' } });
    for (const userId of members) await owner.expect(201, 'POST', `/boards/${body.id}/members`, { body: { userId, role: 'editor' } });
    return body.id;
  }

  test('while somebody else holds the lock on a board’s store nothing is acknowledged, and what both nodes wrote meanwhile is kept', async (t) => {
    const boardId = await newBoard();
    const [a, b] = [await connect(t, node(1), boardId, OWNER), await connect(t, node(2), boardId, OWNER)];
    await synced(a, b);
    await cluster.database.another().transaction(async (tx) => {
      await tx.query('SELECT 1 FROM board_heads WHERE board_id = $1 FOR UPDATE', [boardId]);
      a.cells.set('a', 'written while locked');
      b.cells.set('b', 'written while locked');
      const waiting = async (): Promise<number> => (await cluster.database.database.query(
        "SELECT 1 FROM pg_locks l JOIN pg_stat_activity s USING (pid) WHERE NOT l.granted AND s.datname = current_database()",
      )).length;
      await until('both nodes wait for the lock', async () => (await waiting()) >= 2);
      assert(a.provider.hasUnsyncedChanges && b.provider.hasUnsyncedChanges);
    });
    await until('both are saved', () => !a.provider.hasUnsyncedChanges && !b.provider.hasUnsyncedChanges);
    const stored = new Cells(await committed(cluster.database, boardId));
    assert.deepEqual([stored.get('a'), stored.get('b')], ['written while locked', 'written while locked']);
  });

  test('a snapshot that was made slowly does not replace a newer one of another node, nor take its rows along', async (t) => {
    const boardId = await newBoard();
    const a = await connect(t, node(1), boardId, OWNER);
    await synced(a);
    let letGo: () => void = () => undefined;
    let reached: () => void = () => undefined;
    const held = new Promise<void>((resolve) => { letGo = resolve; });
    const ready = new Promise<void>((resolve) => { reached = resolve; });
    const compactor = (name: string, wrap: (store: PostgresStore) => JournalStore = (store) => store): Journal => {
      const journal = new Journal({ store: wrap(new PostgresStore(cluster.database.another(), name)), isUnavailable: (error) => error instanceof DatabaseUnavailable });
      t.after(() => journal.close());
      return journal;
    };
    const slow = compactor('slow', (store) => Object.assign(Object.create(store) as PostgresStore, {
      async replaceSnapshot(...args: Parameters<PostgresStore['replaceSnapshot']>) {
        reached();
        await held;
        return store.replaceSnapshot(...args);
      },
    }));
    const quick = compactor('quick');
    const type = async (cell: string): Promise<void> => {
      a.cells.set(cell, true);
      await synced(a);
    };
    await type('in both snapshots');
    const old = slow.compact(boardId);
    await ready;
    await type('in the newer snapshot');
    assert.equal((await quick.compact(boardId)).replaced, true);
    await type('after it');
    letGo();
    assert.equal((await old).replaced, false);
    const stored = new Cells(await committed(cluster.database, boardId));
    assert.deepEqual(['after it', 'in both snapshots', 'in the newer snapshot'].filter((cell) => !stored.has(cell)), []);
  });

  describe('a person', { concurrency: true }, () => {
    interface Traveller {
      readonly awareness: Awareness;
      closes(): number;
      /** The network goes, and comes back at another node. */
      cut(): void;
      back(number: number): void;
    }

    /** With a line that leads to one node now, and to another later. */
    async function arrive(t: TestContext, kind: 'hocuspocus' | 'y-websocket', userId: string, boardId: string, number: number): Promise<Traveller> {
      let to = number;
      let away = false;
      let closes = 0;
      const line = await openLine(() => (away ? null : dial(Number(new URL(node(to).url).port), '127.0.0.1')));
      const doc = new Y.Doc();
      const url = `ws://127.0.0.1:${line.port}`;
      const token = await node(1).tokenOf(userId);
      t.after(() => line.close());
      let awareness: Awareness | null;
      if (kind === 'hocuspocus') {
        const socket = new HocuspocusProviderWebsocket({ url: `${url}/sync`, delay: 50, minDelay: 50, maxDelay: 300 });
        const provider = new HocuspocusProvider({ websocketProvider: socket, name: boardId, document: doc, token });
        socket.on('close', () => { closes += 1; });
        provider.attach();
        ({ awareness } = provider);
        t.after(() => { provider.destroy(); socket.destroy(); });
      } else {
        const provider = new WebsocketProvider(`${url}/yjs`, boardId, doc, { params: { token }, disableBc: true, maxBackoffTime: 300 });
        provider.on('connection-close', () => { closes += 1; });
        ({ awareness } = provider);
        t.after(() => { provider.destroy(); });
      }
      assert(awareness !== null);
      awareness.setLocalState({ cursor: userId });
      return {
        awareness,
        closes: () => closes,
        cut() { away = true; line.cut(); },
        back(next) { to = next; away = false; line.mend(); },
      };
    }

    const sees = (viewer: Traveller, whom: Traveller): boolean => viewer.awareness.getStates().has(whom.awareness.clientID);

    for (const kind of ['hocuspocus', 'y-websocket'] as const) {
      test(`(${kind}) who falls off one node is gone everywhere after some seconds, and seen at once when back on another`, async (t) => {
        const boardId = await newBoard('ann', 'bob', 'cyd');
        const [ann, bob, cyd] = [await arrive(t, 'hocuspocus', 'ann', boardId, 1), await arrive(t, 'y-websocket', 'bob', boardId, 2), await arrive(t, kind, 'cyd', boardId, 1)];
        const everybody = [ann, bob, cyd];
        const allSee = (): boolean => everybody.every((viewer) => everybody.every((whom) => viewer === whom || sees(viewer, whom)));
        await until('all see all', allSee);
        for (const to of [2, 1]) {
          cyd.cut();
          await until('cyd is gone', () => !sees(ann, cyd) && !sees(bob, cyd), 8_000);
          const { body } = await owner.expect<{ data: unknown[] }>(200, 'GET', `/boards/${boardId}/presence`);
          assert.equal(body.data.length, 2, 'no ghost over REST');
          cyd.back(to);
          const took = await until(`cyd is back, on node ${to}`, allSee, 4_000);
          t.diagnostic(`seen by all ${took.toFixed(0)} ms after coming back on node ${to}`);
        }
      });

      test(`(${kind}) two who are idle on different nodes keep their sockets, and each other, longer than the 33 s after which the peer’s clients drop theirs`, async (t) => {
        const boardId = await newBoard('ann', 'bob');
        const [ann, bob] = [await arrive(t, kind, 'ann', boardId, 1), await arrive(t, kind, 'bob', boardId, 2)];
        await until('both see each other', () => sees(ann, bob) && sees(bob, ann));
        let gaps = 0;
        for (const [viewer, whom] of [[ann, bob], [bob, ann]] as const) viewer.awareness.on('change', () => { if (!sees(viewer, whom)) gaps += 1; });
        await new Promise((resolve) => { setTimeout(resolve, 36_000); }); // nothing is to happen meanwhile
        assert.deepEqual([ann.closes(), bob.closes(), gaps], [0, 0, 0]);
      });
    }
  });

  test('a viewer made editor on another node: what was typed before and after is saved by itself, on the same socket', async (t) => {
    const cell = await makeBoard(owner, ['vic'], 'viewer');
    const vic = stock(node(2).url, cell.boardId, await node(2).tokenOf('vic'));
    const client = createClient({ url: node(2).url, token: () => node(2).tokenOf('vic'), user: { id: 'vic' }, persistence: false });
    t.after(() => { vic.close(); return client.destroy(); });
    const board = client.open(cell.boardId);
    await board.ready;
    await until('the viewer is in, and told', () => vic.provider.synced && board.status.readOnly !== null);
    textOf(vic.doc, cell).insert(0, 'as viewer');
    assert(vic.provider.hasUnsyncedChanges);
    await owner.expect(200, 'PATCH', `/boards/${cell.boardId}/members/vic`, { body: { role: 'editor' } });
    const stored = async (): Promise<string> => textOf(await committed(cluster.database, cell.boardId), cell).toString();
    const took = await until('what was typed before is saved', async () => (await stored()) === 'as viewer', 3_000);
    textOf(vic.doc, cell).insert(0, 'as editor, ');
    await until('and what is typed now', async () => (await stored()) === 'as editor, as viewer', 3_000);
    await until('and acknowledged', () => !vic.provider.hasUnsyncedChanges, 3_000);
    assert.deepEqual([vic.closes, vic.denied, vic.sockets.length], [[], [], 1]);
    await until('the SDK may write, too', () => board.status.readOnly === null, 3_000);
    board.items.update(cell.itemId, { name: 'renamed by the SDK' });
    await board.saved();
    t.diagnostic(`saved ${took.toFixed(0)} ms after the promotion`);
  });

  test('a token that ends closes the board in-band on its node; one that is renewed goes on', async (t) => {
    const cell = await makeBoard(owner, ['tim', 'ria']);
    const short = (userId: string): Promise<string> => node(2).tokenOf(userId, { expiresAt: Math.floor(Date.now() / 1000) + 6 });
    const tim = stock(node(2).url, cell.boardId, await short('tim'));
    // The stock provider asks for a token again when the server does.
    let tokens = [await short('ria'), await node(2).tokenOf('ria')];
    const ria = stock(node(2).url, cell.boardId, () => { const [token = '', ...rest] = tokens; if (rest.length > 0) tokens = rest; return token; });
    t.after(() => { tim.close(); ria.close(); });
    await until('both are in', () => tim.provider.synced && ria.provider.synced);
    await until('tim is told, when the time for a renewal is over', () => tim.denied.length > 0, 20_000);
    assert.deepEqual(tim.denied, ['token_expired']);
    textOf(tim.doc, cell).insert(0, 'too late');
    textOf(ria.doc, cell).insert(0, 'in time');
    await until('ria goes on', () => !ria.provider.hasUnsyncedChanges);
    assert.deepEqual([ria.denied, ria.closes], [[], []]);
    assert.equal(textOf(await committed(cluster.database, cell.boardId), cell).toString(), 'in time');
  });
});

test('Redis is down: the last edit of somebody who leaves in the same moment is committed, and there on another node', { skip: noRedis() }, async (t) => {
  const cluster = await startCluster(2);
  t.after(() => cluster.close());
  const [one, two] = cluster.nodes;
  assert(one !== undefined && two !== undefined);
  const owner = await one.as(OWNER);
  const { body: { id: boardId } } = await owner.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Shared' } });
  await cluster.redis.stop();
  for (let round = 1; round <= 5; round += 1) {
    const writer = await connect(t, one, boardId, OWNER);
    await until('in', () => writer.provider.synced && !writer.provider.hasUnsyncedChanges);
    writer.cells.set(`last words ${round}`, true);
    writer.close();
    const reader = await connect(t, two, boardId, OWNER);
    await until('they are read on the other node', () => reader.cells.has(`last words ${round}`), 6_000);
    assert(new Cells(await committed(cluster.database, boardId)).has(`last words ${round}`));
    reader.close();
  }
});
