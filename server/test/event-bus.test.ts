/** Domain events in the whole server: from a commit to a consumer, what operators see of those that fail, joins and leaves on the bus. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import type { BoardEvent, ConsumerDefinition } from '@sunday/extension-event-bus';
import { noRedis, startRedis, type TestRedis } from '@sunday/extension-fanout/testing';
import { eventsCommand, UsageError, type EventsOptions } from '../src/cli/events-command.ts';
import { connect, readiness, until } from './nodes-support.ts';
import { startTestServer, type Api, type TestServer } from './rest-support.ts';

const CLI = fileURLToPath(new URL('../src/cli/sunday.ts', import.meta.url));

/** What the batch's transaction will do for every change: an event in the board's log. */
async function commitEvent(database: TestDatabase, boardId: string, data: Record<string, unknown> = {}): Promise<string> {
  const id = randomUUID();
  await database.database.query("SELECT append_board_event($1, $2, 'ColumnUpdated', 'board', $3, $4, 'ada', 'rest')", [boardId, id, boardId, data]);
  return id;
}

suite('events on the embedded bus', () => {
  const seen: BoardEvent[] = [];
  let broken = true;
  const consumer: ConsumerDefinition = {
    group: 'test', topics: ['board-events'], from: 'beginning', afterParked: 'continue', in: 'outside', tries: 1,
    handle: ({ data, ...event }) => {
      if (broken && data['fails'] === true) return Promise.reject(new Error('the receiver says no'));
      seen.push({ data, ...event });
      return Promise.resolve();
    },
  };
  let server: TestServer;
  let ada: Api;
  let root: Api;
  let boardId: string;

  before(async () => {
    server = await startTestServer({ SUNDAY_ADMINS: 'root' }, undefined, { consumers: [consumer] });
    [ada, root] = [await server.as('ada'), await server.as('root')];
    boardId = (await ada.expect<{ id: string }>(201, 'POST', '/boards', { body: { name: 'A board' } })).body.id;
  });
  after(() => server.close());

  const run = (...args: string[]): Promise<{ code: number; out: string }> => new Promise((resolve) => {
    const env = { ...process.env, DATABASE_URL: server.database.connectionString, NODE_ENV: 'production' };
    execFile(process.execPath, ['--conditions=sunday-source', CLI, ...args], { env }, (error, out) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out });
    });
  });
  /** The command without a process of its own, which takes a second to start. */
  const cli = async (command: string, options: EventsOptions = {}): Promise<string> => {
    let out = '';
    await eventsCommand(server.database.database, command, options, (line) => { out += `${line}\n`; });
    return out;
  };
  /** A commit tells the relay; without one its sweep finds the event. */
  const tellRelay = async (): Promise<void> => { await ada.expect(200, 'PATCH', `/boards/${boardId}`, { body: { description: randomUUID() } }); };

  test('a consumer registered in one line gets what is committed, without waiting for a sweep', async () => {
    const took: number[] = [];
    for (let n = 0; n < 3; n++) {
      const id = await commitEvent(server.database, boardId, { n });
      await ada.expect(200, 'PATCH', `/boards/${boardId}`, { body: { name: `Renamed ${n}` } }); // its commit tells the relay
      took.push(await until('it is handled', () => seen.some((event) => event.id === id)));
    }
    assert(Math.min(...took) < 1_000, took.join());
    const readMetrics = async (): Promise<string> => (await fetch(`${server.url}/metrics`)).text();
    await until('it is noted', async () => /^sunday_events_published_total [1-9]/m.test(await readMetrics()));
    const metrics = await readMetrics();
    assert.match(metrics, /^sunday_events_handled_total\{group="test"\} [1-9]/m);
    assert.match(metrics, /^sunday_outbox_events \d/m);
    assert.match(await readiness(server), /^events: ok \(embedded\)$/m);
  });

  test('what a consumer cannot handle is parked; operators, and nobody else, see it and have it tried again over REST', async () => {
    const id = await commitEvent(server.database, boardId, { fails: true });
    await tellRelay();
    type Page = { data: { id: string; group: string; error: string; event: { id: string } }[]; nextCursor: string | null };
    const parked = async (): Promise<Page> => (await root.expect<Page>(200, 'GET', '/admin/events/parked?limit=1')).body;
    await until('it is parked', async () => (await parked()).data.length === 1);
    const page = await parked();
    const [delivery] = page.data;
    assert(delivery !== undefined);
    assert.deepEqual([delivery.group, delivery.event.id, page.nextCursor], ['test', id, null]);
    assert.match(delivery.error, /the receiver says no/);
    for (const [method, path, body] of [['GET', '/admin/events/parked', undefined], ['POST', '/admin/events/replay', {}], ['POST', '/admin/events/discard', { id: '1' }]] as const) {
      assert.equal((await ada.call(method, path, body === undefined ? {} : { body })).body['code'], 'forbidden');
    }
    assert.match(await (await fetch(`${server.url}/metrics`)).text(), /^sunday_events_parked_total\{group="test"\} 1$/m);
    broken = false;
    assert.deepEqual((await root.expect(200, 'POST', '/admin/events/replay', { body: { id: delivery.id } })).body, { count: 1 });
    await until('it is handled', () => seen.some((event) => event.id === id));
    assert.deepEqual((await parked()).data, []);
  });

  test('and over the command line', async () => {
    broken = true;
    const ids = [await commitEvent(server.database, boardId, { fails: true }), await commitEvent(server.database, boardId, { fails: true })];
    await tellRelay();
    await until('both are parked', async () => (await cli('parked', { group: 'test' })).includes('2 parked.'));
    const { code, out } = await run('events', 'parked', '--board', boardId);
    assert.equal(code, 0);
    assert.equal(out, await cli('parked'));
    assert.match(out, new RegExp(`^\\d+ {2}test {2}board ${boardId} {2}version \\d+ {2}ColumnUpdated {2}1 tries since .*\n    Error: the receiver says no\n`));
    const [id = ''] = /^\d+/.exec(out) ?? [];
    assert.equal((await run('events', 'parked', '--nonsense')).code, 2);
    await assert.rejects(cli('replay'), UsageError, 'not everything by mistake');
    await assert.rejects(cli('parked', { state: 'lost' }), UsageError);
    await assert.rejects(cli('parked', { board: 'x' }), UsageError);
    assert.match(await cli('discard', { id }), /^1 given up/);
    broken = false;
    assert.match(await cli('replay', { all: true }), /^1 to be tried again/);
    await until('it is handled', () => seen.some((event) => event.id === ids[1]));
    assert(!seen.some((event) => event.id === ids[0]));
    assert.equal(await cli('parked'), 'Nothing is parked.\n');
  });
});

