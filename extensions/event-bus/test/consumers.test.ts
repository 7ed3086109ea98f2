/** Consumer groups on the embedded bus: retries, parking, replay, what later events of a board do meanwhile, and stopping. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import {
  Consumers, DEFAULT_CONSUMERS_LIMITS, discardParked, EmbeddedBus, listFailed, replayParked,
  type BoardEvent, type ConsumerDefinition, type ConsumersLimits, type ConsumersObserver,
} from '../src/index.ts';
import { appendMany, makeBoard, until } from './support.ts';

const QUICK: ConsumersLimits = { ...DEFAULT_CONSUMERS_LIMITS, tries: 3, timeoutMs: 1_000, backoffMinMs: 10, backoffMaxMs: 50, retryPollMs: 20 };

let postgres: TestDatabase;
let bus: EmbeddedBus;
const running = new Set<Consumers>();

before(async () => {
  postgres = await openTestDatabase();
  await postgres.database.query('CREATE TABLE notes (n bigserial, consumer_group text, event_id uuid, version bigint)');
  bus = new EmbeddedBus({ database: postgres.database, limits: { leaseMs: 1_000 }, sweepMs: 200 });
});
afterEach(async () => {
  await Promise.all([...running].map((consumers) => consumers.stop()));
  running.clear();
});
after(async () => {
  await bus.close();
  await postgres.close();
});

type Rest<T> = T extends unknown ? Omit<T, 'group' | 'topics' | 'from' | 'afterParked'> : never;

function consume(group: string, rest: Rest<ConsumerDefinition> & { afterParked?: 'continue' | 'hold' }, observe: ConsumersObserver = {}, limits: Partial<ConsumersLimits> = {}): Consumers {
  const consumers = new Consumers({ database: postgres.database, bus, limits: { ...QUICK, ...limits }, observe });
  consumers.register({ afterParked: 'continue', ...rest, group, topics: ['item-events'], from: 'now' });
  consumers.start();
  running.add(consumers);
  return consumers;
}

/** A group from now on is there once this is in its books. */
const started = (group: string): Promise<number> =>
  until('the group is known', async () => (await postgres.database.query('SELECT FROM consumer_groups WHERE consumer_group = $1', [group])).length === 1);

async function commit(boardId: string, count: number): Promise<BoardEvent[]> {
  const events = await appendMany(postgres.database, boardId, count);
  await bus.publish(events);
  return events;
}
const versionsOf = async (group: string): Promise<number[]> =>
  (await postgres.database.query<{ version: string }>('SELECT version FROM notes WHERE consumer_group = $1 ORDER BY n', [group])).map((row) => Number(row.version));

/** Writes each event down, and fails at the given versions of a board for as long as `failing` says. */
const noting = (group: string, failing: (event: BoardEvent) => boolean): Rest<ConsumerDefinition> => ({
  in: 'transaction',
  handle: async (event, tx) => {
    await tx.query('INSERT INTO notes (consumer_group, event_id, version) VALUES ($1, $2, $3)', [group, event.id, event.version]);
    if (failing(event)) throw new Error(`cannot handle version ${event.version}`);
  },
});

test('a failing event is tried again after growing pauses, later ones of its board wait for it, other boards do not', async () => {
  const group = randomUUID();
  const [bad, good] = [await makeBoard(postgres.database), await makeBoard(postgres.database)];
  let failures = 0;
  consume(group, noting(group, (event) => event.boardId === bad && event.version === 2 && failures < 2), { failed: () => { failures++; } });
  await started(group);
  await commit(bad, 5);
  await commit(good, 3);
  await until('all are handled', async () => (await versionsOf(group)).length === 8);
  const rows = await postgres.database.query<{ version: string; board_id: string }>('SELECT e.version, e.board_id FROM notes JOIN board_events e ON e.id = event_id AND e.version = notes.version WHERE consumer_group = $1 ORDER BY n', [group]);
  assert.deepEqual(rows.filter((row) => row.board_id === bad).map((row) => Number(row.version)), [1, 2, 3, 4, 5]);
  assert.equal(failures, 2);
  assert.deepEqual(await listFailed(postgres.database, { group, limit: 10 }), []);
});

test('an event that keeps failing is parked with its error, the board goes on without it, and replayed it is handled once', async () => {
  const group = randomUUID();
  const boardId = await makeBoard(postgres.database);
  let broken = true;
  const parked: BoardEvent[] = [];
  consume(group, noting(group, ({ version }) => broken && version === 2), { parked: (_group, event) => { parked.push(event); } });
  await started(group);
  const events = await commit(boardId, 4);
  await until('the others are handled', async () => (await versionsOf(group)).length === 3);
  assert.deepEqual(await versionsOf(group), [1, 3, 4]);
  const [delivery, ...none] = await listFailed(postgres.database, { group, state: 'parked', limit: 10 });
  assert.deepEqual(none, []);
  assert(delivery !== undefined);
  assert.deepEqual(parked, [events[1]]);
  assert.deepEqual(delivery.event, events[1]);
  assert.equal(delivery.tries, 3);
  assert.match(delivery.error ?? '', /cannot handle version 2/);
  broken = false;
  assert.equal(await replayParked(postgres.database, { group: randomUUID() }), 0);
  assert.equal(await replayParked(postgres.database, { group, id: delivery.id }), 1);
  await until('it is handled', async () => (await versionsOf(group)).includes(2));
  assert.deepEqual(await versionsOf(group), [1, 3, 4, 2]);
  assert.deepEqual(await listFailed(postgres.database, { group, limit: 10 }), []);
});

