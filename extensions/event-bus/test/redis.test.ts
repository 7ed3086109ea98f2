/** The Redis driver on real servers: the common suite on a single one and on a cluster, and what only a Redis can do: be full, and forget. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { noRedis, startRedis, type TestRedis } from '@sunday/extension-fanout/testing';
import { BusFull, busMemory, Consumers, RedisBus, Relay, type BoardEvent } from '../src/index.ts';
import { Scripts, SHARDS, streamKey } from '../src/redis-scripts.ts';
import { eventBusConformance } from './conformance.ts';
import { append, appendMany, makeBoard, until } from './support.ts';

const skip = noRedis();
const LEASE_MS = 1_000;

eventBusConformance('Redis', async () => {
  const [postgres, redis] = [await openTestDatabase(), await startRedis()];
  return {
    postgres, config: { kind: 'redis', url: redis.url }, leaseMs: LEASE_MS, ordersTopics: true,
    outage: { begin: () => redis.stop(), end: () => redis.start() },
    junk: async () => { for (let shard = 0; shard < SHARDS; shard++) await redis.client.xadd(streamKey(shard), '*', 't', 'item-events', 'e', '{"not": "an event"}'); },
    close: async () => {
      await redis.close();
      await postgres.close();
    },
  };
}, { skip, outage: true, junk: true });

describe('event bus over Redis', { skip }, () => {
  let postgres: TestDatabase;
  let redis: TestRedis;
  before(async () => { [postgres, redis] = [await openTestDatabase(), await startRedis()]; });
  after(async () => {
    await redis.close();
    await postgres.close();
  });

  const open = (more: { url?: string; cluster?: boolean; maxStreamLength?: number } = {}): RedisBus =>
    new RedisBus({ url: redis.url, ...more, memory: busMemory(postgres.database, 'redis', 3_600_000), settleMs: 0, limits: { leaseMs: LEASE_MS, ...(more.maxStreamLength === undefined ? {} : { maxStreamLength: more.maxStreamLength }) } });
  const length = async (): Promise<number> => {
    const lengths = await Promise.all(Array.from({ length: SHARDS }, (_, shard) => redis.client.xlen(streamKey(shard))));
    return lengths.reduce((sum, each) => sum + each, 0);
  };

  test('what every group has is trimmed; what one of them has not, stays, and a full stream refuses more instead of losing it', async () => {
    const bus = open({ maxStreamLength: 50 });
    const quick = bus.subscribe({ group: 'quick', topics: ['item-events'], from: 'beginning', deliver: () => Promise.resolve() });
    let stuck = true;
    const slow = bus.subscribe({ group: 'slow', topics: ['item-events'], from: 'beginning', deliver: () => (stuck ? Promise.reject(new Error('not now')) : Promise.resolve()) });
    await Promise.all([quick.ready, slow.ready]);
    const events = await appendMany(postgres.database, await makeBoard(postgres.database), 60);
    await until('published', () => bus.publish([]).then(() => bus.publish(events), () => undefined).then(() => true));
    await until('the quick one is done', async () => await quick.lag() === 0);
    await assert.rejects(bus.publish(events), BusFull);
    assert.equal(await length(), 60);
    stuck = false;
    await until('trimmed', async () => await length() <= 1);
    await bus.publish(events);
    await bus.close();
  });

  test('a Redis that comes back empty loses no event: the outbox publishes the last hour again, and consumers drop what they had', async () => {
    const { database } = postgres;
    await database.query('CREATE TABLE seen (event_id uuid)');
    const bus = open();
    const relay = new Relay({ database, bus, sweepMs: 100 });
    const consumers = new Consumers({ database, bus });
    consumers.register({
      group: 'forgetful', topics: ['item-events'], from: 'beginning', afterParked: 'continue', in: 'transaction',
      handle: async ({ id }, tx) => { await tx.query('INSERT INTO seen (event_id) VALUES ($1)', [id]); },
    });
    relay.start();
    consumers.start();
    const boardId = await makeBoard(database);
    const count = async (): Promise<number> => (await database.query('SELECT FROM seen')).length;
    const already = (await database.query('SELECT FROM board_events')).length;
    const before = await appendMany(database, boardId, 5);
    await until('handled', async () => await count() === already + before.length);
    await consumers.stop();
    // Goes on all the time: what only that one has had may be trimmed, as far as Redis knows.
    const quick = new Set<string>();
    const others = new Consumers({ database, bus });
    others.register({ group: 'quick-one', topics: ['item-events'], from: 'now', afterParked: 'continue', in: 'transaction', handle: ({ id }) => { quick.add(id); return Promise.resolve(); } });
    others.start();
    await until('it is known', async () => (await database.query("SELECT FROM consumer_groups WHERE consumer_group = 'quick-one'")).length === 1);
    const unseen = await appendMany(database, boardId, 5);
    await until('on the bus', async () => (await relay.lag()).events === 0);
    await until('the quick one has them', () => unseen.every(({ id }) => quick.has(id)));
    await redis.stop(); // and with it the five that nobody has read
    await redis.start();
    const anew = bus.subscribe({ group: 'quick-one', topics: ['item-events'], from: 'beginning', deliver: () => Promise.resolve() });
    await until('published again, and taken by those who are there', async () => (await relay.lag()).events === 0 && await length() > 0 && await anew.lag() === 0);
    const scripts = new Scripts(redis.client);
    for (let shard = 0; shard < SHARDS; shard++) await scripts.trim(shard, 0);
    const again = new Consumers({ database, bus });
    again.register({
      group: 'forgetful', topics: ['item-events'], from: 'now', afterParked: 'continue', in: 'transaction',
      handle: async ({ id }, tx) => { await tx.query('INSERT INTO seen (event_id) VALUES ($1)', [id]); },
    });
    again.start();
    await until('the unseen are handled', async () => await count() >= already + before.length + unseen.length);
    await until('nothing waits', async () => (await relay.lag()).events === 0);
    const rows = await database.query<{ event_id: string }>('SELECT event_id FROM seen');
    assert.equal(new Set(rows.map((row) => row.event_id)).size, rows.length, 'each once');
    await Promise.all([again.stop(), others.stop(), anew.stop(), relay.stop()]);
    await bus.close();
  });

  test('on a cluster events flow the same way', async () => {
    const cluster = await startRedis({ cluster: true });
    const bus = open({ url: cluster.url, cluster: true });
    const heard: BoardEvent[] = [];
    const { ready } = bus.subscribe({ group: randomUUID(), topics: ['item-events'], from: 'now', deliver: (_board, events) => { heard.push(...events); return Promise.resolve(); } });
    await ready;
    const events = await append(postgres.database, await makeBoard(postgres.database), [{}, {}, {}]);
    await until('published', () => bus.publish([]).then(() => bus.publish(events)).then(() => true, () => false));
    await until('all came', () => heard.length === 3);
    assert.deepEqual(heard, events);
    await bus.close();
    await cluster.close();
  });
});
