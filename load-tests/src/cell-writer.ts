/**
 * Makes the Yjs updates of one user who overwrites one cell again and again, without a Y.Doc.
 *
 * Guarantees: each update is what Yjs itself would send for `item.set(key, value)` by this client: contiguous clocks, origin = the
 * key's last struct, the overwritten struct in the delete set (tested against Yjs).
 * Does not: notice writes to the same cell by others; each user of the benchmark has a cell of its own.
 */
import * as encoding from 'lib0/encoding'

export interface StructId {
  readonly client: number
  readonly clock: number
}

/** A place in a board document: a key of a nested Y.Map, and the struct that holds the key now. */
export interface CellPlace {
  readonly parent: StructId
  readonly key: string
  readonly previous: StructId | null
}

export interface CellWriter {
  /** The update that sets the cell to `value`; `value` must be plain JSON. */
  write(value: encoding.AnyEncodable): Uint8Array
}

const CONTENT_ANY = 8
const HAS_ORIGIN = 0x80
const HAS_PARENT_SUB = 0x20

export function createCellWriter(clientId: number, place: CellPlace, firstClock = 0): CellWriter {
  let clock = firstClock
  let previous = place.previous
  return {
    write(value) {
      const update = encoding.encode((encoder) => {
        encoding.writeVarUint(encoder, 1) // clients in this update
        encoding.writeVarUint(encoder, 1) // structs of that client
        encoding.writeVarUint(encoder, clientId)
        encoding.writeVarUint(encoder, clock)
        writeStructHead(encoder, place, previous)
        encoding.writeVarUint(encoder, 1) // values in this struct
        encoding.writeAny(encoder, value)
        writeDeleteSet(encoder, previous)
      })
      previous = { client: clientId, clock }
      clock += 1
      return update
    },
  }
}

/** A struct with an origin inherits parent and key from it; only the first one of a key spells them out. */
function writeStructHead(encoder: encoding.Encoder, place: CellPlace, previous: StructId | null): void {
  if (previous !== null) {
    encoding.writeUint8(encoder, CONTENT_ANY | HAS_PARENT_SUB | HAS_ORIGIN)
    writeId(encoder, previous)
    return
  }
  encoding.writeUint8(encoder, CONTENT_ANY | HAS_PARENT_SUB)
  encoding.writeVarUint(encoder, 0) // the parent is named by id, not by a root key
  writeId(encoder, place.parent)
  encoding.writeVarString(encoder, place.key)
}

function writeDeleteSet(encoder: encoding.Encoder, overwritten: StructId | null): void {
  if (overwritten === null) {
    encoding.writeVarUint(encoder, 0)
    return
  }
  encoding.writeVarUint(encoder, 1)
  encoding.writeVarUint(encoder, overwritten.client)
  encoding.writeVarUint(encoder, 1)
  encoding.writeVarUint(encoder, overwritten.clock)
  encoding.writeVarUint(encoder, 1)
}

function writeId(encoder: encoding.Encoder, id: StructId): void {
  encoding.writeVarUint(encoder, id.client)
  encoding.writeVarUint(encoder, id.clock)
}
