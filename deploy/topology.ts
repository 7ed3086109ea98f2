/**
 * The nodes of docker-compose.yml as plain processes on this machine, for tests, load and a look: sync nodes and a worker node over one
 * Postgres and one Redis, behind nginx. What the compose file says of a node's environment, and deploy/nginx.conf, are taken as they are;
 * only addresses and what an operator has to give are filled in.
 *
 *   npm run topology                two sync nodes
 *   npm run topology -- --nodes 4   more of them
 *
 * Needs redis-server and nginx (on Debian: apt-get install redis-server nginx-light). Everything is thrown away at the end: for data that
 * lasts, run the compose file, or the server. Owns all the processes it starts; they end with it.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openTestDatabase } from '@sunday/database/testing';
import { noRedis, startRedis } from '@sunday/extension-fanout/testing';
import { parse } from 'yaml';
import { freePort, SundayProcess, token } from '../server/test/sunday-process.ts';

const NGINX_READY_WITHIN_MS = 10_000;

export interface Topology {
  /** nginx: where people reach it. */
  readonly url: string;
  /** `sync,api`, as sunday-1 of the compose file. */
  readonly nodes: readonly SundayProcess[];
  /** `relay,workers`. */
  readonly worker: SundayProcess;
  /** What nginx has logged so far, of requests and of trouble. */
  nginxLog(): Promise<string>;
  close(): Promise<void>;
}

export interface TopologyOptions {
  /** Sync nodes; 2. */
  readonly nodes?: number;
  /** For every node, over what the compose file says. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ones that are there; otherwise a Postgres and a Redis are started with it, and thrown away. */
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
}

const nginxBinary = (): string | undefined => ['/usr/sbin/nginx', 'nginx'].find((path) => spawnSync(path, ['-v']).status === 0);

/** For a test's `skip`: why the topology cannot be started here, or `false`. */
export function noTopology(): string | false {
  return nginxBinary() === undefined ? 'no nginx (on Debian: apt-get install nginx-light)' : noRedis();
}

const repository = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The environment of a service of docker-compose.yml, without what the operator gives. */
async function writtenEnvironment(service: string): Promise<Record<string, string>> {
  const compose = parse(await readFile(repository('docker-compose.yml'), 'utf8'), { merge: true }) as { services: Record<string, { environment?: Record<string, string> }> };
  const environment = compose.services[service]?.environment ?? {};
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => !value.includes('$')));
}

/** deploy/nginx.conf for these nodes, listening on a port of this machine, writing into `directory`. */
export async function nginxConfig(nodes: readonly { readonly port: number }[], port: number, directory: string): Promise<string> {
  const text = await readFile(repository('deploy/nginx.conf'), 'utf8');
  const servers = text.replaceAll(/(?:^ *server sunday-\d+:3000.*\n)+/gm, (lines) => {
    const [line = ''] = lines.split('\n');
    return nodes.map((node) => `${line.replace(/sunday-\d+:3000/, `127.0.0.1:${node.port}`)}\n`).join('');
  });
  return servers.replace('listen 8080;', `listen 127.0.0.1:${port};`).replaceAll('/tmp/', `${directory}/`).replace('/dev/stdout', join(directory, 'access.log'));
}

async function startNginx(nodes: readonly SundayProcess[], directory: string): Promise<{ readonly url: string; readonly child: ChildProcess; readonly trouble: () => string }> {
  const port = await freePort();
  const file = join(directory, 'nginx.conf');
  await writeFile(file, await nginxConfig(nodes, port, directory));
  const nginx = nginxBinary() ?? 'nginx';
  const { status, stderr } = spawnSync(nginx, ['-t', '-c', file, '-e', 'stderr'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`deploy/nginx.conf is not taken by nginx -t: ${stderr}`);
  const child = spawn(nginx, ['-c', file, '-e', 'stderr', '-g', 'daemon off;'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let trouble = '';
  child.stderr.on('data', (chunk: Buffer) => { trouble += chunk.toString(); });
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + NGINX_READY_WITHIN_MS;
  while (!(await fetch(`${url}/readyz`).then(({ ok }) => ok, () => false))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`nginx does not answer at ${url}: ${trouble}`);
    }
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  return { url, child, trouble: () => trouble };
}

export async function startTopology({ nodes: count = 2, env = {}, databaseUrl, redisUrl }: TopologyOptions = {}): Promise<Topology> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (let end = closers.pop(); end !== undefined; end = closers.pop()) await end();
  };
  try {
    const directory = await mkdtemp(join(tmpdir(), 'sunday-topology-'));
    closers.push(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
    await chmod(directory, 0o777); // nginx's workers are another user's when it is started by root
    const opened = async <T extends { close(): Promise<unknown> }>(opening: Promise<T>): Promise<T> => {
      const open = await opening;
      closers.push(() => open.close());
      return open;
    };
    const DATABASE_URL = databaseUrl ?? (await opened(openTestDatabase())).connectionString;
    const REDIS_URL = redisUrl ?? (await opened(startRedis())).url;

    const given = { HOST: '127.0.0.1', DATABASE_URL, REDIS_URL, SUNDAY_PUBLIC_URL: 'https://boards.example.com', SUNDAY_TRUST_PROXY: '1', LOG_LEVEL: 'info', ...env };
    const start = async (service: string): Promise<SundayProcess> => {
      const port = await freePort();
      const sunday = new SundayProcess(port, join(directory, 'unused'), { ...(await writtenEnvironment(service)), ...given, PORT: String(port) });
      closers.push(() => sunday.signal('SIGKILL'));
      await sunday.start();
      return sunday;
    };
    const [worker, ...nodes] = await Promise.all([start('worker'), ...Array.from({ length: count }, () => start('sunday-1'))]);
    const { url, child, trouble } = await startNginx(nodes, directory);
    closers.push(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    });
    return { url, nodes, worker, nginxLog: async () => (await readFile(join(directory, 'access.log'), 'utf8')) + trouble(), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function main(): Promise<void> {
  const missing = noTopology();
  if (missing !== false) throw new Error(missing);
  const { values } = parseArgs({ options: { nodes: { type: 'string', default: '2' } } });
  const topology = await startTopology({ nodes: Number(values.nodes) });
  const say = (line: string): void => { process.stdout.write(`${line}\n`); };
  say(`Sunday is at ${topology.url} (nginx), its nodes at ${topology.nodes.map(({ url }) => url).join(' and ')}, a worker node at ${topology.worker.url}.`);
  say(`A token of Ada, for two hours: ${await token('ada', { name: 'Ada' })}`);
  say('Ctrl+C ends and removes all of it.');
  await new Promise<void>((resolve) => { for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { resolve(); }); });
  await topology.close();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
