/**
 * Who a token speaks for. Claims are decoded here, once; a claim that people see is cut to a size that fits a name tag rather than
 * refused, a subject that cannot be stored is refused.
 */
import type { JWTPayload } from 'jose';
import { AccessError } from './errors.ts';

export interface Identity {
  readonly userId: string;
  /** Never empty: the name, else the e-mail address, else the user id. */
  readonly name: string;
  readonly email: string | null;
  /** http or https only: it becomes the address of an image. */
  readonly picture: string | null;
  /** Milliseconds since 1970. A token without `iat` counts as issued at 0: any revocation of its user ends it. */
  readonly issuedAt: number;
  /** Milliseconds since 1970; undefined: the token does not expire. */
  readonly expiresAt: number | undefined;
}

/** The width of `users.id`. */
const MAX_USER_ID = 255;
const MAX_NAME = 200;
/** RFC 5321: 64 before the @, 255 after it. */
const MAX_EMAIL = 320;
const MAX_PICTURE = 2048;

/** @throws AccessError unauthenticated: the subject is missing or is no user id */
export function identityOf(claims: JWTPayload): Identity {
  const userId = claims.sub;
  if (typeof userId !== 'string' || userId === '' || userId.length > MAX_USER_ID || !isStorable(userId)) {
    throw new AccessError('unauthenticated', `The token's sub must be 1 to ${MAX_USER_ID} characters of text`);
  }
  const email = textOf(claims['email'], MAX_EMAIL);
  return {
    userId,
    name: textOf(claims['name'], MAX_NAME) ?? email ?? userId,
    email,
    picture: pictureOf(claims['picture']),
    issuedAt: (claims.iat ?? 0) * 1000,
    expiresAt: claims.exp === undefined ? undefined : claims.exp * 1000,
  };
}

/** Postgres text takes neither NUL nor half of a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

function textOf(claim: unknown, maxLength: number): string | null {
  if (typeof claim !== 'string') return null;
  const text = claim.replaceAll('\0', '').trim().slice(0, maxLength).toWellFormed();
  return text === '' ? null : text;
}

function pictureOf(claim: unknown): string | null {
  if (typeof claim !== 'string' || claim.length > MAX_PICTURE || !URL.canParse(claim)) return null;
  const url = new URL(claim);
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
}
