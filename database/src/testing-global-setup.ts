/**
 * For `node --test --test-global-setup`: one embedded Postgres for a whole test run, instead of one a file. Does nothing where
 * TEST_DATABASE_URL names a server.
 */
import { startPrivateServer, type PrivateServer } from './private-server.ts';
import { SHARED_SERVER_VARIABLE } from './testing.ts';

let server: PrivateServer | undefined;

export async function globalSetup(): Promise<void> {
  if ((process.env['TEST_DATABASE_URL'] ?? '') !== '') return;
  server = await startPrivateServer();
  process.env[SHARED_SERVER_VARIABLE] = server.url; // test files are run as child processes and inherit it
}

export async function globalTeardown(): Promise<void> {
  await server?.stop();
}
