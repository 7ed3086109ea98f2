import assert from 'node:assert/strict';
import { test } from 'node:test';
import { migrationNames } from '../src/migrations.ts';
import { openTestDatabase } from '../src/testing.ts';

test('every test database is migrated, empty, its own, and gone afterwards', async () => {
  await using mine = await openTestDatabase();
  const yours = await openTestDatabase();
  await yours.database.query(`INSERT INTO users (id, name) VALUES ('u', 'U')`);
  assert.deepEqual(await mine.database.query('SELECT id FROM users'), []);
  assert.deepEqual((await mine.database.query<{ name: string }>('SELECT name FROM schema_migrations ORDER BY id')).map(({ name }) => name), migrationNames());

  const databaseOf = (connectionString: string): string => new URL(connectionString).pathname.slice(1);
  const exists = async (): Promise<boolean> => (await mine.database.query('SELECT 1 FROM pg_database WHERE datname = $1', [databaseOf(yours.connectionString)])).length === 1;
  assert.equal(await exists(), true);
  await yours.close();
  assert.equal(await exists(), false);
});
