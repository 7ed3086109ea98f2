/** Sign-in by name alone, for development: main.ts offers it outside production and on loopback only. */
import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';

/** A working day; the web app signs in again by itself after that. */
const DEV_SESSION_S = 12 * 3600;

export interface DevSession {
  readonly token: string;
  readonly user: { readonly id: string; readonly name: string };
}

export interface DevSessionInput {
  readonly name: string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
}

/** The same name (spaces around it and case aside) is the same person, on every server and after every restart. */
export async function signDevSession(secret: string, { name: given, issuer, audience }: DevSessionInput): Promise<DevSession> {
  const name = given.trim().normalize('NFC');
  const id = devUserId(name);
  const jwt = new SignJWT({ name }).setProtectedHeader({ alg: 'HS256' }).setSubject(id).setIssuedAt().setExpirationTime(`${DEV_SESSION_S}s`);
  if (issuer !== undefined) jwt.setIssuer(issuer);
  if (audience !== undefined) jwt.setAudience(audience);
  return { token: await jwt.sign(new TextEncoder().encode(secret)), user: { id, name } };
}

/** Readable where the name allows, e.g. `ada-lovelace-3f2a9c01b4`; the digest keeps names apart that read alike. */
function devUserId(name: string): string {
  const key = name.toLowerCase();
  const readable = key.normalize('NFKD').replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '').slice(0, 32);
  const digest = createHash('sha256').update(key).digest('hex').slice(0, 10);
  return readable === '' ? `user-${digest}` : `${readable}-${digest}`;
}
