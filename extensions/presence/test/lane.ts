/** A lane in virtual time, and stock clients, who are gone after each test. */
import { afterEach } from 'node:test';
import { createPresence, type Presence, type PresenceOptions, presenceColor } from '../src/index.ts';
import { decodeUpdate, encodeEntry, encodeUpdate } from '../src/wire.ts';
import { StockClient } from './stock-client.ts';
import { VirtualTime } from './virtual-time.ts';

type ClientOptions = Omit<ConstructorParameters<typeof StockClient>[1], 'userId'>;

const clients: StockClient[] = [];

afterEach(() => {
  for (const each of clients.splice(0)) each.destroy();
});

export function lane(options: PresenceOptions = {}): { time: VirtualTime; presence: Presence } {
  const time = new VirtualTime();
  return { time, presence: createPresence({ time, ...options }) };
}

/** Not attached yet. */
export function client(time: VirtualTime, userId: string, options: ClientOptions = {}): StockClient {
  const made = new StockClient(time, { userId, ...options });
  clients.push(made);
  return made;
}

/** Attached, with a cursor. */
export function person(time: VirtualTime, presence: Presence, userId: string, options: ClientOptions = {}): StockClient {
  const made = client(time, userId, options);
  made.set({ cursor: `of ${userId}` });
  made.connect(presence);
  return made;
}

/** What one has of another. */
export const sees = (viewer: StockClient, whom: StockClient): unknown => viewer.others().get(whom.id);

/** What others are to have of a person. */
export const state = (userId: string, cursor: unknown = `of ${userId}`): unknown => ({
  cursor, user: { id: userId, name: `Name of ${userId}`, picture: null, color: presenceColor(userId) },
});

export const update = (id: number, clock: number, json: string): Uint8Array => encodeUpdate([encodeEntry(id, clock, json)]);

/** Of whom a frame tells. */
export const ids = (frame: Uint8Array): Set<number> => new Set(decodeUpdate(frame)?.entries.map((entry) => entry.clientId));
