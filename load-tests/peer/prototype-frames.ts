/** What the bare prototype reads and writes beside `src/protocol.ts`: just enough of y-protocols' awareness and RFC 6455 for it. */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { frame, MESSAGE_AWARENESS } from '../src/protocol.ts'

/** FIN and opcode 2, binary. */
const BINARY_FRAME = 0x82
const LENGTH_16 = 126
const LENGTH_64 = 127

/** The type of a message: behind the board's name. */
export function typeOf(message: Uint8Array): number {
  const [length = 0] = message
  return message[1 + length] ?? -1
}

/** The one client that an awareness message is about, and a copy of its entry as it came: what was read holds many. */
export function readUpdateBytes(message: Uint8Array): { clientId: number; bytes: Uint8Array } {
  const decoder = decoding.createDecoder(message)
  decoder.pos = 2 + (message[0] ?? 0)
  const body = decoding.readVarUint8Array(decoder)
  const entries = decoding.createDecoder(body)
  decoding.readVarUint(entries) // how many: one
  const from = entries.pos
  return { clientId: decoding.readVarUint(entries), bytes: new Uint8Array(body.subarray(from)) }
}

/** The entries of some clients, in one message. */
export function presenceMessage(board: string, entries: readonly Uint8Array[]): Uint8Array {
  return frame(board, (encoder) => {
    const body = encoding.createEncoder()
    encoding.writeVarUint(body, entries.length)
    for (const entry of entries) encoding.writeUint8Array(body, entry)
    encoding.writeVarUint(encoder, MESSAGE_AWARENESS)
    encoding.writeVarUint8Array(encoder, encoding.toUint8Array(body))
  })
}

/** A whole WebSocket frame of a server (unmasked). */
export function encodeBinaryFrame(payload: Uint8Array): Uint8Array {
  const { length } = payload
  const header = Buffer.alloc(length < LENGTH_16 ? 2 : length < 65_536 ? 4 : 10)
  header[0] = BINARY_FRAME
  header[1] = header.length === 2 ? length : header.length === 4 ? LENGTH_16 : LENGTH_64
  if (header.length === 4) header.writeUInt16BE(length, 2)
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([header, payload])
}
