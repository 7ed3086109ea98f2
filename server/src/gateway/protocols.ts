/**
 * The two wire protocols of the edge, as translations to and from Hocuspocus' own frames (`varString document, varUint type,
 * body`). `/sync` speaks those already; `/yjs/{boardId}` speaks y-websocket's, which has one board per socket, no document
 * address, no acks and no refusals other than the end of the socket.
 */
import { isUuid } from '@sunday/database';
import { FRAME, frameWithBody } from '@sunday/extension-journal';
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';

/** Types that a y-websocket client knows; everything else stays on the server. */
const Y_WEBSOCKET_TYPES: ReadonlySet<number> = new Set([FRAME.sync, FRAME.awareness, FRAME.queryAwareness]);

/** What the gateway needs to know of a frame to route it. `body` starts at `bodyAt`, after the type. */
export interface Envelope {
  /** The address as sent: the document name, or `name\0session`. */
  readonly address: string;
  readonly document: string;
  readonly type: number;
  readonly bodyAt: number;
}

/** Longest address read: a board id, NUL, and the short session id of the stock provider. */
const MAX_ADDRESS_BYTES = 128;

/** `null`: not a frame, or addressed to something that cannot be a board. */
export function readEnvelope(frame: Uint8Array): Envelope | null {
  try {
    const decoder = decoding.createDecoder(frame);
    const length = decoding.readVarUint(decoder);
    if (length > MAX_ADDRESS_BYTES) return null;
    decoder.pos = 0;
    const address = decoding.readVarString(decoder);
    const end = address.indexOf('\0');
    return { address, document: end === -1 ? address : address.slice(0, end), type: decoding.readVarUint(decoder), bodyAt: decoder.pos };
  } catch {
    return null;
  }
}

/** Reads the envelopes of one socket's frames. Most are for the board of the one before, whose address is then not decoded, looked at and hashed anew. */
export class EnvelopeReader {
  /** The bytes of the last address, its length included. */
  #bytes = new Uint8Array();
  #address = '';
  #document = '';

  /** `null`: not a frame, or not addressed to what can be a board. Nothing else reaches Hocuspocus, which keeps names as keys of plain objects. */
  read(frame: Uint8Array): Envelope | null {
    const bodyAt = this.#bytes.length + 1;
    const type = frame[bodyAt - 1];
    if (type !== undefined && type < 0x80 && bodyAt > 1 && this.#isForTheSame(frame)) return { address: this.#address, document: this.#document, type, bodyAt };
    const envelope = readEnvelope(frame);
    if (envelope === null || !isUuid(envelope.document)) return null;
    const decoder = decoding.createDecoder(frame);
    decoding.readVarUint8Array(decoder);
    this.#bytes = new Uint8Array(frame.subarray(0, decoder.pos));
    this.#address = envelope.address;
    this.#document = envelope.document;
    return envelope;
  }

  #isForTheSame(frame: Uint8Array): boolean {
    const bytes = this.#bytes;
    for (let at = 0; at < bytes.length; at += 1) if (frame[at] !== bytes[at]) return false;
    return true;
  }
}

/** The address of a frame that is too odd for `readEnvelope`, so that the refusal can still be addressed; `null`: unreadable. */
export function readAddress(frame: Uint8Array): string | null {
  try {
    return decoding.readVarString(decoding.createDecoder(frame));
  } catch {
    return null;
  }
}

/** Sub-types of an Auth frame (@hocuspocus/common). */
export const AUTH = { token: 0, permissionDenied: 1, authenticated: 2 } as const;

const begin = (address: string, type: number): encoding.Encoder => {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, address);
  encoding.writeVarUint(encoder, type);
  return encoder;
};

export function tokenFrame(address: string, token: string): Uint8Array {
  const encoder = begin(address, FRAME.auth);
  encoding.writeVarUint(encoder, AUTH.token);
  encoding.writeVarString(encoder, token);
  return encoding.toUint8Array(encoder);
}

export function permissionDeniedFrame(address: string, reason: string): Uint8Array {
  const encoder = begin(address, FRAME.auth);
  encoding.writeVarUint(encoder, AUTH.permissionDenied);
  encoding.writeVarString(encoder, reason);
  return encoding.toUint8Array(encoder);
}

export function awarenessFrame(address: string, update: Uint8Array): Uint8Array {
  return frameWithBody(address, [FRAME.awareness], update);
}

export function statelessFrame(address: string, message: object): Uint8Array {
  const encoder = begin(address, FRAME.stateless);
  encoding.writeVarString(encoder, JSON.stringify(message));
  return encoding.toUint8Array(encoder);
}

/** The body of an awareness frame; `null` for junk. */
export function readAwareness(frame: Uint8Array, bodyAt: number): Uint8Array | null {
  try {
    const decoder = decoding.createDecoder(frame);
    decoder.pos = bodyAt;
    return decoding.readVarUint8Array(decoder);
  } catch {
    return null;
  }
}

/** Whose move a frame is: the same for two awareness updates about the same one client of the same board, of which nobody needs the older. `null`: no such frame. */
export function moverOf(frame: Uint8Array): string | null {
  const envelope = readEnvelope(frame);
  const update = envelope?.type === FRAME.awareness ? readAwareness(frame, envelope.bodyAt) : null;
  if (envelope === null || update === null) return null;
  try {
    const decoder = decoding.createDecoder(update);
    return decoding.readVarUint(decoder) === 1 ? `${envelope.address} ${decoding.readVarUint(decoder)}` : null;
  } catch {
    return null;
  }
}

/** Whether an Auth frame of a client can be read; Hocuspocus would log a stack trace for each that cannot. */
export function isReadableToken(frame: Uint8Array, bodyAt: number): boolean {
  try {
    const decoder = decoding.createDecoder(frame);
    decoder.pos = bodyAt;
    if (decoding.readVarUint(decoder) !== AUTH.token) return false;
    decoding.readVarString(decoder);
    // The provider's version follows since 4.0.
    if (decoding.hasContent(decoder)) decoding.readVarString(decoder);
    return true;
  } catch {
    return false;
  }
}

/** What an Auth frame of the server says. */
export function readServerAuth(frame: Uint8Array, bodyAt: number): { kind: 'denied'; reason: string } | { kind: 'authenticated' } | { kind: 'other' } {
  const decoder = decoding.createDecoder(frame);
  decoder.pos = bodyAt;
  switch (decoding.readVarUint(decoder)) {
    case AUTH.permissionDenied:
      return { kind: 'denied', reason: decoding.readVarString(decoder) };
    case AUTH.authenticated:
      return { kind: 'authenticated' };
    default:
      return { kind: 'other' };
  }
}

/** A frame of a y-websocket client, addressed for Hocuspocus; `null`: a type it has no business sending. */
export function fromYWebsocket(document: string, frame: Uint8Array): Uint8Array | null {
  if (frame.length === 0 || !Y_WEBSOCKET_TYPES.has(frame[0] ?? -1)) return null;
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, document);
  encoding.writeUint8Array(encoder, frame);
  return encoding.toUint8Array(encoder);
}

/** A frame of Hocuspocus for a y-websocket client; `null`: it would not understand it. */
export function toYWebsocket(frame: Uint8Array, envelope: Envelope): Uint8Array | null {
  if (envelope.type === FRAME.syncReply) {
    const copy = frame.slice(envelope.bodyAt - 1);
    copy[0] = FRAME.sync;
    return copy;
  }
  return Y_WEBSOCKET_TYPES.has(envelope.type) ? frame.subarray(envelope.bodyAt - 1) : null;
}
