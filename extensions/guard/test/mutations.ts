/** Frames that no honest client sends: real updates with their bytes changed, and updates that can be read and mean nothing good. */
import type { Random } from '@sunday/board-model/testing/random';
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';

/** A real update, damaged. */
export function damaged(random: Random, updates: readonly Uint8Array[]): Uint8Array {
  let bytes = [...random.pick(updates).subarray(0, 4096)];
  for (let change = 1 + random.below(3); change > 0; change -= 1) {
    const at = random.below(bytes.length + 1);
    switch (random.below(6)) {
      case 0:
        bytes[at] = random.below(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        bytes.splice(at, 1 + random.below(4));
        break;
      case 3:
        bytes.splice(at, 0, ...Array.from({ length: 1 + random.below(4) }, () => random.below(256)));
        break;
      case 4:
        bytes = bytes.slice(0, at);
        break;
      case 5: {
        const other = random.pick(updates);
        bytes = [...bytes.slice(0, at), ...other.subarray(random.below(other.length), 4096)];
      }
    }
  }
  return Uint8Array.from(bytes);
}

const ROOTS = ['board', 'columns', 'groups', 'items', 'authors', 'secrets', ''];
const KEYS = ['name', 'place', 'createdAt', 'createdBy', 'c:text', 'c:later', 'c:person:ann', 'c:counter:1', 'type', 'title', 'author', 'body', '__proto__', 'constructor', ''];
/** lib0 reads it as an object whose prototype are bytes, and cannot write that. */
const AS_BYTES: Record<string, encoding.AnyEncodable> = Object.defineProperty({ url: 'https://x' }, '__proto__', { value: Uint8Array.of(1), enumerable: true });
const VALUES: readonly encoding.AnyEncodable[] = [
  1, 'x', null, ['x', 5], ['x', 5, 'olga'], [['g', 'a1'], 7], { url: 'javascript:x' }, true, Number.NaN, [[[[1]]]], { a: undefined },
  AS_BYTES, [[AS_BYTES], 5], { a: [AS_BYTES] }, [{ url: 'https://x' }, 5], Uint8Array.of(1), { a: 1n },
];

/** Updates that decode: structs of any kind at any place, of clients that exist, with references into the document. */
export function invented(random: Random, doc: Y.Doc, itemIds: readonly string[]): Uint8Array {
  const clients = [...doc.store.clients.keys()];
  const anyId = (): Y.ID => {
    const client = random.pick(clients);
    return Y.createID(client, random.below(Y.getState(doc.store, client) + 2));
  };
  const recordId = (itemId: string): Y.ID | undefined => doc.getMap('items')._map.get(itemId)?.id;
  const encoder = encoding.createEncoder();
  const sections = random.below(3);
  encoding.writeVarUint(encoder, sections);
  for (let section = 0; section < sections; section += 1) {
    const client = random.below(4) === 0 ? random.pick(clients) : 1 + random.below(50);
    const structs = 1 + random.below(3);
    const clock = random.below(5) === 0 ? random.below(1000) : Y.getState(doc.store, client);
    for (const part of [structs, client, clock]) encoding.writeVarUint(encoder, part);
    for (let at = 0; at < structs; at += 1) writeStruct(encoder, random, anyId, recordId, itemIds);
  }
  const deleted = random.below(3);
  encoding.writeVarUint(encoder, deleted);
  for (let range = 0; range < deleted; range += 1) {
    const { client, clock } = anyId();
    for (const part of [client, 1, clock, random.below(5)]) encoding.writeVarUint(encoder, part);
  }
  return encoding.toUint8Array(encoder);
}

function writeId(encoder: encoding.Encoder, { client, clock }: Y.ID): void {
  encoding.writeVarUint(encoder, client);
  encoding.writeVarUint(encoder, clock);
}

function writeStruct(encoder: encoding.Encoder, random: Random, anyId: () => Y.ID, recordId: (itemId: string) => Y.ID | undefined, itemIds: readonly string[]): void {
  const content = random.pick([0, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 8, 8, 8, 9, 10]);
  if (content === 0 || content === 10) {
    encoding.writeUint8(encoder, content);
    encoding.writeVarUint(encoder, random.below(4));
    return;
  }
  const origin = random.below(2) === 0;
  const rightOrigin = random.below(6) === 0;
  const keyed = random.below(3) > 0;
  encoding.writeUint8(encoder, content | (origin ? 0x80 : 0) | (rightOrigin ? 0x40 : 0) | (keyed ? 0x20 : 0));
  if (origin) writeId(encoder, anyId());
  if (rightOrigin) writeId(encoder, anyId());
  if (!origin && !rightOrigin) {
    const item = random.pick(itemIds);
    const named = random.below(2);
    const record = random.below(2) === 0 ? recordId(item) : undefined;
    encoding.writeVarUint(encoder, named);
    if (named === 1) encoding.writeVarString(encoder, random.pick([...ROOTS, `text:${item}:long_text`, `comments:${item}`]));
    else writeId(encoder, record ?? anyId());
    if (keyed) encoding.writeVarString(encoder, random.pick([...KEYS, item, `new${random.below(1000)}`]));
  }
  writeContent(encoder, random, content);
}

function writeContent(encoder: encoding.Encoder, random: Random, content: number): void {
  switch (content) {
    case 1:
      encoding.writeVarUint(encoder, random.below(4));
      return;
    case 2:
      encoding.writeVarUint(encoder, 1);
      encoding.writeVarString(encoder, '{"a":1}');
      return;
    case 3:
      encoding.writeVarUint8Array(encoder, new Uint8Array(random.below(5)));
      return;
    case 4:
      encoding.writeVarString(encoder, random.pick(['x', 'words', '', '\0', '𝒳']));
      return;
    case 5:
      encoding.writeVarString(encoder, '{"image":"x"}');
      return;
    case 6:
      encoding.writeVarString(encoder, random.pick(['bold', 'link', 'onclick']));
      encoding.writeVarString(encoder, random.pick(['true', 'null', '"javascript:x"', '{"a":[1]}']));
      return;
    case 7:
      encoding.writeVarUint(encoder, random.below(9));
      return;
    case 8: {
      const values = random.below(8) === 0 ? random.below(3) : 1;
      encoding.writeVarUint(encoder, values);
      for (let at = 0; at < values; at += 1) encoding.writeAny(encoder, random.pick(VALUES));
      return;
    }
    case 9:
      encoding.writeVarString(encoder, 'guid');
      encoding.writeAny(encoder, {});
  }
}
