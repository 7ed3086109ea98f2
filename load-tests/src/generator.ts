/**
 * The load generator: a process of its own, pinned to a core of its own, with all users in it.
 *
 * Guarantees: open loop. Every edit has an intended time, drawn before the run; latency counts from that time, so that a slow server
 * (or a slow generator: see `lag`) cannot hide the edits it delayed. Each edit is looked for at every other user of its board.
 * Does not: apply updates. Observers scan the bytes for the marks of edits; an edit that was merged away under a later edit of the same
 * cell counts as seen when the later one is.
 */
import { performance } from 'node:perf_hooks'
import * as Y from 'yjs'
import { cellOfSeat } from './board-fixture.ts'
import { createCellWriter, type CellWriter } from './cell-writer.ts'
import { openConnection, type Connection } from './connection.ts'
import type { EditPlan, EditResult, FromGenerator, GeneratorJob, GeneratorUser, ToGenerator } from './generator-messages.ts'
import { createLatency } from './latency.ts'
import { mark, scanMarks } from './marker.ts'
import { updateFrame } from './protocol.ts'
import { createRandom, poissonArrivals } from './random.ts'

/** Handshakes under way at once: enough to be quick, few enough not to hit a server's accept limits. */
const JOINS_AT_ONCE = 25
/** After the window: how long acks and deliveries may still arrive before they count as missing. */
const DRAIN_MS = 10_000
/** Yjs client ids of the users begin here; any 32-bit range that the fixture's own client does not use. */
const FIRST_CLIENT_ID = 1_000_000

interface User {
  readonly job: GeneratorUser
  readonly connection: Connection
  readonly writer: CellWriter
  /** Index among the users of this board: what the marks carry. */
  readonly author: number
  readonly peers: User[]
  /** Intended times of this user's edits, by edit number. */
  readonly intendedAt: number[]
  acked: number
  /** Last edit seen of each author of the board. */
  readonly seenOf: Int32Array
}

let onAck: (user: User) => void = () => undefined
let onUpdate: (user: User, update: Uint8Array) => void = () => undefined

const say = (message: FromGenerator): void => {
  process.send?.(message)
}

function giveUp(reason: string): void {
  say({ say: 'failed', reason })
}

async function connect(job: GeneratorJob): Promise<User[]> {
  const boards = Map.groupBy(job.users, (user) => user.documentName)
  const users: User[] = []
  const waiting = [...boards.values()].flatMap((members) => {
    const peers: User[] = []
    const places = Promise.withResolvers<Y.Doc>()
    return members.map((member, author) => ({ member, author, peers, places, seats: members.length }))
  })
  let clientId = FIRST_CLIENT_ID + Math.floor(createRandom(job.seed)() * 1e9)
  const join = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { member, author, peers, places, seats } = next
      clientId += 1
      const ownId = clientId
      let user: User | undefined
      const connection = await openConnection(
        { url: job.url, documentName: member.documentName, token: member.token, clientId: ownId, heartbeat: job.heartbeat },
        {
          onAck: () => user !== undefined && onAck(user),
          onUpdate: (update) => user !== undefined && onUpdate(user, update),
          onLost: (reason) => giveUp(`user ${author} of ${member.documentName}: ${reason}`),
        },
      )
      // One user of each board reads the board; the others need only know where their cell is.
      if (author === 0) places.resolve(readDocument(connection.snapshot))
      const writer = createCellWriter(ownId, cellOfSeat(await places.promise, author))
      user = { job: member, connection, writer, author, peers, intendedAt: [], acked: 0, seenOf: new Int32Array(seats).fill(-1) }
      peers[author] = user
      users.push(user)
    }
  }
  await Promise.all(Array.from({ length: JOINS_AT_ONCE }, join))
  return users
}

function readDocument(snapshot: Uint8Array): Y.Doc {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, snapshot)
  return doc
}

