/** The frames of the bare prototype: just enough of Hocuspocus' framing, y-protocols' awareness and RFC 6455 for it. */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

const SYNC = 0
const AWARENESS = 1
const SYNC_UPDATE = 2

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

function message(board: string, type: number, write: (encoder: encoding.Encoder) => void): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarString(encoder, board)
    encoding.writeVarUint(encoder, type)
    write(encoder)
  })
}

export const framed = {
  update: (board: string, update: Uint8Array): Uint8Array =>
    message(board, SYNC, (encoder) => {
      encoding.writeVarUint(encoder, SYNC_UPDATE)
      encoding.writeVarUint8Array(encoder, update)
    }),
  presence: (board: string, entries: readonly Uint8Array[]): Uint8Array =>
    message(board, AWARENESS, (encoder) => {
      const body = encoding.createEncoder()
      encoding.writeVarUint(body, entries.length)
      for (const entry of entries) encoding.writeUint8Array(body, entry)
      encoding.writeVarUint8Array(encoder, encoding.toUint8Array(body))
    }),
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
