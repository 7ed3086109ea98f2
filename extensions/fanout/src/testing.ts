/**
 * A real Redis for tests: Debian's redis-server on a free port of this machine, without persistence, stopped and started again at
 * the same address as the test likes. TEST_REDIS_SERVER names another binary.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '@sunday/database/testing';
import { Redis } from 'ioredis';

/** For a test that listens in on the channels. */
export { decodeFrame } from './frame.ts';

const READY_WITHIN_MS = 10_000;
const SLOTS = 16_384;

function redisServer(): string | undefined {
  const named = process.env['TEST_REDIS_SERVER'] ?? '';
  const places = named === '' ? (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'redis-server')) : [named];
  return places.find((path) => existsSync(path));
}

/** For a test's `skip`: the reason why Redis suites cannot run here, or `false`. With CI=true a missing redis-server throws instead. */
export function noRedis(): string | false {
  if (redisServer() !== undefined) return false;
  const reason = 'no redis-server (on Debian: apt-get install redis-server; or TEST_REDIS_SERVER=/path/to/it)';
  if (/^(1|true)$/.test(process.env['CI'] ?? '')) throw new Error(reason);
  return reason;
}

/** A server that is gone is noticed in a second, and the others go on without its slots. */
const CLUSTER_ARGS = [
  '--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no',
];

/** As far as this server knows of it, the cluster works. */
async function wholeCluster(client: Redis): Promise<void> {
  while (!(await client.cluster('INFO')).includes('cluster_state:ok')) await new Promise((resolve) => { setTimeout(resolve, 20); });
}

export interface TestRedis {
  readonly url: string;
  /** A client of the test's own; made anew after each start. */
  readonly client: Redis;
  start(): Promise<void>;
  /** At once, as a crash. */
  stop(): Promise<void>;
  /** It stands still with its connections open, as a host that hangs; and goes on. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

interface RedisOptions {
  /** A cluster of this server alone. */
  readonly cluster?: boolean;
  /** Which of a cluster's slots it has; all, unless it says otherwise. */
  readonly slots?: readonly [first: number, last: number];
}

export async function startRedis({ cluster = false, slots = [0, SLOTS - 1] }: RedisOptions = {}): Promise<TestRedis> {
  const binary = redisServer();
  if (binary === undefined) throw new Error('no redis-server');
  const directory = await mkdtemp(join(tmpdir(), 'sunday-redis-'));
  const port = await freePort();
  let child: ChildProcess | null = null;
  let client: Redis | null = null;
  // A test process that ends early leaves nothing behind.
  const onExit = (): void => { child?.kill('SIGKILL'); };
  process.once('exit', onExit);

  const redis: TestRedis = {
    url: `redis://127.0.0.1:${port}`,
    get client() {
      if (client === null) throw new Error('Redis is stopped');
      return client;
    },
    async start() {
      const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', directory, '--logfile', ''];
      child = spawn(binary, cluster ? [...args, ...CLUSTER_ARGS] : args, { stdio: 'ignore' });
      const started = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null });
      started.on('error', () => undefined);
      const deadline = setTimeout(() => { started.disconnect(); }, READY_WITHIN_MS);
      await started.ping();
      clearTimeout(deadline);
      client = started;
      if (!cluster) return;
      if ((await started.cluster('INFO')).includes('cluster_slots_assigned:0')) await started.call('CLUSTER', 'ADDSLOTSRANGE', ...slots.map(String));
      await wholeCluster(started);
    },
    async stop() {
      client?.disconnect();
      client = null;
      const running = child;
      child = null;
      if (running === null || running.exitCode !== null || running.signalCode !== null) return;
      const gone = once(running, 'exit');
      running.kill('SIGKILL');
      await gone;
    },
    freeze() { child?.kill('SIGSTOP'); },
    thaw() { child?.kill('SIGCONT'); },
    async close() {
      await redis.stop();
      process.off('exit', onExit);
      await rm(directory, { recursive: true, force: true });
    },
  };
  await redis.start();
  return redis;
}

/** A Redis Cluster of so many servers, each with an equal part of the slots and no replica. */
export async function startRedisCluster(count: number): Promise<readonly TestRedis[]> {
  const bound = (index: number): number => Math.floor((SLOTS * index) / count);
  const servers: TestRedis[] = [];
  for (let index = 0; index < count; index += 1) servers.push(await startRedis({ cluster: true, slots: [bound(index), bound(index + 1) - 1] }));
  const [first, ...others] = servers;
  for (const { url } of others) await first?.client.cluster('MEET', '127.0.0.1', Number(new URL(url).port));
  for (const { client } of servers) {
    while (!(await client.cluster('INFO')).includes(`cluster_size:${count}`)) await new Promise((resolve) => { setTimeout(resolve, 20); });
    await wholeCluster(client);
  }
  return servers;
}
