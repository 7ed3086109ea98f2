/**
 * An update, decoded once and known to be well-formed: what Yjs would do with it can be told from here.
 *
 * Guarantees: throws `Refusal` for anything that Yjs' own encoder never writes and that its decoder or integration would choke on or
 * read differently than we do: empty structs, one client twice, references of a client to its own future, values that cannot be written again.
 * Does not: look at a document.
 */
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { Refusal } from './faults.ts';

export type Struct = Y.Item | Y.GC;

export interface Section {
  readonly client: number;
  /** In order of clock; where there are gaps, what follows one waits. */
  readonly structs: readonly Struct[];
  /** The clock after the last struct; 0 where there are only gaps, which bring nothing. */
  readonly end: number;
}

export interface Decoded {
  readonly sections: ReadonlyMap<number, Section>;
  readonly deletions: ReadonlyMap<number, readonly { readonly clock: number; readonly len: number }[]>;
  readonly count: number;
  isDeleted(id: Y.ID): boolean;
}

interface Growing {
  readonly client: number;
  readonly structs: Struct[];
  end: number;
  /** As `end`, gaps included. */
  reached: number;
}

/** @throws Refusal malformed_update, update_too_complex */
export function decode(update: Uint8Array, maxStructs: number, maxClients = Infinity): Decoded {
  let decoded;
  let clients;
  try {
    clients = decoding.readVarUint(decoding.createDecoder(update));
    // before anything is made of them
    if (clients > maxClients) throw new Refusal('update_too_complex');
    decoded = Y.decodeUpdate(update);
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('malformed_update', { cause: error });
  }
  const { structs, ds } = decoded;
  if (structs.length > maxStructs) throw new Refusal('update_too_complex');
  const sections = new Map<number, Growing>();
  let current: Growing | undefined;
  for (const struct of structs) {
    const { client, clock } = struct.id;
    if (!(struct.length > 0) || !isId(client, clock + struct.length)) throw new Refusal('malformed_update');
    if (current?.client !== client) {
      // Yjs would take the second section and forget the first
      if (sections.has(client)) throw new Refusal('malformed_update');
      current = { client, structs: [], end: 0, reached: clock };
      sections.set(client, current);
    }
    if (clock < current.reached) throw new Refusal('malformed_update');
    current.reached = clock + struct.length;
    if (struct instanceof Y.Skip) continue;
    current.end = current.reached;
    if (struct instanceof Y.Item) checkItem(struct);
    else if (!(struct instanceof Y.GC)) throw new Refusal('malformed_update');
    current.structs.push(struct);
  }
  // A section of no structs is not seen here, and Yjs would take it for all that its client has in the update.
  if (sections.size !== clients) throw new Refusal('malformed_update');
  for (const [client, ranges] of ds.clients) {
    let end = 0;
    for (const { clock, len } of ranges) {
      // Encoders sort and merge them. One range a thousand times would be a thousand walks.
      if (!(len > 0) || !isId(client, clock + len) || clock < end) throw new Refusal('malformed_update');
      end = clock + len;
    }
  }
  return { sections, deletions: ds.clients, count: structs.length, isDeleted: (id) => Y.isDeleted(ds, id) };
}

/** lib0 reads some integers past 2^53 without a word, up to infinity; written again, they never end. */
const isId = (client: number, clock: number): boolean => Number.isSafeInteger(client) && Number.isSafeInteger(clock);

/** It can only build on what its client had before: its own later clocks would be looked up where there is nothing yet. Its values can be sent on. */
function checkItem({ id, origin, rightOrigin, parent, content }: Y.Item): void {
  for (const reference of [origin, rightOrigin, parent]) {
    if (!(reference instanceof Y.ID)) continue;
    if (!isId(reference.client, reference.clock) || (reference.client === id.client && reference.clock >= id.clock)) throw new Refusal('malformed_update');
  }
  if (content instanceof Y.ContentAny && !isPlain(content.arr)) throw new Refusal('malformed_update');
}

/**
 * Whether lib0 writes again what it read. It sets a key `__proto__` as the object's prototype, and what has bytes for one it takes for bytes: it throws,
 * whatever holds it, an update or a whole board.
 */
function isPlain(values: readonly unknown[]): boolean {
  const open = [...values];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) continue;
    if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return false;
    for (const part of Object.values(value)) open.push(part);
  }
  return true;
}

/**
 * Takes the deletions out of an update, in place: they are its end, and what follows an update is not read. Values that its structs replace are deleted by Yjs all the same.
 * @throws Refusal update_not_allowed where it does not end as Yjs would have written it
 */
export function withoutDeletions(update: Uint8Array, { deletions }: Decoded): void {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, deletions.size);
  for (const [client, ranges] of deletions) {
    for (const part of [client, ranges.length, ...ranges.flatMap(({ clock, len }) => [clock, len])]) encoding.writeVarUint(encoder, part);
  }
  const end = encoding.toUint8Array(encoder);
  const at = update.length - end.length;
  if (at < 0 || end.some((byte, index) => byte !== update[at + index])) throw new Refusal('update_not_allowed');
  update.fill(0, at);
}

/** Whether a delete-only update of this length begins as one: no structs. Two bytes are the least: nothing, and nothing deleted. */
export const isStructless = (update: Uint8Array): boolean => update[0] === 0;
