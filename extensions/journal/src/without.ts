/**
 * An update less what others bring: their structs, and what they deleted. Yjs can leave out what a state vector covers, not what comes last.
 *
 * Guarantees: what is left can be applied wherever the update could, as long as nothing in it builds on what is left out. Linear in the update and in
 * what is left out of it.
 * Does not: bring back content that the document has thrown away.
 */
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';

type Struct = ReturnType<typeof Y.decodeUpdate>['structs'][number];

export interface Range {
  readonly clock: number;
  readonly len: number;
}

export interface Taken {
  /** The clock per client from which on its structs are left out. */
  readonly from: ReadonlyMap<number, number>;
  /** Sorted, and apart from each other. */
  readonly deletions: ReadonlyMap<number, readonly Range[]>;
}

/**
 * @param updates of each client that has structs in them, the last it has wherever they are to be left out
 * @param more deletions that are to be left out, too
 */
export function takenBy(updates: readonly Uint8Array[], more: ReadonlyMap<number, readonly Range[]> = new Map()): Taken {
  const from = new Map<number, number>();
  const deleted = new Map<number, Range[]>([...more].map(([client, ranges]) => [client, [...ranges]]));
  for (const update of updates) {
    const { structs, ds } = Y.decodeUpdate(update);
    for (const struct of structs) {
      const { client, clock } = struct.id;
      if (!(struct instanceof Y.Skip)) from.set(client, Math.min(from.get(client) ?? Infinity, clock));
    }
    for (const [client, ranges] of ds.clients) {
      const known = deleted.get(client);
      if (known === undefined) deleted.set(client, [...ranges]);
      else known.push(...ranges);
    }
  }
  return { from, deletions: new Map([...deleted].map(([client, ranges]) => [client, apart(ranges)])) };
}

function apart(ranges: readonly Range[]): Range[] {
  const joined: { clock: number; len: number }[] = [];
  for (const { clock, len } of ranges.toSorted((a, b) => a.clock - b.clock)) {
    const last = joined.at(-1);
    if (last === undefined || clock > last.clock + last.len) joined.push({ clock, len });
    else last.len = Math.max(last.len, clock + len - last.clock);
  }
  return joined;
}

export interface Rest {
  /** The update itself where it lacks nothing. */
  readonly update: Uint8Array;
  readonly lacks: 'nothing' | 'deletions' | 'structs';
}

export function without(update: Uint8Array, taken: Taken): Rest {
  const { structs, ds } = Y.decodeUpdate(update);
  let lacks: Rest['lacks'] = 'nothing';
  const sections = new Map<number, Struct[]>();
  for (const struct of structs) {
    const room = (taken.from.get(struct.id.client) ?? Infinity) - struct.id.clock;
    if (room < struct.length && !(struct instanceof Y.Skip)) lacks = 'structs';
    const kept = headOf(struct, room);
    if (kept === null) continue;
    const section = sections.get(struct.id.client);
    if (section === undefined) sections.set(struct.id.client, [kept]);
    else section.push(kept);
  }
  const deletions = new Map<number, Range[]>();
  for (const [client, ranges] of ds.clients) {
    const end = taken.from.get(client) ?? Infinity;
    const others = taken.deletions.get(client) ?? [];
    const left = ranges.flatMap((range) => restOf(range, end, others));
    if (lacks === 'nothing' && lengthOf(left) < lengthOf(ranges)) lacks = 'deletions';
    if (left.length > 0) deletions.set(client, left);
  }
  return { update: lacks === 'nothing' ? update : encoded(sections, deletions), lacks };
}

const lengthOf = (ranges: readonly Range[]): number => ranges.reduce((sum, { len }) => sum + len, 0);

/** Of a struct, at most `length` clocks; null: nothing. The struct is used up. */
function headOf(struct: Struct, length: number): Struct | null {
  if (length <= 0) return null;
  if (length >= struct.length) return struct;
  if (struct instanceof Y.Item) struct.content.splice(length);
  else struct.length = length;
  return struct;
}

/** Of a range, what lies below `end` and in none of the others. */
function restOf({ clock, len }: Range, end: number, others: readonly Range[]): Range[] {
  const rest: Range[] = [];
  const stop = Math.min(clock + len, end);
  let at = clock;
  for (let index = firstAfter(others, clock); index < others.length; index += 1) {
    const other = others[index];
    if (other === undefined || other.clock >= stop) break;
    if (other.clock > at) rest.push({ clock: at, len: other.clock - at });
    at = other.clock + other.len;
  }
  if (at < stop) rest.push({ clock: at, len: stop - at });
  return rest;
}

/** Index of the first range that ends after a clock. */
function firstAfter(ranges: readonly Range[], clock: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const range = ranges[middle];
    if (range !== undefined && range.clock + range.len <= clock) low = middle + 1;
    else high = middle;
  }
  return low;
}

function encoded(sections: ReadonlyMap<number, readonly Struct[]>, deletions: ReadonlyMap<number, readonly Range[]>): Uint8Array {
  const encoder = new Y.UpdateEncoderV1();
  const rest = encoder.restEncoder;
  encoding.writeVarUint(rest, sections.size);
  // Yjs writes the higher ids first.
  for (const [client, structs] of [...sections].toSorted(([a], [b]) => b - a)) {
    encoding.writeVarUint(rest, structs.length);
    encoder.writeClient(client);
    encoding.writeVarUint(rest, structs[0]?.id.clock ?? 0);
    for (const struct of structs) struct.write(encoder, 0);
  }
  encoding.writeVarUint(rest, deletions.size);
  for (const [client, ranges] of [...deletions].toSorted(([a], [b]) => b - a)) {
    encoder.resetDsCurVal();
    encoding.writeVarUint(rest, client);
    encoding.writeVarUint(rest, ranges.length);
    for (const { clock, len } of ranges) {
      encoder.writeDsClock(clock);
      encoder.writeDsLen(len);
    }
  }
  return encoder.toUint8Array();
}
