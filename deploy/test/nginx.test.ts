/** A node as docker-compose.yml configures it, behind the real nginx with the real configuration file. Needs nginx. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { parse } from 'yaml';
import * as Y from 'yjs';
import { freePort, SundayProcess, token } from '../../server/test/sunday-process.ts';

const file = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const NGINX = ['/usr/sbin/nginx', 'nginx'].find((path) => spawnSync(path, ['-v']).status === 0);
const WITHOUT = NGINX === undefined ? 'no nginx (on Debian: apt-get install nginx-light)' : false;
const WAIT_MS = 20_000;

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

suite('Sunday behind nginx, as deployed', { skip: WITHOUT }, () => {
  let opened: TestDatabase;
  let directory: string;
  let sunday: SundayProcess;
  let nginx: ChildProcess;
  let edge: string;

  before(async () => {
    opened = await openTestDatabase();
    directory = await mkdtemp(join(tmpdir(), 'sunday-nginx-'));
    await chmod(directory, 0o777); // nginx's workers are another user's when it is started by root
    const { services } = parse(await file('docker-compose.yml')) as { services: { sunday: { environment: Record<string, string> } } };
    // What the file takes from the operator is given here; the rest is as written.
    const given = { HOST: '127.0.0.1', DATABASE_URL: opened.connectionString, SUNDAY_PUBLIC_URL: 'https://boards.example.com', SUNDAY_TRUST_PROXY: '1', LOG_LEVEL: 'info' };
    const written = Object.entries(services.sunday.environment).filter(([, value]) => !value.includes('$'));
    const port = await freePort();
    sunday = new SundayProcess(port, join(directory, 'unused'), { ...Object.fromEntries(written), ...given, PORT: String(port) });
    const edgePort = await freePort();
    edge = `http://127.0.0.1:${edgePort}`;
    const config = (await file('deploy/nginx.conf'))
      .replace('server sunday:3000;', `server 127.0.0.1:${port};`)
      .replace('listen 8080;', `listen 127.0.0.1:${edgePort};`)
      .replaceAll('/tmp/', `${directory}/`)
      .replace('/dev/stdout', join(directory, 'access.log'));
    await writeFile(join(directory, 'nginx.conf'), config);
    await sunday.start();
    nginx = spawn(NGINX ?? '', ['-c', join(directory, 'nginx.conf'), '-e', 'stderr', '-g', 'daemon off;'], { stdio: ['ignore', 'ignore', 'inherit'] });
    await until('nginx answers', () => fetch(`${edge}/readyz`).then(({ ok }) => ok, () => false));
  });

  after(async () => {
    const ended = once(nginx, 'exit');
    nginx.kill('SIGQUIT');
    nginx.kill('SIGTERM');
    await ended;
    await sunday.signal('SIGKILL');
    await opened.close();
    await rm(directory, { recursive: true, force: true });
  });

  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${edge}/v1${path}`, {
      method, headers: { authorization: `Bearer ${await token('ada')}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, `${method} ${path}: ${response.status}`);
    return (await response.json()) as T;
  };

  test('production signs nobody in by name, and metrics stay inside', async () => {
    assert.equal((await fetch(`${edge}/v1/dev/sessions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"Ada"}' })).ok, false);
    assert.equal((await fetch(`${edge}/metrics`)).status, 404);
    assert.equal((await fetch(`${sunday.url}/metrics`)).status, 200);
  });

  test('two people edit one board through it, and an edit of one reaches the other', async () => {
    const board = await call<{ id: string }>('POST', '/boards', { name: 'Behind nginx' });
    const people = await Promise.all([0, 1].map(async () => {
      const websocketProvider = new HocuspocusProviderWebsocket({ url: `${edge.replace('http', 'ws')}/sync` });
      const document = new Y.Doc();
      const provider = new HocuspocusProvider({ websocketProvider, name: board.id, document, token: await token('ada') });
      provider.attach();
      return { document, provider, close: () => { provider.destroy(); websocketProvider.destroy(); } };
    }));
    const [one, two] = people;
    assert.ok(one !== undefined && two !== undefined);
    try {
      await until('both are in sync', () => people.every(({ provider }) => provider.isSynced));
      one.document.getText('text:a:b').insert(0, 'hello');
      await until('it is acknowledged', () => !one.provider.hasUnsyncedChanges);
      await until('it arrives', () => two.document.getText('text:a:b').toJSON() === 'hello');
    } finally {
      for (const person of people) person.close();
    }
  });

  test('a token in an address is in no log', async () => {
    const secret = await token('ada');
    await fetch(`${edge}/yjs/00000000-0000-4000-8000-000000000000?token=${secret}`);
    const accessLog = (): Promise<string> => readFile(join(directory, 'access.log'), 'utf8');
    await until('nginx logged it', async () => (await accessLog()).includes('/yjs/'));
    assert.equal((await accessLog()).includes(secret), false);
    assert.equal(sunday.log.includes(secret), false);
  });

  test('SIGTERM ends it with 0 within its grace period', async () => {
    // Past it, the server would give up and end with 1.
    assert.equal(await sunday.signal('SIGTERM'), 0);
  });
});
