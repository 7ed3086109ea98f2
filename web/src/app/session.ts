/**
 * Who is signed in on this browser: a token and its user, kept in localStorage and shared by its tabs.
 * Does not verify anything: the server does, at every request and socket.
 */
import { createStore } from '../ui/store.ts';

export interface SessionUser {
  id: string;
  name: string;
  email?: string;
  picture?: string;
}

export interface Session {
  token: string;
  user: SessionUser;
  /** Signed in by name on a development server: can be renewed without asking. */
  byName?: boolean;
}

const KEY = 'sunday.session';

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string | null): Session | null {
  if (!text) return null;
  try {
    const data: unknown = JSON.parse(text);
    if (!isRecord(data) || typeof data['token'] !== 'string' || !isRecord(data['user'])) return null;
    const { id, name } = data['user'];
    if (typeof id !== 'string' || typeof name !== 'string') return null;
    const found: Session = { token: data['token'], user: { id, name, ...optional(data['user']) } };
    return data['byName'] === true ? { ...found, byName: true } : found;
  } catch {
    return null;
  }
}

function optional(user: Record<string, unknown>): Partial<SessionUser> {
  const out: Partial<SessionUser> = {};
  if (typeof user['email'] === 'string') out.email = user['email'];
  if (typeof user['picture'] === 'string') out.picture = user['picture'];
  return out;
}

export const session = createStore<Session | null>(parse(localStorage.getItem(KEY)));

export function signIn(next: Session): void {
  localStorage.setItem(KEY, JSON.stringify(next));
  session.set(next);
}

export function signOut(): void {
  localStorage.removeItem(KEY);
  session.set(null);
}

window.addEventListener('storage', (event) => {
  if (event.key === KEY) session.set(parse(event.newValue));
});

function claimsOf(token: string): Record<string, unknown> | null {
  const body = token.trim().split('.')[1];
  if (!body) return null;
  try {
    const bytes = Uint8Array.from(atob(body.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.codePointAt(0) ?? 0);
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isRecord(claims) ? claims : null;
  } catch {
    return null;
  }
}

/** Reads the user out of a pasted JWT; null when it is not one. */
export function sessionFromToken(token: string): Session | null {
  const claims = claimsOf(token);
  if (!claims || typeof claims['sub'] !== 'string') return null;
  const name = typeof claims['name'] === 'string' ? claims['name'] : claims['sub'];
  return { token: token.trim(), user: { id: claims['sub'], name, ...optional(claims) } };
}

const RENEW_BEFORE_MS = 60_000; // a token this close to its end would not outlive the connection it opens

/** Whether the token is over, or will be in a moment. One without an end never is. */
export function isEnding(token: string): boolean {
  const end = claimsOf(token)?.['exp'];
  return typeof end === 'number' && end * 1000 - Date.now() < RENEW_BEFORE_MS;
}
