/**
 * The bar of issue 3: a bare server of Sunday's shape on the same libraries. Stock Hocuspocus applies what arrives; nothing is shown or acknowledged before
 * one statement has committed it for all boards that are due; cursors have a lane of their own, never parsed; what a turn sends is written at its end,
 * one frame for all sockets of a board.
 *
 * Left out is all that makes a server of it: tokens, roles, the guard, exact acknowledgements, events, the item projection, snapshots, who a cursor
 * is, heartbeats, limits, slow readers, other nodes, metrics. Runs from this folder's own install. Environment: PORT, DATABASE_URL.
 */
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { Hocuspocus, type Document } from '@hocuspocus/server'
import { Pool } from 'pg'
import { WebSocketServer, type WebSocket } from 'ws'
import { mergeUpdates } from 'yjs'
import { MESSAGE_AWARENESS, MESSAGE_SYNC_STATUS, updateFrame } from '../src/protocol.ts'
import { encodeBinaryFrame, presenceMessage, readUpdateBytes, typeOf } from './prototype-frames.ts'

/** Sunday's. */
const TICK_MS = 40
/** A commit waits, and a tick takes, so much longer for each socket of the board: 40 and 400 ms at a thousand. */
const WINDOW_MS_PER_SOCKET = 0.04
const TICK_MS_PER_SOCKET = 0.4
/** Hocuspocus would close who only moves a cursor. */
const NO_TIMEOUT_MS = 3_600_000

const COMMIT = `
  with due as (select * from unnest($1::text[], $2::bytea[]) as due (board, update)),
  heads as (
    insert into prototype_heads as head (board, seq) select board, 1 from due order by board
    on conflict (board) do update set seq = head.seq + 1 returning board, seq
  )
  insert into prototype_updates (board, seq, update) select board, seq, update from due join heads using (board)`

/** A socket as Hocuspocus sees it. Its acknowledgements wait for the commit; all else is written when the turn is over. */
class Socket {
  board: Board | null = null
  clientId = -1
  readonly #websocket: WebSocket
  readonly #stream: Duplex
  #unsent: Uint8Array[] = []

  constructor(websocket: WebSocket, stream: Duplex) {
    this.#websocket = websocket
    this.#stream = stream
  }

  get readyState(): number {
    return this.#websocket.readyState
  }

  send(message: Uint8Array): void {
    if (typeOf(message) === MESSAGE_SYNC_STATUS && this.board !== null) this.board.acknowledge(this, message)
    else this.write(encodeBinaryFrame(message))
  }