test('a group that holds its order waits behind a parked event, replays in order, and goes on in order', async () => {
  const group = randomUUID();
  const [held, free] = [await makeBoard(postgres.database), await makeBoard(postgres.database)];
  let broken = true;
  consume(group, { ...noting(group, (event) => broken && event.boardId === held && event.version === 2), afterParked: 'hold' });
  await started(group);
  await commit(held, 3);
  await until('it is parked', async () => (await listFailed(postgres.database, { group, state: 'parked', limit: 10 })).length === 1);
  await commit(held, 2);
  await commit(free, 1);
  await until('the other board is handled', async () => (await versionsOf(group)).length === 2);
  await until('the later ones wait', async () => (await listFailed(postgres.database, { group, state: 'waiting', limit: 10 })).length === 3);
  broken = false;
  assert.equal(await replayParked(postgres.database, { boardId: held }), 1);
  await until('all are handled', async () => (await versionsOf(group)).length === 6);
  assert.deepEqual((await versionsOf(group)).slice(2), [2, 3, 4, 5]);
});

test('a parked event that will never work is discarded, and what it held goes on', async () => {
  const group = randomUUID();
  const boardId = await makeBoard(postgres.database);
  consume(group, { ...noting(group, ({ version }) => version === 1), afterParked: 'hold' });
  await started(group);
  await commit(boardId, 3);
  await until('it is parked', async () => (await listFailed(postgres.database, { group, state: 'parked', limit: 10 })).length === 1);
  assert.equal(await discardParked(postgres.database, { group }), 1);
  await until('the others are handled', async () => (await versionsOf(group)).length === 2);
  assert.deepEqual(await versionsOf(group), [2, 3]);
});

test('a handler outside a transaction is called again after a failure or a silence, with nothing left undone and no board held up', async () => {
  const group = randomUUID();
  const boardId = await makeBoard(postgres.database);
  const calls: number[] = [];
  let aborted = 0;
  consume(group, {
    in: 'outside', timeoutMs: 100,
    handle: async ({ version }, signal) => {
      calls.push(version);
      const tries = calls.filter((each) => each === version).length;
      if (version === 1 && tries === 1) await new Promise((_resolve, reject) => { signal.addEventListener('abort', () => { aborted++; reject(new Error('aborted')); }); });
      if (version === 2 && tries === 1) throw new Error('refused');
    },
  });
  await started(group);
  const events = await commit(boardId, 4);
  await until('all are done', async () => calls.includes(4) && (await listFailed(postgres.database, { group, limit: 10 })).length === 0);
  assert.deepEqual(calls, [1, 1, 2, 2, 3, 4]);
  assert.equal(aborted, 1);
  await bus.publish(events);
  await commit(await makeBoard(postgres.database), 1);
  await until('the next came', () => calls.length === 7);
  assert.deepEqual(calls.slice(6), [1]);
});

test('a handler that breaks its transaction and swallows the error is a failure like any other', async () => {
  const group = randomUUID();
  consume(group, { in: 'transaction', handle: async (_event, tx) => { await tx.query('SELECT 1/0').catch(() => undefined); } });
  await started(group);
  await commit(await makeBoard(postgres.database), 1);
  await until('it is parked', async () => (await listFailed(postgres.database, { group, state: 'parked', limit: 10 })).length === 1);
});

test('stopping lets what is in hand end; nothing is lost or done twice by the next', async () => {
  const group = randomUUID();
  const boardId = await makeBoard(postgres.database);
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => { release = resolve; });
  let began = false;
  const slow: Rest<ConsumerDefinition> = {
    in: 'transaction',
    handle: async (event, tx) => {
      began = true;
      await gate;
      await tx.query('INSERT INTO notes (consumer_group, event_id, version) VALUES ($1, $2, $3)', [group, event.id, event.version]);
    },
  };
  const first = consume(group, slow);
  await started(group);
  await commit(boardId, 3);
  await until('it is in hand', () => began);
  const stopped = first.stop();
  release();
  await stopped;
  assert((await versionsOf(group)).length >= 1, 'what was in hand ended');
  consume(group, slow);
  await until('all are handled', async () => (await versionsOf(group)).length === 3);
  await commit(boardId, 1);
  await until('and the next', async () => (await versionsOf(group)).length === 4);
  assert.deepEqual(await versionsOf(group), [1, 2, 3, 4]);
});

test('operators see lag and failures of each group', async () => {
  const group = randomUUID();
  const boardId = await makeBoard(postgres.database);
  const lags = new Map<string, number>();
  let failures: readonly { group: string; state: string; count: number }[] = [];
  const first = consume(group, noting(group, () => true), {}, { tries: 1 });
  await started(group);
  await commit(boardId, 2);
  await until('they are parked', async () => (await listFailed(postgres.database, { group, state: 'parked', limit: 10 })).length === 2);
  await first.stop();
  consume(group, noting(group, () => true), { lag: (name, events) => { lags.set(name, events); }, failures: (counts) => { failures = counts; } });
  await until('they are told', () => lags.has(group) && failures.length > 0);
  assert.equal(lags.get(group), 0);
  assert.deepEqual(failures.filter((each) => each.group === group), [{ group, state: 'parked', count: 2 }]);
});

test('two consumers of one name are refused', () => {
  const consumers = new Consumers({ database: postgres.database, bus });
  const definition: ConsumerDefinition = { group: 'twin', topics: ['item-events'], from: 'now', afterParked: 'continue', in: 'outside', handle: () => Promise.resolve() };
  consumers.register(definition);
  assert.throws(() => { consumers.register(definition); }, /Two consumers call themselves twin/);
});
