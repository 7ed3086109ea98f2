import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Fastify, { type FastifyInstance } from 'fastify';
import { installProblems } from './problem.ts';
import { installWebApp } from './web-app.ts';

let parent: string;
let app: FastifyInstance;
let url: string;

before(async () => {
  parent = await mkdtemp(join(tmpdir(), 'sunday-web-'));
  const dist = join(parent, 'dist');
  await mkdir(join(dist, 'assets'), { recursive: true });
  await writeFile(join(dist, 'index.html'), '<!doctype html>the app');
  await writeFile(join(dist, 'assets', 'app-1a2b.js'), 'run()');
  await writeFile(join(parent, 'secret.txt'), 'secret');
  app = Fastify();
  installProblems(app);
  await installWebApp(app, dist);
  url = await app.listen({ port: 0 });
});
after(async () => {
  await app.close();
  await rm(parent, { recursive: true, force: true });
});

const get = (path: string, accept = 'text/html') => fetch(`${url}${path}`, { headers: { accept } });

test('every page address is the app, never cached; hashed files are cached for ever', async () => {
  for (const path of ['/', '/boards/1', '/some/deep/page?x=1']) {
    const page = await get(path);
    assert.deepEqual([page.status, await page.text(), page.headers.get('cache-control')], [200, '<!doctype html>the app', 'no-cache'], path);
  }
  const script = await get('/assets/app-1a2b.js', '*/*');
  assert.match(script.headers.get('content-type') ?? '', /javascript/);
  assert.match(script.headers.get('cache-control') ?? '', /immutable/);
});

test('what is not there is a problem, not the app, for programs and for files', async () => {
  for (const [path, accept] of [['/v1/nothing', 'text/html'], ['/assets/gone.js', 'text/html'], ['/boards/1', 'application/json'], ['/sync', 'text/html']] as const) {
    const missing = await get(path, accept);
    assert.deepEqual([missing.status, ((await missing.json()) as { code: string }).code], [404, 'not_found'], path);
  }
});

test('nothing outside the build is served', async () => {
  for (const path of ['/../secret.txt', '/%2e%2e/secret.txt', '/assets/..%2f..%2fsecret.txt', '/assets/%2e%2e/%2e%2e/secret.txt']) {
    assert.doesNotMatch(await (await get(path, '*/*')).text(), /^secret/, path);
  }
});

test('without a build the page says so, and a build that comes later is found', async () => {
  const dist = join(parent, 'later');
  await mkdir(dist);
  const early = Fastify();
  await installWebApp(early, dist);
  try {
    const address = await early.listen({ port: 0 });
    assert.equal((await fetch(address)).status, 503);
    await writeFile(join(dist, 'index.html'), 'built');
    assert.equal(await (await fetch(address)).text(), 'built');
  } finally {
    await early.close();
  }
});
