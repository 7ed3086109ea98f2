/**
 * An update less what others bring: their structs, and what they deleted. Yjs can leave out what a state vector covers, not what comes last.
 *
 * Guarantees: what is left can be applied wherever the update could, as long as nothing in it builds on what is left out.
 * Does not: bring back the content of what they deleted, where the document has thrown it away already.
 */
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';

type Struct = ReturnType<typeof Y.decodeUpdate>['structs'][number];

interface Range {
  readonly clock: number;
  readonly len: number;
}

/** @param taken of each client that has structs in them, the last it has in the update, too */
export function without(update: Uint8Array, taken: readonly Uint8Array[]): Uint8Array {
  const less = Y.mergeUpdates([...taken]);
  const { from } = Y.parseUpdateMeta(less);
  const deletedByLess = Y.decodeUpdate(less).ds.clients;
  const { structs, ds } = Y.decodeUpdate(update);

  const sections = new Map<number, Struct[]>();
  for (const struct of structs) {
    const kept = headOf(struct, (from.get(struct.id.client) ?? Infinity) - struct.id.clock);
    if (kept === null) continue;
    const section = sections.get(struct.id.client);
    if (section === undefined) sections.set(struct.id.client, [kept]);
    else section.push(kept);
  }
  const deletions = new Map<number, Range[]>();
  for (const [client, ranges] of ds.clients) {
    const left = ranges.flatMap((range) => restOf(range, from.get(client) ?? Infinity, deletedByLess.get(client) ?? []));
    if (left.length > 0) deletions.set(client, left);
  }
  return encoded(sections, deletions);
}

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
  let rest: Range[] = [{ clock, len: Math.min(clock + len, end) - clock }];
  for (const other of others) {
    rest = rest.flatMap((range) => [
      { clock: range.clock, len: Math.min(range.clock + range.len, other.clock) - range.clock },
      fromTo(Math.max(range.clock, other.clock + other.len), range.clock + range.len),
    ]);
  }
  return rest.filter((range) => range.len > 0);
}

const fromTo = (from: number, to: number): Range => ({ clock: from, len: to - from });

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
