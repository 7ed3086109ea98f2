/**
 * Brings the schema up to date from the numbered SQL files in `database/migrations`.
 *
 * Guarantees: each file runs once, in order, all pending ones in one transaction; processes that start together wait for each other on an
 * advisory lock; a database that holds migrations this build does not know is refused (`schema_newer`) instead of being worked on.
 * Does not: migrate down.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectClient, patientConfig } from './connection.ts';
import { codeOf, DatabaseSetupError } from './errors.ts';

const MIGRATIONS_TABLE = 'schema_migrations';
const UNDEFINED_TABLE = '42P01';

/** Beside `src` in a checkout, one level further up from `dist/src` when built. */
export const migrationsDirectory = (): string => {
  let directory = dirname(fileURLToPath(import.meta.url));
  for (let levels = 0; levels < 3; levels++) {
    const candidate = join(directory, 'migrations');
    if (existsSync(candidate)) return candidate;
    directory = dirname(directory);
  }
  throw new Error(`There is no migrations folder above ${fileURLToPath(import.meta.url)}`);
};

/** Names as the table records them: without `.sql`. */
export const migrationNames = (): string[] =>
  readdirSync(migrationsDirectory())
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -'.sql'.length))
    .sort();

/** @returns the names of the migrations that ran now. */
export async function migrate(connectionString: string): Promise<string[]> {
  const client = await connectClient(patientConfig(connectionString, 'sunday-migrations'));
  try {
    const wanted = migrationNames();
    const done = await appliedMigrations(client);
    refuseNewer(wanted, done);
    if (wanted.every((name) => done.has(name))) return [];
    const { runner } = await import('node-pg-migrate'); // loaded only where there is something to do: a warm start stays quick
    const ran = await runner({
      dbClient: client,
      dir: migrationsDirectory(),
      migrationsTable: MIGRATIONS_TABLE,
      direction: 'up',
      advisoryLockMode: 'wait',
      log: () => undefined,
    });
    return ran.map((migration) => migration.name);
  } finally {
    await client.end();
  }
}

async function appliedMigrations(client: { query(text: string): Promise<{ rows: unknown[] }> }): Promise<Set<string>> {
  try {
    const { rows } = await client.query(`SELECT name FROM ${MIGRATIONS_TABLE}`);
    return new Set((rows as { name: string }[]).map((row) => row.name));
  } catch (error) {
    if (codeOf(error) === UNDEFINED_TABLE) return new Set();
    throw error;
  }
}

function refuseNewer(wanted: readonly string[], done: ReadonlySet<string>): void {
  const unknown = [...done].filter((name) => !wanted.includes(name));
  if (unknown.length === 0) return;
  throw new DatabaseSetupError(
    'schema_newer',
    `The database was migrated by a newer Sunday: this build does not know ${unknown.sort().join(', ')}. Start the newer build, or restore a backup made before the upgrade.`,
  );
}
