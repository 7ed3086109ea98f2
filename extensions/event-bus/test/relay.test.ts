/** The outbox relay on a real Postgres, with a bus that the test holds in its hand. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { createAnnouncer, EVENTS_CHANNEL, parseNotification, Relay, type BoardEvent, type EventBus, type OutboxLag } from '../src/index.ts';
import { appendMany, makeBoard, until } from './support.ts';

let postgres: TestDatabase;
const relays = new Set<Relay>();
before(async () => { postgres = await openTestDatabase(); });
afterEach(async () => {
  await Promise.all([...relays].map((relay) => relay.stop()));
  relays.clear();
});
after(() => postgres.close());

/** Takes what it is given, unless `refuse` throws or waits. */
function bus(refuse: (events: readonly BoardEvent[]) => void | Promise<void> = () => undefined): EventBus & { readonly taken: BoardEvent[] } {
  const taken: BoardEvent[] = [];
  return {
    kind: 'embedded', ephemeralIsHeard: false, state: 'ok', taken,
    publish: async (events) => {
      await refuse(events);
      taken.push(...events);
    },
    subscribe: () => { throw new Error('nobody subscribes here'); },
    publishEphemeral: () => undefined, onEphemeral: () => () => undefined, close: () => Promise.resolve(),
  };
}

function relay(to: EventBus, more: { sweepMs?: number; leaseMs?: number; lag?: (lag: OutboxLag) => void } = {}): Relay {
  const made = new Relay({ database: postgres.another(), bus: to, sweepMs: more.sweepMs ?? 60_000, ...(more.leaseMs === undefined ? {} : { leaseMs: more.leaseMs }), observe: more.lag === undefined ? {} : { lag: more.lag } });
  made.start();
  relays.add(made);
  return made;
}
const versions = (events: readonly BoardEvent[], boardId: string): number[] => events.filter((event) => event.boardId === boardId).map(({ version }) => version);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const drained = async (): Promise<void> => { await until('nothing waits', async () => (await postgres.database.query('SELECT FROM board_heads h LEFT JOIN outbox o USING (board_id) WHERE h.event_version > coalesce(o.relayed, 0)')).length === 0); };

const listens = async (): Promise<void> => {
  await until('it listens', async () => (await postgres.database.query("SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN%sunday_events%' AND datname = current_database()")).length > 0);
};

test('what is appended by the database itself (a deleted board) is published at once, in order and whole, however many events it has', async () => {
  const to = bus();
  relay(to);
  await listens();
  const boardId = await makeBoard(postgres.database);
  const events = await appendMany(postgres.database, boardId, 450);
  await until('published', () => to.taken.length >= 450);
  assert.deepEqual(to.taken, events);
});

test('boards that commit together are announced together, to whoever listens', async () => {
  const heard: string[] = [];
  const unlisten = await postgres.another().listen(EVENTS_CHANNEL, (payload) => { heard.push(payload); });
  const announcer = createAnnouncer({ database: postgres.database });
  const boardIds = [await makeBoard(postgres.database), await makeBoard(postgres.database), await makeBoard(postgres.database)];
  for (const boardId of [...boardIds, ...boardIds]) announcer.announce(boardId);
  await until('it is heard', () => heard.length > 0);
  assert.deepEqual(heard.map(parseNotification), [{ from: '', boardIds }]);
  announcer.close();
  await unlisten();
});

test('what nobody announced is found by the sweep, and the lag tells of it until then', async () => {
  await drained();
  const boardId = await makeBoard(postgres.database);
  await appendMany(postgres.database, boardId, 3);
  const lags: OutboxLag[] = [];
  let open = false;
  const to = bus(() => { if (!open) throw new Error('away'); });
  relay(to, { sweepMs: 50, lag: (lag) => { lags.push(lag); } });
  await until('the lag is told', () => lags.length > 0);
  assert.deepEqual([lags[0]?.boards, lags[0]?.events], [1, 3]);
  assert((lags[0]?.oldestSeconds ?? 0) > 0);
  open = true;
  await until('published', () => versions(to.taken, boardId).length === 3);
  await until('no lag', () => lags.at(-1)?.events === 0);
});

