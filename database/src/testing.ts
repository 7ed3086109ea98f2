/**
 * A fresh, migrated database on a real Postgres for each test file.
 *
 * The server is, in this order: TEST_DATABASE_URL; the one that `npm test` shares between all its files (testing-global-setup.ts); or one of
 * this process's own, started by the first `openTestDatabase` and stopped with the last `close`. Databases are cloned from a template
 * that is migrated once per server and schema, which takes some 20 ms.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectClient, patientConfig, withDatabase } from './connection.ts';
import { DEFAULT_POOL_SIZE, PooledDatabase, type Database } from './database.ts';
import { migrate, migrationNames, migrationsDirectory } from './migrations.ts';
import { startPrivateServer, type PrivateServer } from './private-server.ts';

/** For tests that stop the server itself: one that nobody else uses. */
export { startPrivateServer, type PrivateServer };

export { freePort } from './free-port.ts';

/** For the load tests, which start a server in their own way. */
export { findBinaries } from './embedded/binaries.ts';
export { postgresUser, spawnAs } from './embedded/os-user.ts';

/** Set by the global setup for the files it runs. */
export const SHARED_SERVER_VARIABLE = 'SUNDAY_TEST_SHARED_POSTGRES';

export interface TestDatabase extends AsyncDisposable {
  readonly database: Database;
  readonly connectionString: string;
  /** Another node's view of the same database: a pool of its own, closed with this one. */
  another(): Database;
  /** Closes every pool and drops the database. */
  close(): Promise<void>;
}

/** Serialises the making of a template between test processes. */
const TEMPLATE_LOCK = 7_825_302;

interface Users { server: Promise<PrivateServer>; count: number }
let own: Users | undefined;

export async function openTestDatabase(): Promise<TestDatabase> {
  const { url: serverUrl, release } = await borrowServer();
  try {
    const template = await makeTemplate(serverUrl);
    const name = `sunday_test_${randomUUID().replaceAll('-', '')}`;
    await administer(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
    const connectionString = withDatabase(serverUrl, name);
    const opened: Database[] = [];
    const another = (): Database => {
      const database = new PooledDatabase({
        connectionString, poolSize: DEFAULT_POOL_SIZE, server: undefined,
        onStatus: (status) => { process.emitWarning(status); },
      });
      opened.push(database);
      return database;
    };
    let closed: Promise<void> | undefined;
    const close = (): Promise<void> => {
      closed ??= (async () => {
        await Promise.all(opened.map((database) => database.close()));
        await administer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
        await release();
      })();
      return closed;
    };
    return { database: another(), connectionString, another, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await release();
    throw error;
  }
}

async function borrowServer(): Promise<{ url: string; release: () => Promise<void> }> {
  const given = process.env['TEST_DATABASE_URL'] ?? process.env[SHARED_SERVER_VARIABLE];
  if (given !== undefined && given !== '') return { url: given, release: () => Promise.resolve() };
  own ??= { server: startPrivateServer(), count: 0 };
  const users = own;
  users.count++;
  const { url } = await users.server;
  const release = async (): Promise<void> => {
    if (--users.count > 0) return;
    if (own === users) own = undefined;
    await (await users.server).stop();
  };
  return { url, release };
}

/** Named after the schema's content, so that an edited migration never meets an old template. */
function templateName(): string {
  const hash = createHash('sha256');
  for (const name of migrationNames()) hash.update(name).update(readFileSync(join(migrationsDirectory(), `${name}.sql`)));
  return `sunday_template_${hash.digest('hex').slice(0, 16)}`;
}

async function makeTemplate(serverUrl: string): Promise<string> {
  const template = templateName();
  const client = await connectClient(patientConfig(serverUrl, 'sunday-test'));
  try {
    await client.query(`SELECT pg_advisory_lock(${TEMPLATE_LOCK})`);
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
    if (rowCount === 1) return template;
    const draft = `${template}_draft`;
    await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${draft}`);
    await migrate(withDatabase(serverUrl, draft));
    await client.query(`ALTER DATABASE ${draft} RENAME TO ${template}`);
    return template;
  } finally {
    await client.end();
  }
}

async function administer(serverUrl: string, sql: string): Promise<void> {
  const client = await connectClient(patientConfig(serverUrl, 'sunday-test'));
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
