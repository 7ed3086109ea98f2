/**
 * One load on one server, or on several that are one: users join, edit and move cursors for a while, and everything that is worth
 * knowing of that while is measured. The scenarios differ in size and rate (loads.ts), not in how they are measured.
 */
import { fileURLToPath } from 'node:url'
import { makeBoard } from './board-fixture.ts'
import { pause, startChild, type Child } from './child.ts'
import type { EditPlan, EditResult, FromGenerator, GeneratorUser, ToGenerator } from './generator-messages.ts'
import { round } from './latency.ts'
import { cpuSecondsOf, GENERATOR_CORE, loadNow, machineCpuSeconds, memoryOf } from './machine.ts'
import type { Cluster } from './postgres.ts'
import type { RedisCounts, RedisServer } from './redis.ts'
import type { RunningServer, Target } from './target.ts'
import { ownSpans } from './turns.ts'

export interface LoadScenario extends EditPlan {
  readonly boards: number
  readonly usersPerBoard: number
  readonly itemsPerBoard: number
  /** Servers; the users of a board sit at them in turn. More than one needs a Redis. */
  readonly nodes: number
  /** Sockets that open the first board and then read nothing. */
  readonly stuckReaders: number
  /** Members of every board who do not join by themselves. */
  readonly guests?: readonly string[]
  readonly heartbeat: boolean
  readonly seed: number
}

export interface RedisUse {
  readonly publishesPerEdit: number
  readonly commandsPerEdit: number
  readonly inputBytesPerEdit: number
  readonly outputBytesPerEdit: number
  readonly cores: number
}

export interface LoadMeasurement extends EditResult {
  /** Over all nodes, as the two below. */
  readonly serverCores: number
  readonly serverCpuMsPerEdit: number
  readonly serverRssMiB: number
  readonly postgresCores: number
  readonly walBytesPerEdit: number
  readonly redis: RedisUse | null
  readonly loadAverage: string
  /** Cores that processes other than ours used meanwhile: the noise. The kernel's own work for our sockets is in it. */
  readonly othersCores: number
}

/** What a load runs on. */
export interface Ground {
  readonly cluster: Cluster
  readonly redis: RedisServer | null
}

/** Acks of handshakes, first stores and the like are over by then. */
const SETTLE_MS = 3000
const GENERATOR = fileURLToPath(new URL('generator.ts', import.meta.url))
/**
 * The generator is to be late for nothing of its own. Node reads into new buffers of 64 KiB, which V8 by default answers with a full collection for every 32 MiB
 * of them: with a thousand people on one board six a second, which took a third of its time (ran). With these there is none in a run.
 */
const GENERATOR_MEMORY = ['--external-memory-accounted-in-global-limit', '--min-semi-space-size=64', '--max-semi-space-size=64', '--initial-heap-size=2000']

