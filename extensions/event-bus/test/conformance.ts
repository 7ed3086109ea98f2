/**
 * What every driver of the event bus has to do, as suites for node:test: what `event-bus.ts` promises, and the way from the outbox to consumers
 * over that driver, through deaths. A driver's test calls `eventBusConformance` with a database and a configuration.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '@sunday/board-model/testing/random';
import type { TestDatabase } from '@sunday/database/testing';
import { Consumers } from '../src/consumers.ts';
import { TOPICS, topicOf, type BoardEvent, type EphemeralEvent, type Topic } from '../src/envelope.ts';
import type { EventBus, SubscribeOptions, Subscription } from '../src/event-bus.ts';
import { openEventBus, type BusConfig } from '../src/open.ts';
import { Relay } from '../src/relay.ts';
import type { Role } from './bus-process.ts';
import { append, appendMany, makeBoard, until } from './support.ts';

export interface BusHarness {
  readonly postgres: TestDatabase;
  readonly config: BusConfig;
  /** The shortest a dead worker's boards may stay with it. */
  readonly leaseMs: number;
  /** Whether a board's order is kept between topics. */
  readonly ordersTopics: boolean;
  /** What carries the events goes down at once, and comes back. */
  readonly outage?: { begin(): Promise<void>; end(): Promise<void> };
  /** Puts something on the bus that nobody can read. */
  readonly junk?: () => Promise<void>;
  close(): Promise<void>;
}

const ITEM_AND_BOARD: readonly Topic[] = ['board-events', 'item-events'];
const PROCESS = fileURLToPath(new URL('bus-process.ts', import.meta.url));

