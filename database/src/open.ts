/**
 * Opens Sunday's database: the server named by a URL, or the embedded one of a data dir; waits until it answers, then migrates it.
 */
import { parseConnectionString } from './connection.ts';
import { DEFAULT_POOL_SIZE, PooledDatabase, type Database } from './database.ts';
import { EmbeddedPostgres } from './embedded/supervisor.ts';
import { migrate } from './migrations.ts';
import { patiently } from './patience.ts';

export interface OpenOptions {
  /** `postgresql://…`. Unset: the embedded server in `dataDir`. */
  readonly url?: string | undefined;
  readonly dataDir: string;
  /** Progress and trouble, one line each, for a person to read. */
  readonly onStatus?: ((status: string) => void) | undefined;
  /** Connections at most, besides one for LISTEN. */
  readonly poolSize?: number | undefined;
}

/** @throws DatabaseSetupError, DatabaseUnavailable (the server at `url` did not answer in time), or `pg`'s error (wrong password, no such database) */
export async function openDatabase({ url, dataDir, onStatus = () => undefined, poolSize = DEFAULT_POOL_SIZE }: OpenOptions): Promise<Database> {
  const server = url === undefined ? await EmbeddedPostgres.start({ dataDir, onStatus }) : undefined;
  const connectionString = server?.connectionString ?? url ?? '';
  try {
    const place = placeOf(connectionString);
    const ran = await patiently(() => migrate(connectionString), `Postgres at ${place} does not answer`, () => { onStatus(`Waiting for Postgres at ${place}…`); });
    if (ran.length > 0) onStatus(`Brought the database schema up to date: ${ran.join(', ')}`);
    return new PooledDatabase({ connectionString, onStatus, poolSize, server });
  } catch (error) {
    await server?.stop();
    throw error;
  }
}

/** Host and database, never the password. */
function placeOf(connectionString: string): string {
  const { host, pathname } = parseConnectionString(connectionString);
  return `${host}${pathname}`;
}
