/**
 * The awareness wire format of y-protocols, read and written with lib0 directly: no Y.Doc, no Awareness object.
 *
 *   update  = count:varUint { clientId:varUint clock:varUint state:varString(JSON) }
 *   message = version:varUint kind:varUint node:varString epoch:varUint clock:varUint update { since:varUint }     (between nodes)
 *
 * Guarantees: decoding never throws and never reads outside the bytes it was given, whatever they are. State bytes of
 * entries nobody asked for are skipped, not decoded: y-websocket sends back everything it receives.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { WIRE_CLOCK } from './limits.ts';

/** A client's state: any JSON object. */
export type PresenceState = Record<string, unknown>;

export interface WireEntry {
  readonly clientId: number;
  readonly clock: number;
  /** UTF-8 JSON, a view into the frame: to be decoded before the frame's buffer is used again. */
  readonly state: Buffer;
}

export interface DecodedUpdate {
  readonly entries: WireEntry[];
  /** Entries of other client ids than `only`. */
  readonly skipped: number;
}

/** The entries of an update, or those of one client id; `undefined` if the bytes are not an update. */
export function decodeUpdate(update: Uint8Array, only?: number): DecodedUpdate | undefined {
  try {
    return readUpdate(decoding.createDecoder(update), only);
  } catch {
    return undefined; // lib0 throws at the end of the bytes and at integers past 2^53
  }
}

function readUpdate(decoder: decoding.Decoder, only: number | undefined): DecodedUpdate | undefined {
  const entries: WireEntry[] = [];
  let skipped = 0;
  const count = decoding.readVarUint(decoder);
  for (let index = 0; index < count; index++) {
    const clientId = decoding.readVarUint(decoder);
    const clock = decoding.readVarUint(decoder);
    const length = decoding.readVarUint(decoder);
    const start = decoder.pos;
    // lib0 would read on into whatever shares the buffer
    if (!(length <= decoder.arr.length - start)) return undefined;
    decoder.pos += length;
    // lib0 reads some integers past 2^53 without a word, up to infinity
    if (!Number.isSafeInteger(clientId) || !(clock <= WIRE_CLOCK)) return undefined;
    if (only !== undefined && clientId !== only) skipped++;
    else entries.push({ clientId, clock, state: Buffer.from(decoder.arr.buffer, decoder.arr.byteOffset + start, length) });
  }
  return { entries, skipped };
}

/** What stands for bytes that are no UTF-8, or for itself. */
const REPLACEMENT = '\uFFFD';

/** Nesting of a state that y-protocols still compares without running out of stack, in any browser. */
const MAX_STATE_DEPTH = 256;

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((part) => isDeeper(part, levels - 1)));

/** `undefined`: not UTF-8. */
export function decodeText(bytes: Buffer): string | undefined {
  const text = bytes.toString();
  return text.includes(REPLACEMENT) && !isUtf8(bytes) ? undefined : text;
}

/** A state: a JSON object, `null` (the client left), or `undefined` for anything else, and for one nested too deeply. */
export function decodeState(text: string): PresenceState | null | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (value === null) return null;
    // Each level takes two characters at the least.
    if (text.length > 2 * MAX_STATE_DEPTH && isDeeper(value, MAX_STATE_DEPTH)) return undefined;
    return typeof value === 'object' && !Array.isArray(value) ? (value as PresenceState) : undefined;
  } catch {
    return undefined;
  }
}

/** A state that was decoded before. */
export const parseState = (json: string): PresenceState => JSON.parse(json) as PresenceState;

/** Room for a cursor to get a few digits longer. */
const SPARE_BYTES = 32;

/**
 * One entry; `json` is `'null'` for a removal. Entries are kept and joined into frames without being encoded again. Made for every move
 * of everybody, so it is written into one buffer of the right size: an encoder that grows took eight times as long (ran).
 *
 * `before` is the entry in whose place it comes, and nobody reads any more: its buffer is used again where the new one fits in. Not one of Node's pool: an
 * entry that is kept would keep other people's frames with it.
 */
