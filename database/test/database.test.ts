import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { DatabaseError } from 'pg';
import { DatabaseUnavailable, openDatabase, type Database } from '../src/index.ts';
import { readPostmasterFile } from '../src/embedded/postmaster-file.ts';
import { openTestDatabase } from '../src/testing.ts';
import { temporaryDataDir, until } from './support.ts';

const unavailable = (outcomeUnknown: boolean) => (error: unknown): boolean => {
  assert.ok(error instanceof DatabaseUnavailable, String(error));
  assert.equal(error.outcomeUnknown, outcomeUnknown);
  return true;
};

const ownPid = async (tx: { query<Row>(sql: string): Promise<Row[]> }): Promise<number> => (await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]?.pid ?? 0;

/** Resolves when the database says it is up; called before what takes it down. */
const comesBack = (database: Database): Promise<void> =>
  new Promise((back) => {
    const stop = database.onUp(() => { stop(); back(); });
  });

suite('statements and transactions', () => {
  test('a transaction that throws leaves nothing, one that returns is there for everybody', async () => {
    await using opened = await openTestDatabase();
    const { database } = opened;
    await database.query('CREATE TABLE t (n int UNIQUE)');
    await assert.rejects(database.transaction(async (tx) => {
      await tx.query('INSERT INTO t VALUES (1)');
      throw new Error('changed my mind');
    }), /changed my mind/);
    const returned = await database.transaction(async (tx) => {
      await tx.query('INSERT INTO t VALUES ($1)', [2]);
      return tx.query<{ n: number }>({ name: 'all_of_t', text: 'SELECT n FROM t' });
    });
    assert.deepEqual(returned, [{ n: 2 }]);
    assert.deepEqual(await opened.another().query('SELECT n FROM t'), [{ n: 2 }]);
  });

  test('an error of the statement is Postgres\' own, and does not count as an outage', async () => {
    await using opened = await openTestDatabase();
    const { database } = opened;
    let downs = 0;
    database.onDown(() => { downs++; });
    await assert.rejects(database.query('SELECT 1 / 0'), (error) => error instanceof DatabaseError && error.code === '22012');
    await assert.rejects(database.query('INSERT INTO board_heads (board_id, seq) VALUES (gen_random_uuid(), 1)'), (error) => error instanceof DatabaseError && error.code === '23503');
    assert.equal(downs, 0);
    assert.equal(database.up, true);
  });

  test('a transaction whose failed statement was swallowed does not pass for committed', async () => {
    await using opened = await openTestDatabase();
    const { database } = opened;
    await assert.rejects(database.transaction(async (tx) => {
      await tx.query('SELECT 1 / 0').catch(() => undefined);
    }), /rolled back/);
  });

  test('a transaction cannot be used when it is over', async () => {
    await using opened = await openTestDatabase();
    const kept = await opened.database.transaction((tx) => Promise.resolve({ tx }));
    await assert.rejects(kept.tx.query('SELECT 1'), /over/);
  });

  test('isolation and read only are as asked', async () => {
    await using opened = await openTestDatabase();
    const { database } = opened;
    const [row] = await database.transaction((tx) => tx.query<{ level: string }>(`SELECT current_setting('transaction_isolation') AS level`), { isolation: 'repeatable read' });
    assert.equal(row?.level, 'repeatable read');
    await assert.rejects(database.transaction((tx) => tx.query('CREATE TABLE t ()'), { readOnly: true }), (error) => error instanceof DatabaseError && error.code === '25006');
  });

  test('whoever waits for a lock gives up after the lock timeout, and the holder goes on', async () => {
    await using opened = await openTestDatabase();
    const { database } = opened;
    await database.query('CREATE TABLE t (n int)');
    await database.transaction(async (tx) => {
      await tx.query('LOCK TABLE t');
      await assert.rejects(
        database.transaction(async (other) => {
          await other.query(`SET LOCAL lock_timeout = '50ms'`); // the default is seconds
          await other.query('SELECT * FROM t');
        }),
        (error) => error instanceof DatabaseError && error.code === '55P03',
      );
      await tx.query('INSERT INTO t VALUES (1)');
    });
    assert.equal((await database.query('SELECT * FROM t')).length, 1);
  });

  test('a lost connection says whether the outcome is known, and the next call works', async () => {
    await using opened = await openTestDatabase();
    const { database } = opened;
    const other = opened.another();
    await database.query('CREATE TABLE t (n int)');
    const end = (pid: number): Promise<unknown> => other.query('SELECT pg_terminate_backend($1)', [pid]);

    let back = comesBack(database);
    await assert.rejects(database.transaction(async (tx) => {
      await tx.query('INSERT INTO t VALUES (1)');
      await end(await ownPid(tx));
      await tx.query('INSERT INTO t VALUES (2)');
    }), unavailable(false));
    await back;
    assert.deepEqual(await database.query('SELECT * FROM t'), []);

    back = comesBack(database);
    await assert.rejects(database.query('SELECT pg_terminate_backend(pg_backend_pid())'), unavailable(true));
    await back;

    // a deferred check holds the commit long enough to be cut off in it
    await database.query(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'`);
    await database.query('CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()');
    back = comesBack(database);
    const committing = database.transaction(async (tx) => {
      await tx.query('INSERT INTO t VALUES (3)');
      return ownPid(tx);
    });
    const refused = assert.rejects(committing, unavailable(true));
    const [victim] = await until('the commit', () => other.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active' AND datname = current_database()`).then((rows) => rows.length > 0 && rows));
    await end(victim?.pid ?? 0);
    await refused;
    await back;
  });
});

suite('notifications', () => {
  test('are heard by every node, after the commit, until unsubscribed', async () => {
    await using opened = await openTestDatabase();
    const { database } = opened;
    const heard: string[] = [];
    const stop = await opened.another().listen('news', (payload) => { heard.push(payload); });
    await database.transaction(async (tx) => { await tx.query(`SELECT pg_notify('news', 'one')`); });
    await assert.rejects(database.transaction(async (tx) => {
      await tx.query(`SELECT pg_notify('news', 'never')`);
      throw new Error('no');
    }));
    await database.query(`SELECT pg_notify('news', 'two')`);
    await until('both', () => heard.length === 2);
    assert.deepEqual(heard, ['one', 'two']);
    await stop();
    await database.query(`SELECT pg_notify('news', 'three')`);
    const rest: string[] = [];
    await database.listen('news', (payload) => { rest.push(payload); });
    await database.query(`SELECT pg_notify('news', 'four')`);
    await until('four', () => rest.includes('four'));
    assert.deepEqual(heard, ['one', 'two']);
  });

  test('a subscriber that throws harms neither the others nor the process', async () => {
    await using opened = await openTestDatabase();
    const { database } = opened;
    const warned = new Promise<Error>((warn) => { process.once('warning', warn); });
    const heard: string[] = [];
    await database.listen('news', () => { throw new Error('a bug'); });
    await database.listen('news', (payload) => { heard.push(payload); });
    await database.query(`SELECT pg_notify('news', 'one')`);
    await until('it', () => heard.includes('one'));
    assert.match((await warned).message, /a bug/);
  });
});

suite('an outage of the embedded server', () => {
  test('is noticed at once, answered at once, survived by LISTEN, and over by itself', async (t) => {
    const dataDir = await temporaryDataDir(t);
    const database = await openDatabase({ dataDir });
    const heard: string[] = [];
    let reconnects = 0;
    await database.listen('news', (payload) => { heard.push(payload); }, () => { reconnects++; });
    await database.query(`SELECT pg_notify('news', 'before')`);
    await until('a notification', () => heard.includes('before'));

    const changes: string[] = [];
    database.onDown(() => { changes.push('down'); });
    database.onUp(() => { changes.push('up'); });
    for (let round = 1; round <= 2; round++) {
      const back = comesBack(database);
      const killed = readPostmasterFile(join(dataDir, 'postgres'))?.pid ?? 0;
      process.kill(killed, 'SIGKILL');
      await until('down', () => !database.up);
      const asked = performance.now();
      await assert.rejects(database.query('SELECT 1'), unavailable(false));
      await assert.rejects(database.transaction(() => Promise.resolve()), unavailable(false));
      assert.ok(performance.now() - asked < 1_000, 'no timeout is waited for while it is down');
      await back;
      await until('LISTEN again', () => reconnects === round);
      await database.query('SELECT pg_notify($1, $2)', ['news', `after ${round}`]);
      await until('a notification after the outage', () => heard.includes(`after ${round}`));
      assert.notEqual(database.serverPid, killed);
    }
    assert.deepEqual(changes, ['down', 'up', 'down', 'up']);
    await database.close();
    await assert.rejects(database.query('SELECT 1'));
  });
});
