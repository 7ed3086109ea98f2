/**
 * One hostile user, as hard as one process can: a process and session of its own on the generator's core, where the kernel gives it an equal
 * share at the most, so that it starves neither the honest users nor Postgres. Writes by hand what a provider never would (hostile-messages.ts), and waits for nothing but room in its buffers.
 */
import { randomBytes } from 'node:crypto'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { cellOfSeat } from './board-fixture.ts'
import { createCellWriter } from './cell-writer.ts'
import type { FloodCounts, FloodJob, FromHostile, ToHostile } from './hostile-messages.ts'
import { authFrame, awarenessFrame, emptyStep2Frame, readFrame, step1Frame, updateFrame, type ServerFrame } from './protocol.ts'

/** What one socket may have waiting to be sent. */
const BUFFERED_BYTES = 1024 * 1024
/** Frames of one turn on one socket. */
const BURST = 100
/** A socket with a full buffer is looked at again after this. */
const FULL_MS = 5
const MANY = 200
const SOME = 50
const AT_A_TIME = 20
const HUGE_STRUCTS = 100_000
const FIRST_CLIENT_ID = 3_500_000_000

const say = (message: FromHostile): void => void process.send?.(message)

const closed: Record<string, number> = {}
let refusals = 0
let acks = 0
let socketsOpened = 0
let framesSent = 0
let bytesSent = 0
let nextClientId = FIRST_CLIENT_ID

/** A socket that opens, and opens again when it is closed. */
interface Hostile {
  /** False where the buffer is full or the socket not open. */
  send(frame: Uint8Array): boolean
  close(): void
}

interface Behaviour {
  readonly opened: (socket: Hostile) => void
  readonly heard?: (socket: Hostile, frame: ServerFrame) => void
}

function openHostile(url: string, behaviour: Behaviour): void {
  const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true })
  socketsOpened += 1
  const hostile: Hostile = {
    send(frame) {
      if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > BUFFERED_BYTES) return false
      socket.send(frame, (error) => {
        if (error !== undefined && error !== null) return
        framesSent += 1
        bytesSent += frame.length
      })
      return true
    },
    close: () => socket.close(),
  }
  socket.on('open', () => behaviour.opened(hostile))
  socket.on('message', (data) => {
    if (!(data instanceof Uint8Array)) return
    const frame = readFrame(data)
    if (frame.kind === 'denied') refusals += 1
    if (frame.kind === 'ack') acks += 1
    behaviour.heard?.(hostile, frame)
  })
  socket.on('error', () => undefined)
  socket.on('close', (code) => {
    closed[code] = (closed[code] ?? 0) + 1
    setImmediate(() => openHostile(url, behaviour))
  })
}

/** Sends what `next` makes, as fast as the socket takes it, for as long as it is open. */
function pour(socket: Hostile, next: () => Uint8Array): void {
  let frame = next()
  const turn = (): void => {
    for (let sent = 0; sent < BURST; sent += 1) {
      if (!socket.send(frame)) {
        setTimeout(turn, FULL_MS)
        return
      }
      frame = next()
    }
    setImmediate(turn)
  }
  turn()
}

/** A word where a record belongs, by a client that nobody knows. */
function badUpdate(structs = 0): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = nextClientId++
  doc.transact(() => {
    const text = doc.getText('text:item:notes')
    for (let n = 0; n < structs; n += 1) text.insert(0, 'much ado')
    doc.getMap('items').set('flood', 'word')
  })
  return Y.encodeStateAsUpdate(doc)
}

function flood(job: FloodJob, update: Uint8Array): void {
  const { url, token, sharedBoard, ownBoard } = job
  const signIn = (socket: Hostile, board = sharedBoard): void => {
    for (const frame of [authFrame(board, token), step1Frame(board), emptyStep2Frame(board)]) socket.send(frame)
  }
  const open = (count: number, behaviour: Behaviour): void => {
    for (let n = 0; n < count; n += 1) openHostile(url, behaviour)
  }
  const bad = updateFrame(sharedBoard, update)
  switch (job.kind) {
    case 'refused-once':
      return open(1, { opened: (socket) => { signIn(socket); pour(socket, () => bad) } })
    case 'many-sockets':
      return open(MANY, { opened: (socket) => { signIn(socket); pour(socket, () => bad) } })
    case 'signs-in-again':
    case 'huge': {
      const attempt = (socket: Hostile): void => { signIn(socket); socket.send(bad) }
      return open(1, { opened: attempt, heard: (socket, frame) => { if (frame.kind === 'denied') attempt(socket) } })
    }
    case 'tokens-unasked': {
      const frames = [authFrame(sharedBoard, token), step1Frame(sharedBoard), emptyStep2Frame(sharedBoard), bad]
      let n = 0
      return open(1, { opened: (socket) => { n = 0; pour(socket, () => frames[n++ % frames.length] ?? bad) } })
    }
    case 'new-sockets':
      return open(AT_A_TIME, {
        opened: (socket) => { signIn(socket); socket.send(bad) },
        heard: (socket, frame) => { if (frame.kind === 'denied') socket.close() },
      })
    case 'junk': {
      const frames = [randomBytes(200), bad.subarray(0, bad.length - 5), randomBytes(3), Buffer.concat([authFrame(sharedBoard, token).subarray(0, 60), randomBytes(40)])]
      return open(AT_A_TIME, { opened: (socket) => { signIn(socket); let n = 0; pour(socket, () => frames[n++ % frames.length] ?? bad) } })
    }
    case 'presence':
    case 'presence-many': {
      let clock = 0
      const valid = (clientId: number): Uint8Array => awarenessFrame(sharedBoard, clientId, clock++, { cell: { itemId: 'item', columnId: 'column' }, at: clock })
      return open(job.kind === 'presence' ? 1 : SOME, {
        opened: (socket) => {
          const clientId = nextClientId++
          signIn(socket)
          pour(socket, () => { const frame = valid(clientId); return clock % 2 === 0 ? frame : frame.subarray(0, frame.length - 9) })
        },
      })
    }
    case 'valid-edits':
    case 'valid-edits-many': {
      let seat = 0
      const joining = new WeakMap<Hostile, Y.Doc>()
      return open(job.kind === 'valid-edits' ? 1 : SOME, {
        opened: (socket) => {
          joining.set(socket, new Y.Doc())
          signIn(socket, ownBoard)
        },
        heard: (socket, frame) => {
          const doc = joining.get(socket)
          if (doc === undefined || (frame.kind !== 'step2' && frame.kind !== 'update')) return
          // The content comes in parts, the Step2 last.
          Y.applyUpdate(doc, frame.update)
          if (frame.kind === 'update') return
          joining.delete(socket)
          const writer = createCellWriter(nextClientId++, cellOfSeat(doc, seat++ % SOME))
          let n = 0
          pour(socket, () => updateFrame(ownBoard, writer.write([`edit ${n++}`, Date.now()])))
        },
      })
    }
  }
}

/** Made before the flood: a large one takes seconds. */
let prepared: Uint8Array = new Uint8Array()

function obey(message: ToHostile): void {
  switch (message.do) {
    case 'prepare':
      prepared = badUpdate(message.kind === 'huge' ? HUGE_STRUCTS : 0)
      say({ say: 'prepared' })
      return
    case 'flood':
      flood(message.job, prepared)
      return
    case 'count': {
      const counts: FloodCounts = { framesSent, bytesSent, refusals, closed, socketsOpened, acks }
      say({ say: 'counts', counts })
    }
  }
}

process.on('message', (message: ToHostile) => {
  obey(message)
})
process.on('disconnect', () => process.exit(0))
say({ say: 'up' })
