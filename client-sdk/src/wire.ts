/**
 * The frames on /sync: Hocuspocus' wire protocol (address, type, body) plus Sunday's stateless messages. Decoded once, here, into a
 * tagged union; a frame this version does not know decodes to null and is skipped. Throws nothing.
 */
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import type { Conflict, ConflictChoice, PresenceCrowd } from './types.ts';

const SYNC = 0;
const AWARENESS = 1;
const AUTH = 2;
const QUERY_AWARENESS = 3;
const SYNC_REPLY = 4;
const STATELESS = 5;
const CLOSE = 7;
const SYNC_STATUS = 8;
const PING = 9;
const PONG = 10;

const AUTH_TOKEN = 0;
const AUTH_DENIED = 1;
const AUTH_OK = 2;

const STEP1 = 0;
const STEP2 = 1;
const UPDATE = 2;

export type Frame = Uint8Array<ArrayBuffer>;

export type Incoming =
  | { readonly kind: 'step1'; readonly vector: Uint8Array }
  | { readonly kind: 'update'; readonly update: Uint8Array; readonly isStep2: boolean }
  | { readonly kind: 'awareness'; readonly update: Uint8Array }
  | { readonly kind: 'query_awareness' }
  | { readonly kind: 'token_wanted' }
  | { readonly kind: 'denied'; readonly reason: string }
  | { readonly kind: 'authenticated'; readonly readOnly: boolean }
  | { readonly kind: 'closed'; readonly reason: string }
  | { readonly kind: 'rejected' }
  | { readonly kind: 'ack'; readonly frames: number }
  | { readonly kind: 'volatile'; readonly on: boolean }
  | { readonly kind: 'read_only'; readonly reason: string | null }
  | { readonly kind: 'crowd'; readonly crowd: PresenceCrowd | null }
  | { readonly kind: 'conflict'; readonly conflict: Conflict }
  | { readonly kind: 'conflict_closed'; readonly id: string };

export type Received = { readonly kind: 'ping' } | { readonly kind: 'board'; readonly boardId: string; readonly message: Incoming };

export function decode(data: Uint8Array): Received | null {
  try {
    // A ping has no address: it is the bare type byte.
    if (data.length === 1 && data[0] === PING) return { kind: 'ping' };
    const decoder = decoding.createDecoder(data);
    const boardId = decoding.readVarString(decoder);
    const message = readMessage(decoder);
    return message && { kind: 'board', boardId, message };
  } catch {
    return null;
  }
}

function readMessage(decoder: decoding.Decoder): Incoming | null {
  switch (decoding.readVarUint(decoder)) {
    case SYNC:
    case SYNC_REPLY:
      return readSync(decoder);
    case AWARENESS:
      return { kind: 'awareness', update: decoding.readVarUint8Array(decoder) };
    case QUERY_AWARENESS:
      return { kind: 'query_awareness' };
    case AUTH:
      return readAuth(decoder);
    case STATELESS:
      return readStateless(decoding.readVarString(decoder));
    case SYNC_STATUS:
      // Accepted frames are counted by Sunday's own acks; a plain server's count says nothing about commits.
      return decoding.readVarUint(decoder) === 0 ? { kind: 'rejected' } : null;
    case CLOSE:
      return { kind: 'closed', reason: decoding.readVarString(decoder) };
    default:
      return null;
  }
}

function readSync(decoder: decoding.Decoder): Incoming | null {
  const step = decoding.readVarUint(decoder);
  const body = decoding.readVarUint8Array(decoder);
  if (step === STEP1) return { kind: 'step1', vector: body };
  return step === STEP2 || step === UPDATE ? { kind: 'update', update: body, isStep2: step === STEP2 } : null;
}

function readAuth(decoder: decoding.Decoder): Incoming | null {
  switch (decoding.readVarUint(decoder)) {
    case AUTH_TOKEN:
      return { kind: 'token_wanted' };
    case AUTH_DENIED:
      return { kind: 'denied', reason: decoding.readVarString(decoder) };
    case AUTH_OK:
      return { kind: 'authenticated', readOnly: decoding.readVarString(decoder) === 'readonly' };
    default:
      return null;
  }
}

function readStateless(payload: string): Incoming | null {
  const message = JSON.parse(payload) as { sunday?: unknown; frames?: unknown; on?: unknown; reason?: unknown; crowd?: PresenceCrowd; id?: unknown; conflict?: Conflict } | null;
  switch (message?.sunday) {
    case 'ack':
      return typeof message.frames === 'number' ? { kind: 'ack', frames: message.frames } : null;
    case 'volatile':
      return { kind: 'volatile', on: message.on === true };
    case 'read_only':
      return { kind: 'read_only', reason: typeof message.reason === 'string' ? message.reason : null };
    case 'presence':
      return { kind: 'crowd', crowd: message.crowd ?? null };
    case 'conflict':
      return message.conflict ? { kind: 'conflict', conflict: message.conflict } : null;
    case 'conflict_closed':
      return { kind: 'conflict_closed', id: String(message.id) };
    default:
      return null;
  }
}

function frame(boardId: string, type: number, write: (encoder: encoding.Encoder) => void): Frame {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, boardId);
  encoding.writeVarUint(encoder, type);
  write(encoder);
  return encoding.toUint8Array(encoder);
}

function syncFrame(boardId: string, step: number, body: Uint8Array): Frame {
  return frame(boardId, SYNC, (encoder) => {
    encoding.writeVarUint(encoder, step);
    encoding.writeVarUint8Array(encoder, body);
  });
}

export const step1Frame = (boardId: string, vector: Uint8Array): Frame => syncFrame(boardId, STEP1, vector);
export const step2Frame = (boardId: string, update: Uint8Array): Frame => syncFrame(boardId, STEP2, update);
export const updateFrame = (boardId: string, update: Uint8Array): Frame => syncFrame(boardId, UPDATE, update);

export const awarenessFrame = (boardId: string, update: Uint8Array): Frame =>
  frame(boardId, AWARENESS, (encoder) => encoding.writeVarUint8Array(encoder, update));

export const authFrame = (boardId: string, token: string, sdkVersion: string): Frame =>
  frame(boardId, AUTH, (encoder) => {
    encoding.writeVarUint(encoder, AUTH_TOKEN);
    encoding.writeVarString(encoder, token);
    encoding.writeVarString(encoder, sdkVersion);
  });

export type Said =
  | { readonly sunday: 'hello'; readonly clientId: number; readonly schemaVersion: number; readonly sdk: string }
  | { readonly sunday: 'resolve'; readonly id: string; readonly choice: ConflictChoice };

export const statelessFrame = (boardId: string, message: Said): Frame =>
  frame(boardId, STATELESS, (encoder) => encoding.writeVarString(encoder, JSON.stringify(message)));

export const closeFrame = (boardId: string): Frame => frame(boardId, CLOSE, () => undefined);

export const PONG_FRAME: Frame = new Uint8Array([PONG]);
