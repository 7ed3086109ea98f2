import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { CompactSign, exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type JWK, type JWTPayload } from 'jose';
import { signDevSession } from './dev-session.ts';
import { createTokenVerifier, type TokenVerifier } from './token-verifier.ts';

const SECRET = 'only for tests: thirty-two bytes or more';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const nowS = (): number => Math.floor(Date.now() / 1000);
const CLAIMS: JWTPayload = { sub: 'ada', name: 'Ada', iat: nowS() - 10, exp: nowS() + 3600 };

const sign = (claims: JWTPayload, { secret = SECRET, alg = 'HS256' } = {}): Promise<string> => new SignJWT(claims).setProtectedHeader({ alg }).sign(bytes(secret));
const refused = (verifier: TokenVerifier, token: string, code: string): Promise<void> => assert.rejects(verifier.verify(token), { name: 'AccessError', code }, token.slice(0, 60));

test('a good token says who it is for', async () => {
  const verifier = createTokenVerifier({ secret: SECRET });
  const token = await sign({ ...CLAIMS, email: 'ada@example.com', picture: 'https://example.com/ada.png' });
  assert.deepEqual(await verifier.verify(token), {
    userId: 'ada', name: 'Ada', email: 'ada@example.com', picture: 'https://example.com/ada.png',
    issuedAt: (CLAIMS.iat ?? 0) * 1000, expiresAt: (CLAIMS.exp ?? 0) * 1000,
  });
  assert.deepEqual(await verifier.verify(await sign({ sub: 'bob' })), { userId: 'bob', name: 'bob', email: null, picture: null, issuedAt: 0, expiresAt: undefined });
});

test('claims people see are made harmless; a subject that is no user id is refused', async () => {
  const verifier = createTokenVerifier({ secret: SECRET });
  const odd = await verifier.verify(await sign({ sub: '__proto__', name: ['x'], email: 7, picture: 'javascript:alert(1)' }));
  assert.deepEqual([odd.userId, odd.name, odd.email, odd.picture], ['__proto__', '__proto__', null, null]);
  assert.equal((await verifier.verify(await sign({ sub: 'a', name: `\0 ${'n'.repeat(9999)}\uD800` }))).name, 'n'.repeat(200));
  for (const sub of [undefined, '', 'x'.repeat(256), 'a\0b', '\uD800', 7, ['a']]) await refused(verifier, await sign({ sub } as JWTPayload), 'unauthenticated');
});

test('what is not signed with the secret, by HS256, and valid now is refused', async () => {
  const verifier = createTokenVerifier({ secret: SECRET, issuer: 'us', audience: 'sunday' });
  const claims = { ...CLAIMS, iss: 'us', aud: ['other', 'sunday'] };
  assert.equal((await verifier.verify(await sign(claims))).userId, 'ada');
  const cases: [string, string | Promise<string>, string][] = [
    ['empty', '', 'unauthenticated'],
    ['junk', 'junk', 'unauthenticated'],
    ['100 kB of junk', 'x'.repeat(100_000), 'unauthenticated'],
    ['100 kB that are well signed', sign({ ...claims, pad: 'x'.repeat(100_000) }), 'unauthenticated'],
    ['another secret', sign(claims, { secret: `${SECRET}!` }), 'unauthenticated'],
    ['alg none', new UnsecuredJWT(claims).encode(), 'unauthenticated'],
    ['another algorithm', sign(claims, { secret: SECRET.repeat(2), alg: 'HS512' }), 'unauthenticated'],
    ['no claims', new CompactSign(bytes('[]')).setProtectedHeader({ alg: 'HS256' }).sign(bytes(SECRET)), 'unauthenticated'],
    ['expired', sign({ ...claims, exp: nowS() - 1 }), 'token_expired'],
    ['not yet', sign({ ...claims, nbf: nowS() + 60 }), 'unauthenticated'],
    ['issued in the future', sign({ ...claims, iat: nowS() + 60 }), 'unauthenticated'],
    ['exp is text', sign({ ...claims, exp: 'never' } as unknown as JWTPayload), 'unauthenticated'],
    ['another issuer', sign({ ...claims, iss: 'them' }), 'unauthenticated'],
    ['no issuer', sign({ ...CLAIMS, aud: 'sunday' }), 'unauthenticated'],
    ['another audience', sign({ ...claims, aud: 'other' }), 'unauthenticated'],
  ];
  for (const [what, token, code] of cases) {
    await assert.rejects(verifier.verify(await token), { name: 'AccessError', code, reason: code }, what);
  }
});

