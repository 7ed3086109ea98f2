/**
 * Verifies user tokens: HS256 by a shared secret, or asymmetric signatures by the keys an identity provider publishes (JWKS).
 *
 * Guarantees: the algorithms are fixed by the kind of key, so that a token cannot choose (`none`, or HS256 with a public key as the
 * secret); what does not verify is `unauthenticated`, what is over is `token_expired`, and a provider whose keys cannot be fetched is
 * `not_available`, never a refusal. Keys once fetched go on working while the provider is away.
 * Does not: know of revocations (sessions.ts).
 */
import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey, type JWTVerifyOptions, type JWTPayload } from 'jose';
import { AccessError } from './errors.ts';
import { identityOf, type Identity } from './identity.ts';

export interface TokenVerifier {
  /** @throws AccessError unauthenticated, token_expired, not_available */
  verify(token: string): Promise<Identity>;
}

export interface TokenVerifierOptions {
  /** Shared secret of HS256. Either this or `jwksUrl`. */
  readonly secret?: string | undefined;
  readonly jwksUrl?: string | undefined;
  /** When set, `iss` must equal it. */
  readonly issuer?: string | undefined;
  /** When set, `aud` must be or hold it. */
  readonly audience?: string | undefined;
}

/** Larger than any token in use (a header line of 16 kB is the most that servers take); what is longer is not even parsed. */
const MAX_TOKEN_LENGTH = 16_384;
/** How far the clocks of issuer and server may be apart. For `nbf` and `iat` only: an expired token is expired. */
const CLOCK_TOLERANCE_S = 5;
const SECRET_ALGORITHMS = ['HS256'];
const KEY_SET_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];

/** Failures that say something about the provider, not about the token. */
const PROVIDER_ERRORS = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);

export function createTokenVerifier({ secret, jwksUrl, issuer, audience }: TokenVerifierOptions): TokenVerifier {
  const check = secret !== undefined && secret !== '' ? bySecret(secret) : jwksUrl !== undefined && jwksUrl !== '' ? byKeySet(jwksUrl) : undefined;
  if (check === undefined) throw new TypeError('A token verifier needs a secret or the URL of a JWKS');
  const options: JWTVerifyOptions = {
    clockTolerance: CLOCK_TOLERANCE_S,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };
  return {
    async verify(token) {
      if (token === '' || token.length > MAX_TOKEN_LENGTH) throw new AccessError('unauthenticated');
      let claims: JWTPayload;
      try {
        claims = await check(token, options);
      } catch (error) {
        throw refusalOf(error);
      }
      const now = Date.now() / 1000;
      if (claims.exp !== undefined && claims.exp <= now) throw new AccessError('token_expired');
      // A token from the future would outlive a revocation made now.
      if (claims.iat !== undefined && claims.iat > now + CLOCK_TOLERANCE_S) throw new AccessError('unauthenticated', 'The token is from the future: compare the clocks');
      return identityOf(claims);
    },
  };
}

type Check = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

function bySecret(secret: string): Check {
  const key = new TextEncoder().encode(secret);
  return async (token, options) => (await jwtVerify(token, key, { ...options, algorithms: SECRET_ALGORITHMS })).payload;
}

function byKeySet(url: string): Check {
  const remote = createRemoteJWKSet(new URL(url));
  const keyOf: JWTVerifyGetKey = async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      // An outage of the provider must not sign everybody out: what it published last still counts.
      const known = remote.jwks();
      if (!isProviderTrouble(error) || known === undefined) throw error;
      return createLocalJWKSet(known)(header, token);
    }
  };
  return async (token, options) => (await jwtVerify(token, keyOf, { ...options, algorithms: KEY_SET_ALGORITHMS })).payload;
}

/** Everything that is not jose's own verdict on the token comes from fetching the keys. */
const isProviderTrouble = (error: unknown): boolean => !(error instanceof errors.JOSEError) || PROVIDER_ERRORS.has(error.code);

function refusalOf(error: unknown): AccessError {
  if (error instanceof errors.JWTExpired) return new AccessError('token_expired', '', { cause: error });
  if (isProviderTrouble(error)) return new AccessError('not_available', 'The keys of the identity provider cannot be fetched', { cause: error });
  return new AccessError('unauthenticated', '', { cause: error });
}
