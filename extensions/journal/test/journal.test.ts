/** The journal under a plain Hocuspocus server, with stock providers, on real Postgres. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { createColumn, createItem, updateItem } from '@sunday/board-model';
import * as Y from 'yjs';
import type { Batch, JournalStore, Outcome } from '../src/index.ts';
import { connect, createBoard, startNode, until, USER } from './plain-hocuspocus.ts';

let database: TestDatabase;
before(async () => { database = await openTestDatabase(); });
after(async () => { await database.close(); });

/** A store whose commits wait at a gate, so that a test can look at the moment between apply and commit. */
function gated(store: JournalStore) {
  let open: (() => void) | null = null;
  let gate: Promise<void> = Promise.resolve();
  return {
    hold() { gate = new Promise((resolve) => { open = resolve; }); },
    release() { open?.(); },
    store: Object.assign(Object.create(store) as JournalStore, {
      async commit(batches: readonly Batch[]): Promise<Outcome[]> {
        await gate;
        return store.commit(batches);
      },
    }),
  };
}

const committedText = async (boardId: string, node: Awaited<ReturnType<typeof startNode>>): Promise<string> => {
  const { value } = await node.journal.whenCommitted(boardId, (doc) => doc.getText('t').toString());
  return value;
};

test('invariants 1 and 2: neither the ack nor the edit leaves before the commit', async () => {
  let control: ReturnType<typeof gated> | undefined;
  const node = await startNode(database.database, { wrap: (store) => (control = gated(store)).store });
  const boardId = await createBoard(node.journal);
  const writer = connect(node.url, boardId);
  const reader = connect(node.url, boardId);
  await until('both are synced', () => writer.provider.synced && reader.provider.synced && !writer.provider.hasUnsyncedChanges);
  control?.hold();
  writer.doc.getText('t').insert(0, 'hello');
  await until('the server has applied it', () => node.hocuspocus.documents.get(boardId)?.getText('t').toString() === 'hello');
  const late = connect(node.url, boardId);
  await until('a late joiner is synced', () => late.provider.synced);
  assert.equal(reader.doc.getText('t').toString(), '');
  assert.equal(writer.provider.unsyncedChanges, 1);
  assert.equal(late.doc.getText('t').toString(), '', 'the join payload is what is committed');
  control?.release();
  await until('the reader sees it', () => reader.doc.getText('t').toString() === 'hello');
  await until('the joiner sees it', () => late.doc.getText('t').toString() === 'hello');
  await until('it is acknowledged', () => writer.provider.unsyncedChanges === 0);
  for (const client of [writer, reader, late]) client.close();
  await node.stop();
});

test('invariant 3: a board with uncommitted updates stays in memory when everybody has left, and is unloaded once committed', async () => {
  let control: ReturnType<typeof gated> | undefined;
  const node = await startNode(database.database, { wrap: (store) => (control = gated(store)).store });
  const boardId = await createBoard(node.journal);
  const writer = connect(node.url, boardId);
  await until('synced', () => writer.provider.synced);
  control?.hold();
  writer.doc.getText('t').insert(0, 'kept');
  await until('applied', () => node.hocuspocus.documents.get(boardId)?.getText('t').toString() === 'kept');
  writer.close();
  await until('disconnected', () => node.hocuspocus.documents.get(boardId)?.getConnectionsCount() === 0);
  assert.equal(node.hocuspocus.documents.has(boardId), true);
  control?.release();
  await until('unloaded', () => !node.hocuspocus.documents.has(boardId));
  const again = connect(node.url, boardId);
  await until('loaded again', () => again.doc.getText('t').toString() === 'kept');
  again.close();
  await node.stop();
});

test('invariant 6: two nodes write one board; the order is gap-free and a node that is behind catches up', async () => {
  const one = await startNode(database.database);
  const two = await startNode(database.database);
  const boardId = await createBoard(one.journal);
  const a = connect(one.url, boardId);
  const b = connect(two.url, boardId);
  await until('both synced', () => a.provider.synced && b.provider.synced);
  for (let round = 0; round < 20; round += 1) {
    a.doc.getText('t').insert(0, 'a');
    b.doc.getText('t').insert(0, 'b');
    await until('both acknowledged', () => !a.provider.hasUnsyncedChanges && !b.provider.hasUnsyncedChanges);
  }
  const rows = await database.database.query<{ seq: string }>('SELECT seq FROM board_updates WHERE board_id = $1 ORDER BY seq', [boardId]);
  assert.deepEqual(rows.map((row) => Number(row.seq)), rows.map((_, index) => index + 2));
  const third = await startNode(database.database);
  const c = connect(third.url, boardId);
  await until('a fresh node has all', () => c.doc.getText('t').toString().length === 40);
  for (const client of [a, b, c]) client.close();
  for (const node of [one, two, third]) await node.stop();
});