async function provider(t: TestContext, keys: () => JWK[]): Promise<{ url: string; server: Server; asked: () => number }> {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: keys() }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.close(); });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`, server, asked: () => asked };
}

test('keys of a provider: its algorithms, its keys, nothing else', async (t) => {
  const pairs = { RS256: await generateKeyPair('RS256', { extractable: true }), ES256: await generateKeyPair('ES256', { extractable: true }), EdDSA: await generateKeyPair('EdDSA', { extractable: true }) };
  const keys = await Promise.all(Object.entries(pairs).map(async ([alg, { publicKey }]) => Object.assign(await exportJWK(publicKey), { kid: alg, alg })));
  const { url, asked } = await provider(t, () => keys);
  const verifier = createTokenVerifier({ jwksUrl: url, issuer: 'them' });
  const claims = { ...CLAIMS, iss: 'them' };
  for (const [alg, { privateKey }] of Object.entries(pairs)) {
    assert.equal((await verifier.verify(await new SignJWT(claims).setProtectedHeader({ alg, kid: alg }).sign(privateKey))).userId, 'ada', alg);
  }
  // the classic: the public key, which everybody has, as the secret of an HS256
  const publicText = await exportSPKI(pairs.RS256.publicKey);
  await refused(verifier, await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'RS256' }).sign(bytes(publicText)), 'unauthenticated');
  await refused(verifier, new UnsecuredJWT(claims).encode(), 'unauthenticated');
  const stranger = await generateKeyPair('RS256');
  await refused(verifier, await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'RS256' }).sign(stranger.privateKey), 'unauthenticated');
  for (let kid = 0; kid < 20; kid++) await refused(verifier, await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: `k${kid}` }).sign(stranger.privateKey), 'unauthenticated');
  assert.equal(asked(), 1, 'unknown keys do not make us ask the provider each time');
});

test('an outage of the provider: known keys go on working, without any it is passing trouble and no refusal', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const keys = [{ ...await exportJWK(publicKey), kid: 'k', alg: 'ES256' }];
  const { url, server } = await provider(t, () => keys);
  const token = await new SignJWT({ sub: 'ada' }).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(privateKey);
  const verifier = createTokenVerifier({ jwksUrl: url });
  await verifier.verify(token);
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3600_000 }); // the keys want to be fetched again
  assert.equal((await verifier.verify(token)).userId, 'ada');
  await refused(verifier, `${token.slice(0, -8)}AAAAAAAA`, 'unauthenticated');
  await refused(createTokenVerifier({ jwksUrl: url }), token, 'not_available');
});

test('a development session is of the same person every time, and only of that one', async () => {
  const verifier = createTokenVerifier({ secret: SECRET, issuer: 'us', audience: 'sunday' });
  const options = { issuer: 'us', audience: 'sunday' };
  const [first, again, other, foreign] = [await signDevSession(SECRET, { name: 'Ada Lovelace', ...options }), await signDevSession(SECRET, { name: ' ada LOVELACE ', ...options }), await signDevSession(SECRET, { name: 'Ada-Lovelace', ...options }), await signDevSession(SECRET, { name: '李', ...options })];
  assert.equal(first.user.id, again.user.id);
  assert.equal(new Set([first, again, other, foreign].map(({ user }) => user.id)).size, 3);
  const identity = await verifier.verify(first.token);
  assert.deepEqual([identity.userId, identity.name], [first.user.id, 'Ada Lovelace']);
  assert((identity.expiresAt ?? 0) > Date.now() + 11 * 3600_000);
});

test('a verifier needs one source of keys', () => {
  assert.throws(() => createTokenVerifier({}), TypeError);
});
