/**
 * Three Sunday nodes as an operator runs them, each a process, on a Postgres and a Redis of their own, with a cable on every way
 * between them; and a balancer in front, with health checks, through a line of its own for each person.
 */
import { connect, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPrivateServer, type PrivateServer } from '@sunday/database/testing';
import { startRedis, type TestRedis } from '@sunday/extension-fanout/testing';
import { cable, openLine, type Cable, type Line } from '../cable.ts';
import { freePort, SundayProcess } from '../sunday-process.ts';

/** The machine is busy, and Postgres may be away while a node is told to stop: what is at stake here is that it loses nothing. */
const GRACE_MS = 60_000;
/** As often as a balancer asks; a node that does not answer in time gets no new connections. */
const HEALTH_EVERY_MS = 250;
const HEALTH_TIMEOUT_MS = 1_000;

export interface Node {
  readonly name: string;
  readonly process: SundayProcess;
  readonly toPostgres: Cable;
  readonly toRedis: Cable;
}

export class Cluster {
  readonly postgres: PrivateServer;
  readonly redis: TestRedis;
  readonly nodes: readonly Node[];
  private readonly healthy = new Set<Node>();
  private readonly dataDir: string;
  private readonly next: () => number;
  private readonly watch: NodeJS.Timeout;

  private constructor(parts: { postgres: PrivateServer; redis: TestRedis; nodes: readonly Node[]; dataDir: string; next: () => number }) {
    ({ postgres: this.postgres, redis: this.redis, nodes: this.nodes, dataDir: this.dataDir, next: this.next } = parts);
    this.watch = setInterval(() => { for (const node of this.nodes) void this.examine(node); }, HEALTH_EVERY_MS);
  }

  /** @param next what the balancer throws its dice with */
  static async start(count: number, next: () => number): Promise<Cluster> {
    const [postgres, redis] = [await startPrivateServer(), await startRedis()];
    const dataDir = await mkdtemp(join(tmpdir(), 'sunday-chaos-'));
    const nodes = await Promise.all(Array.from({ length: count }, async (_, index): Promise<Node> => {
      const [toPostgres, toRedis] = [await cable(postgres.url), await cable(redis.url)];
      const env = { DATABASE_URL: toPostgres.url, REDIS_URL: toRedis.url, LOG_LEVEL: 'error', SUNDAY_SHUTDOWN_GRACE_MS: String(GRACE_MS) };
      return { name: `node ${index + 1}`, process: new SundayProcess(await freePort(), join(dataDir, String(index)), env), toPostgres, toRedis };
    }));
    const cluster = new Cluster({ postgres, redis, nodes, dataDir, next });
    try {
      await Promise.all(nodes.map((node) => node.process.start()));
      await Promise.all(nodes.map((node) => cluster.examine(node)));
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  private async examine(node: Node): Promise<void> {
    const answer = await fetch(`${node.process.url}/readyz`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) }).catch(() => null);
    if (answer?.ok === true) this.healthy.add(node);
    else this.healthy.delete(node);
  }

  /** Whether the balancer sends people to it. */
  serves(name: string): boolean {
    return [...this.healthy].some((node) => node.name === name);
  }

  /** A person's own way in: each new connection leads to a healthy node. */
  door(): Promise<Line> {
    return openLine(() => this.dial());
  }

  private dial(): Socket | null {
    const [...healthy] = this.healthy;
    const node = healthy[Math.floor(this.next() * healthy.length)];
    return node === undefined ? null : connect(node.process.port, '127.0.0.1');
  }

  async close(): Promise<void> {
    clearInterval(this.watch);
    // Each drains; Postgres stays until all are gone.
    for (const { process } of this.nodes) process.stand(false);
    await Promise.all(this.nodes.map(({ process }) => process.signal('SIGTERM')));
    await Promise.all(this.nodes.flatMap(({ toPostgres, toRedis }) => [toPostgres.close(), toRedis.close()]));
    await this.redis.close();
    await this.postgres.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