  write(frame: Uint8Array): void {
    if (this.#unsent.length === 0) unwritten.push(this)
    this.#unsent.push(frame)
    if (unwritten.length === 1 && this.#unsent.length === 1) setImmediate(writeAll)
  }

  flush(): void {
    const frames = this.#unsent
    this.#unsent = []
    if (this.#websocket.readyState !== this.#websocket.OPEN) return
    if (frames.length > 1) this.#stream.cork()
    for (const frame of frames) this.#stream.write(frame)
    if (frames.length > 1) this.#stream.uncork()
  }

  close(code?: number, reason?: string): void {
    this.#websocket.close(code, reason)
  }
}

let unwritten: Socket[] = []

function writeAll(): void {
  const sockets = unwritten
  unwritten = []
  for (const socket of sockets) socket.flush()
}

/** The bytes are the same for all of a board. */
interface Ack {
  readonly socket: Socket
  readonly ack: Uint8Array
}

class Board {
  readonly name: string
  readonly sockets = new Set<Socket>()
  #updates: Uint8Array[] = []
  #acks: Ack[] = []
  /** A commit of it waits or is under way. */
  #committing = false
  /** What a client said last, as it came, and what of it is to be told. */
  readonly #states = new Map<number, Uint8Array>()
  #moved = new Map<number, Uint8Array>()

  constructor(document: Document) {
    this.name = document.name
    document.flushDelay = false
    Object.defineProperty(document, 'broadcastUpdate', { value: () => { /* the commit broadcasts */ } })
    document.on('update', (update: Uint8Array) => {
      this.#updates.push(update)
      if (this.#committing) return
      this.#committing = true
      this.#due()
    })
  }

  join(socket: Socket): void {
    socket.board = this
    this.sockets.add(socket)
    if (this.#states.size > 0) socket.write(encodeBinaryFrame(presenceMessage(this.name, [...this.#states.values()])))
  }

  leave(socket: Socket): void {
    this.sockets.delete(socket)
    this.#states.delete(socket.clientId)
  }

  acknowledge(socket: Socket, ack: Uint8Array): void {
    if (this.#committing) this.#acks.push({ socket, ack })
    else socket.write(encodeBinaryFrame(ack))
  }

  #due(): void {
    const window = this.sockets.size * WINDOW_MS_PER_SOCKET
    if (window < 1) commitSoon(this)
    else setTimeout(() => { commitSoon(this) }, window)
  }

  /** What is to be committed, and what to do then. */
  cut(): { board: string; update: Uint8Array; committed: () => void } {
    const [first] = this.#updates
    const update = this.#updates.length === 1 && first !== undefined ? first : mergeUpdates(this.#updates)
    const acks = this.#acks
    this.#updates = []
    this.#acks = []
    const committed = (): void => {
      const frame = encodeBinaryFrame(updateFrame(this.name, update))
      for (const socket of this.sockets) socket.write(frame)
      this.#writeAcks(acks)
      this.#committing = this.#updates.length > 0
      if (this.#committing) {
        this.#due()
        return
      }
      // of what brought nothing new
      this.#writeAcks(this.#acks)
      this.#acks = []
    }
    return { board: this.name, update, committed }
  }

  #writeAcks(acks: readonly Ack[]): void {
    const [first] = acks
    if (first === undefined) return
    const frame = encodeBinaryFrame(first.ack)
    for (const { socket } of acks) socket.write(frame)
  }

  move(socket: Socket, message: Uint8Array): void {
    const entry = readUpdateBytes(message)
    socket.clientId = entry.clientId
    this.#states.set(entry.clientId, entry.bytes)
    if (this.#moved.size === 0) setTimeout(() => { this.#tick() }, Math.max(TICK_MS, this.sockets.size * TICK_MS_PER_SOCKET))
    this.#moved.set(entry.clientId, entry.bytes)
  }

  #tick(): void {
    const frame = encodeBinaryFrame(presenceMessage(this.name, [...this.#moved.values()]))
    this.#moved = new Map()
    for (const socket of this.sockets) socket.write(frame)
  }
}

const pool = new Pool({ connectionString: process.env['DATABASE_URL'] })
await pool.query('create table prototype_heads (board text primary key, seq bigint not null)')
await pool.query('create table prototype_updates (board text, seq bigint, update bytea not null, primary key (board, seq))')

let due: Board[] = []
let isCommitting = false

function commitSoon(board: Board): void {
  due.push(board)
  if (isCommitting || due.length > 1) return
  setImmediate(() => void commitAll())
}

/** One statement at a time, for all boards that are due. */
async function commitAll(): Promise<void> {
  isCommitting = true
  while (due.length > 0) {
    const cuts = due.map((board) => board.cut())
    due = []
    await pool.query({ name: 'commit', text: COMMIT, values: [cuts.map(({ board }) => board), cuts.map(({ update }) => Buffer.from(update.buffer, update.byteOffset, update.byteLength))] })
    for (const { committed } of cuts) committed()
  }
  isCommitting = false
}

const boards = new Map<string, Board>()
const hocuspocus = new Hocuspocus({
  quiet: true,
  timeout: NO_TIMEOUT_MS,
  afterLoadDocument: ({ document }) => {
    boards.set(document.name, new Board(document))
    return Promise.resolve()
  },
  connected: ({ connection }) => {
    const socket = connection.webSocket
    if (socket instanceof Socket) boards.get(connection.document.name)?.join(socket)
    return Promise.resolve()
  },
  afterUnloadDocument: ({ documentName }) => {
    boards.delete(documentName)
    return Promise.resolve()
  },
})

const http = createServer((_request, response) => { response.end('ok') })
const websockets = new WebSocketServer({ server: http, perMessageDeflate: false })
websockets.on('connection', (websocket, request) => {
  const socket = new Socket(websocket, request.socket)
  const client = hocuspocus.handleConnection(socket, new Request(`http://127.0.0.1${request.url ?? '/'}`))
  websocket.on('message', (data) => {
    if (!(data instanceof Uint8Array)) return
    if (typeOf(data) !== MESSAGE_AWARENESS) client.handleMessage(data)
    else socket.board?.move(socket, data)
  })
  websocket.on('close', (code, reason) => {
    socket.board?.leave(socket)
    client.handleClose({ code, reason: reason.toString() })
  })
})
http.listen(Number(process.env['PORT']), '127.0.0.1')
