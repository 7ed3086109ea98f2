/**
 * The Hocuspocus wire protocol, as far as the journal speaks it itself.
 *
 * Every frame is `varString address, varUint type, body`. The address is the document name, or `name\0session` for
 * session-aware providers. Decoding never trusts lengths: a frame that cannot be read throws `MalformedFrame`.
 */
import { Buffer } from 'node:buffer';
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { extentOf, type UpdateExtent } from './extent.ts';

/** Message types of @hocuspocus/server 4.7 (`MessageType`); fixed by the wire, so restated as plain numbers. */
export const FRAME = {
  sync: 0,
  awareness: 1,
  auth: 2,
  queryAwareness: 3,
  syncReply: 4,
  stateless: 5,
  broadcastStateless: 6,
  close: 7,
  syncStatus: 8,
} as const;

/** Sub-types of a sync frame (y-protocols/sync). */
const SYNC = { step1: 0, step2: 1, update: 2 } as const;

export class MalformedFrame extends Error {
  readonly reason = 'malformed_update';
  constructor(cause: unknown) {
    super('the frame cannot be decoded', { cause });
    this.name = 'MalformedFrame';
  }
}

export type InboundFrame =
  | { readonly kind: 'step1'; readonly vector: Uint8Array }
  | { readonly kind: 'step2' | 'update'; readonly update: Uint8Array; readonly extent: UpdateExtent }
  | { readonly kind: 'stateless'; readonly payload: string }
  | { readonly kind: 'other' };

/** Reads one inbound frame (any address). Updates are read whole, so that junk is refused before Yjs sees it. */
export function readInbound(frame: Uint8Array): InboundFrame {
  try {
    const decoder = decoding.createDecoder(frame);
    decoding.readVarString(decoder);
    const type = decoding.readVarUint(decoder);
    switch (type) {
      case FRAME.sync:
      case FRAME.syncReply:
        return readSync(decoder);
      case FRAME.stateless:
        return { kind: 'stateless', payload: decoding.readVarString(decoder) };
      default:
        return { kind: 'other' };
    }
  } catch (error) {
    throw new MalformedFrame(error);
  }
}

function readSync(decoder: decoding.Decoder): InboundFrame {
  const step = decoding.readVarUint(decoder);
  const body = decoding.readVarUint8Array(decoder);
  switch (step) {
    case SYNC.step1:
      Y.decodeStateVector(body);
      return { kind: 'step1', vector: body };
    case SYNC.step2:
      return { kind: 'step2', update: body, extent: extentOf(body) };
    case SYNC.update:
      return { kind: 'update', update: body, extent: extentOf(body) };
    default:
      throw new RangeError(`unknown sync step ${step}`);
  }
}

/** The message type of an outbound frame, and the byte after it (the first of the body; 0 where there is none). */
export function peekOutbound(frame: Uint8Array): { type: number; first: number } {
  const decoder = decoding.createDecoder(frame);
  const addressBytes = decoding.readVarUint(decoder);
  decoder.pos += addressBytes;
  const type = decoding.readVarUint(decoder);
  return { type, first: decoder.pos < frame.length ? decoding.readUint8(decoder) : 0 };
}

const begin = (address: string, type: number): encoding.Encoder => {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, address);
  encoding.writeVarUint(encoder, type);
  return encoder;
};

/**
 * Address, codes (each below 128), and a body with its length. Made for every batch and tick of every board, so it is written into one
 * buffer of the right size: an encoder that grows with the body took ten times as long (ran).
 */
export function frameWithBody(address: string, codes: readonly number[], body: Uint8Array): Uint8Array {
  const addressBytes = Buffer.byteLength(address);
  const frame = Buffer.allocUnsafe(varUintBytes(addressBytes) + addressBytes + codes.length + varUintBytes(body.length) + body.length);
  let at = writeVarUint(frame, 0, addressBytes);
  at += frame.write(address, at);
  for (const code of codes) frame[at++] = code;
  at = writeVarUint(frame, at, body.length);
  frame.set(body, at);
  return frame;
}

const varUintBytes = (value: number): number => (value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5);

function writeVarUint(into: Uint8Array, at: number, value: number): number {
  let next = at;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) into[next++] = 0x80 | (rest & 0x7f);
  into[next++] = rest;
  return next;
}

const syncFrame = (address: string, step: number, body: Uint8Array): Uint8Array => frameWithBody(address, [FRAME.sync, step], body);

export const step1Frame = (address: string, vector: Uint8Array): Uint8Array => syncFrame(address, SYNC.step1, vector);
export const step2Frame = (address: string, update: Uint8Array): Uint8Array => syncFrame(address, SYNC.step2, update);
export const updateFrame = (address: string, update: Uint8Array): Uint8Array => syncFrame(address, SYNC.update, update);

export function statelessFrame(address: string, payload: string): Uint8Array {
  const encoder = begin(address, FRAME.stateless);
  encoding.writeVarString(encoder, payload);
  return encoding.toUint8Array(encoder);
}

export function syncStatusFrame(address: string, applied: boolean): Uint8Array {
  const encoder = begin(address, FRAME.syncStatus);
  encoding.writeVarUint(encoder, applied ? 1 : 0);
  return encoding.toUint8Array(encoder);
}
