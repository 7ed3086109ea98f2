/**
 * What an idle connection and an open board cost in memory: differences between plateaus, each after a full garbage collection.
 * Both are given as the runtime counts (heap + buffers: exact) and as the kernel does (private pages: what the machine pays).
 */
import { makeBoard } from './board-fixture.ts'
import { pause } from './child.ts'
import { openConnection, type Connection } from './connection.ts'
import { openInspector, type Inspector } from './inspector.ts'
import { round } from './latency.ts'
import { memoryOf } from './machine.ts'
import type { Cluster } from './postgres.ts'
import type { RunningServer, Target } from './target.ts'

export interface MemoryScenario {
  readonly connections: number
  readonly smallBoards: number
  readonly smallBoardItems: number
  readonly largeBoards: number
  readonly largeBoardItems: number
}

export interface MemoryMeasurement {
  /** Of the server with one small board open. */
  readonly baseHeapMiB: number
  readonly baseRssMiB: number
  readonly perIdleConnectionKiB: MemoryCost
  readonly perSmallBoardKiB: MemoryCost
  readonly perLargeBoardMiB: MemoryCost
}

export interface MemoryCost {
  readonly runtime: number
  readonly kernel: number
}

interface Plateau {
  readonly runtime: number
  readonly kernel: number
}

/** Timers of joining (first stores, awareness) run out before a plateau is measured. */
const SETTLE_MS = 5000
const KIB = 1024
const MIB = 1024 ** 2

export async function runMemory(target: Target, cluster: Cluster, scenario: MemoryScenario): Promise<MemoryMeasurement> {
  const databaseUrl = await cluster.createDatabase('bench_memory')
  const server = await target.start({ databaseUrl, inspect: true })
  const open: Connection[] = []
  try {
    if (server.inspectorUrl === null) throw new Error('the server opened no inspector')
    const inspector = await openInspector(server.inspectorUrl)
    const crowd = new Crowd(server, open)
    const perBoard = Math.ceil(scenario.connections / scenario.smallBoards)

    await crowd.openBoards(1, scenario.smallBoardItems, 0)
    const base = await plateau(server, inspector)
    const rss = memoryOf(server.pids).rss
    const boards = await crowd.openBoards(scenario.smallBoards, scenario.smallBoardItems, perBoard)
    const withSmall = await plateau(server, inspector)
    for (const board of boards) await crowd.join(board, perBoard)
    const withConnections = await plateau(server, inspector)
    await crowd.openBoards(scenario.largeBoards, scenario.largeBoardItems, 0)
    const withLarge = await plateau(server, inspector)
    inspector.close()

    const connection = each(withSmall, withConnections, perBoard * scenario.smallBoards)
    const small = less(each(base, withSmall, scenario.smallBoards), connection)
    const large = less(each(withConnections, withLarge, scenario.largeBoards), connection)
    return {
      baseHeapMiB: round(base.runtime / MIB),
      baseRssMiB: round(rss / MIB),
      perIdleConnectionKiB: inUnits(connection, KIB),
      perSmallBoardKiB: inUnits(small, KIB),
      perLargeBoardMiB: inUnits(large, MIB),
    }
  } finally {
    await Promise.all(open.map((connection) => connection.close()))
    await server.stop()
  }
}

/** The idle users: each joins, renews its awareness like a provider, and does nothing else. */
class Crowd {
  readonly #server: RunningServer
  readonly #open: Connection[]
  #members = 0

  constructor(server: RunningServer, open: Connection[]) {
    this.#server = server
    this.#open = open
  }

  /** New boards that `others` more users may join later; the first user joins at once. */
  async openBoards(count: number, items: number, others: number): Promise<string[]> {
    const users = Array.from({ length: others + 1 }, (_, seat) => idleUser(seat))
    const names: string[] = []
    for (let i = 0; i < count; i += 1) {
      const name = await this.#server.createBoard(makeBoard(`Memory ${i}`, items), users)
      await this.#joinAs(name, idleUser(0))
      names.push(name)
    }
    return names
  }

  async join(board: string, connections: number): Promise<void> {
    for (let seat = 1; seat <= connections; seat += 1) await this.#joinAs(board, idleUser(seat))
  }

  async #joinAs(documentName: string, user: string): Promise<void> {
    this.#members += 1
    const token = await this.#server.token(user)
    this.#open.push(await openConnection({ url: this.#server.syncUrl, documentName, token, clientId: 5_000_000 + this.#members, heartbeat: true }))
  }
}

const idleUser = (seat: number): string => `bench-idle-${seat}`

async function plateau(server: RunningServer, inspector: Inspector): Promise<Plateau> {
  await pause(SETTLE_MS)
  const { heapUsed, external } = await inspector.heap()
  return { runtime: heapUsed + external, kernel: memoryOf(server.pids).private }
}

const each = (from: Plateau, to: Plateau, count: number): Plateau => ({
  runtime: (to.runtime - from.runtime) / count,
  kernel: (to.kernel - from.kernel) / count,
})

const less = (cost: Plateau, part: Plateau): Plateau => ({ runtime: cost.runtime - part.runtime, kernel: cost.kernel - part.kernel })

const inUnits = (cost: Plateau, unit: number): MemoryCost => ({ runtime: round(cost.runtime / unit), kernel: round(cost.kernel / unit) })