async function edit(users: readonly User[], plan: EditPlan, seed: number, connectMs: number): Promise<EditResult> {
  const ack = createLatency()
  const seen = createLatency()
  const lag = createLatency()
  const random = createRandom(seed)
  const runMs = plan.warmUpMs + plan.measureMs
  const edits = poissonArrivals(random, plan.editsPerSecond, runMs, users.length)
  const cursors = plan.cursorsPerSecond > 0 ? poissonArrivals(random, plan.cursorsPerSecond, runMs, users.length) : []
  const start = performance.now() + 100
  const windowFrom = start + plan.warmUpMs
  const windowTo = start + runMs
  let framesReceived = 0
  let sentInWindow = 0

  const inWindow = (at: number): boolean => at >= windowFrom && at < windowTo
  onAck = (user) => {
    const intended = user.intendedAt[user.acked]
    if (intended === undefined) return // the ack of a handshake frame
    user.acked += 1
    if (inWindow(intended)) ack.record(performance.now() - intended)
  }
  onUpdate = (user, update) => {
    const now = performance.now()
    if (inWindow(now)) framesReceived += 1
    scanMarks(update, (author, editNumber) => {
      if (author === user.author) return
      const sender = user.peers[author]
      const from = (user.seenOf[author] ?? -1) + 1
      if (sender === undefined || editNumber < from || editNumber >= sender.intendedAt.length) return
      for (let i = from; i <= editNumber; i += 1) {
        const intended = sender.intendedAt[i] ?? now
        if (inWindow(intended)) seen.record(now - intended)
      }
      user.seenOf[author] = editNumber
    })
  }

  const sendEdit = (user: User, intended: number): void => {
    const value = mark(user.author, user.intendedAt.length)
    user.intendedAt.push(intended)
    user.connection.send(updateFrame(user.job.documentName, user.writer.write([value, Date.now()])))
    if (!inWindow(intended)) return
    sentInWindow += 1
    lag.record(performance.now() - intended)
  }
  const moveCursor = (user: User): void =>
    user.connection.setAwareness({ cell: { itemId: `seat${user.author}`, columnId: `col${Math.floor(random() * 12)}` } })

  let cpuFrom = process.cpuUsage()
  let cpuUsed = process.cpuUsage(cpuFrom)
  const edges = [
    at(windowFrom, () => {
      cpuFrom = process.cpuUsage()
      say({ say: 'window', edge: 'begins' })
    }),
    at(windowTo, () => {
      cpuUsed = process.cpuUsage(cpuFrom)
      say({ say: 'window', edge: 'ends' })
    }),
  ]
  await Promise.all([
    ...edges,
    play(edits, start, (actor, intended) => withUser(users, actor, (user) => sendEdit(user, intended))),
    play(cursors, start, (actor) => withUser(users, actor, moveCursor)),
  ])
  await drained(users)
  const missing = countMissing(users)
  return {
    edits: sentInWindow,
    ack: ack.summary(),
    seen: seen.summary(),
    lag: lag.summary(),
    ...missing,
    framesReceived,
    generatorCores: (cpuUsed.user + cpuUsed.system) / 1000 / plan.measureMs,
    connectMs,
  }
}

function withUser(users: readonly User[], index: number, act: (user: User) => void): void {
  const user = users[index]
  if (user !== undefined) act(user)
}

function at(time: number, act: () => void): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(
      () => {
        act()
        resolve()
      },
      Math.max(0, time - performance.now()),
    )
  })
}

/** Plays arrivals at their times. Timers of Node are 1 ms coarse: what is due is sent at each wake-up, and `lag` says how late. */
function play(arrivals: readonly { atMs: number; actor: number }[], start: number, act: (actor: number, intended: number) => void): Promise<void> {
  return new Promise((resolve) => {
    let next = 0
    const wake = (): void => {
      const now = performance.now()
      for (let due = arrivals[next]; due !== undefined && start + due.atMs <= now; due = arrivals[next]) {
        act(due.actor, start + due.atMs)
        next += 1
      }
      const upcoming = arrivals[next]
      if (upcoming === undefined) resolve()
      else setTimeout(wake, Math.max(0, start + upcoming.atMs - performance.now()))
    }
    wake()
  })
}

function countMissing(users: readonly User[]): { unacked: number; undelivered: number } {
  let unacked = 0
  let undelivered = 0
  for (const user of users) {
    unacked += user.intendedAt.length - user.acked
    for (const peer of user.peers) {
      if (peer !== user) undelivered += peer.intendedAt.length - 1 - (user.seenOf[peer.author] ?? -1)
    }
  }
  return { unacked, undelivered }
}

async function drained(users: readonly User[]): Promise<void> {
  const deadline = performance.now() + DRAIN_MS
  for (let missing = countMissing(users); missing.unacked + missing.undelivered > 0 && performance.now() < deadline; missing = countMissing(users)) {
    await at(performance.now() + 50, () => undefined)
  }
}

let users: User[] = []
let seed = 0
let connectMs = 0

async function obey(message: ToGenerator): Promise<void> {
  switch (message.do) {
    case 'connect': {
      const from = performance.now()
      seed = message.job.seed
      users = await connect(message.job)
      connectMs = performance.now() - from
      say({ say: 'connected' })
      return
    }
    case 'edit':
      say({ say: 'result', result: await edit(users, message.plan, seed, connectMs) })
      return
    case 'quit':
      process.exit(0)
  }
}

process.on('message', (message: ToGenerator) => {
  obey(message).catch((error: unknown) => giveUp(error instanceof Error ? error.message : String(error)))
})
process.on('disconnect', () => process.exit(0))
say({ say: 'up' })
