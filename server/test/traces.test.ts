/** Real typing sessions through the whole server: two people at once, and one very long document. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { Journal, PostgresStore } from '@sunday/extension-journal';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import * as Y from 'yjs';
import { startTestServer, type Api, type BoardBody, type TestServer } from './rest-support.ts';
import { HeldBackWriter, readTrace, type Txn, type as typeInto } from './traces.ts';

const until = async (what: string, holds: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> => {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => { setImmediate(resolve); });
  }
};

interface Cell { readonly boardId: string; readonly itemId: string; readonly text: string; readonly progress: readonly [string, string] }

async function makeCell(ann: Api): Promise<Cell> {
  const { body: board } = await ann.expect<BoardBody>(201, 'POST', '/boards', {
    body: { name: 'Typing', columns: [{ title: 'Text', type: 'long_text' }, { title: 'Typed by 0', type: 'number' }, { title: 'Typed by 1', type: 'number' }] },
  });
  const { body: item } = await ann.expect<{ id: string }>(201, 'POST', `/boards/${board.id}/items`, { body: { name: 'Typed into' } });
  const [text, first, second] = board.columns.map((column) => column.id);
  assert(text !== undefined && first !== undefined && second !== undefined);
  return { boardId: board.id, itemId: item.id, text: `text:${item.id}:${text}`, progress: [first, second] };
}

/** What a node that never saw the board reads from the database. */
async function storedText(database: TestDatabase, cell: Cell): Promise<string> {
  const fresh = await startTestServer({}, undefined, { database, node: 'fresh' });
  try {
    const response = await fetch(`${fresh.url}/v1/boards/${cell.boardId}/export?format=yjs`, { headers: { authorization: `Bearer ${await fresh.tokenOf('ann')}` } });
    assert.equal(response.status, 200);
    const doc = new Y.Doc();
    Y.applyUpdate(doc, new Uint8Array(await response.arrayBuffer()));
    return doc.getText(cell.text).toString();
  } finally {
    await fresh.close();
  }
}

/** A trace is typed as fast as it is committed: far faster than anybody types. */
const TYPISTS = { SUNDAY_MAX_FRAMES_PER_SECOND: '100000', SUNDAY_MAX_USER_FRAMES_PER_SECOND: '100000' };

/** For each transaction, how many of the other person's transactions its writer had seen. */
function seenOfOther(txns: readonly Txn[]): number[] {
  const counts: [number, number][] = [];
  return txns.map((txn, index) => {
    const count: [number, number] = [0, 0];
    for (const parent of txn.parents ?? []) {
      count[0] = Math.max(count[0], counts[parent]?.[0] ?? 0);
      count[1] = Math.max(count[1], counts[parent]?.[1] ?? 0);
    }
    const other = count[txn.agent === 0 ? 1 : 0];
    count[txn.agent === 0 ? 0 : 1] += 1;
    counts[index] = count;
    return other;
  });
}

test('two people type into one cell at once, each seeing the other when they really did: both copies and the database end as theirs', async (context) => {
  const trace = await readTrace('friendsforever');
  const database = await openTestDatabase();
  const server: TestServer = await startTestServer(TYPISTS, undefined, { database });
  const ids = [1_000_001, 1_000_002] as const; // the lower client id for agent 0
  const cell = await makeCell(await server.as('ann'));
  const token = await server.tokenOf('ann');
  const writers = [
    new HeldBackWriter(server.url, cell.boardId, token, ids[0], ids[1]),
    new HeldBackWriter(server.url, cell.boardId, token, ids[1], ids[0]),
  ] as const;
  try {
    await until('both are in', () => writers.every(({ provider }) => provider.synced && !provider.hasUnsyncedChanges));
    const seen = seenOfOther(trace.txns);
    // A transaction somebody waits for ends a batch: it is committed before its writer goes on.
    const awaited = [new Set<number>(), new Set<number>()] as const;
    for (const [index, txn] of trace.txns.entries()) awaited[txn.agent === 0 ? 1 : 0].add(seen[index] ?? 0);
    const clocks: [number[], number[]] = [[0], [0]];
    let merges = 0;
    for (const [index, txn] of trace.txns.entries()) {
      const agent = txn.agent === 0 ? 0 : 1;
      const writer = writers[agent];
      const need = clocks[agent === 0 ? 1 : 0][seen[index] ?? 0] ?? 0;
      writer.letThrough(need);
      if (writer.received !== need) await until(`transaction ${index} has its parents`, () => writer.received === need);
      if ((txn.parents?.length ?? 0) > 1) merges += 1;
      const own = clocks[agent];
      writer.doc.transact(() => {
        typeInto(writer.doc.getText(cell.text), txn.patches);
        // A deletion alone has no clock to wait for: each transaction counts itself in a cell.
        const item = writer.doc.getMap('items').get(cell.itemId);
        assert(item instanceof Y.Map);
        item.set(`c:${cell.progress[agent]}`, own.length);
      });
      own.push(writer.clock);
      if (awaited[agent].has(own.length - 1)) await until('it is committed', () => !writer.provider.hasUnsyncedChanges);
    }
    context.diagnostic(`${trace.txns.length} transactions, ${merges} merges`);
    for (const writer of writers) writer.letThrough(Number.MAX_SAFE_INTEGER);
    await until('all is committed', () => writers.every(({ provider }) => !provider.hasUnsyncedChanges));
    for (const { doc } of writers) await until('the copy ends as recorded', () => doc.getText(cell.text).toString() === trace.endContent);
    assert.equal(await storedText(database, cell), trace.endContent);
  } finally {
    for (const writer of writers) writer.close();
    await server.close();
    await database.close();
  }
});

