/**
 * The Hocuspocus wire protocol, raw: just enough of it to be a stock user without a provider, an awareness and a document per user.
 *
 * Guarantees: the frames are byte-equal to what `@hocuspocus/provider` 4.8 sends for the same step (tested against the stock server).
 * Does not: apply updates. What comes in is only classified; the caller looks into the payload if it wants to.
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

const MESSAGE_SYNC = 0
export const MESSAGE_AWARENESS = 1
const MESSAGE_AUTH = 2
const MESSAGE_SYNC_REPLY = 4
const MESSAGE_CLOSE = 7
export const MESSAGE_SYNC_STATUS = 8

const SYNC_STEP_1 = 0
const SYNC_STEP_2 = 1
const SYNC_UPDATE = 2

const AUTH_TOKEN = 0
const AUTH_DENIED = 1

const PROVIDER_VERSION = '4.8.0'

/** The state vector of an empty document, and the update that holds nothing: what a user with nothing to tell sends. */
const EMPTY_STATE_VECTOR = Uint8Array.of(0)
const EMPTY_UPDATE = Uint8Array.of(0, 0)

export type ServerFrame =
  | { kind: 'authenticated' }
  | { kind: 'denied'; reason: string }
  | { kind: 'step1' }
  | { kind: 'step2'; update: Uint8Array }
  | { kind: 'update'; update: Uint8Array }
  | { kind: 'ack'; applied: boolean }
  | { kind: 'awareness'; update: Uint8Array }
  | { kind: 'close'; reason: string }
  | { kind: 'other'; type: number }

export function frame(documentName: string, write: (encoder: encoding.Encoder) => void): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarString(encoder, documentName)
    write(encoder)
  })
}

export function authFrame(documentName: string, token: string): Uint8Array {
  return frame(documentName, (encoder) => {
    encoding.writeVarUint(encoder, MESSAGE_AUTH)
    encoding.writeVarUint(encoder, AUTH_TOKEN)
    encoding.writeVarString(encoder, token)
    encoding.writeVarString(encoder, PROVIDER_VERSION)
  })
}

function syncFrame(documentName: string, step: number, payload: Uint8Array): Uint8Array {
  return frame(documentName, (encoder) => {
    encoding.writeVarUint(encoder, MESSAGE_SYNC)
    encoding.writeVarUint(encoder, step)
    encoding.writeVarUint8Array(encoder, payload)
  })
}

export const step1Frame = (documentName: string): Uint8Array => syncFrame(documentName, SYNC_STEP_1, EMPTY_STATE_VECTOR)
export const emptyStep2Frame = (documentName: string): Uint8Array => syncFrame(documentName, SYNC_STEP_2, EMPTY_UPDATE)
export const updateFrame = (documentName: string, update: Uint8Array): Uint8Array => syncFrame(documentName, SYNC_UPDATE, update)

/** One client's awareness state, as a provider announces and renews it (a heartbeat is the same state with a higher clock). */
export function awarenessFrame(documentName: string, clientId: number, clock: number, state: unknown): Uint8Array {
  return frame(documentName, (encoder) => {
    encoding.writeVarUint(encoder, MESSAGE_AWARENESS)
    encoding.writeVarUint8Array(
      encoder,
      encoding.encode((body) => {
        encoding.writeVarUint(body, 1)
        encoding.writeVarUint(body, clientId)
        encoding.writeVarUint(body, clock)
        encoding.writeVarString(body, JSON.stringify(state))
      }),
    )
  })
}

/** Classifies one frame of a server; payloads are views into `data`. Throws on a frame that is not of this protocol. */
export function readFrame(data: Uint8Array): ServerFrame {
  const decoder = decoding.createDecoder(data)
  decoder.pos = skipName(decoder)
  const type = decoding.readVarUint(decoder)
  switch (type) {
    case MESSAGE_SYNC:
    case MESSAGE_SYNC_REPLY: {
      const step = decoding.readVarUint(decoder)
      if (step === SYNC_STEP_1) return { kind: 'step1' }
      const update = decoding.readVarUint8Array(decoder)
      return step === SYNC_STEP_2 ? { kind: 'step2', update } : { kind: 'update', update }
    }
    case MESSAGE_SYNC_STATUS:
      return { kind: 'ack', applied: decoding.readVarInt(decoder) === 1 }
    case MESSAGE_AWARENESS:
      return { kind: 'awareness', update: decoding.readVarUint8Array(decoder) }
    case MESSAGE_AUTH:
      return decoding.readVarUint(decoder) === AUTH_DENIED
        ? { kind: 'denied', reason: decoding.readVarString(decoder) }
        : { kind: 'authenticated' }
    case MESSAGE_CLOSE:
      return { kind: 'close', reason: decoding.readVarString(decoder) }
    default:
      return { kind: 'other', type }
  }
}

/** Where the frame's body begins: the document name is not decoded, a socket of this harness opens one board. */
function skipName(decoder: decoding.Decoder): number {
  const length = decoding.readVarUint(decoder)
  return decoder.pos + length
}
