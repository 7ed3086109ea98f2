/** The errors of the SDK and what the codes of a refusal mean. One registry: a code, whether trying again can help, one line. */

/** Codes of errors thrown at the caller. Wrong values are thrown by the board model as BoardModelError. */
export type ClientErrorCode =
  | 'read_only' // a write while the board takes none from this user
  | 'refused' // the server refused this board; see status.refused
  | 'not_loaded' // a write before there is content
  | 'user_unknown' // a write before the token told who writes
  | 'destroyed'; // the client or board was closed

export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ClientErrorCode;
  /** The server's code where `code` is 'refused' or 'read_only'. */
  readonly reason: string | undefined;
  constructor(code: ClientErrorCode, message: string, reason?: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** Refusals of what was written: the local copy holds something the server will never take, so it must be replaced (`startFresh`). */
const CONTENT_REFUSALS = /^(too_large|malformed_update|refused|update_.*)$/;

/** Refusals of who asks: the local copy is sound; being let in heals it. */
const ACCESS_REFUSALS = /^(forbidden|origin_not_allowed|board_not_found|schema_too_old)$/;

/** Likewise; a freshly fetched token may heal them. */
const TOKEN_REFUSALS = /^(unauthenticated|token_expired|token_revoked)$/;

/** Trying again is right, however often. */
const TRANSIENT = /^(rate_limited|slow_consumer|draining|overloaded|database_unavailable|not_available|internal)$/;

export type Verdict = 'retry' | 'retry_some' | 'fetch_token' | 'refused';

/** What to do about a board turned away in-band with `reason`. A reason nobody knows gets a few tries: it may be a failed load. */
export function judge(reason: string): Verdict {
  if (TOKEN_REFUSALS.test(reason)) return 'fetch_token';
  if (taintsLocalCopy(reason) || ACCESS_REFUSALS.test(reason)) return 'refused';
  return TRANSIENT.test(reason) ? 'retry' : 'retry_some';
}

export const taintsLocalCopy = (code: string): boolean => CONTENT_REFUSALS.test(code);
