/**
 * Sunday as the compose file runs it: two nodes for people and one for events, each a process, on one Postgres and one Redis, with the bus that is asked for.
 * Postgres knows which session is whose. People come in by doors that lead to a node that is there.
 */
import { connect } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { startRedis } from '@sunday/extension-fanout/testing';
import { openLine, type Line } from '../cable.ts';
import { pick } from '../random.ts';
import { freePort, SundayProcess } from '../sunday-process.ts';

const CONSUMING_SERVER = fileURLToPath(new URL('consuming-server.ts', import.meta.url));

export interface Bus {
  readonly kind: 'embedded' | 'redis' | 'kafka';
  readonly ordersTopics: boolean;
  /** How long what a dead worker had in hand stays with it: as short as the bus can bear on a busy machine. */
  readonly leaseMs: number;
  readonly env: Readonly<Record<string, string>>;
}

export interface Node {
  /** Of its sessions, in pg_stat_activity. */
  readonly name: string;
  /** Of its rows in the journal. */
  readonly id: string;
  readonly process: SundayProcess;
}

export interface Site {
  readonly database: TestDatabase;
  readonly nodes: readonly Node[];
  readonly worker: Node;
  /** One of those that are there. */
  someNode(): SundayProcess;
  /** As kill -9, at once; nobody is led there any more. */
  kill(node: Node): Promise<void>;
  start(node: Node): Promise<void>;
  door(): Promise<Line>;
  close(): Promise<void>;
}

/** @param next which node a connection leads to */
export async function openSite(bus: Bus, receiverUrl: (database: TestDatabase) => Promise<string>, next: () => number): Promise<Site> {
  const [database, redis, dataDir] = [await openTestDatabase(), await startRedis(), await mkdtemp(join(tmpdir(), 'sunday-delivery-'))];
  const make = async (name: string, roles: string, more: NodeJS.ProcessEnv, program?: string): Promise<Node> => {
    const url = new URL(database.connectionString);
    url.searchParams.set('application_name', name);
    const env = { DATABASE_URL: url.href, REDIS_URL: redis.url, SUNDAY_ROLES: roles, EVENT_BUS: bus.kind, SUNDAY_EVENT_LEASE_MS: String(bus.leaseMs), LOG_LEVEL: 'error', ...bus.env, ...more };
    const process = new SundayProcess(await freePort(), join(dataDir, name), env, program);
    return { name, id: `${hostname()}:${process.port}`, process };
  };
  const nodes = [await make('node-1', 'sync,api,relay', {}), await make('node-2', 'sync,api,relay', {})];
  const worker = await make('worker', 'relay,workers', { RECEIVER_URL: await receiverUrl(database) }, CONSUMING_SERVER);
  const there = new Set<Node>();
  const site: Site = {
    database, nodes, worker,
    someNode: () => pick([...there], next).process,
    async kill(node) {
      there.delete(node);
      await node.process.signal('SIGKILL');
    },
    async start(node) {
      await node.process.start();
      if (node !== worker) there.add(node);
    },
    door: () => openLine(() => (there.size === 0 ? null : connect(site.someNode().port, '127.0.0.1'))),
    async close() {
      await Promise.all([...nodes, worker].map(({ process }) => process.signal('SIGTERM')));
      await redis.close();
      await database.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all([...nodes, worker].map((node) => site.start(node)));
  } catch (error) {
    await site.close();
    throw error;
  }
  return site;
}
