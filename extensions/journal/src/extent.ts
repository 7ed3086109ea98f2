/**
 * What an update brings, without making what it holds.
 *
 * Asked of every edit as it arrives and again when it is committed. `Y.decodeUpdate` tells it, too, and makes all structs and values for it: garbage that
 * V8 puts where only a full collection finds it, since it has learned that values live long (docs/decisions/0017-a-collection-costs-a-third-of-a-second.md).
 *
 * Guarantees: throws wherever `Y.decodeUpdate` of yjs 13.6 does, and for client ids past 2^53, which it reads and cannot write; says the same as its structs do otherwise
 * (tested against it, junk included).
 * Does not: judge what an update means; say of values nested deeper than the stack when Yjs would give up.
 */
import * as decoding from 'lib0/decoding';
import { BIT6, BIT7, BIT8, BITS5 } from 'lib0/binary';

/** What an update brings: the end clocks per client id of its structs and of what it deletes, whether it carries any struct at all, and how many structs Yjs would make for it. */
export interface UpdateExtent {
  readonly ends: ReadonlyMap<number, number>;
  readonly deletedEnds: ReadonlyMap<number, number>;
  readonly deleteOnly: boolean;
  readonly structs: number;
}

/** Content references of yjs 13.6 (`contentRefs`). */
const CONTENT = { gc: 0, deleted: 1, json: 2, binary: 3, string: 4, embed: 5, format: 6, type: 7, any: 8, doc: 9 } as const;
const SKIP_INFO = 10;
/** Type references (`typeRefs`): those of XML elements and hooks are followed by a name. */
const NAMED_TYPES: ReadonlySet<number> = new Set([3, 5]);
const TYPES = 7;
/** Tags of `writeAny`, lib0. */
const ANY = { binary: 116, array: 117, object: 118, string: 119, true: 120, false: 121, bigint: 122, float64: 123, float32: 124, integer: 125, null: 126, undefined: 127 } as const;
const NOTHING: ReadonlySet<number | undefined> = new Set([ANY.null, ANY.undefined]);
const ASCII_END = 0x80;

/** @throws what Yjs throws on junk. Gaps (`Skip`) do not count as content. */
export function extentOf(update: Uint8Array): UpdateExtent {
  const decoder = decoding.createDecoder(update);
  const ends = new Map<number, number>();
  let count = 0;
  for (let clients = decoding.readVarUint(decoder); clients > 0; clients -= 1) {
    const structs = decoding.readVarUint(decoder);
    const client = decoding.readVarUint(decoder);
    let clock = decoding.readVarUint(decoder);
    if (!Number.isSafeInteger(client)) throw new RangeError('a client id past 2^53');
    let end = 0;
    for (let struct = 0; struct < structs; struct += 1) {
      count += 1;
      const info = decoding.readUint8(decoder);
      if (info === SKIP_INFO) {
        clock += decoding.readVarUint(decoder);
        continue;
      }
      clock += (info & BITS5) === CONTENT.gc ? decoding.readVarUint(decoder) : readItem(decoder, info);
      end = clock;
    }
    if (end > (ends.get(client) ?? 0)) ends.set(client, end);
  }
  return { ends, deletedEnds: readDeletions(decoder), deleteOnly: ends.size === 0, structs: count };
}

/** @returns its length in clocks */
function readItem(decoder: decoding.Decoder, info: number): number {
  if ((info & BIT8) !== 0) skipId(decoder);
  if ((info & BIT7) !== 0) skipId(decoder);
  if ((info & (BIT7 | BIT8)) === 0) {
    if (decoding.readVarUint(decoder) === 1) skipString(decoder);
    else skipId(decoder);
    if ((info & BIT6) !== 0) skipString(decoder);
  }
  return readContent(decoder, info & BITS5);
}

function readContent(decoder: decoding.Decoder, reference: number): number {
  switch (reference) {
    case CONTENT.deleted:
      return decoding.readVarUint(decoder);
    case CONTENT.json: {
      const length = decoding.readVarUint(decoder);
      for (let value = 0; value < length; value += 1) {
        const json = decoding.readVarString(decoder);
        if (json !== 'undefined') JSON.parse(json);
      }
      return length;
    }
    case CONTENT.binary:
      decoding.readVarUint8Array(decoder);
      return 1;
    case CONTENT.string:
      return decoding.readVarString(decoder).length;
    case CONTENT.embed:
      JSON.parse(decoding.readVarString(decoder));
      return 1;
    case CONTENT.format:
      skipString(decoder);
      JSON.parse(decoding.readVarString(decoder));
      return 1;
    case CONTENT.type: {
      const type = decoding.readVarUint(decoder);
      if (type >= TYPES) throw new RangeError(`unknown type ${type}`);
      if (NAMED_TYPES.has(type)) skipString(decoder);
      return 1;
    }
    case CONTENT.any: {
      const length = decoding.readVarUint(decoder);
      for (let value = 0; value < length; value += 1) skipAny(decoder);
      return length;
    }
    case CONTENT.doc:
      skipString(decoder);
      if (NOTHING.has(decoder.arr[decoder.pos])) throw new TypeError('a document without options');
      skipAny(decoder);
      return 1;
    default:
      throw new RangeError(`unknown content ${reference}`);
  }
}

function skipAny(decoder: decoding.Decoder): void {
  const tag = decoding.readUint8(decoder);
  switch (tag) {
    case ANY.undefined:
    case ANY.null:
    case ANY.true:
    case ANY.false:
      return;
    case ANY.integer:
      decoding.readVarInt(decoder);
      return;
    case ANY.float32:
      skip(decoder, 4);
      return;
    case ANY.float64:
    case ANY.bigint:
      skip(decoder, 8);
      return;
    case ANY.string:
      skipString(decoder);
      return;
    case ANY.binary:
      decoding.readVarUint8Array(decoder);
      return;
    case ANY.object:
      for (let entries = decoding.readVarUint(decoder); entries > 0; entries -= 1) {
        skipString(decoder);
        skipAny(decoder);
      }
      return;
    case ANY.array:
      for (let values = decoding.readVarUint(decoder); values > 0; values -= 1) skipAny(decoder);
      return;
    default:
      throw new RangeError(`unknown value ${tag}`);
  }
}

function readDeletions(decoder: decoding.Decoder): Map<number, number> {
  const ends = new Map<number, number>();
  for (let clients = decoding.readVarUint(decoder); clients > 0; clients -= 1) {
    const client = decoding.readVarUint(decoder);
    const ranges = decoding.readVarUint(decoder);
    let end = ends.get(client) ?? 0;
    for (let range = 0; range < ranges; range += 1) {
      const clock = decoding.readVarUint(decoder);
      end = Math.max(end, clock + decoding.readVarUint(decoder));
    }
    if (ranges > 0) ends.set(client, end);
  }
  return ends;
}

/** A client and a clock. */
function skipId(decoder: decoding.Decoder): void {
  decoding.readVarUint(decoder);
  decoding.readVarUint(decoder);
}

function skip(decoder: decoding.Decoder, bytes: number): void {
  if (bytes > decoder.arr.length - decoder.pos) throw new RangeError('the update ends early');
  decoder.pos += bytes;
}

/** What is ASCII is UTF-8. */
function skipString(decoder: decoding.Decoder): void {
  const start = decoder.pos;
  const end = decoding.readVarUint(decoder) + decoder.pos;
  for (let at = decoder.pos; at < end; at += 1) {
    if ((decoder.arr[at] ?? ASCII_END) < ASCII_END) continue;
    decoder.pos = start;
    decoding.readVarString(decoder);
    return;
  }
  decoder.pos = end;
}
