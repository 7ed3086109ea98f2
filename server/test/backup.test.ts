/**
 * What the operators' guide says of backups, line by line, on a Postgres as Debian has it, which is also the oldest that tests run on: a dump while people
 * edit, everything dropped and restored, and pages that were open all the while. Needs Debian's package `postgresql`. And what happens if that is done under a node that runs.
 */
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { asColumnId, asItemId, createItem, longText, readItem, updateItem } from '@sunday/board-model';
import { freePort, openTestDatabase, postgresUser, spawnAs } from '@sunday/database/testing';
import { stock, until } from './stock-clients.ts';
import { SundayProcess, token } from './sunday-process.ts';

const DEBIAN = '/usr/lib/postgresql';

/** Of the newest that is installed. */
function binaries(): string | undefined {
  try {
    const [newest] = readdirSync(DEBIAN).map(Number).filter(Number.isInteger).toSorted((a, b) => b - a);
    return newest === undefined ? undefined : join(DEBIAN, String(newest), 'bin');
  } catch {
    return undefined;
  }
}

const BIN = binaries();

function noPostgres(): string | false {
  if (BIN !== undefined) return false;
  const reason = `no Postgres in ${DEBIAN} (on Debian: apt-get install postgresql)`;
  if (/^(1|true)$/.test(process.env['CI'] ?? '')) throw new Error(reason);
  return reason;
}

interface Server {
  readonly databaseUrl: string;
  /** One of Postgres' programs, with the connection's options. */
  run(program: string, ...args: string[]): Promise<void>;
}

