/** The documentation is right: a copied data dir is a backup, links lead somewhere, commands exist. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort, SundayProcess } from '../../server/test/sunday-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('a copy of the data dir of a stopped Sunday is a backup', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sunday-backup-'));
  await chmod(directory, 0o711); // as root, Postgres' own user must pass
  const running = new Set<SundayProcess>();
  t.after(async () => {
    await Promise.all([...running].map((sunday) => sunday.signal('SIGTERM')));
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  const start = async (dataDir: string): Promise<SundayProcess> => {
    const sunday = new SundayProcess(await freePort(), dataDir, { DATABASE_URL: '' });
    running.add(sunday);
    await sunday.start();
    return sunday;
  };

  const original = await start(join(directory, 'data'));
  const board = await original.call<{ id: string }>('POST', '/boards', 'ada', { name: 'Plan' });
  await original.call('POST', `/boards/${board.id}/items`, 'ada', { name: 'Before the copy' });
  assert.equal(await original.signal('SIGTERM'), 0);
  assert.equal(spawnSync('cp', ['-a', join(directory, 'data'), join(directory, 'copy')]).status, 0);

  const restored = await start(join(directory, 'copy'));
  const items = await restored.call<{ data: { name: string }[] }>('GET', `/boards/${board.id}/items`, 'ada');
  assert.deepEqual(items.data.map(({ name }) => name), ['Before the copy']);
});

const pages = globSync(['*.md', 'docs/**/*.md', '*/*.md', 'extensions/*/*.md'], { cwd: ROOT, exclude: (name) => name === 'node_modules' });
const anchorsOf = (text: string): Set<string> =>
  new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) => (title ?? '').toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')));

test('every link between the pages of the documentation leads somewhere', () => {
  const broken: string[] = [];
  for (const page of pages) {
    const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/```[^]*?```/g, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^\w+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#', 2);
      const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
      if (!existsSync(file)) broken.push(`${page}: ${target}`);
      else if (anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).has(anchor)) broken.push(`${page}: ${target}`);
    }
  }
  assert.ok(pages.length > 15);
  assert.deepEqual(broken, []);
});

test('every npm script the documentation names exists', () => {
  const scriptsOf = (folder: string): object => (JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as { scripts?: object }).scripts ?? {};
  const folderOf = (workspace: string): string => workspace.replace('@sunday/', '').replace(/^client$/, 'client-sdk').replace(/^extension-/, 'extensions/');
  let named = 0;
  for (const page of pages) {
    for (const [, script = '', workspace] of readFileSync(join(ROOT, page), 'utf8').matchAll(/npm run (?:--silent )?([\w:-]+)(?: -w (@sunday\/[\w-]+))?/g)) {
      const folder = workspace === undefined ? '.' : folderOf(workspace);
      assert.ok(script in scriptsOf(folder), `${page}: npm run ${script} -w ${workspace ?? '.'}`);
      named++;
    }
  }
  assert.ok(named > 3);
});