test('invariant 7: compaction leaves the same board, in fewer rows, and a load sees it', async () => {
  const node = await startNode(database.database, { compactAfterRows: 1_000_000 });
  const boardId = await createBoard(node.journal);
  const writer = connect(node.url, boardId);
  await until('synced', () => writer.provider.synced);
  for (let edit = 0; edit < 30; edit += 1) {
    writer.doc.getMap('m').set('k', edit);
    await until('acknowledged', () => !writer.provider.hasUnsyncedChanges);
  }
  const result = await node.journal.compact(boardId);
  assert.equal(result.replaced, true);
  assert.equal(result.rows, 30);
  const [left] = await database.database.query<{ rows: string }>('SELECT count(*) AS rows FROM board_updates WHERE board_id = $1', [boardId]);
  assert.equal(Number(left?.rows), 0);
  writer.doc.getMap('m').set('after', true);
  await until('acknowledged', () => !writer.provider.hasUnsyncedChanges);
  const other = await startNode(database.database);
  const reader = connect(other.url, boardId);
  await until('the other node has it', () => reader.doc.getMap('m').get('after') === true);
  assert.equal(reader.doc.getMap('m').get('k'), 29);
  for (const client of [writer, reader]) client.close();
  await node.stop();
  await other.stop();
});

test('an interrupted commit is looked up by its batch id, never repeated', async () => {
  const { DatabaseUnavailable } = await import('@sunday/database');
  let failures = 0;
  const node = await startNode(database.database, {
    wrap: (store) => Object.assign(Object.create(store) as JournalStore, {
      async commit(batches: readonly Batch[]): Promise<Outcome[]> {
        const outcomes = await store.commit(batches);
        failures += 1;
        if (failures <= 3) throw new DatabaseUnavailable('the connection broke after the commit');
        return outcomes;
      },
    }),
  });
  const boardId = await createBoard(node.journal);
  const writer = connect(node.url, boardId);
  await until('synced', () => writer.provider.synced);
  for (let edit = 0; edit < 5; edit += 1) {
    writer.doc.getText('t').insert(0, 'x');
    await until('acknowledged', () => !writer.provider.hasUnsyncedChanges);
  }
  const [head] = await database.database.query<{ seq: string }>('SELECT seq FROM board_heads WHERE board_id = $1', [boardId]);
  assert.equal(Number(head?.seq), 6);
  assert.equal(await committedText(boardId, node), 'xxxxx');
  writer.close();
  await node.stop();
});

test('while the database is away edits reach others unacknowledged, and all is committed on its return', async () => {
  const { DatabaseUnavailable } = await import('@sunday/database');
  let away = false;
  const guard = <T>(work: () => Promise<T>): Promise<T> => (away ? Promise.reject(new DatabaseUnavailable('away')) : work());
  const states: boolean[] = [];
  const node = await startNode(database.database, {
    events: { away: (on) => { states.push(on); } },
    wrap: (store) => Object.assign(Object.create(store) as JournalStore, {
      commit: (batches: readonly Batch[]) => guard(() => store.commit(batches)),
      outcomeOf: (boardId: string, batchId: string) => guard(() => store.outcomeOf(boardId, batchId)),
    }),
  });
  const boardId = await createBoard(node.journal);
  const writer = connect(node.url, boardId);
  const reader = connect(node.url, boardId);
  await until('synced', () => writer.provider.synced && reader.provider.synced && !writer.provider.hasUnsyncedChanges);
  away = true;
  for (const letter of 'abc') writer.doc.getText('t').insert(0, letter);
  await until('the reader sees the volatile edits', () => reader.doc.getText('t').toString() === 'cba');
  assert.ok(writer.provider.unsyncedChanges > 0, 'nothing is acknowledged');
  away = false;
  await until('all is acknowledged', () => writer.provider.unsyncedChanges === 0);
  assert.deepEqual(states, [true, false]);
  const fresh = await startNode(database.database);
  const late = connect(fresh.url, boardId);
  await until('another node loads it', () => late.doc.getText('t').toString() === 'cba');
  for (const client of [writer, reader, late]) client.close();
  await node.stop();
  await fresh.stop();
});

test('while a commit takes long, others see the edit all the same and who waits for it goes on waiting; without hope they are told', async () => {
  let held: Promise<void> | null = null;
  const node = await startNode(database.database, {
    wrap: (store) => Object.assign(Object.create(store) as JournalStore, {
      commit: async (batches: readonly Batch[]) => { await held; return store.commit(batches); },
    }),
  });
  const boardId = await createBoard(node.journal);
  const writer = connect(node.url, boardId);
  const reader = connect(node.url, boardId);
  await until('synced', () => writer.provider.synced && reader.provider.synced && !writer.provider.hasUnsyncedChanges);
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    return () => { held = null; resolve(); };
  };
  let letGo = hold();
  writer.doc.getText('t').insert(0, 'slow');
  await until('the reader sees it uncommitted', () => reader.doc.getText('t').toString() === 'slow');
  assert.ok(writer.provider.hasUnsyncedChanges);
  const waiting = node.journal.barrier(boardId);
  letGo();
  assert.equal(await waiting, 2, 'it waited for the commit');
  letGo = hold();
  writer.doc.getText('t').insert(0, 'hanging ');
  await until('the reader sees that, too', () => reader.doc.getText('t').toString() === 'hanging slow');
  await assert.rejects(node.journal.barrier(boardId), { name: 'DatabaseAway' });
  letGo();
  await until('acknowledged all the same', () => !writer.provider.hasUnsyncedChanges);
  for (const client of [writer, reader]) client.close();
  await node.stop();
});