async function startDebianPostgres(t: TestContext): Promise<Server> {
  const bin = BIN ?? '';
  const user = postgresUser();
  const identity = spawnAs(user);
  const directory = await mkdtemp(join(tmpdir(), 'sunday-debian-pg-'));
  if (!user.isSelf) chownSync(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  const port = String(await freePort());
  assert.equal(spawnSync(join(bin, 'initdb'), ['-D', data, '-U', 'sunday', '-A', 'trust', '--no-locale', '-E', 'UTF8'], { ...identity, cwd: directory, stdio: 'ignore' }).status, 0);
  const child = spawn(join(bin, 'postgres'), ['-D', data, '-p', port, '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${directory}`], { ...identity, cwd: directory, stdio: 'ignore' });
  t.after(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    await ended;
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  const run = async (program: string, ...args: string[]): Promise<void> => {
    await promisify(execFile)(join(bin, program), ['--host=127.0.0.1', `--port=${port}`, '--username=sunday', ...args]);
  };
  await until('Postgres answers', () => run('pg_isready').then(() => true, () => false));
  await run('createdb', 'sunday');
  return { databaseUrl: `postgres://sunday@127.0.0.1:${port}/sunday`, run };
}

test('a dump that was made while people edit is restored, and a page that was open all the while sends what it lacks', { skip: noPostgres() }, async (t) => {
  const postgres = await startDebianPostgres(t);
  const directory = await mkdtemp(join(tmpdir(), 'sunday-backup-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const dump = join(directory, 'sunday.dump');
  const sunday = new SundayProcess(await freePort(), directory, { DATABASE_URL: postgres.databaseUrl });
  t.after(() => sunday.signal('SIGTERM'));
  await sunday.start();
  const board = await sunday.call<{ id: string }>('POST', '/boards', 'ann', { name: 'Kept', columns: [{ id: 'notes', title: 'Notes', type: 'long_text' }] });

  const page = stock(sunday.url, board.id, await token('ann'));
  t.after(() => { page.close(); });
  await until('the page has the board', () => page.provider.synced);
  const saved = (): Promise<number> => until('the page says that all is saved', () => page.provider.synced && !page.provider.hasUnsyncedChanges);
  const ann = { userId: 'ann' };
  const [before, meanwhile, after] = [asItemId('before'), asItemId('meanwhile'), asItemId('after')];
  createItem(page.doc, { id: before, name: 'before the dump' }, ann);
  longText(page.doc, before, asColumnId('notes')).insert(0, 'kept');
  await saved();
  const typing = setInterval(() => { updateItem(page.doc, before, { name: `at ${Date.now()}` }, ann); }, 5);
  t.after(() => { clearInterval(typing); });
  await postgres.run('pg_dump', '--format=custom', `--file=${dump}`, 'sunday');
  clearInterval(typing);
  createItem(page.doc, { id: meanwhile, name: 'after the dump' }, ann);
  updateItem(page.doc, before, { name: 'renamed after the dump' }, ann);
  await saved();

  assert.equal(await sunday.signal('SIGTERM'), 0);
  await postgres.run('dropdb', '--force', 'sunday');
  await postgres.run('createdb', 'sunday');
  await postgres.run('pg_restore', '--dbname=sunday', dump);
  createItem(page.doc, { id: after, name: 'while it was away' }, ann);
  await sunday.start();

  await saved();
  const names = async (): Promise<string[]> =>
    (await sunday.call<{ data: { name: string }[] }>('GET', `/boards/${board.id}/items`, 'ann')).data.map(({ name }) => name).toSorted();
  assert.deepEqual(await names(), ['after the dump', 'renamed after the dump', 'while it was away']);
  const fresh = stock(sunday.url, board.id, await token('ann'));
  t.after(() => { fresh.close(); });
  await until('a new page has the board', () => fresh.provider.synced);
  assert.deepEqual([before, meanwhile, after].map((id) => readItem(fresh.doc, id)?.name), ['renamed after the dump', 'after the dump', 'while it was away']);
  assert.equal(longText(fresh.doc, before, asColumnId('notes')).toJSON(), 'kept');
  assert.deepEqual(sunday.trouble, []);
});

test('a database that went back under a node: nothing is called saved, the node says so, and once it is started anew pages send what was lost', async (t) => {
  const database = await openTestDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'sunday-set-back-'));
  const sunday = new SundayProcess(await freePort(), directory, { DATABASE_URL: database.connectionString });
  t.after(async () => {
    await sunday.signal('SIGTERM');
    await rm(directory, { recursive: true, force: true });
    await database.close();
  });
  await sunday.start();
  const board = await sunday.call<{ id: string }>('POST', '/boards', 'ann', { name: 'Set back' });
  const page = stock(sunday.url, board.id, await token('ann'));
  t.after(() => { page.close(); });
  const isSaved = (): boolean => page.provider.synced && !page.provider.hasUnsyncedChanges;
  await until('the page has the board', isSaved);
  for (const name of ['one', 'two', 'three']) {
    createItem(page.doc, { id: asItemId(name), name }, { userId: 'ann' });
    await until('it is saved', isSaved);
  }
  // As a copy that lagged by the last two.
  await database.database.transaction(async (tx) => {
    await tx.query(`DELETE FROM board_events WHERE board_id = $1 AND data->>'name' IN ('two', 'three')`, [board.id]);
    await tx.query(`DELETE FROM items WHERE board_id = $1 AND name IN ('two', 'three')`, [board.id]);
    await tx.query('DELETE FROM board_updates WHERE board_id = $1 AND seq > (SELECT seq FROM board_heads WHERE board_id = $1) - 2', [board.id]);
    await tx.query('UPDATE board_heads SET seq = seq - 2, event_version = (SELECT coalesce(max(version), 0) FROM board_events WHERE board_id = $1) WHERE board_id = $1', [board.id]);
  });
  createItem(page.doc, { id: asItemId('four'), name: 'four' }, { userId: 'ann' });
  await until('the node says so', async () => /^postgres: degraded \(refuses/m.test(await (await fetch(`${sunday.url}/readyz`)).text()));
  assert.equal(isSaved(), false);
  assert(sunday.trouble.length > 0 && sunday.trouble.every((line) => line.includes('Restart all nodes')), sunday.trouble.join('\n'));

  await sunday.signal('SIGKILL');
  await sunday.start();
  await until('all is saved', isSaved);
  const { data } = await sunday.call<{ data: { name: string }[] }>('GET', `/boards/${board.id}/items`, 'ann');
  assert.deepEqual(data.map(({ name }) => name), ['one', 'two', 'three', 'four']);
});
