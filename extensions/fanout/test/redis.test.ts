/** The Redis driver on real servers: the common suite on a single one and on a cluster, and what only a network does. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { untilWithin } from '@sunday/board-model/testing/until';
import { RedisFanout, type BoardMessage } from '../src/index.ts';
import { noRedis, startRedis, startRedisCluster, type TestRedis } from '../src/testing.ts';
import { fanoutConformance } from './conformance.ts';

const until = untilWithin(15_000);

const skip = noRedis();

for (const cluster of [false, true]) {
  fanoutConformance(cluster ? 'Redis Cluster, sharded pub/sub' : 'Redis', async () => {
    const redis = await startRedis({ cluster });
    return {
      make: (node) => new RedisFanout({ node, url: redis.url, cluster }),
      kill: (fanout) => {
        assert(fanout instanceof RedisFanout);
        fanout.abandon();
        return Promise.resolve();
      },
      sever: () => redis.stop(),
      restore: () => redis.start(),
      close: () => redis.close(),
    };
  }, { skip });
}

describe('fan-out over a Redis Cluster of three', { skip }, () => {
  const BOARDS = 30;
  let servers: readonly TestRedis[] = [];
  const running: RedisFanout[] = [];

  before(async () => { servers = await startRedisCluster(3); });
  after(async () => {
    await Promise.all(running.map((fanout) => fanout.stop()));
    await Promise.all(servers.map((server) => server.close()));
  });

  /** A node that keeps up: what it is told to look up, it looks up. */
  async function start(id: string, heads: ReadonlyMap<string, number>) {
    const fanout = new RedisFanout({ node: { id, epoch: 1 }, url: servers[0]?.url ?? '', cluster: true });
    running.push(fanout);
    const seen = new Map<string, number>();
    const heard = new Set<string>();
    const states: string[] = [];
    let dropped = 0;
    const look = (boardId: string): void => { seen.set(boardId, heads.get(boardId) ?? 0); };
    await fanout.start({
      message: (boardId, message) => {
        if (message.kind !== 'head') return;
        heard.add(`${boardId} ${message.seq}`);
        seen.set(boardId, Math.max(seen.get(boardId) ?? 0, message.seq));
      },
      missed: (boardId) => { for (const each of boardId === null ? heads.keys() : [boardId]) look(each); },
      state: (state) => { states.push(state); },
      dropped: () => { dropped += 1; },
    });
    return { fanout, seen, heard, states, dropped: () => dropped };
  }

  for (const which of ['one that the nodes hear each other on', 'another one'] as const) test(`boards have a channel on each server; one that dies and comes back, ${which}, costs time and loses nothing`, async (t) => {
    const heads = new Map<string, number>();
    const boardIds = Array.from({ length: BOARDS }, () => randomUUID());
    const [a, b] = [await start(`a of ${which}`, heads), await start(`b of ${which}`, heads)];
    for (const boardId of boardIds) for (const { fanout } of [a, b]) await fanout.open(boardId);
    let seq = 0;
    const publish = (): void => {
      seq += 1;
      for (const boardId of boardIds) {
        heads.set(boardId, seq);
        a.fanout.publish(boardId, { kind: 'head', seq });
      }
    };
    const flows = (): boolean => boardIds.every((boardId) => b.heard.has(`${boardId} ${seq}`));
    const caughtUp = (): boolean => boardIds.every((boardId) => b.seen.get(boardId) === seq);
    publish();
    await until('all boards are told', flows);

    const slot = Number(await servers[0]?.client.cluster('KEYSLOT', 'sunday:nodes'));
    const home = Math.min(2, Math.floor((slot * 3) / 16_384));
    const victim = servers[which === 'another one' ? (home + 1) % 3 : home];
    assert(victim !== undefined);
    await victim.stop();
    publish();
    await until('what goes to the dead one is not taken, and that nodes do not hear each other is noticed', () => a.dropped() > 0 && (which === 'another one' || b.fanout.state === 'degraded'));
    publish();
    const published = performance.now();
    if (which === 'another one') {
      await until('what its boards missed is looked up', caughtUp);
      t.diagnostic(`looked up ${(performance.now() - published).toFixed(0)} ms later; b was ${b.states.join(', ')}`);
    }
    await victim.start();
    const back = performance.now();
    await until('nothing is missing', caughtUp, 20_000);
    // Told, not looked up: every channel is subscribed to again.
    let round = 0;
    await until('all boards are told again', () => {
      if (++round % 40 === 1) publish();
      return flows();
    }, 30_000);
    t.diagnostic(`all channels work ${(performance.now() - back).toFixed(0)} ms after it is back; b was ${b.states.join(', ')}`);
    for (const { fanout } of [a, b]) for (const boardId of boardIds) fanout.close(boardId);
  });
});

