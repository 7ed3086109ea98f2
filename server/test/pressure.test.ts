/** Who sends too much waits and loses nothing, whatever the limit; who does not read loses cursors first, then waits for edits, then the socket. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import * as Y from 'yjs';
import { startTestServer, type TestServer } from './rest-support.ts';
import { committed, makeBoard, stock, textOf, until, type Cell, type StockClient } from './stock-clients.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

async function metrics(server: TestServer): Promise<(name: string) => number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return (name) => Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.split(' ')[1] ?? 0);
}

interface Place {
  readonly server: TestServer;
  readonly join: (userId: string, cell: Cell) => Promise<StockClient>;
}

async function started(t: TestContext, env: Record<string, string>): Promise<Place> {
  const server = await startTestServer(env);
  const clients: StockClient[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    await server.close();
  });
  return { server, join: (userId, cell) => joined(server, clients, userId, cell) };
}

async function joined(server: TestServer, clients: StockClient[], userId: string, cell: Cell): Promise<StockClient> {
  const client = stock(server.url, cell.boardId, await server.tokenOf(userId));
  clients.push(client);
  await until(`${userId} is in`, () => client.provider.synced);
  return client;
}

/** Each edit is a frame of its own. */
function edit(client: StockClient, cell: Cell, times: number, bytes = 1): void {
  const text = textOf(client.doc, cell);
  for (let index = 0; index < times; index++) text.insert(text.length, 'x'.repeat(bytes));
}

const saved = (client: StockClient): Promise<number> => until('all is saved', () => !client.provider.hasUnsyncedChanges);

async function timed(work: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work;
  return performance.now() - start;
}

interface Case {
  readonly name: string;
  readonly env: Record<string, string>;
  readonly counter: string;
  /** Users whose sockets send too much together, and what each sends. */
  readonly senders: readonly string[];
  readonly edits: number;
  readonly bytes: number;
  /** Somebody whom it does not concern. */
  readonly bystander: 'on the same board' | 'on another board';
}

const CASES: readonly Case[] = [
  { name: 'frames of one socket', env: { SUNDAY_MAX_FRAMES_PER_SECOND: '50' }, counter: 'rate_paused', senders: ['ann'], edits: 200, bytes: 1, bystander: 'on the same board' },
  { name: 'bytes of one socket', env: { SUNDAY_MAX_BYTES_PER_SECOND: String(100 * KIB) }, counter: 'rate_paused', senders: ['ann'], edits: 40, bytes: 10 * KIB, bystander: 'on the same board' },
  { name: 'frames of one user on several sockets', env: { SUNDAY_MAX_USER_FRAMES_PER_SECOND: '50' }, counter: 'user_rate_paused', senders: ['ann', 'ann'], edits: 100, bytes: 1, bystander: 'on the same board' },
  { name: 'bytes of one user on several sockets', env: { SUNDAY_MAX_USER_BYTES_PER_SECOND: String(100 * KIB) }, counter: 'user_rate_paused', senders: ['ann', 'ann'], edits: 20, bytes: 10 * KIB, bystander: 'on the same board' },
  { name: 'frames on one board', env: { SUNDAY_MAX_BOARD_FRAMES_PER_SECOND: '50' }, counter: 'board_rate_paused', senders: ['ann', 'bob'], edits: 100, bytes: 1, bystander: 'on another board' },
  { name: 'bytes on one board', env: { SUNDAY_MAX_BOARD_BYTES_PER_SECOND: String(100 * KIB) }, counter: 'board_rate_paused', senders: ['ann', 'bob'], edits: 20, bytes: 10 * KIB, bystander: 'on another board' },
];

