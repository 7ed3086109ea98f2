/**
 * One stock-protocol user on one board: socket, handshake, then frames.
 *
 * Guarantees: does on the wire what a provider does (token, Step1, answer to the server's Step1, awareness heartbeat if asked), and
 * resolves once the board's content has arrived. Owns its socket and heartbeat timer until `close()`.
 * Does not: keep a document, apply updates, reconnect. A lost or refused connection is reported, and is an error of the run.
 */
import { performance } from 'node:perf_hooks'
import { WebSocket } from 'ws'
import { authFrame, awarenessFrame, emptyStep2Frame, readFrame, step1Frame } from './protocol.ts'

/** What y-protocols' awareness does by itself: looks every tenth of its 30 s timeout, and renews a state that is as old as half of it. */
const HEARTBEAT_LOOK_MS = 3000
const HEARTBEAT_MS = 15_000
/** A handshake that takes longer has failed, whatever the size of the board. */
const HANDSHAKE_TIMEOUT_MS = 60_000

export interface ConnectionOptions {
  readonly url: string
  readonly documentName: string
  readonly token: string
  readonly clientId: number
  /** Announce an awareness state and renew it, as a provider does. */
  readonly heartbeat: boolean
  /** The board is not kept after it has arrived: where many users have a large one open. */
  readonly dropSnapshot?: boolean
}

export interface ConnectionHandlers {
  /** A SyncStatus frame: one counted frame of ours is acknowledged. */
  onAck?(): void
  /** Document content after the handshake. The bytes are a view that is valid during the call. */
  onUpdate?(update: Uint8Array): void
  /** What others say of their cursors, as a y-protocols awareness update. A view, as above. */
  onAwareness?(update: Uint8Array): void
  /** The socket went away, or the server refused the board, after the handshake. */
  onLost?(reason: string): void
}

export interface Connection {
  /** The board as it was when we joined: the first Step2. Empty with `dropSnapshot`. */
  readonly snapshot: Uint8Array
  /** From the first byte of the TCP connection to the last of the snapshot. */
  readonly openMs: number
  send(frame: Uint8Array): void
  setAwareness(state: unknown): void
  /** From now on nothing is read: the network fills up, then the server's queue. Nothing of the socket's end is noticed, either. */
  stopReading(): void
  /** Ends the socket without a word. */
  abandon(): void
  close(): Promise<void>
}

export function openConnection(options: ConnectionOptions, handlers: ConnectionHandlers = {}): Promise<Connection> {
  const { url, documentName, token, clientId, heartbeat } = options
  const startedAt = performance.now()
  const { promise, resolve, reject } = Promise.withResolvers<Connection>()
  const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true, maxPayload: 256 * 1024 * 1024 })
  const deadline = setTimeout(() => fail('handshake timed out'), HANDSHAKE_TIMEOUT_MS)
  let state: 'joining' | 'joined' | 'closed' = 'joining'
  let awarenessClock = 0
  let awareness: unknown = {}
  let saidAt = 0
  let timer: NodeJS.Timeout | undefined

  function fail(reason: string): void {
    if (state === 'closed') return
    const before = state
    state = 'closed'
    clearTimeout(deadline)
    clearInterval(timer)
    socket.terminate()
    if (before === 'joining') reject(new Error(`${documentName}: ${reason}`))
    else handlers.onLost?.(reason)
  }

  function setAwareness(value: unknown): void {
    awarenessClock += 1
    awareness = value
    saidAt = performance.now()
    socket.send(awarenessFrame(documentName, clientId, awarenessClock, value))
  }

  function renewAwareness(): void {
    if (performance.now() - saidAt >= HEARTBEAT_MS) setAwareness(awareness)
  }

  function joined(snapshot: Uint8Array): void {
    state = 'joined'
    clearTimeout(deadline)
    if (heartbeat) timer = setInterval(renewAwareness, HEARTBEAT_LOOK_MS)
    resolve({
      snapshot,
      openMs: performance.now() - startedAt,
      send: (frame) => socket.send(frame),
      setAwareness,
      stopReading: () => socket.pause(),
      abandon: () => {
        state = 'closed'
        clearInterval(timer)
        socket.terminate()
      },
      close: () => {
        state = 'closed'
        clearInterval(timer)
        if (socket.readyState === WebSocket.CLOSED) return Promise.resolve()
        const closed = new Promise<void>((done) => socket.once('close', () => done()))
        socket.close()
        return closed
      },
    })
  }

  socket.on('open', () => {
    socket.send(authFrame(documentName, token))
    socket.send(step1Frame(documentName))
    if (heartbeat) setAwareness({})
  })
  socket.on('error', (error) => fail(error.message))
  socket.on('close', (code, reason) => fail(`socket closed ${code} ${reason.toString()}`))
  socket.on('message', (data) => {
    if (!(data instanceof Uint8Array)) return
    const frame = readFrame(data)
    switch (frame.kind) {
      case 'update':
        handlers.onUpdate?.(frame.update)
        return
      case 'ack':
        if (frame.applied) handlers.onAck?.()
        else fail('the server did not apply an update (read-only)')
        return
      case 'step1':
        socket.send(emptyStep2Frame(documentName))
        return
      case 'step2':
        // A server that resyncs a joined client sends content in another Step2: it is content like any other.
        if (state === 'joining') joined(options.dropSnapshot === true ? new Uint8Array() : Uint8Array.from(frame.update))
        else handlers.onUpdate?.(frame.update)
        return
      case 'denied':
      case 'close':
        fail(`refused: ${frame.reason}`)
        return
      case 'awareness':
        handlers.onAwareness?.(frame.update)
        return
      case 'authenticated':
      case 'other':
    }
  })
  return promise
}
