/**
 * A mark in a cell's value that says whose edit it is and which one: lets an observer match what it receives to a send time by
 * scanning bytes, however the server merged, split or re-encoded the updates.
 *
 * Guarantees: fixed length, found again in any Yjs update that carries the value. Does not: survive compression.
 */

/** `@@` + author (2) + edit number (5), base 36. Nothing else the harness writes contains `@@`. */
export const MARK_LENGTH = 9
export const MAX_AUTHORS = 36 ** 2

const AT = 0x40

export function mark(author: number, edit: number): string {
  return `@@${author.toString(36).padStart(2, '0')}${edit.toString(36).padStart(5, '0')}`
}

/** Calls `found(author, edit)` for each mark in `bytes`, in order. */
export function scanMarks(bytes: Uint8Array, found: (author: number, edit: number) => void): void {
  const last = bytes.length - MARK_LENGTH
  for (let i = 0; i <= last; i += 1) {
    if (bytes[i] !== AT || bytes[i + 1] !== AT) continue
    const author = readBase36(bytes, i + 2, 2)
    const edit = readBase36(bytes, i + 4, 5)
    if (author < 0 || edit < 0) continue
    found(author, edit)
    i += MARK_LENGTH - 1
  }
}

function readBase36(bytes: Uint8Array, from: number, length: number): number {
  let value = 0
  for (let i = from; i < from + length; i += 1) {
    const byte = bytes[i] ?? 0
    let digit = -1
    if (byte >= 0x30 && byte <= 0x39) digit = byte - 0x30
    else if (byte >= 0x61 && byte <= 0x7a) digit = byte - 0x57
    if (digit < 0) return -1
    value = value * 36 + digit
  }
  return value
}