describe('over a limit of what is read, reading pauses: nothing is lost, nobody else waits', { concurrency: 2 }, () => {
  for (const { name, env, counter, senders, edits, bytes, bystander } of CASES) {
    test(name, async (t) => {
      const { server, join } = await started(t, env);
      const owner = await server.as('olga');
      const cell = await makeBoard(owner, ['ann', 'bob', 'cyd']);
      const elsewhere = bystander === 'on another board' ? await makeBoard(owner, ['cyd']) : cell;
      const clients = await Promise.all(senders.map((userId) => join(userId, cell)));
      const cyd = await join('cyd', elsewhere);

      // What has come in one piece is taken in one piece; the next edit waits for it.
      const all = timed(Promise.all(clients.map(async (client) => {
        edit(client, cell, edits, bytes);
        await saved(client);
        edit(client, cell, 1);
        await saved(client);
      })));
      edit(cyd, elsewhere, 1);
      const quick = await timed(saved(cyd));
      // What is over the first second's worth takes its time: 3 s for all of it here.
      const slow = await all;
      assert.ok(slow > 2_000, `${slow} ms for what is three seconds over the limit`);
      assert.ok(quick < slow / 2, `${quick} ms for somebody it does not concern, ${slow} for the others`);
      assert.ok((await metrics(server))(`sunday_socket_events_total{event="${counter}"}`) > 0);
      assert.deepEqual(clients.flatMap(({ closes }) => closes), []);
      const text = textOf(await committed(server.database, cell.boardId), cell);
      assert.equal(text.length, senders.length * (edits * bytes + 1) + (elsewhere === cell ? 1 : 0));
    });
  }
});

test('who does not read is left without cursors first, then without edits, then without a socket, in bounded memory, and each is counted', { timeout: 90_000 }, async (t) => {
  const { server, join } = await started(t, { SUNDAY_MAX_OUTBOUND_BYTES: String(MIB), SUNDAY_SLOW_CONSUMER_MS: '4000', SUNDAY_MAX_FRAMES_PER_SECOND: '100000', SUNDAY_MAX_USER_FRAMES_PER_SECOND: '100000' });
  const owner = await server.as('olga');
  const cell = await makeBoard(owner, ['sly', 'ann', 'bob']);
  const [sly, ann, bob] = [await join('sly', cell), await join('ann', cell), await join('bob', cell)];
  sly.provider.setAwarenessField('cursor', 0);
  bob.provider.setAwarenessField('cursor', 0);
  const stuck = sly.sockets.at(-1) ?? assert.fail();
  stuck.pause();

  const order: string[] = [];
  let largest = 0;
  const look = async (): Promise<void> => {
    const value = await metrics(server);
    largest = Math.max(largest, value('sunday_most_unsent_bytes'));
    const counters = { cursors: 'sunday_presence_drops_total{reason="shed"}', edits: 'sunday_held_back_bytes_total', socket: 'sunday_socket_events_total{event="slow_consumer"}' };
    for (const [what, name] of Object.entries(counters)) if (value(name) > 0 && !order.includes(what)) order.push(what);
  };
  const text = textOf(ann.doc, cell);
  // The system's own buffers of a local socket take some megabytes first.
  for (let part = 0; part < 600 && !order.includes('socket'); part++) {
    text.delete(0, text.length);
    text.insert(0, `${part}`.padEnd(50_000, 'x'));
    bob.provider.setAwarenessField('cursor', part);
    await saved(ann);
    await until('others see the cursor', () => ann.provider.awareness?.getStates().get(bob.doc.clientID)?.['cursor'] === part);
    await look();
  }
  assert.deepEqual(order, ['cursors', 'edits', 'socket']);
  assert.ok(largest > 32 * KIB && largest <= MIB, `${largest} bytes were queued at most`);

  stuck.resume();
  await until('sly is told why', () => sly.closes.length > 0);
  assert.deepEqual(sly.closes, [4508]);
  await until('sly has everything, edits and cursors', () => Y.equalSnapshots(Y.snapshot(sly.doc), Y.snapshot(ann.doc)) && sly.provider.awareness?.getStates().has(bob.doc.clientID) === true);
});
