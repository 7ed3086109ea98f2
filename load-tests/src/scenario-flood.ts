/**
 * What a flood from one client costs: a hundred honest users edit five boards, and one hostile user, a member of each of them, floods the
 * server in one way after the other (hostile-messages.ts). Measured against the same minutes without: the server's cores, and how long
 * the honest ones wait for their acks.
 *
 * Each kind has users, boards and a generator of its own, on the one server: what a flood leaves behind is part of what the next one meets.
 */
import { fileURLToPath } from 'node:url'
import { makeBoard } from './board-fixture.ts'
import { startChild } from './child.ts'
import type { GeneratorUser } from './generator-messages.ts'
import type { FloodCounts, FloodJob, FloodKind, FromHostile, ToHostile } from './hostile-messages.ts'
import { round, type LatencySummary } from './latency.ts'
import { measureLoad, startServers, type Ground, type LoadScenario } from './load.ts'
import { cpuSeconds, GENERATOR_CORE } from './machine.ts'
import type { RunningServer, Target } from './target.ts'

export interface FloodScenario {
  readonly load: LoadScenario
  readonly kinds: readonly FloodKind[]
}

export interface FloodMeasurement {
  readonly kind: FloodKind | 'none'
  readonly serverCores: number
  readonly ack: LatencySummary
  /** Of honest edits. */
  readonly unacked: number
  readonly undelivered: number
  /** How late the honest users themselves were. */
  readonly lag: LatencySummary
  /** What the hostile user counted; null without one. */
  readonly hostile: (FloodCounts & { readonly cores: number }) | null
  /** What the server counted meanwhile: its limits and refusals, by name. */
  readonly counted: Readonly<Record<string, number>>
  readonly postgresCores: number
  /** Cores of processes that have nothing to do with it. */
  readonly othersCores: number
}

/** Each kind by somebody new: what one owes is not the next one's. */
const hostileUser = (kind: FloodKind | 'none'): string => `bench-hostile-${kind}`
const HOSTILE = fileURLToPath(new URL('hostile.ts', import.meta.url))
const OWN_BOARD_ITEMS = 100

export const FLOOD_LOAD: LoadScenario = {
  boards: 5, usersPerBoard: 20, itemsPerBoard: 100, nodes: 1, stuckReaders: 0, heartbeat: true, seed: 20_261_126,
  editsPerSecond: 50, cursorsPerSecond: 0, warmUpMs: 3000, measureMs: 10_000,
}

/** Without a flood, then each kind, then without one again. */
export async function runFlood(target: Target, ground: Ground, { load, kinds }: FloodScenario, say: (run: FloodMeasurement) => void): Promise<FloodMeasurement[]> {
  const [server] = await startServers(target, ground, 1)
  if (server === undefined) throw new Error('no server')
  const runs: FloodMeasurement[] = []
  try {
    for (const kind of ['none', ...kinds, 'none'] as const) {
      const run = await measureFlood(server, ground, load, kind)
      runs.push(run)
      say(run)
    }
    return runs
  } finally {
    await server.stop()
  }
}

async function measureFlood(server: RunningServer, ground: Ground, load: LoadScenario, kind: FloodKind | 'none'): Promise<FloodMeasurement> {
  const user = hostileUser(kind)
  const hostile = kind === 'none' ? null : startHostile()
  const ownBoard = await server.createBoard(makeBoard('Own', OWN_BOARD_ITEMS), [user])
  const token = await server.token(user)
  let counts: FloodMeasurement['hostile'] = null
  let counted: Record<string, number> = {}
  try {
    if (kind !== 'none') await hostile?.prepare(kind)
    const duringWindow = async (users: readonly GeneratorUser[]) => {
      const sharedBoard = users[0]?.documentName ?? ''
      const before = await limitsHit(server)
      const cpuBefore = hostile === null ? 0 : cpuSeconds(hostile.pid)
      const started = performance.now()
      if (hostile !== null && kind !== 'none') hostile.flood({ kind, url: server.syncUrl, token, sharedBoard, ownBoard })
      return async () => {
        const after = await limitsHit(server)
        counted = Object.fromEntries([...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const).filter(([, count]) => count > 0))
        if (hostile === null) return
        const cores = round(((cpuSeconds(hostile.pid) - cpuBefore) * 1000) / (performance.now() - started))
        counts = { ...(await hostile.counts()), cores }
        await hostile.stop()
      }
    }
    const run = await measureLoad([server], ground, { ...load, guests: [user] }, { duringWindow })
    const { serverCores, ack, unacked, undelivered, lag, postgresCores } = run
    // Typed as assigned in the callback above.
    const hostileCounts = counts as FloodMeasurement['hostile']
    return { kind, serverCores, ack, unacked, undelivered, lag, hostile: hostileCounts, counted, postgresCores, othersCores: round(run.othersCores - (hostileCounts?.cores ?? 0)) }
  } finally {
    await hostile?.stop()
  }
}

const COUNTERS: ReadonlySet<string> = new Set(['sunday_socket_events_total', 'sunday_guard_updates_total', 'sunday_presence_drops_total'])

/** `name/label` → count, of the counters that tell of limits and refusals. */
async function limitsHit(server: RunningServer): Promise<Map<string, number>> {
  if (server.metricsUrl === null) return new Map()
  const text = await (await fetch(server.metricsUrl)).text()
  const hits = new Map<string, number>()
  for (const [, name = '', label = '', count = ''] of text.matchAll(/^(\w+)\{\w+="(\w+)"\} (\S+)$/gm)) {
    if (COUNTERS.has(name)) hits.set(`${name.split('_')[1]}/${label}`, Number(count))
  }
  return hits
}

type Heard<K extends FromHostile['say']> = Extract<FromHostile, { say: K }>

function startHostile() {
  const child = startChild({ command: process.execPath, args: ['--conditions=sunday-source', HOSTILE], core: GENERATOR_CORE, ipc: true, ownSession: true })
  const arrived: FromHostile[] = []
  let wake: () => void = () => undefined
  child.process.on('message', (message: FromHostile) => {
    arrived.push(message)
    wake()
  })
  child.process.once('exit', () => wake())
  const tell = (message: ToHostile): void => void child.process.send(message)
  async function hears<K extends FromHostile['say']>(kind: K): Promise<Heard<K>> {
    for (;;) {
      const message = arrived.shift()
      if (message?.say === kind) return message as Heard<K>
      if (message !== undefined) continue
      if (child.process.exitCode !== null || child.process.signalCode !== null) throw new Error(`the hostile user ended:\n${child.output()}`)
      await new Promise<void>((resolve) => { wake = resolve })
    }
  }
  return {
    pid: child.pid,
    async prepare(kind: FloodKind): Promise<void> {
      await hears('up')
      tell({ do: 'prepare', kind })
      await hears('prepared')
    },
    flood: (job: FloodJob): void => tell({ do: 'flood', job }),
    async counts(): Promise<FloodCounts> {
      tell({ do: 'count' })
      return (await hears('counts')).counts
    },
    stop: () => child.stop('SIGKILL'),
  }
}

