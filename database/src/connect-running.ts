/**
 * Reaches the database of a Sunday that runs, for a command that looks at a few rows or changes them: by URL, or over the socket of the embedded
 * server of a data dir. Starts nothing, owns nothing, migrates nothing.
 */
import { join, resolve } from 'node:path';
import { socketUrl } from './connection.ts';
import { PooledDatabase, type Database } from './database.ts';
import { CLUSTER_USER } from './embedded/data-directory.ts';
import { isPostmasterOf, readPostmasterFile } from './embedded/postmaster-file.ts';
import { EMBEDDED_DATABASE } from './embedded/supervisor.ts';

/** Not a pool to serve anybody with. */
const POOL_SIZE = 2;

/** @returns undefined if there is no URL and no embedded server runs in the data dir */
export function connectRunning({ url, dataDir }: { readonly url?: string | undefined; readonly dataDir: string }): Database | undefined {
  const connectionString = url ?? embeddedUrl(join(resolve(dataDir), 'postgres'));
  if (connectionString === undefined) return undefined;
  return new PooledDatabase({ connectionString, onStatus: () => undefined, poolSize: POOL_SIZE, server: undefined });
}

function embeddedUrl(cluster: string): string | undefined {
  const file = readPostmasterFile(cluster);
  if (file?.socketDirectory === undefined || isPostmasterOf(cluster, file.pid) === false) return undefined;
  return socketUrl(file.socketDirectory, CLUSTER_USER, EMBEDDED_DATABASE);
}