test('a node far from the database among quick ones commits all the same', async () => {
  const held: string[] = [];
  const quick = await startNode(database.database);
  const far = await startNode(database.database, {
    wrap: (store) => Object.assign(Object.create(store) as JournalStore, {
      commit: async (batches: readonly Batch[]) => { await delay(60); return store.commit(batches); },
      exclusively: ((boardId, work) => { held.push(boardId); return store.exclusively(boardId, work); }) satisfies JournalStore['exclusively'],
    }),
  });
  const boardId = await createBoard(quick.journal);
  const a = connect(quick.url, boardId);
  const b = connect(far.url, boardId);
  await until('synced', () => a.provider.synced && b.provider.synced);
  let typed = 0;
  const typing = setInterval(() => { a.doc.getText('t').insert(0, String(typed++ % 10)); }, 5);
  try {
    for (const word of ['one', 'two', 'three']) {
      b.doc.getMap('m').set('said', word);
      await until(`${word} is acknowledged while the other goes on typing`, () => !b.provider.hasUnsyncedChanges);
    }
  } finally {
    clearInterval(typing);
  }
  assert.ok(held.length > 0, 'it was overtaken again and again');
  await until('a is acknowledged', () => !a.provider.hasUnsyncedChanges);
  const fresh = await startNode(database.database);
  const late = connect(fresh.url, boardId);
  await until('a third node has both', () => late.doc.getMap('m').get('said') === 'three' && late.doc.getText('t').length === typed);
  for (const client of [a, b, late]) client.close();
  for (const node of [quick, far, fresh]) await node.stop();
});

test('a malformed update is refused and never acknowledged; the board and its other users go on', async () => {
  const refused: string[] = [];
  const node = await startNode(database.database, { refuse: (connection, code) => { refused.push(code); connection.close({ code: 4422, reason: code }); } });
  const boardId = await createBoard(node.journal);
  const good = connect(node.url, boardId);
  const bad = connect(node.url, boardId);
  await until('synced', () => good.provider.synced && bad.provider.synced && !bad.provider.hasUnsyncedChanges);
  const update = Y.encodeStateAsUpdate(good.doc);
  bad.provider.documentUpdateHandler(update.slice(0, update.length - 3), null);
  await until('refused', () => refused.length > 0);
  assert.deepEqual(refused, ['malformed_update']);
  assert.equal(bad.provider.unsyncedChanges, 1);
  good.doc.getText('t').insert(0, 'fine');
  await until('acknowledged', () => !good.provider.hasUnsyncedChanges);
  for (const client of [good, bad]) client.close();
  await node.stop();
});

test('a burst followed by silence is compacted, too', async () => {
  const node = await startNode(database.database, { compactAfterRows: 5, compactMinAgeMs: 300 });
  const boardId = await createBoard(node.journal);
  const writer = connect(node.url, boardId);
  await until('synced', () => writer.provider.synced);
  for (let edit = 0; edit < 12; edit += 1) {
    writer.doc.getMap('m').set('k', edit);
    await until('acknowledged', () => !writer.provider.hasUnsyncedChanges);
  }
  const rows = async (): Promise<number> => {
    const [left] = await database.database.query<{ rows: string }>('SELECT count(*) AS rows FROM board_updates WHERE board_id = $1', [boardId]);
    return Number(left?.rows);
  };
  assert.ok((await rows()) > 0, 'rows this young are kept');
  await until('all rows are in the snapshot', async () => (await rows()) === 0);
  writer.close();
  await node.stop();
});

test('a column that another node added counts at once in the rows this node writes', async () => {
  const one = await startNode(database.database);
  const two = await startNode(database.database);
  const boardId = await createBoard(one.journal);
  const a = connect(one.url, boardId);
  const b = connect(two.url, boardId);
  await until('both synced', () => a.provider.synced && b.provider.synced);
  const itemId = createItem(b.doc, { name: 'An item' }, { userId: USER });
  await until('b is acknowledged', () => !b.provider.hasUnsyncedChanges);
  await one.journal.follow();
  const columnId = createColumn(a.doc, { title: 'Points', type: 'number' }, { userId: USER });
  await until('a is acknowledged', () => !a.provider.hasUnsyncedChanges);
  await two.journal.follow();
  await until('b has the column', () => b.doc.getMap('columns').has(columnId));
  updateItem(b.doc, itemId, { values: { [columnId]: 7 } }, { userId: USER });
  await until('b is acknowledged', () => !b.provider.hasUnsyncedChanges);
  const [row] = await database.database.query<{ item_values: Record<string, unknown> }>('SELECT item_values FROM items WHERE board_id = $1 AND item_id = $2', [boardId, itemId]);
  assert.deepEqual(row?.item_values, { [columnId]: 7 });
  for (const client of [a, b]) client.close();
  for (const node of [one, two]) await node.stop();
});
