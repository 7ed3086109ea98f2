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