export function eventBusConformance(name: string, openHarness: () => Promise<BusHarness>, options: { skip?: string | false; outage?: boolean; junk?: boolean } = {}): void {
  describe(`event bus: ${name}`, { skip: options.skip ?? false }, () => {
    let harness: BusHarness;
    const buses = new Set<EventBus>();
    const children = new Set<ChildProcess>();
    const drops: string[] = [];

    before(async () => {
      harness = await openHarness();
      await harness.postgres.database.query('CREATE TABLE effects (n bigserial, consumer_group text, event_id uuid, board_id uuid, version bigint)');
    });
    afterEach(async () => {
      for (const child of children) child.kill('SIGKILL');
      children.clear();
      await Promise.all([...buses].map((bus) => bus.close()));
      buses.clear();
    });
    after(() => harness.close());

    async function open(): Promise<EventBus> {
      const bus = await openEventBus(harness.config, { database: harness.postgres.database, limits: { leaseMs: harness.leaseMs }, observe: { count: (drop) => { drops.push(drop); } } });
      buses.add(bus);
      return bus;
    }

    /** As the relay does: again, until it is taken. */
    async function publish(bus: EventBus, events: readonly BoardEvent[]): Promise<void> {
      await until('the bus takes events', () => bus.publish([]).then(() => bus.publish(events)).then(() => true, () => false));
    }

    async function subscribe(bus: EventBus, group: string, more: Partial<SubscribeOptions> = {}): Promise<{ heard: BoardEvent[]; subscription: Subscription }> {
      const heard: BoardEvent[] = [];
      const subscription = bus.subscribe({
        group, topics: ITEM_AND_BOARD, from: 'beginning',
        deliver: (_boardId, events) => { heard.push(...events); return Promise.resolve(); },
        ...more,
      });
      await subscription.ready;
      return { heard, subscription };
    }

    /** Of these boards; one topic at a time where the driver orders no more. */
    function assertOrder(heard: readonly BoardEvent[], expected: readonly BoardEvent[]): void {
      const ids = new Set(expected.map(({ id }) => id));
      const seen = heard.filter(({ id }, index) => ids.has(id) && heard.findIndex((other) => other.id === id) === index);
      const lane = (event: BoardEvent): string => (harness.ordersTopics ? event.boardId : `${event.boardId} ${topicOf(event)}`);
      for (const key of new Set(expected.map(lane))) {
        assert.deepEqual(seen.filter((event) => lane(event) === key).map(({ version }) => version), expected.filter((event) => lane(event) === key).map(({ version }) => version));
      }
    }
    const has = (heard: readonly BoardEvent[], expected: readonly BoardEvent[]): boolean => {
      const ids = new Set(heard.map(({ id }) => id));
      return expected.every(({ id }) => ids.has(id));
    };

    test('every group gets every event of its topics, whole, in the order of the board', async () => {
      const { database } = harness.postgres;
      const bus = await open();
      const [all, items] = [await subscribe(bus, randomUUID()), await subscribe(bus, randomUUID(), { topics: ['item-events'] })];
      const [one, two] = [await makeBoard(database), await makeBoard(database)];
      const events = [
        ...await append(database, one, [{ type: 'BoardCreated', data: { name: 'Ünïcode \u{1f4a1}', nested: { list: [1, null, 'x'.repeat(20_000)] } } }, {}, { type: 'ColumnAdded' }, {}]),
        ...await append(database, two, [{}, { type: 'ItemMoved' }]),
      ];
      await publish(bus, events);
      await until('all have it', () => has(all.heard, events) && has(items.heard, events.filter((event) => topicOf(event) === 'item-events')));
      assert.deepEqual(all.heard.find(({ id }) => id === events[0]?.id), events[0]);
      assertOrder(all.heard, events);
      assert(items.heard.every((event) => topicOf(event) === 'item-events'));
    });

    test('2000 events of 20 boards, published in pieces, keep their order', async () => {
      const { database } = harness.postgres;
      const bus = await open();
      const { heard, subscription } = await subscribe(bus, randomUUID());
      const boards = await Promise.all(Array.from({ length: 20 }, async () => appendMany(database, await makeBoard(database), 100)));
      const pieces = Array.from({ length: 10 }, (_, piece) => boards.flatMap((events) => events.slice(piece * 10, piece * 10 + 10)));
      for (const piece of pieces) await publish(bus, piece);
      await until('all have arrived', () => has(heard, boards.flat()));
      assertOrder(heard, boards.flat());
      await until('nothing waits', async () => await subscription.lag() === 0);
    });

    test('a group that is away gets what was published meanwhile, and not again what it had', async () => {
      const { database } = harness.postgres;
      const bus = await open();
      const group = randomUUID();
      const first = await subscribe(bus, group);
      const boardId = await makeBoard(database);
      const before = await appendMany(database, boardId, 5);
      await publish(bus, before);
      await until('it has the first', () => has(first.heard, before));
      await first.subscription.stop();
      const meanwhile = await appendMany(database, boardId, 5);
      await publish(bus, meanwhile);
      const second = await subscribe(bus, group);
      await until('it has the others', () => has(second.heard, meanwhile));
      assert(before.every(({ id }) => !second.heard.some((event) => event.id === id)), 'a stop is graceful: nothing comes twice');
      assertOrder(second.heard, meanwhile);
    });

    test('a group from now on hears nothing older', async () => {
      const { database } = harness.postgres;
      const bus = await open();
      const boardId = await makeBoard(database);
      const older = await appendMany(database, boardId, 3);
      await publish(bus, older);
      const { heard } = await subscribe(bus, randomUUID(), { from: 'now' });
      const newer = [...await appendMany(database, boardId, 3), ...await appendMany(database, await makeBoard(database), 3)];
      await publish(bus, newer);
      await until('it has the newer', () => has(heard, newer));
      assert(heard.every(({ id }) => newer.some((event) => event.id === id)));
    });

    test('a delivery that fails is repeated, and counts as waiting; other boards go on meanwhile', async () => {
      const { database } = harness.postgres;
      const bus = await open();
      const [stuck, free] = [await makeBoard(database), await makeBoard(database)];
      let failing = true;
      const heard: BoardEvent[] = [];
      const { subscription } = await subscribe(bus, randomUUID(), {
        deliver: (boardId, events) => {
          if (failing && boardId === stuck) return Promise.reject(new Error('not now'));
          heard.push(...events);
          return Promise.resolve();
        },
      });
      const held = await appendMany(database, stuck, 3);
      await publish(bus, held);
      const others = await appendMany(database, free, 30);
      await publish(bus, others);
      await until('the other board went on', () => has(heard, others));
      assert(await subscription.lag() >= 3);
      assert(!heard.some((event) => event.boardId === stuck));
      failing = false;
      await until('the failed ones came', () => has(heard, held));
      assertOrder(heard, held);
    });

    test('two workers of a group share boards: nothing is missed, and no board is in two hands', async () => {
      const { database } = harness.postgres;
      const group = randomUUID();
      const inHand = new Set<string>();
      const heard: BoardEvent[] = [];
      let overlaps = 0;
      const deliver: SubscribeOptions['deliver'] = async (boardId, events) => {
        const key = harness.ordersTopics ? boardId : `${boardId} ${events.map(topicOf).join()}`;
        if (inHand.has(key)) overlaps++;
        inHand.add(key);
        await new Promise((resolve) => { setImmediate(resolve); });
        heard.push(...events);
        inHand.delete(key);
      };
      const [a, b] = [await open(), await open()];
      await Promise.all([subscribe(a, group, { deliver, topics: ['item-events'] }), subscribe(b, group, { deliver, topics: ['item-events'] })]);
      const boards = await Promise.all(Array.from({ length: 24 }, async () => appendMany(database, await makeBoard(database), 20)));
      for (let piece = 0; piece < 20; piece += 5) await publish(a, boards.flatMap((events) => events.slice(piece, piece + 5)));
      await until('all have arrived', () => has(heard, boards.flat()));
      assert.equal(overlaps, 0);
      assertOrder(heard, boards.flat());
    });

    test('joins and cursors reach who listens, and no group', async () => {
      const { database } = harness.postgres;
      const [a, b] = [await open(), harness.config.kind === 'embedded' ? undefined : await open()];
      const listening = b ?? a;
      const { heard } = await subscribe(a, randomUUID(), { topics: TOPICS });
      const seen: EphemeralEvent[] = [];
      const end = listening.onEphemeral((event) => { seen.push(event); });
      listening.onEphemeral(() => { throw new Error('a listener with a defect'); });
      assert.equal(listening.ephemeralIsHeard, true);
      const boardId = await makeBoard(database);
      const event = (type: string): EphemeralEvent => ({
        id: randomUUID(), type, aggregateId: boardId, aggregateType: 'board', boardId, data: { userId: 'ada' },
        metadata: { userId: 'ada', correlationId: null, causationId: null, source: 'socket', traceId: null }, timestamp: new Date().toISOString(),
      });
      const last = event('CursorMoved');
      await until('it is heard', () => {
        a.publishEphemeral(last);
        return seen.length > 0;
      });
      assert.deepEqual(seen[0], last);
      end();
      const [durable] = await appendMany(database, boardId, 1);
      assert(durable !== undefined);
      await publish(a, [durable]);
      await until('what is durable came', () => has(heard, [durable]));
      assert(heard.every(({ type }) => type !== 'CursorMoved'));
    });

    if (options.junk === true) {
      test('what cannot be read is counted and passed over', async () => {
        const { database } = harness.postgres;
        const bus = await open();
        const { heard } = await subscribe(bus, randomUUID());
        const counted = drops.length;
        await harness.junk?.();
        const events = await appendMany(database, await makeBoard(database), 3);
        await publish(bus, events);
        await until('what can be read came', () => has(heard, events));
        await until('it is counted', () => drops.slice(counted).includes('malformed'));
      });
    }

    if (options.outage === true) {
      test('while the bus is away publishing fails, nothing throws, and when it is back everything arrives', async () => {
        const { database } = harness.postgres;
        const bus = await open();
        const { heard } = await subscribe(bus, randomUUID());
        const boardId = await makeBoard(database);
        const before = await appendMany(database, boardId, 3);
        await publish(bus, before);
        await until('it flows', () => has(heard, before));
        await harness.outage?.begin();
        const during = await appendMany(database, boardId, 3);
        await assert.rejects(bus.publish(during));
        bus.publishEphemeral({ ...during[0] as BoardEvent });
        const late = bus.subscribe({ group: randomUUID(), topics: ITEM_AND_BOARD, from: 'beginning', deliver: () => Promise.resolve() });
        await harness.outage?.end();
        await publish(bus, during);
        await until('what was refused came', () => has(heard, during));
        assertOrder(heard, [...before, ...during]);
        await late.ready;
      });
    }

    function start(role: Omit<Role, 'url' | 'bus' | 'leaseMs'>): ChildProcess {
      const argument: Role = { ...role, url: harness.postgres.connectionString, bus: harness.config, leaseMs: harness.leaseMs };
      const child = spawn(process.execPath, ['--conditions=sunday-source', PROCESS, JSON.stringify(argument)], { stdio: ['ignore', 'pipe', 'inherit'] });
      children.add(child);
      return child;
    }
    /** In the order of their commits, near enough: of one board exactly. */
    const effectsOf = (group: string): Promise<{ event_id: string; board_id: string; version: string }[]> =>
      harness.postgres.database.query('SELECT event_id, board_id, version FROM effects WHERE consumer_group = $1 ORDER BY n', [group]);

    test('a worker killed between handling and commit: another goes on, and each event has its effect once, in order', async () => {
      const { database } = harness.postgres;
      const group = randomUUID();
      const boards = await Promise.all(Array.from({ length: 4 }, async () => appendMany(database, await makeBoard(database), 12)));
      const bus = await open();
      await publish(bus, boards.flat());
      const doomed = start({ role: 'worker', group, dieAt: 20 });
      const [code, signal] = await once(doomed, 'exit') as [number | null, string | null];
      assert.deepEqual([code, signal], [null, 'SIGKILL']);
      start({ role: 'worker', group });
      await publish(bus, boards.flat()); // a relay that died publishes again
      for (const events of boards) { // what comes last on each board: all repetitions are dealt with when it is
        const last = await appendMany(database, events[0]?.boardId ?? '', 1);
        events.push(...last);
        await publish(bus, last);
      }
      const ids = new Set(boards.flat().map(({ id }) => id));
      const mine = async (): ReturnType<typeof effectsOf> => (await effectsOf(group)).filter((row) => ids.has(row.event_id));
      await until('all have their effect', async () => (await mine()).length >= ids.size);
      const effects = await mine();
      assert.equal(new Set(effects.map((row) => row.event_id)).size, effects.length, 'none twice');
      for (const events of boards) {
        assert.deepEqual(effects.filter((row) => row.board_id === events[0]?.boardId).map((row) => Number(row.version)), events.map(({ version }) => version));
      }
    });

    test('two relays and two groups, one of each killed at random: every event once for every group, in order', async () => {
      const { database } = harness.postgres;
      const seed = randomInt(2 ** 31);
      const next = seededRandom(seed);
      const groups = [randomUUID(), randomUUID()];
      const bus = await open();
      const relay = new Relay({ database, bus, leaseMs: harness.leaseMs, sweepMs: 100 });
      const consumers = new Consumers({ database, bus });
      consumers.register({
        group: groups[0] ?? '', topics: ITEM_AND_BOARD, from: 'beginning', afterParked: 'continue', in: 'transaction',
        handle: async (event, tx) => {
          await tx.query('INSERT INTO effects (consumer_group, event_id, board_id, version) VALUES ($1, $2, $3, $4)', [groups[0], event.id, event.boardId, event.version]);
        },
      });
      relay.start();
      consumers.start();
      const roles: Omit<Role, 'url' | 'bus' | 'leaseMs'>[] = [{ role: 'relay' }, { role: 'worker', group: groups[1] ?? '' }];
      const running = roles.map(start);
      const boards = await Promise.all(Array.from({ length: 5 }, () => makeBoard(database)));
      const written: BoardEvent[] = [];
      for (let round = 0; round < 3; round++) {
        for (let n = 0; n < 40; n++) {
          const boardId = boards[Math.floor(next() * boards.length)] ?? '';
          written.push(...await append(database, boardId, [{ type: next() < 0.8 ? 'ItemUpdated' : 'ColumnUpdated', data: { n } }]));
          if (next() < 0.3) relay.wake([boardId]);
        }
        if (round === 0) await until('events flow to both', async () => (await Promise.all(groups.map(effectsOf))).every((rows) => rows.length > 0));
        const victim = Math.floor(next() * running.length);
        const role = roles[victim];
        if (role === undefined || round === 2) continue;
        running[victim]?.kill('SIGKILL');
        running[victim] = start(role);
      }
      const byId = new Map(written.map((event) => [event.id, event]));
      for (const group of groups) {
        // a group from the beginning also has what other tests published
        const mine = async (): Promise<BoardEvent[]> => (await effectsOf(group)).flatMap((row) => byId.get(row.event_id) ?? []);
        await until(`group has all (seed ${seed})`, async () => (await mine()).length >= written.length);
        const effects = await mine();
        assert.equal(effects.length, written.length, `none twice (seed ${seed})`);
        assert.equal(new Set(effects).size, written.length, `each once (seed ${seed})`);
        assertOrder(effects, written);
      }
      await Promise.all([consumers.stop(), relay.stop()]);
    });
  });
}
