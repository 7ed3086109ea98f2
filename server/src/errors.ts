/**
 * The one registry of errors. Every failure a person or a program can see has a stable code here, whatever way it came:
 * REST (`application/problem+json`, field `code`), a refusal on a socket (PermissionDenied and Close reasons), a close code.
 *
 * Guarantees: a code never changes its meaning; `status` and `closeCode` follow from the code alone.
 * Does not: decide who logs what (http/problem.ts does for REST) or translate messages.
 */

export type ErrorEntry = {
  /** HTTP status of the REST answer. */
  readonly status: number;
  /** WebSocket close code when the whole socket is closed for this reason; 44xx permanent, 45xx transient. */
  readonly closeCode: number;
  /** Whether the same request may work later without being changed. */
  readonly retryable: boolean;
  /** One line of documentation; also the default message and the `title` of the problem document. */
  readonly title: string;
};

const entry = (status: number, closeCode: number, retryable: boolean, title: string): ErrorEntry => ({ status, closeCode, retryable, title });

export const ERRORS = {
  // Who is asking
  unauthenticated: entry(401, 4401, false, 'No valid token came with the request'),
  token_expired: entry(401, 4401, false, 'The token has expired: sign in again'),
  token_revoked: entry(401, 4401, false, 'The token was revoked: sign in again'),
  forbidden: entry(403, 4403, false, 'Your role does not allow this'),
  origin_not_allowed: entry(403, 4403, false, 'Requests from this web origin are not allowed'),
  // What is asked for
  board_not_found: entry(404, 4404, false, 'There is no such board'),
  workspace_not_found: entry(404, 4404, false, 'There is no such workspace'),
  not_found: entry(404, 4404, false, 'There is no such thing here'),
  method_not_allowed: entry(405, 4422, false, 'This method is not allowed here'),
  // What came with it
  validation_failed: entry(400, 4422, false, 'The request does not have the documented shape'),
  invalid_json: entry(400, 4422, false, 'The body is not valid JSON'),
  invalid_cursor: entry(400, 4422, false, 'The cursor is not one this list gave out'),
  invalid_filter: entry(400, 4422, false, 'The filter or sort does not fit the board'),
  invalid_csv: entry(400, 4422, false, 'The CSV cannot be read'),
  invalid_import: entry(400, 4422, false, 'The data is not a table or a Sunday export'),
  invalid_id: entry(422, 4422, false, 'An id must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -'),
  invalid_value: entry(422, 4422, false, 'The value does not fit the type of its column'),
  invalid_link: entry(422, 4422, false, 'Links must be http, https or mailto'),
  unknown_column: entry(422, 4422, false, 'The board has no such column'),
  unknown_group: entry(422, 4422, false, 'The board has no such group'),
  unknown_item: entry(422, 4422, false, 'The board has no such item'),
  unknown_comment: entry(422, 4422, false, 'The item has no such comment'),
  unknown_label: entry(422, 4422, false, 'The column has no such label'),
  unknown_template: entry(422, 4422, false, 'There is no such template'),
  computed_column: entry(422, 4422, false, 'The column is computed and cannot be written'),
  unsupported_column_type: entry(422, 4422, false, 'This version does not know the type of the column'),
  unsupported_media_type: entry(415, 4422, false, 'The content type is not one this route reads'),
  payload_too_large: entry(413, 4413, false, 'The request body is larger than this server accepts'),
  too_large: entry(413, 4413, false, 'The message or document is larger than this server accepts'),
  malformed_update: entry(422, 4422, false, 'The update is not valid Yjs'),
  refused: entry(422, 4422, false, 'The update does not fit the board schema'),
  // What the guard refuses: the client's copy of the board holds something the server will never take
  update_too_complex: entry(422, 4422, false, 'The update has more parts than this server accepts'),
  update_too_deep: entry(422, 4422, false, 'The update holds a value that is nested too deep'),
  update_incomplete: entry(422, 4422, false, 'The update builds on something the server never got'),
  update_unknown_path: entry(422, 4422, false, 'The update writes where a board has nothing'),
  update_wrong_type: entry(422, 4422, false, 'The update puts a Yjs type where another belongs'),
  update_duplicate_record: entry(422, 4422, false, 'The update makes a record that is there already, and would hide it'),
  update_removes_record: entry(422, 4422, false, 'The update erases what can only be archived or marked as deleted'),
  update_fixed_field: entry(422, 4422, false, 'The update changes what is set once and for all'),
  update_invalid_value: entry(422, 4422, false, 'The update holds a value that does not fit where it lies'),
  update_invalid_link: entry(422, 4422, false, 'The update holds a link that is not http, https or mailto'),
  update_computed_column: entry(422, 4422, false, 'The update writes a column that is computed'),
  update_unknown_item: entry(422, 4422, false, 'The update writes a text or comment of an item that does not exist'),
  update_foreign_author: entry(422, 4422, false, 'The update says in the name of somebody else'),
  update_foreign_client: entry(422, 4422, false, 'The update writes with the client id of somebody else'),
  update_foreign_part: entry(422, 4422, false, 'The update changes the count of another client'),
  update_structure_locked: entry(422, 4422, false, 'Only owners may change the structure of this board'),
  update_not_allowed: entry(422, 4422, false, 'Your role does not allow this change'),
  schema_too_old: entry(409, 4422, false, 'The client is too old for this board: reload it'),
  // Concurrency and repetition
  precondition_failed: entry(412, 4422, false, 'The resource has changed since the given ETag'),
  last_owner: entry(409, 4422, false, 'A board keeps at least one owner'),
  already_exists: entry(409, 4422, false, 'There is one already'),
  idempotency_conflict: entry(422, 4422, false, 'This Idempotency-Key was used for another request'),
  idempotency_in_progress: entry(409, 4422, true, 'The first request with this Idempotency-Key is still running'),
  limit_reached: entry(409, 4422, false, 'There are as many as this server keeps: remove some first'),
  // Load and faults: try again
  rate_limited: entry(429, 4529, true, 'Too many requests: wait before the next'),
  slow_consumer: entry(503, 4508, true, 'The connection could not keep up and was closed'),
  draining: entry(503, 4503, true, 'The server is shutting down: try again'),
  overloaded: entry(503, 4503, true, 'The server is busy: try again'),
  database_unavailable: entry(503, 4503, true, 'The database is away: try again'),
  commit_pending: entry(
    503,
    4503,
    true,
    'The change is applied and will be committed when the database answers: ask again with the same Idempotency-Key',
  ),
  not_available: entry(503, 4503, true, 'This part of the server is not running'),
  internal: entry(500, 4503, true, 'Something went wrong on the server'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(ERRORS, code);

export type ErrorDetails = {
  /** The underlying failure; logged, never shown. */
  readonly cause?: unknown;
  /** Path of the field at fault, e.g. `values.c_due`. */
  readonly field?: string;
  /** Extra members of the problem document, e.g. `{line: 12}`. Must be safe to show. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** Seconds to wait before trying again. */
  readonly retryAfterS?: number;
};

/** Seconds a client is told to wait when the server cannot say better: the embedded Postgres restarts in about one. */
export const DEFAULT_RETRY_AFTER_S = 2;

/** The error every part of the server throws on purpose. `reason` is what Hocuspocus puts into PermissionDenied. */
export class SundayError extends Error {
  override readonly name = 'SundayError';
  readonly code: ErrorCode;
  readonly reason: ErrorCode;
  readonly field: string | undefined;
  readonly extra: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterS: number | undefined;

  constructor(code: ErrorCode, message: string = ERRORS[code].title, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = code;
    this.field = details.field;
    this.extra = details.extra;
    this.retryAfterS = details.retryAfterS ?? (ERRORS[code].retryable ? DEFAULT_RETRY_AFTER_S : undefined);
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get closeCode(): number {
    return ERRORS[this.code].closeCode;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}

/**
 * The SundayError for anything thrown. The other packages have error classes of their own that carry a stable `code`
 * (BoardModelError, AccessError) or a name (DatabaseUnavailable); they are recognised by that, so this registry imports none of them.
 * What is not recognised is `internal`: its message stays in the log.
 */
export function toSundayError(error: unknown): SundayError {
  if (error instanceof SundayError) return error;
  if (error instanceof Error) {
    if (error.name === 'DatabaseUnavailable') {
      const lost = 'outcomeUnknown' in error && error.outcomeUnknown === true;
      const message = lost ? 'The database went away during the request; whether it was done is not known: repeat it with the same Idempotency-Key' : 'The database is away and nothing was changed: try again';
      return new SundayError('database_unavailable', message, { cause: error });
    }
    if (CODED_ERRORS.has(error.name)) {
      const { code, field } = error as Error & { code?: unknown; field?: unknown };
      if (isErrorCode(code)) {
        return new SundayError(code, error.message || undefined, { cause: error, ...(typeof field === 'string' ? { field } : {}) });
      }
    }
    if (isDataException(error)) return new SundayError('validation_failed', 'A value of the request cannot be compared or stored', { cause: error });
  }
  return new SundayError('internal', undefined, { cause: error });
}

/** Postgres' class 22: a value that has no such form, e.g. a NUL character in text. The fault is in what was asked, not in the server. */
function isDataException(error: Error): boolean {
  const { code, severity } = error as Error & { code?: unknown; severity?: unknown };
  return typeof code === 'string' && /^22[0-9A-Z]{3}$/.test(code) && severity !== undefined;
}

/** Classes whose `code` is from this registry and whose message is written for people. */
const CODED_ERRORS = new Set(['BoardModelError', 'AccessError']);