/** A provider sends one update per transaction; a person types some characters in the time of one. */
const EDITS_PER_TRANSACTION = 40;

test('a paper of 259 778 edits is typed, journaled, compacted and reloaded, and is the same', async (context) => {
  const trace = await readTrace('automerge-paper');
  const database = await openTestDatabase();
  const server = await startTestServer(TYPISTS, undefined, { database });
  const cell = await makeCell(await server.as('ann'));
  const doc = new Y.Doc();
  const socket = new HocuspocusProviderWebsocket({ url: `${server.url.replace('http', 'ws')}/sync` });
  const provider = new HocuspocusProvider({ websocketProvider: socket, name: cell.boardId, document: doc, token: await server.tokenOf('ann') });
  const size = async (): Promise<string> => {
    const [row] = await database.database.query<{ rows: string; bytes: string; disk: string }>(
      `SELECT (SELECT count(*) FROM board_updates) AS rows,
              (SELECT coalesce(sum(octet_length(update)), 0) FROM board_updates) + (SELECT coalesce(sum(octet_length(snapshot)), 0) FROM board_snapshots) AS bytes,
              pg_total_relation_size('board_updates') + pg_total_relation_size('board_snapshots') AS disk`,
    );
    return `${row?.rows} rows, ${row?.bytes} bytes of content, ${row?.disk} bytes on disk`;
  };
  try {
    provider.attach();
    await until('it is in', () => provider.synced && !provider.hasUnsyncedChanges);
    const text = doc.getText(cell.text);
    for (let at = 0; at < trace.txns.length; at += EDITS_PER_TRANSACTION) {
      doc.transact(() => { for (const { patches } of trace.txns.slice(at, at + EDITS_PER_TRANSACTION)) typeInto(text, patches); });
      // Typing goes on while the last updates are on their way, as it does.
      if (provider.unsyncedChanges > 50) await until('the server keeps up', () => provider.unsyncedChanges < 20);
    }
    assert.equal(text.toString(), trace.endContent);
    await until('all is committed', () => !provider.hasUnsyncedChanges);
    context.diagnostic(`journaled: ${await size()}`);
    const compactor = new Journal({ store: new PostgresStore(database.database, 'compactor'), isUnavailable: () => false });
    const result = await compactor.compact(cell.boardId);
    await compactor.close();
    assert.equal(result.replaced, true);
    context.diagnostic(`compacted: ${await size()}, for ${trace.endContent.length} characters`);
    const [told] = await database.database.query<{ bytes: string; events: string }>(
      `SELECT (SELECT coalesce(sum(pg_column_size(e.*)), 0) FROM board_events e) + (SELECT coalesce(sum(pg_column_size(r.*)), 0) FROM text_runs r)
              + (SELECT coalesce(sum(pg_column_size(i.*)), 0) FROM items i) AS bytes, (SELECT count(*) FROM board_events) AS events`,
    );
    context.diagnostic(`events and projection: ${told?.bytes} bytes, ${told?.events} events`);
    assert(Number(told?.bytes) <= 10 * trace.endContent.length, 'events and projection stay within ten times the text');
    await until('the typing is told of as one run', async () => (await database.database.query(`SELECT 1 FROM board_events WHERE type = 'ItemUpdated' AND data->'changes'->$1->'text' IS NOT NULL`, [cell.text.split(':')[2]])).length > 0);
    assert.equal(await storedText(database, cell), trace.endContent);
  } finally {
    provider.destroy();
    socket.destroy();
    await server.close();
    await database.close();
  }
});
