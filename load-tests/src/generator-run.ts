/**
 * A measured run of the generator's users: edits and cursor moves at drawn times, and what of them arrives where and when.
 *
 * Guarantees: open loop. Every edit and move has an intended time, drawn before the run; latency counts from that time, so that a slow
 * server (or a slow generator: see `lag`) cannot hide what it delayed. Each edit is looked for at every other user of its board, each
 * move at a sample of them.
 * Does not: apply updates. Observers scan the bytes for the marks of edits and moves; one that was merged away under a later one of the
 * same user counts as seen when the later one is.
 */
import { performance } from 'node:perf_hooks'
import type { CellWriter } from './cell-writer.ts'
import type { Connection } from './connection.ts'
import type { EditPlan, EditResult, GeneratorUser, MovesResult } from './generator-messages.ts'
import { createLatency } from './latency.ts'
import { mark, scanMarks } from './marker.ts'
import { updateFrame } from './protocol.ts'
import { createRandom, poissonArrivals } from './random.ts'
import { isOwn, ownSpans } from './turns.ts'

/** After the window: how long acks, deliveries and moves may still arrive before they count as missing. */
const DRAIN_MS = 10_000
/** Who watches cursors, over all boards: looking into every frame at every user would take the generator's core. */
const CURSOR_WATCHERS = 100
const SECOND_MS = 1000
const COLORS = ['#579bfc', '#fdab3d', '#00c875', '#e2445c']

export interface User {
  readonly job: GeneratorUser
  readonly connection: Connection
  readonly writer: CellWriter
  /** Index among the users of this board: what the marks carry. */
  readonly author: number
  readonly peers: User[]
  acked: number
  /** Intended times of this user's edits, by edit number; and the last edit seen of each author of the board. */
  readonly intendedAt: number[]
  readonly seenOf: Int32Array
  /** The same for cursor moves. */
  readonly movesAt: number[]
  readonly movesSeenOf: Int32Array
  onAck(user: User): void
  onUpdate(user: User, update: Uint8Array): void
  /** Null: does not look at cursors. */
  onAwareness: ((user: User, update: Uint8Array) => void) | null
}

export async function play(
  users: readonly User[],
  plan: EditPlan,
  seed: number,
  onWindow: (edge: 'begins' | 'ends') => void,
): Promise<Omit<EditResult, 'connectMs'>> {
  const random = createRandom(seed)
  const runMs = plan.warmUpMs + plan.measureMs
  const arrivals = (perSecond: number) => poissonArrivals(random, perSecond, runMs, users.length).filter(({ atMs }) => isOwn(plan.turns, atMs))
  const edits = arrivals(plan.editsPerSecond)
  const moves = plan.cursorsPerSecond > 0 ? arrivals(plan.cursorsPerSecond) : []
  const start = performance.now() + (plan.startsAt === undefined ? 100 : plan.startsAt - Date.now())
  const spans = ownSpans(plan.turns, plan.warmUpMs, runMs)
  const window: Window = (at) => at >= start + plan.warmUpMs && at < start + runMs && isOwn(plan.turns, at - start)
  const editing = watchEdits(users, window)
  const moving = moves.length > 0 ? watchMoves(users, window, random) : null
  let cpuFrom = process.cpuUsage()
  let cpuMs = 0
  await Promise.all([
    ...spans.map(({ from }) => at(start + from, () => {
      cpuFrom = process.cpuUsage()
      onWindow('begins')
    })),
    ...spans.map(({ to }) => at(start + to, () => {
      const { user, system } = process.cpuUsage(cpuFrom)
      cpuMs += (user + system) / 1000
      onWindow('ends')
    })),
    playArrivals(edits, start, users, (user, intended) => editing.send(user, intended)),
    playArrivals(moves, start, users, (user, intended) => moving?.send(user, intended)),
  ])
  await drained(users)
  return {
    ...editing.result(),
    ...countMissing(users),
    cursors: moving?.result() ?? null,
    generatorCores: cpuMs / spans.reduce((sum, { from, to }) => sum + to - from, 0),
  }
}

/** Whether something is measured that was meant to happen then. */
type Window = (at: number) => boolean

