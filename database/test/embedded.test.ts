import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { lstatSync } from 'node:fs';
import { chown, cp, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { connectRunning, DatabaseSetupError, openDatabase, type DatabaseSetupCode } from '../src/index.ts';
import { findBinaries, prepareBinaries } from '../src/embedded/binaries.ts';
import { postgresUser } from '../src/embedded/os-user.ts';
import { isPostmasterOf, readPostmasterFile } from '../src/embedded/postmaster-file.ts';
import { startOwner, temporaryDataDir, until } from './support.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
/** An ordinary user that every Unix has: initdb wants an entry in /etc/passwd. */
const DAEMON = 1;

const refusedWith = (code: DatabaseSetupCode, saying: RegExp) => (error: unknown): boolean => {
  assert.ok(error instanceof DatabaseSetupError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, saying);
  return true;
};

const valueOf = async <T>(database: { query<Row>(sql: string): Promise<Row[]> }, sql: string): Promise<T | undefined> =>
  (await database.query<{ value: T }>(sql))[0]?.value;

suite('embedded Postgres', () => {
  test('a command reaches the server that runs on a data dir, and starts none where none runs', async (t) => {
    const dataDir = await temporaryDataDir(t);
    assert.equal(connectRunning({ dataDir }), undefined);
    const owner = await openDatabase({ dataDir });
    const command = connectRunning({ dataDir });
    assert.ok(command !== undefined);
    assert.equal(await valueOf(command, 'SELECT current_database() AS value'), 'sunday');
    await command.close();
    assert.equal(await valueOf(owner, 'SELECT 1 AS value'), 1, 'its end is not the end of the server');
    await owner.close();
    assert.equal(connectRunning({ dataDir }), undefined);
  });

  test('a first start makes a durable server without a port and says what it does; a stop leaves nothing running', async (t) => {
    const dataDir = await temporaryDataDir(t);
    const said: string[] = [];
    const database = await openDatabase({ dataDir, onStatus: (status) => said.push(status) });
    const pid = database.serverPid ?? 0;
    assert.match(said.join('\n'), /Creating the database[\s\S]*schema up to date: 0001_/);
    for (const [name, wanted] of Object.entries({ fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on', listen_addresses: '', data_checksums: 'on' })) {
      assert.equal(await valueOf(database, `SELECT current_setting('${name}') AS value`), wanted, name);
    }
    assert.equal(await valueOf(database, `SELECT current_setting('lock_timeout') AS value`), '5s');
    assert.equal(await valueOf(database, `SELECT current_setting('idle_in_transaction_session_timeout') AS value`), '30s');
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
    if (status !== undefined) assert.equal(/^Uid:\s+(\d+)/m.exec(status)?.[1], String(isRoot ? NOBODY : process.getuid?.()), 'the server does not run as root');
    assert.equal((await stat(join(dataDir, 'postgres'))).mode & 0o077, 0, 'only its own user may look into the cluster');
    await database.query('CREATE TABLE kept (n int)');
    await database.close();
    assert.equal(isPostmasterOf(join(dataDir, 'postgres'), pid), false);
    assert.equal(readPostmasterFile(join(dataDir, 'postgres')), undefined, 'a clean shutdown');

    const again = await openDatabase({ dataDir });
    assert.deepEqual(await again.query('SELECT * FROM kept'), []);
    await again.close();
  });

  test('a postmaster killed by -9 comes back by itself, and everything committed is there', async (t) => {
    const dataDir = await temporaryDataDir(t);
    const writer = startOwner(t, [dataDir, 'write']);
    for (let round = 1; round <= 3; round++) {
      const before = writer.lines.length;
      await until('some commits', () => writer.lines.length > before + 50);
      const file = readPostmasterFile(join(dataDir, 'postgres'));
      assert.ok(file);
      process.kill(file.pid, 'SIGKILL');
      await until('another postmaster', () => (readPostmasterFile(join(dataDir, 'postgres'))?.pid ?? file.pid) !== file.pid);
    }
    const after = writer.lines.length;
    await until('commits after the last kill', () => writer.lines.length > after + 50);
    await writer.kill('SIGKILL');
    const committed = writer.lines.filter((line) => line.startsWith('committed ')).map((line) => Number(line.slice('committed '.length)));
    const database = await openDatabase({ dataDir });
    const kept = new Set((await database.query<{ n: number }>('SELECT n FROM written')).map(({ n }) => n));
    await database.close();
    assert.deepEqual(committed.filter((n) => !kept.has(n)), []);
    assert.equal(writer.errors(), '');
  });

  test('a server that survived its owner is taken over, not started anew; while it has an owner nobody else gets it', async (t) => {
    const dataDir = await temporaryDataDir(t);
    const owner = startOwner(t, [dataDir, 'hold']);
    const pid = Number((await owner.line(/^open /)).slice('open '.length));

    await assert.rejects(openDatabase({ dataDir }), refusedWith('data_dir_in_use', new RegExp(`process id ${owner.process.pid}.*SUNDAY_DATA_DIR`)));
    assert.equal(readPostmasterFile(join(dataDir, 'postgres'))?.pid, pid, 'the refused process left the server alone');

    await owner.kill('SIGKILL');
    assert.equal(isPostmasterOf(join(dataDir, 'postgres'), pid), true, 'the server outlives its owner');
    const said: string[] = [];
    const heir = await openDatabase({ dataDir, onStatus: (status) => said.push(status) });
    assert.equal(heir.serverPid, pid);
    assert.match(said.join('\n'), /took it over/);

    // an adopted server is no child of ours, and is restarted and stopped all the same
    process.kill(pid, 'SIGKILL');
    await until('the adopted server to be replaced', () => heir.serverPid !== undefined && heir.serverPid !== pid && heir.up);
    assert.equal(await valueOf(heir, 'SELECT 1 AS value'), 1);
    const last = heir.serverPid ?? 0;
    await heir.close();
    assert.equal(isPostmasterOf(join(dataDir, 'postgres'), last), false);
  });

  test('two processes that start at once on a new data dir: one gets it, the other is told so', async (t) => {
    const dataDir = await temporaryDataDir(t);
    const both = [startOwner(t, [dataDir, 'hold']), startOwner(t, [dataDir, 'hold'])];
    const outcomes = await Promise.all(both.map((owner) => owner.line(/^(?:open|error) /)));
    assert.deepEqual(new Set(outcomes.map((line) => line.split(' ')[0])), new Set(['error', 'open']));
    assert.match(outcomes.find((line) => line.startsWith('error')) ?? '', /data_dir_in_use/);
    both.find((_, index) => outcomes[index]?.startsWith('open') === true)?.process.stdin?.end();
    await until('the owner to close', () => both.some((owner) => owner.lines.includes('closed')));
  });

  test('a postmaster.pid left by a crash of the machine is no obstacle, though its process id is somebody else\'s now', async (t) => {
    const dataDir = await temporaryDataDir(t);
    await (await openDatabase({ dataDir })).close();
    const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    t.after(() => bystander.kill('SIGKILL'));
    const file = join(dataDir, 'postgres', 'postmaster.pid');
    await writeFile(file, `${bystander.pid}\n${join(dataDir, 'postgres')}\n1700000000\n5432\n${join(dataDir, 'postgres')}\n\n  5432001 999999\nready   \n`);
    const owner = await stat(join(dataDir, 'postgres'));
    await chown(file, owner.uid, owner.gid);
    const database = await openDatabase({ dataDir });
    assert.equal(await valueOf(database, 'SELECT 1 AS value'), 1);
    await database.close();
    assert.equal(bystander.exitCode, null, 'the bystander was left alone');
  });

  test('a path too long for a Unix socket works through a private directory with a short name', async (t) => {
    const dataDir = join(await temporaryDataDir(t), 'x'.repeat(120));
    const database = await openDatabase({ dataDir });
    const directory = await valueOf<string>(database, `SELECT current_setting('unix_socket_directories') AS value`);
    assert.ok(directory !== undefined && directory.length < 107);
    assert.equal((await stat(directory)).mode & 0o077, 0);
    await database.close();
    await assert.rejects(stat(directory), /ENOENT/, 'nothing is left in /tmp');
  });

  test('a data dir of a newer Postgres, of something else, or of no use: each is said clearly', async (t) => {
    const dataDir = await temporaryDataDir(t);
    const cluster = join(dataDir, 'postgres');
    await mkdir(cluster);
    await writeFile(join(cluster, 'holiday.jpg'), '');
    await assert.rejects(openDatabase({ dataDir }), refusedWith('data_dir_foreign', /not a Postgres database/));
    await rename(join(cluster, 'holiday.jpg'), join(cluster, 'PG_VERSION'));
    await writeFile(join(cluster, 'PG_VERSION'), '19\n');
    await assert.rejects(openDatabase({ dataDir }), refusedWith('data_dir_version', /made by Postgres 19.*brings Postgres 18.*newer Sunday/));
    await writeFile(join(cluster, 'PG_VERSION'), '17\n');
    await assert.rejects(openDatabase({ dataDir }), refusedWith('data_dir_version', /pg_dump/));
    await writeFile(join(dataDir, 'a-file'), '');
    await assert.rejects(openDatabase({ dataDir: join(dataDir, 'a-file', 'below') }), refusedWith('data_dir_unreachable', /SUNDAY_DATA_DIR/));
  });

  test('a server that cannot start says why, from its own log', async (t) => {
    const dataDir = await temporaryDataDir(t);
    await (await openDatabase({ dataDir })).close();
    await writeFile(join(dataDir, 'postgres', 'postgresql.conf'), 'no_such_setting = 1\n');
    await assert.rejects(openDatabase({ dataDir }), refusedWith('start_failed', /no_such_setting/));
  });

  test('a platform without binaries is told to use DATABASE_URL', async () => {
    await assert.rejects(findBinaries(postgresUser(), tmpdir(), 'sunos x64'), refusedWith('platform_unsupported', /sunos x64.*DATABASE_URL/));
  });
});

// only root can become somebody else, and only root must
if (isRoot) suite('as root', () => {
  test('a data dir that Postgres\' user cannot reach is refused with the way out', async (t) => {
    const closed = join(await temporaryDataDir(t), 'closed');
    await mkdir(closed, { mode: 0o700 });
    await assert.rejects(openDatabase({ dataDir: join(closed, 'data') }), refusedWith('data_dir_unreachable', new RegExp(`cannot enter .*${closed}.*chmod o\\+x`)));
  });

  test('an ordinary user runs the server as themselves; root then runs it as that user', async (t) => {
    const dataDir = join(await temporaryDataDir(t), 'theirs');
    await mkdir(dataDir);
    await chown(dataDir, DAEMON, DAEMON);
    const theirs = startOwner(t, [dataDir, 'hold'], { uid: DAEMON, gid: DAEMON });
    assert.match(await theirs.line(/^(?:open|error) /), /^open /);
    theirs.process.stdin?.end();
    await theirs.line(/^closed/);
    const cluster = await stat(join(dataDir, 'postgres'));
    assert.equal(cluster.uid, DAEMON);

    const database = await openDatabase({ dataDir });
    const status = await readFile(`/proc/${database.serverPid}/status`, 'utf8');
    assert.equal(/^Uid:\s+(\d+)/m.exec(status)?.[1], String(DAEMON));
    await database.close();

    const other = startOwner(t, [dataDir, 'hold'], { uid: 4321, gid: 4321 });
    assert.match(await other.line(/^(?:open|error) /), /data_dir_unreachable/);
  });

  test('a user without an entry in /etc/passwd is told what is missing', async (t) => {
    const dataDir = join(await temporaryDataDir(t), 'theirs');
    await mkdir(dataDir);
    await chown(dataDir, 4321, 4321);
    const nameless = startOwner(t, [dataDir, 'hold'], { uid: 4321, gid: 4321 });
    assert.match(await nameless.line(/^(?:open|error) /), /start_failed/);
    await nameless.line(/entry for this user in \/etc\/passwd/);
  });

  test('binaries out of reach of Postgres\' user, or without their links, are copied into the data dir and run from there', async (t) => {
    const base = await temporaryDataDir(t);
    const installed = dirname(dirname((await findBinaries(postgresUser(), base)).initdb));
    const closed = join(base, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const root = join(closed, 'package');
    await cp(dirname(installed), root, { recursive: true, filter: (file) => !/\.so(?:\.\d+)?$/.test(file) || !lstatSync(file).isSymbolicLink() });
    const { postgres } = await prepareBinaries(root, postgresUser(), join(base, 'binaries'));
    assert.ok(postgres.startsWith(join(base, 'binaries')));
    const said = await promisify(execFile)(postgres, ['--version'], { uid: NOBODY, gid: NOBODY, cwd: '/' });
    assert.match(said.stdout, /PostgreSQL\) 18/);
  });

  test('a cluster given to root is refused: Postgres does not run as root', async (t) => {
    const dataDir = await temporaryDataDir(t);
    await (await openDatabase({ dataDir })).close();
    await chown(join(dataDir, 'postgres'), 0, 0);
    await assert.rejects(openDatabase({ dataDir }), refusedWith('data_dir_unreachable', /belongs to root.*chown/));
  });
});
