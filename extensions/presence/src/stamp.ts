/**
 * Identity on the lane: every state says who it is of, and the server says so, not the client.
 */
import { MAX_NAME_CHARS, MAX_PICTURE_CHARS } from './limits.ts';
import { stampPlainState } from './plain-state.ts';
import type { PresenceUser } from './types.ts';
import { decodeState, type PresenceState } from './wire.ts';

/** Exactly the four fields, bounded: they travel with every move. */
export function stamp({ id, name, picture, color }: PresenceUser): PresenceUser {
  return { id, name: name.slice(0, MAX_NAME_CHARS), picture: picture !== null && picture.length <= MAX_PICTURE_CHARS ? picture : null, color };
}

/** The stamp another node wrote. */
export function stampOf({ user }: PresenceState): PresenceUser | undefined {
  if (typeof user !== 'object' || user === null) return undefined;
  const { id, name, picture, color } = user as Partial<Record<keyof PresenceUser, unknown>>;
  if (typeof id !== 'string' || typeof name !== 'string' || typeof color !== 'string') return undefined;
  return { id, name, picture: typeof picture === 'string' ? picture : null, color };
}

/** What a peer says, with its stamp. */
export interface Stamped {
  readonly json: string;
  /** The field of that name. */
  readonly view: unknown;
}

/** `userJson` is `user`, written once for all. `null`: the client left. `undefined`: no JSON object, or nested too deeply. */
export function stampState(text: string, user: PresenceUser, userJson: string): Stamped | null | undefined {
  const plain = stampPlainState(text, userJson);
  if (plain !== undefined) return { json: plain.json, view: plain.view === undefined ? undefined : JSON.parse(plain.view) };
  const state = decodeState(text);
  if (state === null || state === undefined) return state;
  const json = stampedJson(state, user);
  return json === undefined ? undefined : { json, view: state['view'] };
}

/** Writes the stamp into `state`, and returns it as JSON; undefined if it is nested too deeply to be written. */
export function stampedJson(state: PresenceState, user: PresenceUser): string | undefined {
  state['user'] = user;
  try {
    return JSON.stringify(state);
  } catch {
    return undefined;
  }
}
