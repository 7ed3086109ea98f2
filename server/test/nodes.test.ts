/** One board on several nodes, as people on different nodes see it: whole servers, one Postgres, one real Redis. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { asColumnId, asItemId, createColumn, createItem, listItems, projectItem, updateItem } from '@sunday/board-model';
import { eventsAfter, FoldedBoard, toldWhole } from '@sunday/extension-domain-events/testing';
import { noRedis } from '@sunday/extension-fanout/testing';
import { Redis } from 'ioredis';
import * as Y from 'yjs';
import { connect, exported, readiness, startCluster, until, type Client, type Cluster } from './nodes-support.ts';
import { startTestServer, type Api, type BoardBody } from './rest-support.ts';

const OWNER = 'olga';
/** RUNS=1000 for the long version. */
const RUNS = Number(process.env['RUNS'] ?? 200);

describe('several nodes', { skip: noRedis() }, () => {
  let cluster: Cluster;
  let owner: Api;

  before(async () => {
    cluster = await startCluster(3);
    owner = await node(1).as(OWNER);
  });
  after(() => cluster.close());

  function node(number: number) {
    const found = cluster.nodes[number - 1];
    assert(found !== undefined);
    return found;
  }

  async function newBoard(...members: string[]): Promise<string> {
    const { body } = await owner.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Shared', columns: [{ id: 'n', type: 'number', title: 'N' }, { id: 's', type: 'text', title: 'S' }] } });
    for (const userId of members) await owner.expect(201, 'POST', `/boards/${body.id}/members`, { body: { userId, role: 'editor' } });
    return body.id;
  }

  const synced = (...clients: Client[]) => until('all are synced', () => clients.every(({ provider }) => provider.synced));
  const saved = (...clients: Client[]) => until('all is saved', () => clients.every(({ provider }) => provider.synced && !provider.hasUnsyncedChanges));
  const same = (a: Y.Doc, b: Y.Doc): boolean => Buffer.from(Y.encodeStateVector(a)).toString('hex') === Buffer.from(Y.encodeStateVector(b)).toString('hex');

  test('an edit on one node is seen on the others, with one publish a batch, and by REST on any', async (t) => {
    const boardId = await newBoard();
    const [a, b, c] = [await connect(t, node(1), boardId, OWNER), await connect(t, node(2), boardId, OWNER), await connect(t, node(3), boardId, OWNER)];
    await synced(a, b, c);
    const published: number[] = [];
    const ears = new Redis(cluster.redis.url);
    t.after(() => { ears.disconnect(); });
    await ears.subscribe(`sunday:board:{${boardId}}`);
    ears.on('messageBuffer', (_channel: Buffer, frame: Buffer) => { if (frame[1] === 0) published.push(frame.length); });
    const { body: { version: before } } = await owner.expect<BoardBody>(200, 'GET', `/boards/${boardId}`);
    for (let edit = 1; edit <= 20; edit++) {
      const writer = edit % 2 === 0 ? a : b;
      writer.cells.set(`cell ${edit}`, edit);
      await until('it is everywhere', () => [a, b, c].every(({ cells }) => cells.get(`cell ${edit}`) === edit));
    }
    createItem(a.doc, { id: asItemId('one'), name: 'from node 1' }, { userId: OWNER });
    await until('its item is everywhere', () => [b, c].every(({ doc }) => listItems(doc).some(({ id }) => id === 'one')));
    await saved(a);
    const other = await node(3).as(OWNER);
    assert.equal((await other.expect(200, 'GET', `/boards/${boardId}/items/one`)).body['name'], 'from node 1');
    await other.expect(200, 'PATCH', `/boards/${boardId}/items/one`, { body: { name: 'from REST on node 3' } });
    await until('what REST wrote on node 3 is seen on node 1', () => listItems(a.doc)[0]?.name === 'from REST on node 3');
    const { body: { version } } = await owner.expect<BoardBody>(200, 'GET', `/boards/${boardId}`);
    await until('all publishes are heard', () => published.length >= version - before);
    assert.equal(published.length, version - before, 'one publish for each batch');
  });

  test('people see each other across nodes, and a board opened later sees who is there', async (t) => {
    const boardId = await newBoard('ann', 'bob');
    const ann = await connect(t, node(1), boardId, 'ann');
    ann.awareness.setLocalState({ cursor: 1 });
    await synced(ann);
    const bob = await connect(t, node(2), boardId, 'bob');
    bob.awareness.setLocalState({ cursor: 2 });
    await until('both see each other', () => ann.awareness.getStates().get(bob.doc.clientID)?.['cursor'] === 2 && bob.awareness.getStates().get(ann.doc.clientID)?.['cursor'] === 1);
    assert.partialDeepStrictEqual(bob.awareness.getStates().get(ann.doc.clientID), { user: { id: 'ann', name: 'Name of ann' } });
    ann.awareness.setLocalStateField('cursor', 10);
    await until('a move is seen', () => bob.awareness.getStates().get(ann.doc.clientID)?.['cursor'] === 10, 1_000);
    const { body } = await (await node(2).as('bob')).expect<{ data: unknown[] }>(200, 'GET', `/boards/${boardId}/presence`);
    assert.equal(body.data.length, 2);
    ann.close();
    await until('a goodbye is seen', () => !bob.awareness.getStates().has(ann.doc.clientID), 3_000);
  });

  test('a board opened on one node while it is edited on another misses nothing, 30 times', async () => {
    for (let run = 1; run <= 30; run++) {
      const boardId = await newBoard();
      const writer = await connect(null, node(1), boardId, OWNER);
      await synced(writer);
      let edits = 0;
      const typing = setInterval(() => { writer.cells.set(`cell ${++edits}`, edits); }, 1);
      await until('some edits', () => edits > run % 7);
      const readers = [await connect(null, node(2), boardId, OWNER), await connect(null, node(3), boardId, OWNER)];
      await synced(...readers);
      const seenAt = edits;
      await until('some more', () => edits > seenAt + 5);
      clearInterval(typing);
      await saved(writer);
      const took = await until('the readers have all of it', () => readers.every(({ cells }) => cells.size === edits && cells.get(`cell ${edits}`) === edits), 3_000);
      assert(took < 3_000);
      for (const client of [writer, ...readers]) client.close();
    }
  });

  test('a role taken away and a session revoked reach an open socket on another node within a second', async (t) => {
    const boardId = await newBoard('eve', 'mallory');
    const eve = await connect(t, node(2), boardId, 'eve');
    const mallory = await connect(t, node(3), boardId, 'mallory');
    await synced(eve, mallory);
    await owner.expect(204, 'DELETE', `/boards/${boardId}/members/eve`);
    const removal = await until('eve is told', () => eve.refused() === 'forbidden', 1_000);
    await (await node(1).as('mallory')).expect(204, 'POST', '/users/mallory/sessions/revoke');
    const revocation = await until('mallory is told', () => mallory.refused() === 'token_revoked', 1_000);
    t.diagnostic(`removal ${removal.toFixed(0)} ms, revocation ${revocation.toFixed(0)} ms`);
  });

  test('what happens to one board on a socket that has two open happens to that one, within a second, from another node', async (t) => {
    const kept = await connect(t, node(2), await newBoard('eve'), 'eve');
    await synced(kept);
    const other = async (): Promise<{ boardId: string; client: Client }> => {
      const boardId = await newBoard('eve');
      const client = await connect(t, node(2), boardId, 'eve', { socket: kept.socket });
      await synced(client);
      return { boardId, client };
    };
    const [demoted, removed, deleted] = [await other(), await other(), await other()];
    const told: unknown[] = [];
    demoted.client.provider.on('stateless', ({ payload }: { payload: string }) => { told.push(JSON.parse(payload)); });
    await owner.expect(200, 'PATCH', `/boards/${demoted.boardId}/members/eve`, { body: { role: 'viewer' } });
    const took = [await until('who may only look on is told', () => told.some((message) => isDeepStrictEqual(message, { sunday: 'read_only', reason: 'forbidden' })), 1_000)];
    await owner.expect(204, 'DELETE', `/boards/${removed.boardId}/members/eve`);
    took.push(await until('who is removed is told', () => removed.client.refused() === 'forbidden', 1_000));
    await owner.expect(204, 'DELETE', `/boards/${deleted.boardId}`);
    took.push(await until('who had a board open that is deleted is told', () => deleted.client.refused() === 'board_not_found', 1_000));
    t.diagnostic(`told after ${took.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    kept.cells.set('goes on', 1);
    await saved(kept);
    assert.equal(kept.refused(), '');
    assert.equal(demoted.client.refused(), '', 'and may go on looking');
  });

  test(`two nodes edit the same cells, ${RUNS} times: item rows, events in their order, and the documents of all nodes and clients, are the same`, async (t) => {
    const boardId = await newBoard();
    const [a, b] = [await connect(t, node(1), boardId, OWNER), await connect(t, node(2), boardId, OWNER)];
    await synced(a, b);
    for (const [id, type] of [['n', 'number'], ['s', 'text']] as const) createColumn(a.doc, { id: asColumnId(id), title: id, type }, { userId: OWNER });
    createItem(a.doc, { id: asItemId('x'), name: 'x' }, { userId: OWNER });
    await until('the item is on both', () => listItems(b.doc).length === 1);
    const fold = new FoldedBoard();
    for (let run = 1; run <= RUNS; run++) {
      // No waiting between the two: they are concurrent, and in different batches.
      updateItem(a.doc, asItemId('x'), { name: `a${run}`, values: { n: run, s: `a${run}` } }, { userId: OWNER });
      updateItem(b.doc, asItemId('x'), { name: `b${run}`, values: { n: -run } }, { userId: OWNER });
      if (run % 3 === 0) updateItem(a.doc, asItemId('x'), { values: { s: `again ${run}` } }, { userId: OWNER });
      await saved(a, b);
      await until('the clients are the same', () => same(a.doc, b.doc));
      const documents = [a.doc, b.doc, await exported(node(1), boardId, OWNER), await exported(node(2), boardId, OWNER)];
      const [first, ...others] = documents.map((doc) => projectItem(doc, asItemId('x')));
      for (const other of others) assert.deepEqual(other, first, `run ${run}`);
      const [row] = await cluster.database.database.query<{ name: string; item_values: Record<string, unknown> }>('SELECT name, item_values FROM items WHERE board_id = $1', [boardId]);
      assert.deepEqual([row?.name, row?.item_values], [first?.name, first?.values], `run ${run}`);
      assert.deepEqual(Object.keys(row?.item_values ?? {}).toSorted(), ['n', 's'], `run ${run}: both cells are there`);
      for (const event of await eventsAfter(cluster.database.database, boardId, fold.version)) fold.apply(event);
      const told = fold.items.get('x');
      assert.deepEqual([told?.name, told?.values], [row?.name, row?.item_values], `run ${run}: what was told last is what they hold`);
    }
    await toldWhole(cluster.database.database, boardId);
  });

  test('a batch whose publish was lost is repaired with the next one, or within seconds without one', async (t) => {
    const boardId = await newBoard();
    // A node that commits and does not publish is, for the others, one whose publishes are lost.
    const silent = await startTestServer({}, undefined, { database: cluster.database, node: 'silent' });
    t.after(() => silent.close());
    const [a, b, c] = [await connect(t, node(1), boardId, OWNER), await connect(t, node(2), boardId, OWNER), await connect(t, silent, boardId, OWNER)];
    await synced(a, b, c);
    c.cells.set('lost', 1);
    await saved(c);
    a.cells.set('next', 1);
    await until('the next one repairs it', () => b.cells.get('lost') === 1, 1_000);
    c.cells.set('lost', 2);
    await saved(c);
    t.diagnostic(`without a next one: ${(await until('nothing else is needed', () => b.cells.get('lost') === 2, 7_000)).toFixed(0)} ms`);
  });

  test('Redis stops and starts under edits: people go on, see each other slowly, and all converge', async (t) => {
    const boardId = await newBoard();
    const clients = [await connect(t, node(1), boardId, OWNER), await connect(t, node(2), boardId, OWNER), await connect(t, node(3), boardId, OWNER)];
    await synced(...clients);
    let edits = 0;
    // Nobody types on node 3: it commits nothing, so it does not come upon the others' batches by itself.
    const typing = setInterval(() => { for (const [index, { cells }] of clients.slice(0, 2).entries()) cells.set(`${index}:${++edits}`, edits); }, 5);
    t.after(() => { clearInterval(typing); });
    const all = (): boolean => clients.every(({ cells }) => cells.size === edits);
    for (const way of ['stopped', 'frozen'] as const) {
      if (way === 'stopped') await cluster.redis.stop();
      else cluster.redis.freeze();
      await until(`the nodes say degraded (${way})`, async () => (await Promise.all([1, 2, 3].map((number) => readiness(node(number))))).every((text) => text.includes('redis: degraded')));
      const [one] = clients;
      one?.cells.set(`while ${way}`, ++edits);
      const took = await until('an edit crosses while Redis is away', () => clients.every(({ cells }) => cells.has(`while ${way}`)), 5_000);
      t.diagnostic(`${way}: seen everywhere after ${took.toFixed(0)} ms`);
      if (way === 'stopped') await cluster.redis.start();
      else cluster.redis.thaw();
      await until('the nodes say ok', async () => (await Promise.all([1, 2, 3].map((number) => readiness(node(number))))).every((text) => text.includes('redis: ok (3 nodes)')));
    }
    clearInterval(typing);
    await until('all have everything', all);
    await saved(...clients);
  });
});
