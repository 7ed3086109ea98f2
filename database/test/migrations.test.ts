import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DatabaseSetupError } from '../src/index.ts';
import { withDatabase } from '../src/connection.ts';
import { migrate, migrationNames } from '../src/migrations.ts';
import { openTestDatabase } from '../src/testing.ts';
import { startOwner } from './support.ts';

test('processes that start together on an empty database migrate it once', async (t) => {
  await using opened = await openTestDatabase();
  const { database } = opened;
  const name = `empty_${process.pid}`;
  await database.query(`CREATE DATABASE ${name}`);
  const url = withDatabase(opened.connectionString, name);
  try {
    const ran = await Promise.all(Array.from({ length: 3 }, async () => (await startOwner(t, ['-', 'migrate', url]).line(/^(?:ran|error) /)).replace('ran ', '')));
    assert.deepEqual(ran.sort(), ['[]', '[]', JSON.stringify(migrationNames())].sort());
    assert.deepEqual(await migrate(url), []);
  } finally {
    await database.query(`DROP DATABASE ${name} WITH (FORCE)`);
  }
});

test('a database that a newer Sunday has migrated is refused', async () => {
  await using opened = await openTestDatabase();
  await opened.database.query(`INSERT INTO schema_migrations (name, run_on) VALUES ('9999_tomorrow', now())`);
  await assert.rejects(migrate(opened.connectionString), (error) => error instanceof DatabaseSetupError && error.code === 'schema_newer' && error.message.includes('9999_tomorrow'));
});

test('the hot updates stay in place: no index covers what a commit or a cell edit changes', async () => {
  await using opened = await openTestDatabase();
  const { database } = opened;
  const boardId = '00000000-0000-4000-8000-000000000001';
  await database.query(`INSERT INTO boards (id, name) VALUES ($1, 'b')`, [boardId]);
  await database.query('INSERT INTO board_heads (board_id, seq) VALUES ($1, 1)', [boardId]);
  await database.query(`INSERT INTO items (board_id, item_id, name, position, seq) VALUES ($1, 'i', 'n', 'a0', 1)`, [boardId]);
  for (let seq = 2; seq < 12; seq++) {
    await database.query('UPDATE board_heads SET seq = $2 WHERE board_id = $1', [boardId, seq]);
    await database.query(`UPDATE items SET item_values = jsonb_build_object('c', $2::int), updated_at = now(), updated_by = 'u', seq = $2 WHERE board_id = $1`, [boardId, seq]);
  }
  // each session counts for itself until it goes idle; asking it to flush makes the numbers exact
  await database.query('SELECT pg_stat_force_next_flush()');
  const counts = await database.query<{ relname: string; updates: number; hot: number }>(
    `SELECT relname, n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname IN ('board_heads', 'items') ORDER BY relname`,
  );
  assert.deepEqual(counts, [{ relname: 'board_heads', updates: 10, hot: 10 }, { relname: 'items', updates: 10, hot: 10 }]);
});

test('positions and item ids order by bytes, whatever the locale of the server', async () => {
  await using opened = await openTestDatabase();
  const { database } = opened;
  const boardId = '00000000-0000-4000-8000-000000000002';
  const keys = ['Zz', 'a0', 'a0V', 'a1', 'aB', 'aa'];
  for (const key of keys.toReversed()) await database.query(`INSERT INTO items (board_id, item_id, name, position, seq) VALUES ($1, $2, 'n', $2, 1)`, [boardId, key]);
  const rows = await database.query<{ item_id: string }>('SELECT item_id FROM items ORDER BY position, item_id');
  assert.deepEqual(rows.map(({ item_id }) => item_id), keys);
});

test('the tables that grow by every change are analysed by small samples: no column of theirs is left at the default', async () => {
  await using opened = await openTestDatabase();
  const dear = await opened.database.query(
    `SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE attrelid = ANY('{board_updates, board_events, consumed_events}'::regclass[])
     AND attnum > 0 AND NOT attisdropped AND coalesce(attstattarget, -1) NOT BETWEEN 0 AND 10`,
  );
  assert.deepEqual(dear, []);
});