export function encodeEntry(clientId: number, clock: number, json: string, before?: Buffer): Buffer {
  const bytes = Buffer.byteLength(json);
  const length = varUintBytes(clientId) + varUintBytes(clock) + varUintBytes(bytes) + bytes;
  const entry = before?.length === length ? before : entryOf(length, before?.buffer);
  let at = writeVarUint(entry, 0, clientId);
  at = writeVarUint(entry, at, clock);
  at = writeVarUint(entry, at, bytes);
  entry.write(json, at);
  return entry;
}

const entryOf = (length: number, room: ArrayBufferLike | undefined): Buffer =>
  Buffer.from(room !== undefined && room.byteLength >= length ? room : Buffer.allocUnsafeSlow(length + SPARE_BYTES).buffer, 0, length);

export function encodeUpdate(entries: readonly Uint8Array[]): Uint8Array {
  const update = Buffer.allocUnsafe(entries.reduce((sum, entry) => sum + entry.length, varUintBytes(entries.length)));
  let at = writeVarUint(update, 0, entries.length);
  for (const entry of entries) {
    update.set(entry, at);
    at += entry.length;
  }
  return update;
}

/** lib0's varUint: seven bits a byte, the lowest first. Clocks go past 2^31, where bit operations end. */
function varUintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

function writeVarUint(into: Uint8Array, at: number, value: number): number {
  let next = at;
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) into[next++] = 128 | rest % 128;
  into[next++] = rest;
  return next;
}

/**
 * What nodes tell each other about a board: `delta` what changed in a tick, `full` every client of the sending node (others of
 * that node are gone), `request` a node that opens the board asks the others for theirs.
 */
export type NodeMessageKind = 'delta' | 'full' | 'request';

/** An update, and of each of its entries when the session began that says so (clients.ts). */
export interface Told {
  readonly update: Uint8Array;
  readonly since: readonly number[];
}

/** An entry of another node. */
export interface NodeEntry extends WireEntry {
  readonly since: number;
}

export interface NodeSender {
  readonly node: string;
  /** Grows with every start of that node. */
  readonly epoch: number;
  /** The last it showed anything at. */
  readonly clock: number;
}

export interface NodeMessage extends NodeSender {
  readonly kind: NodeMessageKind;
  readonly entries: readonly NodeEntry[];
}

const NODE_MESSAGE_VERSION = 2;
const KINDS: readonly NodeMessageKind[] = ['delta', 'full', 'request'];

export function encodeNodeMessage(kind: NodeMessageKind, { node, epoch, clock }: NodeSender, { update, since }: Told): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, NODE_MESSAGE_VERSION);
  encoding.writeVarUint(encoder, KINDS.indexOf(kind));
  encoding.writeVarString(encoder, node);
  encoding.writeVarUint(encoder, epoch);
  encoding.writeVarUint(encoder, clock);
  encoding.writeUint8Array(encoder, update);
  for (const each of since) encoding.writeVarUint(encoder, each);
  return encoding.toUint8Array(encoder);
}

export function decodeNodeMessage(message: Uint8Array): NodeMessage | undefined {
  try {
    const decoder = decoding.createDecoder(message);
    if (decoding.readVarUint(decoder) !== NODE_MESSAGE_VERSION) return undefined;
    const kind = KINDS[decoding.readVarUint(decoder)];
    const node = decoding.readVarString(decoder);
    const epoch = decoding.readVarUint(decoder);
    const clock = decoding.readVarUint(decoder);
    const update = readUpdate(decoder, undefined);
    if (kind === undefined || update === undefined) return undefined;
    const entries = update.entries.map(({ clientId, clock: at, state }) => ({ clientId, clock: at, state, since: decoding.readVarUint(decoder) }));
    return { kind, node, epoch, clock, entries };
  } catch {
    return undefined;
  }
}
