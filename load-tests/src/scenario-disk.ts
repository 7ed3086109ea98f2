/**
 * What 100 000 overwrites leave at rest: users overwrite random cells of a board as fast as the server acknowledges, leave, and the
 * server stores and compacts. Then the tables are measured, and the board is opened again and compared with what was written.
 */
import * as Y from 'yjs'
import { makeBoard } from './board-fixture.ts'
import { pause } from './child.ts'
import { openConnection, type Connection } from './connection.ts'
import { round } from './latency.ts'
import { sql, type Cluster } from './postgres.ts'
import { updateFrame } from './protocol.ts'
import { createRandom } from './random.ts'
import type { RunningServer, Target } from './target.ts'

export interface DiskScenario {
  readonly overwrites: number
  readonly writers: number
  readonly items: number
  readonly seed: number
}

export interface TableSize {
  readonly name: string
  readonly rows: number
  readonly contentBytes: number
  readonly diskBytes: number
}

export interface DiskMeasurement {
  readonly before: readonly TableSize[]
  /** Settled after the burst, before the trickle that lets compaction run. */
  readonly afterBurst: readonly TableSize[]
  readonly after: readonly TableSize[]
  /** Growth of what stands for the document itself (not the SQL projection), over all overwrites. */
  readonly documentBytesPerOverwrite: number
  readonly documentBytes: number
  readonly diskBytes: number
  readonly walMiB: number
  /** Closed loop, so a throughput and not a latency. */
  readonly overwritesPerSecond: number
  readonly reopenedEqual: boolean
}

/** Frames a writer may have unacknowledged: enough to keep the server busy. */
const IN_FLIGHT = 50
/** Journal rows younger than a minute are kept for other nodes; compaction runs with later commits. So: wait, then write a little more. */
const ROWS_AGE_MS = 61_000
const TRICKLE = 600
/** Sizes that stay the same for this long are final; compaction is given up on after the second. */
const STABLE_MS = 10_000
const SETTLE_TIMEOUT_MS = 120_000
/** Some servers acknowledge the handshake's Step2: that ack is not one of an overwrite. */
const HANDSHAKE_ACK_MS = 500
/** Columns of the fixture whose values are text or number: the writers keep to values that are legal there. */
const TEXT_CELLS = ['c:col2', 'c:col3', 'c:remark']
const NUMBER_CELLS = ['c:col4', 'c:col5']
/** Tables that hold a projection for SQL rather than the document. */
const PROJECTIONS = new Set(['items', 'boards'])

export async function runDisk(target: Target, cluster: Cluster, scenario: DiskScenario): Promise<DiskMeasurement | null> {
  const { sizeSql } = target
  if (sizeSql === null) return null
  const databaseUrl = await cluster.createDatabase('bench_disk')
  const server = await target.start({ databaseUrl })
  try {
    const users = Array.from({ length: scenario.writers }, (_, i) => `bench-writer-${i}`)
    const documentName = await server.createBoard(makeBoard('Overwritten', scenario.items), users)
    const before = await settledSizes(databaseUrl, sizeSql)
    const walBefore = await cluster.walBytes()
    const started = performance.now()
    const expected = await overwrite(server, documentName, users, scenario)
    const seconds = (performance.now() - started) / 1000
    const afterBurst = await settledSizes(databaseUrl, sizeSql)
    await pause(ROWS_AGE_MS)
    for (const [cell, value] of await trickle(server, documentName, users[0] ?? '', scenario)) expected.set(cell, value)
    const after = await settledSizes(databaseUrl, sizeSql)
    const growth = documentBytes(after) - documentBytes(before)
    return {
      before,
      afterBurst,
      after,
      documentBytesPerOverwrite: round(growth / (scenario.overwrites + TRICKLE)),
      documentBytes: documentBytes(after),
      diskBytes: after.reduce((sum, table) => sum + table.diskBytes, 0),
      walMiB: round(((await cluster.walBytes()) - walBefore) / 2 ** 20),
      overwritesPerSecond: Math.round(scenario.overwrites / seconds),
      reopenedEqual: await holds(server, documentName, users[0] ?? '', expected),
    }
  } finally {
    await server.stop()
  }
}

const documentBytes = (tables: readonly TableSize[]): number =>
  tables.filter((table) => !PROJECTIONS.has(table.name)).reduce((sum, table) => sum + table.contentBytes, 0)

/** item/cell → last value written. */
type Expected = Map<string, unknown>

async function overwrite(server: RunningServer, documentName: string, users: readonly string[], scenario: DiskScenario): Promise<Expected> {
  const expected: Expected = new Map()
  const each = Math.floor(scenario.overwrites / users.length)
  await Promise.all(
    users.map(async (user, seat) => {
      const writer = await joinWriter(server, documentName, user, scenario.seed + seat)
      const items = [...writer.doc.getMap('items').keys()].sort().filter((_, i) => i % users.length === seat)
      for (let i = 0; i < each; i += 1) {
        await writer.room.below(IN_FLIGHT)
        writer.overwriteOneOf(items, i, expected)
      }
      await writer.room.below(1)
      await writer.connection.close()
    }),
  )
  return expected
}

