/** The refusals of this package. Codes are those of the server's registry and never change their meaning. */

export type AccessCode =
  /** no token, or one that does not verify */
  | 'unauthenticated'
  | 'token_expired'
  | 'token_revoked'
  /** no role on the board, or a token of another user */
  | 'forbidden'
  /** unknown, deleted, or not an id of a board */
  | 'board_not_found'
  /** passing: the keys of the identity provider cannot be fetched */
  | 'not_available'
  /** passing: the database is away and this user or role is not known here */
  | 'database_unavailable'
  /** passing: this user opens boards too often, or was refused too often, for what they sent */
  | 'rate_limited'
  /** a fault of the server */
  | 'internal';

/** `reason` is what Hocuspocus sends in PermissionDenied. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
  readonly code: AccessCode;
  readonly reason: AccessCode;

  /** Without a message the registry's title is shown. */
  constructor(code: AccessCode, message = '', options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.reason = code;
  }
}

/** Close codes for a plain Hocuspocus server; the gateway has its own table. */
export const closeCodeOf = (code: AccessCode): number => {
  switch (code) {
    case 'unauthenticated':
    case 'token_expired':
    case 'token_revoked':
      return 4401;
    case 'forbidden':
      return 4403;
    case 'board_not_found':
      return 4404;
    case 'not_available':
    case 'database_unavailable':
    case 'internal':
      return 4503;
    case 'rate_limited':
      return 4529;
  }
};