test('two relays share the boards: each event is published once, by whichever, in order', async () => {
  const to = bus();
  const [a, b] = [relay(to), relay(to)];
  const boards = await Promise.all(Array.from({ length: 30 }, () => makeBoard(postgres.database)));
  for (let round = 0; round < 5; round++) {
    await Promise.all(boards.map((boardId) => appendMany(postgres.database, boardId, 4)));
    a.wake(boards);
    b.wake(boards);
  }
  await until('all are published', () => boards.every((boardId) => versions(to.taken, boardId).length >= 20));
  for (const boardId of boards) assert.deepEqual(versions(to.taken, boardId), numbers(20));
});

test('a board whose events the bus refuses does not hold up the others', async () => {
  const [bad, ...good] = await Promise.all(Array.from({ length: 10 }, () => makeBoard(postgres.database)));
  let refusing = true;
  const to = bus((events) => { if (refusing && events.some(({ boardId }) => boardId === bad)) throw new Error('refused'); });
  const one = relay(to);
  const all = [bad ?? '', ...good];
  await Promise.all(all.map((boardId) => appendMany(postgres.database, boardId, 2)));
  one.wake(all);
  await until('the others are published', () => good.every((boardId) => versions(to.taken, boardId).length === 2));
  refusing = false;
  await until('then that one', () => versions(to.taken, bad ?? '').length === 2);
});

test('a relay that hangs while publishing loses the board to another, and can then note nothing', async () => {
  const boardId = await makeBoard(postgres.database);
  let release: () => void = () => undefined;
  const hanging = new Promise<void>((resolve) => { release = resolve; });
  const slow = relay(bus(() => hanging), { leaseMs: 300 });
  await appendMany(postgres.database, boardId, 2);
  slow.wake([boardId]);
  await until('it has the board', async () => (await postgres.database.query('SELECT FROM outbox WHERE board_id = $1 AND claimed_by IS NOT NULL', [boardId])).length === 1);
  const to = bus();
  relay(to).wake([boardId]);
  await until('the other published', () => versions(to.taken, boardId).length === 2);
  await appendMany(postgres.database, boardId, 1);
  relay(to).wake([boardId]);
  await until('and goes on', () => versions(to.taken, boardId).length === 3);
  release();
  await slow.stop();
  relays.delete(slow);
  const [row] = await postgres.database.query<{ relayed: string }>('SELECT relayed FROM outbox WHERE board_id = $1', [boardId]);
  assert.equal(Number(row?.relayed), 3);
});

test('a relay at work on a board never makes its commits wait, nor waits for one', async () => {
  const boardId = await makeBoard(postgres.database);
  await appendMany(postgres.database, boardId, 3);
  let release: () => void = () => undefined;
  const hanging = new Promise<void>((resolve) => { release = resolve; });
  const slow = relay(bus(() => hanging));
  slow.wake([boardId]);
  await until('it has the board', async () => (await postgres.database.query('SELECT FROM outbox WHERE board_id = $1 AND claimed_by IS NOT NULL', [boardId])).length === 1);
  await postgres.database.transaction(async (tx) => {
    await tx.query("SET LOCAL lock_timeout = '50ms'");
    await tx.query('UPDATE board_heads SET seq = seq + 1 WHERE board_id = $1', [boardId]); // the lock of every commit
    const to = bus();
    const other = await makeBoard(postgres.database);
    await appendMany(postgres.database, other, 1);
    relay(to).wake([other, boardId]);
    await until('another board is published meanwhile', () => versions(to.taken, other).length === 1);
  });
  release();
});

test('stopped in the middle and started again, a relay goes on where the last one noted', async () => {
  const boardId = await makeBoard(postgres.database);
  const to = bus();
  for (let life = 0; life < 4; life++) {
    await appendMany(postgres.database, boardId, 5);
    const one = relay(to);
    one.wake([boardId]);
    await until('published', () => versions(to.taken, boardId).length === (life + 1) * 5);
    await one.stop();
    relays.delete(one);
  }
  assert.deepEqual(versions(to.taken, boardId), numbers(20));
});
