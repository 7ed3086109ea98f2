/**
 * True last-writer-wins: the later of two writes that knew nothing of each other is kept, whatever the client ids, the order of arrival
 * and the node; one after the other is left alone; the one who lost is told. On real Postgres.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { Document } from '@hocuspocus/server';
import { asColumnId, asItemId, createColumn, createItem, initBoard, readItem, updateItem, type ColumnValue } from '@sunday/board-model';
import { seededRandom } from '@sunday/board-model/testing/random';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { Hub } from '@sunday/extension-fanout';
import { projectedRows, type Journal } from '@sunday/extension-journal';
import * as Y from 'yjs';
import { eventRows, Person, settle, startNode } from './rig.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
/** For each arrangement of order and nodes; 500 for the long run. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 40);

const ITEM = asItemId('item');
const STATUS = asColumnId('status');
const TEXT = asColumnId('text');

let database: TestDatabase;
before(async () => { database = await openTestDatabase(); });
after(async () => { await database.close(); });

async function createBoard(journal: Journal): Promise<string> {
  const boardId = randomUUID();
  const doc = new Y.Doc();
  const owner = { userId: 'owner', at: 1 };
  initBoard(doc, { name: 'Race', columns: [] }, owner);
  const labels = Array.from({ length: 10 }, (_, index) => ({ id: `l${index}`, title: `L${index}`, color: '' }));
  createColumn(doc, { id: STATUS, type: 'status', title: 'Status', settings: { labels } }, owner);
  createColumn(doc, { id: TEXT, type: 'text', title: 'Text' }, owner);
  createItem(doc, { id: ITEM, name: 'Item', values: { [STATUS]: { labelId: 'l0' } } }, owner);
  const { items, board } = projectedRows(doc, [ITEM], true);
  assert(board !== null);
  await journal.create({ boardId, workspaceId: null, createdBy: 'owner', items, board, state: Y.encodeStateAsUpdate(doc) });
  return boardId;
}

const write = ({ doc, userId }: Person, at: number, value: ColumnValue): void => { updateItem(doc, ITEM, { values: { [typeof value === 'string' ? TEXT : STATUS]: value } }, { userId, at }); };
const valueIn = (doc: Y.Doc, column = STATUS): unknown => readItem(doc, ITEM)?.values[column];

async function openBoard(count: 1 | 2, random: () => number) {
  const hub = new Hub();
  const nodes: Awaited<ReturnType<typeof startNode>>[] = [];
  for (let index = 0; index < count; index += 1) nodes.push(await startNode(database, hub, random));
  const [first] = nodes;
  assert(first !== undefined);
  const boardId = await createBoard(first.journal);
  const documents: Document[] = [];
  for (const node of nodes) documents.push(await node.open(boardId));
  const [one, two = one] = documents;
  assert(one !== undefined && two !== undefined);
  return { nodes, documents, one, two, boardId, stop: () => Promise.all(nodes.map((node) => node.stop())) };
}

for (const nodes of [1, 2] as const) {
  for (const order of ['stale first', 'stale last'] as const) {
    test(`a stale offline edit never beats a later one: ${nodes} node${nodes === 1 ? '' : 's'}, ${order}, ${RUNS} of ${RUNS} (seed ${SEED})`, async () => {
      const random = seededRandom(SEED);
      const board = await openBoard(nodes, random);
      // Each run is ten seconds of the past.
      let time = Date.now() - (RUNS + 10) * 10_000;
      for (let run = 0; run < RUNS; run += 1, time += 10_000) {
        const [stale, later] = [new Person('ann'), new Person('bob')];
        for (const person of [stale, later]) person.receive(board.one);
        write(stale, time + 1000, { labelId: `l${1 + (run % 4)}` });
        write(later, time + 5000, { labelId: `l${5 + (run % 4)}` });
        const [first, second] = order === 'stale first' ? [stale, later] : [later, stale];
        first.send(board.one);
        if (random() < 0.5) await new Promise((resolve) => { setTimeout(resolve, random() * 10); });
        second.send(board.two);
        await settle(board.nodes, board.documents);
        for (const document of board.documents) assert.deepEqual(valueIn(document), { labelId: `l${5 + (run % 4)}` }, `run ${run}`);
      }
      const events = await eventRows(database, board.boardId);
      const conflicts = events.filter(({ type }) => type === 'ConflictDetected');
      assert.equal(conflicts.length, RUNS, 'each race is told of once');
      for (const { data } of conflicts) assert.deepEqual(data['conflictingUsers'], ['bob', 'ann']);
      const stored = await database.database.query<{ lost_by: string; kept_by: string }>('SELECT lost_by, kept_by FROM conflicts WHERE board_id = $1', [board.boardId]);
      assert.equal(stored.length, RUNS);
      assert(stored.every((row) => row.lost_by === 'ann' && row.kept_by === 'bob'));
      await board.stop();
    });
  }
}

for (const nodes of [1, 2] as const) {
  test(`of many writes by many people, some in bursts, the latest stays: ${nodes} node${nodes === 1 ? '' : 's'}, ${RUNS} runs (seed ${SEED})`, async () => {
    const random = seededRandom(SEED);
    const board = await openBoard(nodes, random);
    let time = Date.now() - (RUNS + 10) * 60_000;
    for (let run = 0; run < RUNS; run += 1) {
      const people = ['ann', 'bob', 'cleo', 'dan'].map((userId) => new Person(userId));
      for (const person of people) person.receive(board.one);
      let last = '';
      const log: string[] = [];
      for (let step = 0; step < 12; step += 1) {
        const person = people[Math.floor(random() * people.length)];
        assert(person !== undefined);
        const document = board.documents[Math.floor(random() * board.documents.length)];
        assert(document !== undefined);
        const dice = random();
        if (dice < 0.15) person.receive(document);
        if (dice < 0.6) {
          last = `${run}.${step}`;
          write(person, time += 4000, last);
        }
        if (dice > 0.3 && dice < 0.9) person.send(document);
        if (dice > 0.95) await settle(board.nodes, board.documents);
        log.push(`${person.userId} ${dice.toFixed(2)}`);
      }
      for (const person of people) person.send(board.one);
      await settle(board.nodes, board.documents);
      for (const document of board.documents) assert.equal(valueIn(document, TEXT), last, `run ${run}: ${log.join(', ')}`);
    }
    await board.stop();
  });
}

test('one write after the other is left alone, whatever their clocks say', async () => {
  const random = seededRandom(SEED);
  const board = await openBoard(1, random);
  for (let run = 0; run < 20; run += 1) {
    const [ann, bob] = [new Person('ann'), new Person('bob')];
    ann.receive(board.one);
    write(ann, Date.now(), { labelId: 'l1' });
    ann.send(board.one);
    bob.receive(board.one);
    const structs = Y.decodeStateVector(Y.encodeStateVector(board.one)).get(board.one.clientID) ?? 0;
    write(bob, Date.now() - 500, { labelId: 'l2' });
    bob.send(board.one);
    await settle(board.nodes, board.documents);
    assert.deepEqual(valueIn(board.one), { labelId: 'l2' });
    assert.equal(Y.decodeStateVector(Y.encodeStateVector(board.one)).get(board.one.clientID) ?? 0, structs, 'the server wrote nothing');
  }
  assert.equal((await eventRows(database, board.boardId)).filter(({ type }) => type === 'ConflictDetected').length, 0);
  await board.stop();
});

test('the same value from two is no conflict, nor is one person on two devices, nor a text', async () => {
  const board = await openBoard(1, seededRandom(SEED));
  let time = Date.now() - 100_000;
  const race = async (a: Person, b: Person, first: ColumnValue, second: ColumnValue): Promise<void> => {
    for (const person of [a, b]) person.receive(board.one);
    write(a, time += 5000, first);
    write(b, time += 5000, second);
    a.send(board.one);
    b.send(board.one);
    await settle(board.nodes, board.documents);
  };
  await race(new Person('ann'), new Person('bob'), { labelId: 'l1' }, { labelId: 'l1' });
  await race(new Person('ann'), new Person('ann'), { labelId: 'l2' }, { labelId: 'l3' });
  assert.deepEqual(valueIn(board.one), { labelId: 'l3' });
  await race(new Person('ann'), new Person('bob'), 'old', 'new');
  assert.equal(valueIn(board.one, TEXT), 'new', 'a text, too, is the later one');
  assert.equal((await eventRows(database, board.boardId)).filter(({ type }) => type === 'ConflictDetected').length, 0);
  await board.stop();
});

test('a clock that is a day ahead gains a second at most; a value without a time is stamped as it arrives', async () => {
  const board = await openBoard(1, seededRandom(SEED));
  const [liar, honest, stock] = [new Person('liar'), new Person('ann'), new Person('stock')];
  const cellOf = (doc: Y.Doc): unknown => { const item = doc.getMap('items').get(ITEM); return item instanceof Y.Map ? item.get(`c:${STATUS}`) : undefined; };
  for (const person of [liar, honest]) person.receive(board.one);
  write(liar, Date.now() + 86_000_000, { labelId: 'l1' });
  liar.send(board.one);
  await settle(board.nodes, board.documents);
  const [, at] = cellOf(board.one) as [unknown, number];
  assert(Math.abs(at - Date.now()) < 10_000, 'its time is that of its arrival');
  write(honest, Date.now() + 5000, { labelId: 'l2' });
  honest.send(board.one);
  await settle(board.nodes, board.documents);
  stock.receive(board.one);
  const item = stock.doc.getMap('items').get(ITEM);
  assert(item instanceof Y.Map);
  item.set(`c:${STATUS}`, { labelId: 'l3' });
  stock.send(board.one);
  await settle(board.nodes, board.documents);
  const [value, stamped, author] = cellOf(board.one) as [unknown, number, string];
  assert.deepEqual([value, author], [{ labelId: 'l3' }, 'stock']);
  assert(Math.abs(stamped - Date.now()) < 10_000);
  await board.stop();
});

test('what JSON or a timestamp cannot say, written before there was a guard that looked, holds up no board: who lost is told what people saw', async () => {
  const board = await openBoard(1, seededRandom(SEED));
  const [eve, ann, bob] = [new Person('eve'), new Person('ann'), new Person('bob')];
  const put = ({ doc }: Person, stored: unknown): void => {
    const item = doc.getMap('items').get(ITEM);
    assert(item instanceof Y.Map);
    item.set(`c:${STATUS}`, stored);
  };
  let first = true;
  for (const [stored, at] of [[{ labelId: 'l1', x: 1n }, 1e300], [{ labelId: 'l1', x: new Uint8Array(2) }, -1e300], [{ labelId: 'l1', x: Number.NaN }, Date.now()], [1n, Date.now()]] as const) {
    for (const person of [eve, ann]) person.receive(board.one);
    put(eve, [stored, at, 'eve']);
    put(ann, [{ labelId: first ? 'l2' : 'l3' }, Date.now()]);
    first = !first;
    // As another node hands it on, not as a client says it, whose clock is not believed.
    Y.applyUpdate(board.one, Y.encodeStateAsUpdate(eve.doc, Y.encodeStateVector(board.one)), { source: 'local', context: { userId: 'eve' } });
    ann.send(board.one);
    await settle(board.nodes, board.documents);
  }
  bob.receive(board.one);
  createItem(bob.doc, { id: asItemId('later'), name: 'Later' }, { userId: 'bob' });
  bob.send(board.one);
  await settle(board.nodes, board.documents);
  assert.deepEqual(board.nodes.flatMap(({ errors }) => errors), []);
  const events = await eventRows(database, board.boardId);
  assert(events.some(({ type, aggregate_id }) => type === 'ItemCreated' && aggregate_id === 'later'), 'what came after is committed');
  const conflicts = events.filter(({ type }) => type === 'ConflictDetected').map(({ data }) => data as { kept: { userId: string; value: unknown }; lost: { userId: string; value: unknown } });
  const ofEve = conflicts.flatMap(({ kept, lost }) => [kept, lost]).filter(({ userId }) => userId === 'eve').map(({ value }) => value);
  assert.deepEqual(ofEve, [{ labelId: 'l1' }, { labelId: 'l1' }, { labelId: 'l1' }, null]);
  await board.stop();
});
