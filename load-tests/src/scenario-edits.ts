/**
 * The main scenario: many stock-protocol users on many boards, each editing cells at a steady rate.
 * Measures ack latency, edit latency (edit → seen by another user) and CPU of the server, of Postgres and of the generator.
 */
import { fileURLToPath } from 'node:url'
import { makeBoard } from './board-fixture.ts'
import { pause, startChild, type Child } from './child.ts'
import type { EditPlan, EditResult, FromGenerator, GeneratorUser, ToGenerator } from './generator-messages.ts'
import { round } from './latency.ts'
import { cpuSeconds, GENERATOR_CORE, loadNow, machineCpuSeconds, memoryOf } from './machine.ts'
import type { Cluster } from './postgres.ts'
import type { RunningServer, Target } from './target.ts'

export interface EditScenario extends EditPlan {
  readonly boards: number
  readonly usersPerBoard: number
  readonly itemsPerBoard: number
  readonly heartbeat: boolean
  readonly seed: number
}

export interface EditMeasurement extends EditResult {
  readonly serverCores: number
  readonly serverCpuMsPerEdit: number
  readonly postgresCores: number
  readonly serverRssMiB: number
  readonly walBytesPerEdit: number
  readonly loadAverage: string
  /** Cores that processes other than ours used meanwhile: the noise. The kernel's own work for our sockets is in it. */
  readonly othersCores: number
}

/** Acks of handshakes, first stores and the like are over by then. */
const SETTLE_MS = 3000
const GENERATOR = fileURLToPath(new URL('generator.ts', import.meta.url))

export async function runEdits(target: Target, cluster: Cluster, scenario: EditScenario): Promise<EditMeasurement> {
  const databaseUrl = await cluster.createDatabase('bench_edits')
  const server = await target.start({ databaseUrl })
  try {
    const users = await createUsers(server, scenario)
    return await measureEdits(server, cluster, users, scenario)
  } finally {
    await server.stop()
  }
}

export async function createUsers(server: RunningServer, scenario: Pick<EditScenario, 'boards' | 'usersPerBoard' | 'itemsPerBoard'>): Promise<GeneratorUser[]> {
  const users: GeneratorUser[] = []
  for (let board = 0; board < scenario.boards; board += 1) {
    const ids = Array.from({ length: scenario.usersPerBoard }, (_, seat) => `bench-user-${board}-${seat}`)
    const documentName = await server.createBoard(makeBoard(`Board ${board}`, scenario.itemsPerBoard), ids)
    for (const id of ids) users.push({ documentName, token: await server.token(id) })
  }
  return users
}

export async function measureEdits(
  server: RunningServer,
  cluster: Cluster,
  users: readonly GeneratorUser[],
  scenario: EditScenario,
  duringWindow?: () => Promise<() => Promise<void>>,
): Promise<EditMeasurement> {
  const generator = startGenerator()
  try {
    await generator.hears('up')
    generator.tell({ do: 'connect', job: { url: server.syncUrl, users, heartbeat: scenario.heartbeat, seed: scenario.seed } })
    await generator.hears('connected')
    await pause(SETTLE_MS)
    generator.tell({ do: 'edit', plan: scenario })
    await generator.hears('window')
    const from = { server: cpuSeconds(server.pid), postgres: cluster.cpuSeconds(), wal: await cluster.walBytes(), load: loadNow(), machine: machineCpuSeconds() }
    const ownFrom = process.cpuUsage()
    const started = performance.now()
    const finish = await duringWindow?.()
    await generator.hears('window')
    const seconds = (performance.now() - started) / 1000
    const serverCores = (cpuSeconds(server.pid) - from.server) / seconds
    const postgresCores = (cluster.cpuSeconds() - from.postgres) / seconds
    const own = process.cpuUsage(ownFrom)
    const machineCores = (machineCpuSeconds() - from.machine) / seconds
    const wal = (await cluster.walBytes()) - from.wal
    const { rss } = memoryOf(server.pid)
    await finish?.()
    const { result } = await generator.hears('result')
    return {
      ...result,
      generatorCores: round(result.generatorCores),
      connectMs: Math.round(result.connectMs),
      serverCores: round(serverCores),
      serverCpuMsPerEdit: round((serverCores * scenario.measureMs) / result.edits),
      postgresCores: round(postgresCores),
      serverRssMiB: Math.round(rss / 2 ** 20),
      walBytesPerEdit: Math.round(wal / result.edits),
      loadAverage: from.load,
      othersCores: round(machineCores - serverCores - postgresCores - result.generatorCores - (own.user + own.system) / 1e6 / seconds),
    }
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\nserver said:\n${server.output()}`, { cause: error })
  } finally {
    await generator.stop()
  }
}

type Heard<K extends FromGenerator['say']> = Extract<FromGenerator, { say: K }>

interface Generator {
  tell(message: ToGenerator): void
  /** The next message of this kind, in order; a failure of the generator rejects. */
  hears<K extends FromGenerator['say']>(kind: K): Promise<Heard<K>>
  stop(): Promise<void>
}

function startGenerator(): Generator {
  const child: Child = startChild({ command: process.execPath, args: ['--conditions=sunday-source', GENERATOR], core: GENERATOR_CORE, ipc: true })
  const arrived: FromGenerator[] = []
  let wake: () => void = () => undefined
  let failure: Error | undefined
  child.process.on('message', (message: FromGenerator) => {
    if (message.say === 'failed') failure = new Error(`generator: ${message.reason}`)
    else arrived.push(message)
    wake()
  })
  child.process.once('exit', () => {
    failure ??= new Error(`the generator ended:\n${child.output()}`)
    wake()
  })
  return {
    tell: (message) => void child.process.send(message),
    async hears(kind) {
      for (;;) {
        const message = arrived.shift()
        if (message?.say === kind) return message as Heard<typeof kind>
        if (message !== undefined) continue
        if (failure !== undefined) throw failure
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    stop: () => child.stop('SIGKILL'),
  }
}
