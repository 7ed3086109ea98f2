/**
 * Opening a large board: from the first byte of a user's connection to the last of the board's content.
 * Cold: the server has just been restarted (and has served a small board, so that its code is warm). Warm: others have it open.
 */
import { makeBoard } from './board-fixture.ts'
import { openConnection, type Connection } from './connection.ts'
import { median, round } from './latency.ts'
import type { Cluster } from './postgres.ts'
import type { RunningServer, Target } from './target.ts'

export interface OpenScenario {
  readonly items: number
  readonly restarts: number
  readonly warmOpensPerRestart: number
}

export interface OpenMeasurement {
  /** Null where nothing is left to open after a restart. */
  readonly coldMs: number | null
  readonly coldRunsMs: readonly number[]
  readonly warmMs: number
  readonly warmRunsMs: readonly number[]
  readonly snapshotMiB: number
}

const USER = 'bench-opener'

export async function runOpen(target: Target, cluster: Cluster, scenario: OpenScenario): Promise<OpenMeasurement> {
  const databaseUrl = await cluster.createDatabase('bench_open')
  const cold: number[] = []
  const warm: number[] = []
  let snapshotBytes = 0
  let server = await target.start({ databaseUrl })
  try {
    const large = await server.createBoard(makeBoard('Large', scenario.items), [USER])
    const small = await server.createBoard(makeBoard('Small', 100), [USER])
    for (let round = 0; round < scenario.restarts; round += 1) {
      if (target.persistent) {
        await server.stop()
        server = await target.start({ databaseUrl })
      }
      const open: Connection[] = []
      for (let i = 0; i < 3; i += 1) open.push(await join(server, small))
      const first = await join(server, large)
      open.push(first)
      snapshotBytes = first.snapshot.length
      if (target.persistent) cold.push(first.openMs)
      for (let i = 0; i < scenario.warmOpensPerRestart; i += 1) {
        const next = await join(server, large)
        warm.push(next.openMs)
        open.push(next)
      }
      await Promise.all(open.map((connection) => connection.close()))
    }
  } finally {
    await server.stop()
  }
  return {
    coldMs: cold.length === 0 ? null : round(median(cold)),
    coldRunsMs: cold.map(round),
    warmMs: round(median(warm)),
    warmRunsMs: warm.map(round),
    snapshotMiB: round(snapshotBytes / 2 ** 20),
  }
}

let clientId = 7_000_000

async function join(server: RunningServer, documentName: string): Promise<Connection> {
  clientId += 1
  return openConnection({ url: server.syncUrl, documentName, token: await server.token(USER), clientId, heartbeat: false })
}
