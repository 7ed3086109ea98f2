/**
 * The bytes between nodes. The channel says which board, the frame says the rest:
 *
 *   frame    = version:varUint kind:varUint node:varString epoch:varUint body
 *   batch    = seq:varUint update (to the end)         head = seq:varUint          presence = message (to the end)
 *   volatile = authors:varUint {varString} clients:varUint {client:varUint user:varString} update (to the end)
 *   alive    = count:varUint                           bye, missed = nothing
 *
 * Decoding never throws and never reads outside the bytes it was given; what it returns are views into them.
 */
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import type { BoardMessage, NodeIdentity } from './fanout.ts';

/** What nodes tell each other about themselves. */
export type NodeMessage =
  /** Heartbeat; the count tells a node which of its own came back. */
  | { readonly kind: 'alive'; readonly count: number }
  | { readonly kind: 'bye' }
  /** This node could not publish for a while: what the journal holds may be more than was told. */
  | { readonly kind: 'missed' };

export type Message = BoardMessage | NodeMessage;

const VERSION = 1;
/** The index is what is sent: append only. */
const KINDS = ['batch', 'head', 'volatile', 'presence', 'alive', 'bye', 'missed'] as const satisfies readonly Message['kind'][];

export function encodeFrame(node: NodeIdentity, message: Message): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, VERSION);
  encoding.writeVarUint(encoder, KINDS.indexOf(message.kind));
  encoding.writeVarString(encoder, node.id);
  encoding.writeVarUint(encoder, node.epoch);
  switch (message.kind) {
    case 'batch':
      encoding.writeVarUint(encoder, message.seq);
      encoding.writeUint8Array(encoder, message.update);
      break;
    case 'head':
      encoding.writeVarUint(encoder, message.seq);
      break;
    case 'volatile':
      encoding.writeVarUint(encoder, message.authors.length);
      for (const author of message.authors) encoding.writeVarString(encoder, author);
      encoding.writeVarUint(encoder, message.clients.size);
      for (const [client, userId] of message.clients) {
        encoding.writeVarUint(encoder, client);
        encoding.writeVarString(encoder, userId);
      }
      encoding.writeUint8Array(encoder, message.update);
      break;
    case 'presence':
      encoding.writeUint8Array(encoder, message.message);
      break;
    case 'alive':
      encoding.writeVarUint(encoder, message.count);
      break;
    case 'bye':
    case 'missed':
      break;
  }
  return encoding.toUint8Array(encoder);
}

export interface Frame {
  readonly from: NodeIdentity;
  readonly message: Message;
}

/** `undefined`: not a frame, or of a version this one does not know. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  try {
    const decoder = decoding.createDecoder(bytes);
    if (decoding.readVarUint(decoder) !== VERSION) return undefined;
    const kind = KINDS[decoding.readVarUint(decoder)];
    if (kind === undefined) return undefined;
    const from = { id: readString(decoder), epoch: decoding.readVarUint(decoder) };
    const message = readMessage(kind, decoder);
    return message === undefined ? undefined : { from, message };
  } catch {
    return undefined; // lib0 throws at the end of the bytes and at integers past 2^53
  }
}

function readMessage(kind: Message['kind'], decoder: decoding.Decoder): Message | undefined {
  switch (kind) {
    case 'batch': {
      const seq = decoding.readVarUint(decoder);
      const update = rest(decoder);
      return update.length === 0 ? undefined : { kind, seq, update };
    }
    case 'head':
      return { kind, seq: decoding.readVarUint(decoder) };
    case 'volatile': {
      const authors: string[] = [];
      for (let left = decoding.readVarUint(decoder); left > 0; left--) authors.push(readString(decoder));
      const clients = new Map<number, string>();
      for (let left = decoding.readVarUint(decoder); left > 0; left--) clients.set(decoding.readVarUint(decoder), readString(decoder));
      const update = rest(decoder);
      return update.length === 0 ? undefined : { kind, authors, clients, update };
    }
    case 'presence':
      return { kind, message: rest(decoder) };
    case 'alive':
      return { kind, count: decoding.readVarUint(decoder) };
    case 'bye':
    case 'missed':
      return { kind };
  }
}

function rest(decoder: decoding.Decoder): Uint8Array {
  return decoder.arr.subarray(decoder.pos);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** lib0's own would read on into whatever shares the buffer. */
function readString(decoder: decoding.Decoder): string {
  const length = decoding.readVarUint(decoder);
  const start = decoder.pos;
  if (length > decoder.arr.length - start) throw new RangeError('a string past the end of the frame');
  decoder.pos += length;
  return utf8.decode(decoder.arr.subarray(start, decoder.pos));
}