export async function runLoad(target: Target, ground: Ground, scenario: LoadScenario): Promise<LoadMeasurement> {
  const servers = await startServers(target, ground, scenario.nodes)
  try {
    return await measureLoad(servers, ground, scenario)
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

/** The same of several targets, which are all up and loaded in turn: as many measurements. Each is loaded for as long as when it is alone. */
export async function runInTurns(targets: readonly Target[], ground: Ground, scenario: LoadScenario, turnMs: number): Promise<LoadMeasurement[]> {
  const of = targets.length
  const servers: RunningServer[] = []
  try {
    for (const target of targets) servers.push(...(await startServers(target, ground, 1)))
    const begin = together(of)
    return await Promise.all(servers.map((server, index) => measureLoad(
      [server], ground, { ...scenario, warmUpMs: of * scenario.warmUpMs, measureMs: of * scenario.measureMs, turns: { index, of, turnMs } }, { begin },
    )))
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

/** Answers all of so many who ask, when the last one does: with a moment a little later. */
function together(count: number): () => Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  let missing = count
  return () => {
    missing -= 1
    if (missing === 0) resolve(Date.now() + SETTLE_MS)
    return promise
  }
}

/** Servers on one database of this run's own. */
export async function startServers(target: Target, { cluster, redis }: Ground, count: number, inspect = false): Promise<RunningServer[]> {
  const databaseUrl = await cluster.createDatabase(`bench_${target.name.replaceAll('-', '_')}`)
  const servers: RunningServer[] = []
  for (let node = 0; node < (target.isWhole === true ? 1 : count); node += 1) {
    servers.push(await target.start({ databaseUrl, inspect, nodes: count, ...(redis === null ? {} : { redisUrl: redis.url }) }))
  }
  return servers
}

async function createUsers(servers: readonly RunningServer[], scenario: LoadScenario): Promise<GeneratorUser[]> {
  const [first] = servers
  if (first === undefined) throw new Error('a load needs a server')
  const users: GeneratorUser[] = []
  for (let board = 0; board < scenario.boards; board += 1) {
    const stuck = board === 0 ? scenario.stuckReaders : 0
    const ids = Array.from({ length: scenario.usersPerBoard + stuck }, (_, seat) => `bench-user-${board}-${seat}`)
    const documentName = await first.createBoard(makeBoard(`Board ${board}`, scenario.itemsPerBoard), [...ids, ...(scenario.guests ?? [])])
    for (const [seat, id] of ids.entries()) {
      const node = seat % servers.length
      const server = servers[node] ?? first
      users.push({ url: server.syncUrl, node, documentName, token: await server.token(id), kind: seat < scenario.usersPerBoard ? 'editor' : 'stuck' })
    }
  }
  return users
}

export interface LoadHooks {
  /** When the measured window begins; what it returns, when it ends. */
  readonly duringWindow?: (users: readonly GeneratorUser[]) => Promise<() => Promise<void>>
  /** Everybody has joined. When the load is to begin, ms since the epoch. */
  readonly begin?: () => Promise<number>
}

export async function measureLoad(servers: readonly RunningServer[], { cluster, redis }: Ground, scenario: LoadScenario, hooks: LoadHooks = {}): Promise<LoadMeasurement> {
  const users = await createUsers(servers, scenario)
  const generator = startGenerator()
  const counts = async (): Promise<Counts> => ({
    at: performance.now(),
    server: cpuSecondsOf(servers.flatMap(({ pids }) => pids)),
    postgres: cluster.cpuSeconds(),
    wal: await cluster.walBytes(),
    redis: (await redis?.counts()) ?? null,
    machine: machineCpuSeconds(),
    own: ownCpuSeconds(),
  })
  try {
    await generator.hears('up')
    generator.tell({ do: 'connect', job: { users, heartbeat: scenario.heartbeat, seed: scenario.seed } })
    await generator.hears('connected')
    await pause(SETTLE_MS)
    generator.tell({ do: 'edit', plan: hooks.begin === undefined ? scenario : { ...scenario, startsAt: await hooks.begin() } })
    const spans: { readonly from: Counts; readonly to: Counts }[] = []
    let loadAverage = ''
    let finish: (() => Promise<void>) | undefined
    for (const [index] of ownSpans(scenario.turns, scenario.warmUpMs, scenario.warmUpMs + scenario.measureMs).entries()) {
      await generator.hears('window')
      const from = await counts()
      if (index === 0) {
        loadAverage = loadNow()
        finish = await hooks.duringWindow?.(users)
      }
      await generator.hears('window')
      spans.push({ from, to: await counts() })
    }
    const serverRss = memoryOf(servers.flatMap(({ pids }) => pids)).rss
    await finish?.()
    const { result } = await generator.hears('result')
    const sum = (read: (reading: Counts) => number): number => spans.reduce((all, { from, to }) => all + read(to) - read(from), 0)
    const seconds = sum(({ at }) => at) / 1000
    const cores = (read: (reading: Counts) => number): number => sum(read) / seconds
    const serverCores = cores((reading) => reading.server)
    const postgresCores = cores((reading) => reading.postgres)
    const redisCores = cores((reading) => reading.redis?.cpuSeconds ?? 0)
    const perEdit = (read: (reading: RedisCounts) => number): number => round(sum((reading) => (reading.redis === null ? Number.NaN : read(reading.redis))) / result.edits)
    return {
      ...result,
      generatorCores: round(result.generatorCores),
      connectMs: Math.round(result.connectMs),
      serverCores: round(serverCores),
      serverCpuMsPerEdit: round((serverCores * seconds * 1000) / result.edits),
      postgresCores: round(postgresCores),
      serverRssMiB: Math.round(serverRss / 2 ** 20),
      walBytesPerEdit: Math.round(sum(({ wal }) => wal) / result.edits),
      redis: redis === null ? null : {
        publishesPerEdit: perEdit((reading) => reading.publishes),
        commandsPerEdit: perEdit((reading) => reading.commands),
        inputBytesPerEdit: perEdit((reading) => reading.inputBytes),
        outputBytesPerEdit: perEdit((reading) => reading.outputBytes),
        cores: round(redisCores),
      },
      loadAverage,
      othersCores: round(cores((reading) => reading.machine) - serverCores - postgresCores - redisCores - result.generatorCores - cores((reading) => reading.own)),
    }
  } catch (error) {
    const said = servers.map((server) => server.output()).join('\n')
    throw new Error(`${error instanceof Error ? error.message : String(error)}\nserver said:\n${said}`, { cause: error })
  } finally {
    await generator.stop()
  }
}

/** Readings of one moment; CPU in seconds. */
interface Counts {
  readonly at: number
  readonly server: number
  readonly postgres: number
  readonly wal: number
  readonly redis: RedisCounts | null
  readonly machine: number
  readonly own: number
}

function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

type Heard<K extends FromGenerator['say']> = Extract<FromGenerator, { say: K }>

interface Generator {
  tell(message: ToGenerator): void
  /** The next message of this kind, in order; a failure of the generator rejects. */
  hears<K extends FromGenerator['say']>(kind: K): Promise<Heard<K>>
  stop(): Promise<void>
}

function startGenerator(): Generator {
  const child: Child = startChild({ command: process.execPath, args: ['--conditions=sunday-source', ...GENERATOR_MEMORY, GENERATOR], core: GENERATOR_CORE, ipc: true })
  const arrived: FromGenerator[] = []
  let wake: () => void = () => undefined
  let failure: Error | undefined
  child.process.on('message', (message: FromGenerator) => {
    if (message.say === 'failed') failure ??= new Error(`generator: ${message.reason}`)
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
