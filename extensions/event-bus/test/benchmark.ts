/**
 * How fast events travel, on this machine: `npm run benchmark -w @sunday/extension-event-bus [-- embedded redis kafka]`. Reports, fails never.
 *
 * - throughput: 20 000 committed events of 200 boards, from the outbox to the bus, and from the bus through a consumer that notes each in its transaction;
 * - latency: 100 events/s on 50 boards for ten seconds, open loop (the time an event was meant to be committed counts as its start only for the lateness that
 *   is reported beside it), from the end of the commit to the beginning of its handling.
 *
 * One process on one core: committing, relay and consumer are in the figures. A Postgres of its own with fsync, a Redis and a Kafka of their own on the same machine.
 */
import { randomUUID } from 'node:crypto';
import { cpus, loadavg } from 'node:os';
import { createHistogram } from 'node:perf_hooks';
import { openTestDatabase } from '@sunday/database/testing';
import { noRedis, startRedis } from '@sunday/extension-fanout/testing';
import { Consumers, createAnnouncer, openEventBus, Relay, type BusConfig, type EventBus } from '../src/index.ts';
import { noKafka, startKafka } from './kafka-broker.ts';
import { append, makeBoard, until } from './support.ts';
import type { Database } from '@sunday/database';

const BOARDS = 200;
const EVENTS_A_BOARD = 100;
const RATE = 100;
const SECONDS = 10;
const LIVE_BOARDS = 50;

const commit = { name: 'commit', text: "SELECT append_board_event($1, $2, 'ItemUpdated', 'item', 'item-1', $3, 'ada', 'rest')" };

const say = (line: string): void => { process.stdout.write(`${line}\n`); };
const perSecond = (count: number, ms: number): string => `${Math.round(count / ms * 1000)}/s`;

async function target(kind: string): Promise<{ config: BusConfig; close: () => Promise<void> } | string> {
  switch (kind) {
    case 'embedded':
      return { config: { kind }, close: () => Promise.resolve() };
    case 'redis': {
      const missing = noRedis();
      if (missing !== false) return missing;
      const redis = await startRedis();
      return { config: { kind, url: redis.url }, close: () => redis.close() };
    }
    case 'kafka': {
      const missing = noKafka();
      if (missing !== false) return missing;
      const kafka = await startKafka();
      return { config: { kind, brokers: kafka.brokers }, close: () => kafka.close() };
    }
    default:
      return 'there is no such driver';
  }
}

async function throughput(database: Database, bus: EventBus): Promise<string> {
  const data = { changes: { status: { before: { labelId: 'todo' }, after: { labelId: 'done' } } } };
  for (let board = 0; board < BOARDS; board++) await append(database, await makeBoard(database), Array.from({ length: EVENTS_A_BOARD }, () => ({ data })));
  const total = BOARDS * EVENTS_A_BOARD;
  let published = 0;
  let began = performance.now();
  const relay = new Relay({ database, bus, observe: { published: (events) => { published += events; } } });
  relay.start();
  await until('all are published', () => published >= total);
  const relayed = performance.now() - began;
  await relay.stop();
  let handled = 0;
  const consumers = new Consumers({ database, bus, observe: { handled: (_group, events) => { handled += events; } } });
  consumers.register({ group: 'throughput', topics: ['item-events'], from: 'beginning', afterParked: 'continue', in: 'transaction', handle: () => Promise.resolve() });
  began = performance.now();
  consumers.start();
  await until('all are handled', () => handled >= total);
  const consumed = performance.now() - began;
  await consumers.stop();
  return `outbox → bus ${perSecond(total, relayed)}; bus → consumer ${perSecond(total, consumed)}`;
}

async function latency(database: Database, committing: Database, bus: EventBus): Promise<string> {
  const boards = await Promise.all(Array.from({ length: LIVE_BOARDS }, () => makeBoard(database)));
  const committed = new Map<string, number>();
  const early = new Map<string, number>();
  const [took, late] = [createHistogram(), createHistogram()];
  const record = (from: number, to: number): void => { took.record(Math.max(1, Math.round((to - from) * 1000))); };
  const relay = new Relay({ database, bus });
  const consumers = new Consumers({ database, bus });
  consumers.register({
    group: 'latency', topics: ['item-events'], from: 'now', afterParked: 'continue', in: 'transaction',
    handle: ({ id }) => {
      const [from, now] = [committed.get(id), performance.now()];
      if (from === undefined) early.set(id, now); // before the commit's own answer was read
      else record(from, now);
      return Promise.resolve();
    },
  });
  relay.start();
  consumers.start();
  await until('the group is there', async () => (await database.query("SELECT FROM consumer_groups WHERE consumer_group = 'latency'")).length === 1);
  const announcer = createAnnouncer({ database, wake: (boardIds) => { relay.wake(boardIds); } });
  const began = performance.now();
  const commits: Promise<void>[] = [];
  for (let n = 0; n < RATE * SECONDS; n++) {
    const intended = began + n / RATE * 1000;
    const wait = intended - performance.now();
    if (wait > 0) await new Promise((resolve) => { setTimeout(resolve, wait); });
    late.record(Math.max(1, Math.round((performance.now() - intended) * 1000)));
    const boardId = boards[n % boards.length] ?? '';
    const id = randomUUID();
    commits.push(committing.query(commit, [boardId, id, { n }]).then(() => {
      const now = performance.now();
      announcer.announce(boardId);
      const seen = early.get(id);
      if (seen === undefined) committed.set(id, now);
      else record(now, now);
    }));
  }
  await Promise.all(commits);
  await until('all have arrived', () => took.count >= RATE * SECONDS);
  await Promise.all([consumers.stop(), relay.stop()]);
  announcer.close();
  const ms = (percentile: number): string => (took.percentile(percentile) / 1000).toFixed(1);
  return `commit → consumer p50 ${ms(50)} ms, p99 ${ms(99)} ms, max ${(took.max / 1000).toFixed(1)} ms (generator late p99 ${(late.percentile(99) / 1000).toFixed(1)} ms)`;
}

const asked = process.argv.slice(2);
say(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}, load ${loadavg()[0]?.toFixed(1)} at the start`);
for (const kind of asked.length > 0 ? asked : ['embedded', 'redis', 'kafka']) {
  const chosen = await target(kind);
  if (typeof chosen === 'string') {
    say(`${kind}: not measured: ${chosen}`);
    continue;
  }
  const postgres = await openTestDatabase();
  const bus = await openEventBus(chosen.config, { database: postgres.database });
  await until('the bus is there', () => bus.publish([]).then(() => true, () => false));
  say(`${kind}: ${await throughput(postgres.database, bus)}`);
  say(`${kind}: ${await latency(postgres.database, postgres.another(), bus)}`);
  await bus.close();
  await postgres.close();
  await chosen.close();
}
