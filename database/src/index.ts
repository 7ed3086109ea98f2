/**
 * @sunday/database: Postgres for Sunday. See README.md for what it guarantees.
 */
export { connectRunning } from './connect-running.ts';
export { nextEpoch } from './node-life.ts';
export { patiently } from './patience.ts';
export { isUuid } from './uuid.ts';
export { openDatabase, type OpenOptions } from './open.ts';
export type { Database, Statement, TransactionOptions, Tx } from './database.ts';
export { DatabaseSetupError, DatabaseUnavailable, isConnectionFailure, type DatabaseSetupCode } from './errors.ts';