describe('fan-out over a network that fails', { skip }, () => {
  let redis: TestRedis;
  const running: RedisFanout[] = [];

  before(async () => { redis = await startRedis(); });
  after(async () => {
    await Promise.all(running.map((fanout) => fanout.stop()));
    await redis.close();
  });

  async function start(id: string) {
    const fanout = new RedisFanout({ node: { id, epoch: 1 }, url: redis.url });
    running.push(fanout);
    const heard: BoardMessage[] = [];
    const missed: (string | null)[] = [];
    const drops: string[] = [];
    const troubles: string[] = [];
    await fanout.start({
      message: (_boardId, message) => { heard.push(structuredClone(message)); },
      missed: (boardId) => { missed.push(boardId); },
      dropped: (drop) => { drops.push(drop); },
      trouble: (what) => { troubles.push(what); },
    });
    return { fanout, heard, missed, drops, troubles };
  }

  for (const [which, moreMs] of [['goes on before its connections are left', 0], ['goes on about when they are', 700], ['goes on later', 4000]] as const) test(`a Redis that hangs with its connections open is noticed, costs no caller more than a moment, and is left for new ones: it ${which}`, async () => {
    const [a, b] = [await start(`hang-a${moreMs}`), await start(`hang-b${moreMs}`)];
    const boardId = randomUUID();
    await b.fanout.open(boardId);
    redis.freeze();
    await until('it is noticed', () => a.fanout.state === 'degraded' && b.fanout.state === 'degraded');
    const began = performance.now();
    await b.fanout.open(randomUUID());
    assert(performance.now() - began < 3_000);
    a.fanout.publish(boardId, { kind: 'head', seq: 4 });
    await new Promise((resolve) => { setTimeout(resolve, moreMs); }); // it hangs for longer
    redis.thaw();
    await until('it is well', () => a.fanout.state === 'ok' && b.fanout.state === 'ok');
    // Thawed before the connection was left, it brings everything; otherwise they are told.
    await until('nothing is lost in silence', () => b.missed.includes(null) || b.heard.some((message) => message.kind === 'head' && message.seq === 4));
    a.fanout.publish(boardId, { kind: 'head', seq: 5 });
    await until('messages flow', () => b.heard.some((message) => message.kind === 'head' && message.seq === 5));
  });

  test('what waits for a slow Redis is bounded, and the others are told what they may have missed', async () => {
    const [a, b] = [await start('slow-a'), await start('slow-b')];
    const boardId = randomUUID();
    await b.fanout.open(boardId);
    redis.freeze();
    const update = new Uint8Array(500_000);
    for (let seq = 1; seq <= 60; seq++) a.fanout.publish(boardId, { kind: 'batch', seq, update });
    const full = a.drops.filter((drop) => drop === 'full').length;
    assert(full >= 25 && full < 60, `${full} of 60 were not kept`);
    redis.thaw();
    await until('the others are told', () => b.missed.includes(null));
  });

  test('a node whose subscription alone is cut subscribes anew, and is told', async () => {
    const [a, b] = [await start('cut-a'), await start('cut-b')];
    const boardId = randomUUID();
    await b.fanout.open(boardId);
    const clients = String(await redis.client.client('LIST')).split('\n');
    for (const line of clients.filter((each) => each.includes('name=sunday-subscriber'))) {
      await redis.client.client('KILL', 'ID', Number(/^id=(\d+)/.exec(line)?.[1]));
    }
    await until('it was told', () => b.missed.includes(null));
    a.fanout.publish(boardId, { kind: 'head', seq: 1 });
    await until('messages flow', () => b.heard.length > 0);
  });

  test('a node starts without Redis, says so and why, and joins the others when it is there', async () => {
    const other = await startRedis();
    await other.stop();
    const states: string[] = [];
    const fanout = new RedisFanout({ node: { id: 'early', epoch: 1 }, url: other.url });
    const began = performance.now();
    await fanout.start({ message: () => undefined, missed: () => undefined, state: (state, reason) => { states.push(`${state}: ${reason}`); } });
    await fanout.open(randomUUID());
    assert(performance.now() - began < 5_000);
    assert.match(states.join(), /^degraded: connect ECONNREFUSED/);
    await other.start();
    await until('it is well', () => fanout.state === 'ok');
    await fanout.stop();
    await other.close();
  });

  test('a batch too large for pub/sub goes as its head', async () => {
    const [a, b] = [await start('large-a'), await start('large-b')];
    const boardId = randomUUID();
    await b.fanout.open(boardId);
    a.fanout.publish(boardId, { kind: 'batch', seq: 8, update: new Uint8Array(3_000_000) });
    await until('it is told', () => b.heard.length > 0);
    assert.deepEqual(b.heard, [{ kind: 'head', seq: 8 }]);
  });

  test('junk on a channel is counted and harms nobody; two nodes of one name are reported', async () => {
    const a = await start('junk');
    const boardId = randomUUID();
    await a.fanout.open(boardId);
    await redis.client.publish(`sunday:board:{${boardId}}`, Buffer.from([1, 0, 255, 255, 255]));
    await redis.client.publish(`sunday:nodes`, 'hello');
    await until('both are counted', () => a.drops.length === 2);
    assert.deepEqual(a.drops, ['malformed', 'malformed']);
    const twin = new RedisFanout({ node: { id: 'junk', epoch: 2 }, url: redis.url });
    running.push(twin);
    await twin.start({ message: () => undefined, missed: () => undefined });
    await until('it is said', () => a.troubles.length === 1);
    assert.match(a.troubles.join(), /another node calls itself junk/);
  });
});