suite('events over Redis, roles apart', { skip: noRedis() }, () => {
  const seen: BoardEvent[] = [];
  let redis: TestRedis;
  let database: TestDatabase;
  let sync: TestServer;
  let worker: TestServer;

  before(async () => {
    redis = await startRedis();
    database = await openTestDatabase();
    const start = (SUNDAY_ROLES: string, node: string, consumers: readonly ConsumerDefinition[] = []) =>
      startTestServer({ EVENT_BUS: 'redis', REDIS_URL: redis.url, SUNDAY_ROLES }, undefined, { database, node, consumers });
    sync = await start('sync,api', 'sync-1');
    worker = await start('relay,workers', 'worker-1', [{
      group: 'test', topics: ['board-events'], from: 'beginning', afterParked: 'continue', in: 'outside', handle: (event) => { seen.push(event); return Promise.resolve(); },
    }]);
  });
  after(async () => {
    await Promise.all([sync.close(), worker.close()]);
    await redis.close();
    await database.close();
  });

  test('a commit on one node is handled on the one with the workers; joins and leaves are on the bus, once for each person', async (t) => {
    const ada = await sync.as('ada');
    const boardId = (await ada.expect<{ id: string }>(201, 'POST', '/boards', { body: { name: 'A board' } })).body.id;
    const id = await commitEvent(database, boardId);
    await ada.expect(200, 'PATCH', `/boards/${boardId}`, { body: { name: 'Renamed' } });
    await until('it is handled', () => seen.some((event) => event.id === id));

    const passing: { type: string; userId: unknown }[] = [];
    const listener = redis.client.duplicate();
    t.after(() => { listener.disconnect(); });
    listener.on('message', (_channel, json: string) => {
      const { type, data } = JSON.parse(json) as BoardEvent;
      passing.push({ type, userId: data['userId'] });
    });
    await listener.subscribe('sunday:{bus}:ephemeral');
    const tabs = [await connect(t, sync, boardId, 'ada'), await connect(t, sync, boardId, 'ada')];
    for (const { awareness } of tabs) awareness.setLocalStateField('cursor', { item: 'item-1' });
    await until('she is there, and where', () => passing.some(({ type }) => type === 'UserJoined') && passing.some(({ type }) => type === 'CursorMoved'));
    for (const tab of tabs) tab.close();
    await until('she is gone', () => passing.some(({ type }) => type === 'UserLeft'));
    assert.deepEqual(passing.filter(({ type }) => type !== 'CursorMoved'), [{ type: 'UserJoined', userId: 'ada' }, { type: 'UserLeft', userId: 'ada' }]);
    assert.deepEqual((await database.database.query("SELECT FROM board_events WHERE type IN ('UserJoined', 'UserLeft', 'CursorMoved')")), []);
  });

  test('with Redis away boards and their events go on, readiness says so, and all arrives when it is back', async () => {
    const ada = await sync.as('ada');
    const boardId = (await ada.expect<{ id: string }>(201, 'POST', '/boards', { body: { name: 'A board' } })).body.id;
    await redis.stop();
    const id = await commitEvent(database, boardId);
    await ada.expect(200, 'PATCH', `/boards/${boardId}`, { body: { name: 'Renamed' } });
    await until('it is said', async () => (await readiness(worker)).includes('events: degraded (redis is away: events wait in Postgres, boards are not affected)'));
    await redis.start();
    await until('it is handled', () => seen.some((event) => event.id === id));
    await until('all is well', async () => /^events: ok \(redis\)$/m.test(await readiness(worker)));
  });
});
