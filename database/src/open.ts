/**
 * Opens Sunday's database: the server named by a URL, or the embedded one of a data dir; waits until it answers, then migrates it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connectClient, parseConnectionString, patientConfig } from './connection.ts';
import { DEFAULT_POOL_SIZE, PooledDatabase, type Database } from './database.ts';
import { EmbeddedPostgres } from './embedded/supervisor.ts';
import { DatabaseUnavailable, isConnectionFailure } from './errors.ts';
import { migrate } from './migrations.ts';

export interface OpenOptions {
  /** `postgresql://…`. Unset: the embedded server in `dataDir`. */
  readonly url?: string | undefined;
  readonly dataDir: string;
  /** Progress and trouble, one line each, for a person to read. */
  readonly onStatus?: ((status: string) => void) | undefined;
  /** Connections at most, besides one for LISTEN. */
  readonly poolSize?: number | undefined;
}

/** A server started beside us (docker compose) may need this long. */
const FIRST_CONTACT_MS = 60_000;
const RETRY_MS = 250;

/** @throws DatabaseSetupError, DatabaseUnavailable (the server at `url` did not answer in time), or `pg`'s error (wrong password, no such database) */
export async function openDatabase({ url, dataDir, onStatus = () => undefined, poolSize = DEFAULT_POOL_SIZE }: OpenOptions): Promise<Database> {
  const server = url === undefined ? await EmbeddedPostgres.start({ dataDir, onStatus }) : undefined;
  const connectionString = server?.connectionString ?? url ?? '';
  try {
    if (server === undefined) await firstContact(connectionString, onStatus);
    const ran = await migrate(connectionString);
    if (ran.length > 0) onStatus(`Brought the database schema up to date: ${ran.join(', ')}`);
    return new PooledDatabase({ connectionString, onStatus, poolSize, server });
  } catch (error) {
    await server?.stop();
    throw error;
  }
}

async function firstContact(connectionString: string, onStatus: (status: string) => void): Promise<void> {
  const deadline = Date.now() + FIRST_CONTACT_MS;
  for (let tries = 0; ; tries++) {
    try {
      const client = await connectClient(patientConfig(connectionString, 'sunday-probe'));
      await client.end();
      return;
    } catch (error) {
      if (!isConnectionFailure(error)) throw error;
      if (Date.now() > deadline) throw new DatabaseUnavailable(`Postgres at ${placeOf(connectionString)} does not answer`, { cause: error });
      if (tries === 0) onStatus(`Waiting for Postgres at ${placeOf(connectionString)}…`);
      await delay(RETRY_MS);
    }
  }
}

/** Host and database, never the password. */
function placeOf(connectionString: string): string {
  const { host, pathname } = parseConnectionString(connectionString);
  return `${host}${pathname}`;
}
