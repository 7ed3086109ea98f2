/** A real Sunday server for the tests: its own process, started as `npm start` starts it, on a database of the test's own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, openTestDatabase, type TestDatabase } from '@sunday/database/testing';

const START = fileURLToPath(new URL('../../server/src/start.ts', import.meta.url));
const SECRET = 'only for tests: thirty-two bytes or more';

/** A JWT of this user, HS256. */
export function tokenFor(userId: string, lifetimeS = 3600): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: userId, name: userId.toUpperCase(), iat: now, exp: now + lifetimeS })}`;
  return `${body}.${createHmac('sha256', SECRET).update(body).digest('base64url')}`;
}

export interface Sunday {
  readonly url: string;
  readonly database: TestDatabase;
  start(): Promise<void>;
  /** kill -9, and waits until it is dead. */
  kill(): Promise<void>;
  call<T>(method: string, path: string, userId: string, body?: object): Promise<T>;
  /** A board of `owner` with these editors; its id. */
  board(owner: string, editors?: readonly string[]): Promise<string>;
}

export interface SundayOptions {
  /** Without a secret of the test's: people sign in by name, and `tokenFor` is of no use. */
  readonly devSignIn?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

export async function startSunday(t: { after(fn: () => Promise<void>): void }, { devSignIn = false, env = {} }: SundayOptions = {}): Promise<Sunday> {
  const database = await openTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'sunday-sdk-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  let output = '';

  const start = async (): Promise<void> => {
    const made = spawn(process.execPath, ['--conditions=sunday-source', START], {
      env: {
        ...process.env, PORT: String(port), HOST: '127.0.0.1', SUNDAY_DATA_DIR: dataDir, DATABASE_URL: database.connectionString, SUNDAY_JWT_SECRET: devSignIn ? '' : SECRET,
        LOG_LEVEL: 'warn', ...env
      },
      stdio: ['ignore', 'pipe', 'pipe']
    });
    child = made;
    for (const stream of [made.stdout, made.stderr]) stream.on('data', (chunk: Buffer) => { output = (output + chunk.toString()).slice(-4000); });
    for (;;) {
      if (made.exitCode !== null) throw new Error(`the server ended with ${made.exitCode}:\n${output}`);
      if (await fetch(`${url}/readyz`).then(({ ok }) => ok, () => false)) return;
      await new Promise((resolve) => { setTimeout(resolve, 30); });
    }
  };
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  const call = async <T>(method: string, path: string, userId: string, body?: object): Promise<T> => {
    const response = await fetch(`${url}/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${tokenFor(userId)}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {})
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  };
  t.after(async () => {
    await kill();
    await database.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  await start();
  return {
    url, database, start, kill, call,
    board: async (owner, editors = []) => {
      const columns = [{ id: 'size', type: 'number', title: 'Size' }, { id: 'notes', type: 'long_text', title: 'Notes' }, { id: 'votes', type: 'counter', title: 'Votes' }];
      const { id } = await call<{ id: string }>('POST', '/boards', owner, { name: 'Plan', columns });
      for (const userId of editors) await call('POST', `/boards/${id}/members`, owner, { userId, role: 'editor' });
      return id;
    }
  };
}
