/**
 * How every connection to Postgres is made: one place for timeouts, so that no session waits for ever on a lock, a peer or a forgotten
 * transaction. Owns nothing.
 */
import { Client, type ClientConfig } from 'pg';
import './wire-buffers.ts';

/** A statement that cannot get its lock in this time fails (55P03) instead of queueing everybody behind it. */
const LOCK_TIMEOUT_MS = 5_000;
/** A transaction left open without work is ended by the server, so that its locks go: nothing here thinks for longer than this. */
const IDLE_IN_TRANSACTION_MS = 30_000;
/** Longest wait for a new connection; a server that takes longer counts as away. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** Longest wait for an answer before the connection counts as lost (a network that swallows packets never resets). */
const QUERY_TIMEOUT_MS = 60_000;

/** For everyday sessions. */
export const sessionConfig = (connectionString: string, applicationName: string): ClientConfig => ({
  connectionString,
  application_name: applicationName,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  keepAlive: true,
  lock_timeout: LOCK_TIMEOUT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
  query_timeout: QUERY_TIMEOUT_MS,
});

/** For sessions that rightly wait: LISTEN, migrations behind another process's, the owner's lock. */
export const patientConfig = (connectionString: string, applicationName: string): ClientConfig => ({
  connectionString,
  application_name: applicationName,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  keepAlive: true,
});

/** `postgresql://user@/database?host=/directory`, as libpq takes it, is no URL: without a host there can be no user. */
export const parseConnectionString = (connectionString: string): URL => new URL(connectionString.replace('@/', '@localhost/'));

/** The same server, another database. */
export function withDatabase(connectionString: string, database: string): string {
  const url = parseConnectionString(connectionString);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/** Connection string for a server that listens on a Unix socket in `directory`. */
export const socketUrl = (directory: string, user: string, database: string): string =>
  `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(directory)}`;

/** Connects a client whose later loss is not thrown at the process; look at its `end` event. */
export async function connectClient(config: ClientConfig): Promise<Client> {
  const client = new Client(config);
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