/** One edit at a time, each acknowledged before the next: one batch each. */
async function trickle(server: RunningServer, documentName: string, user: string, scenario: DiskScenario): Promise<Expected> {
  const expected: Expected = new Map()
  const writer = await joinWriter(server, documentName, user, scenario.seed + 1000)
  const items = [...writer.doc.getMap('items').keys()].sort()
  for (let i = 0; i < TRICKLE; i += 1) {
    writer.overwriteOneOf(items, scenario.overwrites + i, expected)
    await writer.room.below(1)
  }
  await writer.connection.close()
  return expected
}

interface Writer {
  readonly doc: Y.Doc
  readonly connection: Connection
  readonly room: Room
  overwriteOneOf(items: readonly string[], edit: number, expected: Expected): void
}

/** Counts frames that are sent and not acknowledged. */
class Room {
  #unacked = 0
  #lost: string | undefined
  #wake: () => void = () => undefined

  taken(): void {
    this.#unacked += 1
  }

  acked(): void {
    if (this.#unacked > 0) this.#unacked -= 1
    this.#wake()
  }

  lost(reason: string): void {
    this.#lost = reason
    this.#wake()
  }

  /** Resolves when fewer than `limit` frames are unacknowledged. */
  async below(limit: number): Promise<void> {
    while (this.#unacked >= limit) {
      if (this.#lost !== undefined) throw new Error(this.#lost)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

/** A user with a real document, so that overwrites chain as Yjs chains them. */
async function joinWriter(server: RunningServer, documentName: string, user: string, seed: number): Promise<Writer> {
  const doc = new Y.Doc()
  const room = new Room()
  const connection = await openConnection(
    { url: server.syncUrl, documentName, token: await server.token(user), clientId: doc.clientID, heartbeat: true },
    { onAck: () => room.acked(), onLost: (reason) => room.lost(`${user}: ${reason}`) },
  )
  Y.applyUpdate(doc, connection.snapshot)
  await pause(HANDSHAKE_ACK_MS)
  doc.on('update', (update: Uint8Array) => {
    room.taken()
    connection.send(updateFrame(documentName, update))
  })
  const random = createRandom(seed)
  return {
    doc,
    connection,
    room,
    overwriteOneOf(items, edit, expected) {
      const itemId = items[Math.floor(random() * items.length)] ?? ''
      const isText = random() < 0.5
      const cells = isText ? TEXT_CELLS : NUMBER_CELLS
      const key = cells[Math.floor(random() * cells.length)] ?? ''
      const value = isText ? `value ${edit} of ${user}` : edit
      const item = doc.getMap('items').get(itemId)
      if (!(item instanceof Y.Map)) throw new Error(`no item ${itemId}`)
      item.set(key, [value, Date.now()])
      expected.set(`${itemId}/${key}`, value)
    },
  }
}

async function settledSizes(databaseUrl: string, sizeSql: string): Promise<TableSize[]> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS
  let last = ''
  let since = performance.now()
  for (;;) {
    const rows = await sql<{ name: string; rows: number; content: string | null; disk: string }>(databaseUrl, sizeSql)
    const now = JSON.stringify(rows.map(({ name, rows: count, content }) => [name, count, content]))
    if (now !== last) {
      last = now
      since = performance.now()
    }
    if (performance.now() - since > STABLE_MS || performance.now() > deadline) {
      // A plain vacuum, as autovacuum would do it: dead row versions become free space, files do not shrink.
      await sql(databaseUrl, 'vacuum')
      const final = await sql<{ name: string; rows: number; content: string | null; disk: string }>(databaseUrl, sizeSql)
      return final.map(({ name, rows: count, content, disk }) => ({ name, rows: count, contentBytes: Number(content ?? 0), diskBytes: Number(disk) }))
    }
    await pause(500)
  }
}

/** Opens the board anew and compares every overwritten cell. */
async function holds(server: RunningServer, documentName: string, user: string, expected: Expected): Promise<boolean> {
  const connection = await openConnection({ url: server.syncUrl, documentName, token: await server.token(user), clientId: 9_000_000, heartbeat: false })
  const doc = new Y.Doc()
  Y.applyUpdate(doc, connection.snapshot)
  await connection.close()
  const items = doc.getMap('items')
  for (const [place, value] of expected) {
    const [itemId = '', key = ''] = place.split('/')
    const item = items.get(itemId)
    const stored: unknown = item instanceof Y.Map ? item.get(key) : undefined
    if ((Array.isArray(stored) ? stored[0] : stored) !== value) return false
  }
  return true
}
