/**
 * The two kinds of trouble this package reports. Everything else that a query throws is `pg`'s DatabaseError: the statement itself was wrong
 * or refused by a constraint, and trying again would not help.
 */

/**
 * Postgres could not be asked, or went away while it was: refused or lost connections, shutting down, starting up, out of connection slots,
 * no answer in time. Worth trying again later.
 */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
  readonly code = 'database_unavailable';
  /** False: certainly nothing was applied. True: the connection was lost after a statement was sent that may have committed; look it up. */
  readonly outcomeUnknown: boolean;

  constructor(message: string, options: { cause?: unknown; outcomeUnknown?: boolean } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    this.outcomeUnknown = options.outcomeUnknown ?? false;
  }
}

/** Why the embedded Postgres, or the schema, cannot be used as it is. Each needs a person; none is worth a retry. */
export type DatabaseSetupCode =
  /** there are no Postgres binaries for this operating system and processor */
  | 'platform_unsupported'
  /** another live Sunday process works on this data dir */
  | 'data_dir_in_use'
  /** the data dir was made by another major version of Postgres */
  | 'data_dir_version'
  /** the data dir holds something that is not a database */
  | 'data_dir_foreign'
  /** the user that Postgres runs as cannot reach or write the data dir */
  | 'data_dir_unreachable'
  /** no private directory short enough for a Unix socket */
  | 'socket_path'
  /** initdb or postgres would not start; the message ends with its log */
  | 'start_failed'
  /** the database was migrated by a newer Sunday */
  | 'schema_newer';

export class DatabaseSetupError extends Error {
  override readonly name = 'DatabaseSetupError';
  readonly code: DatabaseSetupCode;

  constructor(code: DatabaseSetupCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Errors of the operating system and of the network that mean "not there now". */
const SYSTEM_CODES = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ENOENT', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EHOSTDOWN',
  'ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL', 'ENOTCONN', 'EAGAIN', 'EMFILE', 'ENFILE',
]);

/**
 * SQLSTATEs that mean the same: class 08 (connection), 57P01–57P05 (shutdown, crash, starting up, database dropped, idle too long),
 * 53300 (too many connections), 25P03 (idle in transaction for too long: the session was ended), 25P04 (transaction for too long).
 */
const SQLSTATES = /^(?:08...|57P0[1-5]|53300|25P0[34])$/;

/** What `pg` itself says, without a code, when a connection goes away or does not answer. */
const CLIENT_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed|not queryable|Cannot use a pool after calling end|server closed the connection/i;

export const codeOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** Whether an error of `pg` is about the connection, as opposed to the statement. */
export function isConnectionFailure(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  if (error instanceof AggregateError) return error.errors.some(isConnectionFailure);
  const code = codeOf(error);
  if (code !== undefined) return SYSTEM_CODES.has(code) || SQLSTATES.test(code);
  return error instanceof Error && CLIENT_MESSAGES.test(error.message);
}