function watchEdits(users: readonly User[], window: Window) {
  const ack = createLatency()
  const seen = createLatency()
  const seenAcross = createLatency()
  const lag = createLatency()
  let framesReceived = 0
  let sent = 0

  const onAck = (user: User): void => {
    const intended = user.intendedAt[user.acked]
    if (intended === undefined) return // the ack of a handshake frame
    user.acked += 1
    if (window(intended)) ack.record(performance.now() - intended)
  }
  const onUpdate = (user: User, update: Uint8Array): void => {
    const now = performance.now()
    if (window(now)) framesReceived += 1
    scanMarks(update, (author, edit) => {
      const sender = user.peers[author]
      if (sender === undefined || sender === user) return
      for (const intended of newlySeen(sender.intendedAt, user.seenOf, author, edit)) {
        if (!window(intended)) continue
        seen.record(now - intended)
        if (sender.job.node !== user.job.node) seenAcross.record(now - intended)
      }
    })
  }
  for (const user of users) {
    user.onAck = onAck
    user.onUpdate = onUpdate
  }
  return {
    send(user: User, intended: number): void {
      const value = mark(user.author, user.intendedAt.length)
      user.intendedAt.push(intended)
      user.connection.send(updateFrame(user.job.documentName, user.writer.write([value, Date.now()])))
      if (!window(intended)) return
      sent += 1
      lag.record(performance.now() - intended)
    },
    result: () => ({ edits: sent, ack: ack.summary(), seen: seen.summary(), seenAcross: seenAcross.summary(), lag: lag.summary(), framesReceived }),
  }
}

function watchMoves(users: readonly User[], window: Window, random: () => number) {
  const seen = createLatency()
  let sent = 0
  let expected = 0
  let inTime = 0
  const watchers = new Map<readonly User[], number>()
  const every = Math.max(1, Math.ceil(users.length / CURSOR_WATCHERS))
  for (const [index, user] of users.entries()) {
    if (index % every !== 0) continue
    watchers.set(user.peers, (watchers.get(user.peers) ?? 0) + 1)
    user.onAwareness = onAwareness
  }
  function onAwareness(user: User, update: Uint8Array): void {
    const now = performance.now()
    scanMarks(update, (author, move) => {
      const sender = user.peers[author]
      if (sender === undefined || sender === user) return
      for (const intended of newlySeen(sender.movesAt, user.movesSeenOf, author, move)) {
        if (!window(intended)) continue
        seen.record(now - intended)
        if (now - intended <= SECOND_MS) inTime += 1
      }
    })
  }
  return {
    send(user: User, intended: number): void {
      const at = mark(user.author, user.movesAt.length)
      user.movesAt.push(intended)
      const color = COLORS[user.author % COLORS.length]
      // Stock applications say who they are in every state; Sunday writes its own `user` over it.
      user.connection.setAwareness({ user: { name: `User ${user.author}`, color }, cell: { itemId: `seat${user.author}`, columnId: `col${Math.floor(random() * 12)}` }, at })
      if (!window(intended)) return
      sent += 1
      expected += (watchers.get(user.peers) ?? 0) - (user.onAwareness === null ? 0 : 1)
    },
    result: (): MovesResult => {
      const summary = seen.summary()
      return { moves: sent, seen: summary, withinSecond: share(inTime, expected), delivered: share(summary.count, expected) }
    },
  }
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 10_000)

/** Intended times of what is seen now for the first time, by number up to `last`. */
function newlySeen(intendedAt: readonly number[], seenOf: Int32Array, author: number, last: number): readonly number[] {
  const from = (seenOf[author] ?? -1) + 1
  if (last < from || last >= intendedAt.length) return NOTHING
  seenOf[author] = last
  return intendedAt.slice(from, last + 1)
}
const NOTHING: readonly number[] = []

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
function playArrivals(
  arrivals: readonly { atMs: number; actor: number }[],
  start: number,
  users: readonly User[],
  act: (user: User, intended: number) => void,
): Promise<void> {
  return new Promise((resolve) => {
    let next = 0
    const wake = (): void => {
      const now = performance.now()
      for (let due = arrivals[next]; due !== undefined && start + due.atMs <= now; due = arrivals[next]) {
        const user = users[due.actor]
        if (user !== undefined) act(user, start + due.atMs)
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
  const isComplete = (): boolean => {
    const { unacked, undelivered } = countMissing(users)
    return unacked + undelivered === 0 && users.every((user) => user.onAwareness === null || sawAllMoves(user))
  }
  while (!isComplete() && performance.now() < deadline) await at(performance.now() + 50, () => undefined)
}

const sawAllMoves = (watcher: User): boolean => watcher.peers.every((peer) => peer === watcher || watcher.movesSeenOf[peer.author] === peer.movesAt.length - 1)
