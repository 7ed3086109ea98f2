/**
 * REST on a large board that people have open: clients read and write items at a steady rate while sockets follow the board.
 * Open loop like the edits: latency counts from the intended time, also of a request that waited for its client's last one.
 */
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http'
import { EDITED_COLUMN_TITLE, makeBoard } from './board-fixture.ts'
import { pause } from './child.ts'
import { openConnection, type Connection } from './connection.ts'
import { createLatency, round, type Latency, type LatencySummary } from './latency.ts'
import { cpuSecondsOf, EVERY_CORE, GENERATOR_CORE, loadNow, machineCpuSeconds } from './machine.ts'
import { mark, scanMarks } from './marker.ts'
import type { Cluster } from './postgres.ts'
import { createRandom, poissonArrivals } from './random.ts'
import type { RunningServer, Target } from './target.ts'

export interface RestScenario {
  readonly items: number
  readonly clients: number
  readonly sockets: number
  /** Over all clients. */
  readonly requestsPerSecond: number
  readonly warmUpMs: number
  readonly measureMs: number
  readonly seed: number
}

export interface RestMeasurement {
  readonly all: LatencySummary
  readonly reads: LatencySummary
  readonly writes: LatencySummary
  readonly byRoute: Readonly<Record<string, LatencySummary>>
  /** PATCH intended → its value in an update at a socket. */
  readonly seenBySockets: LatencySummary
  readonly failed: number
  readonly firstFailure: string | null
  readonly unseen: number
  readonly serverCores: number
  readonly loadAverage: string
  /** Cores that processes other than ours used meanwhile. */
  readonly othersCores: number
}

/** What the clients do, and how often out of a hundred. */
const MIX = [
  { route: 'GET item', share: 35 },
  { route: 'GET items, a page of 50', share: 15 },
  { route: 'GET items, filtered and sorted', share: 10 },
  { route: 'PATCH item', share: 35 },
  { route: 'POST item', share: 5 },
] as const
type Route = (typeof MIX)[number]['route']

const DRAIN_MS = 10_000
const SETTLE_MS = 2000

export async function runRest(target: Target, cluster: Cluster, scenario: RestScenario): Promise<RestMeasurement | null> {
  const databaseUrl = await cluster.createDatabase('bench_rest')
  // Beside a generator that follows a large board at fifty sockets, on one core, it would be the generator's core that is measured.
  cluster.serveOn(EVERY_CORE)
  const server = await target.start({ databaseUrl })
  const sockets: Connection[] = []
  try {
    if (server.restUrl === null) return null
    const users = Array.from({ length: Math.max(scenario.clients, scenario.sockets) }, (_, i) => `bench-rest-${i}`)
    const boardId = await server.createBoard(makeBoard('REST', scenario.items), users)
    const board = await readBoard(server, `${server.restUrl}/boards/${boardId}`, users[0] ?? '')
    const run = new RestRun(scenario, `${server.restUrl}/boards/${boardId}`, board, await Promise.all(users.map((user) => server.token(user))))
    for (let i = 0; i < scenario.sockets; i += 1) {
      const token = await server.token(users[i] ?? '')
      const options = { url: server.syncUrl, documentName: boardId, token, clientId: 3_000_000 + i, heartbeat: true }
      sockets.push(await openConnection(options, { onUpdate: (update) => run.sawUpdate(i, update), onLost: (reason) => run.fails(`socket ${i}: ${reason}`) }))
    }
    await pause(SETTLE_MS)
    const measurement = await run.play(() => ({ server: cpuSecondsOf(server.pids), postgres: cluster.cpuSeconds(), own: ownCpuSeconds(), machine: machineCpuSeconds() }))
    if (measurement.failed > 0) process.stderr.write(`${server.output()}\n`)
    return measurement
  } finally {
    await Promise.all(sockets.map((socket) => socket.close()))
    await server.stop()
    cluster.serveOn(GENERATOR_CORE)
  }
}

/** CPU seconds used so far. */
interface CpuReading {
  readonly server: number
  readonly postgres: number
  readonly own: number
  readonly machine: number
}

const cpuBetween = (from: CpuReading, to: CpuReading): CpuReading => ({
  server: to.server - from.server,
  postgres: to.postgres - from.postgres,
  own: to.own - from.own,
  machine: to.machine - from.machine,
})

function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

interface BoardFacts {
  readonly itemIds: readonly string[]
  readonly editedColumn: string
  readonly numberColumn: string
}

async function readBoard(server: RunningServer, url: string, user: string): Promise<BoardFacts> {
  const headers = { authorization: `Bearer ${await server.token(user)}` }
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, { headers })
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }
  const board = (await get('')) as { columns: { id: string; title: string; type: string }[] }
  const itemIds: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = (await get(`/items?limit=500${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)) as { data: { id: string }[]; nextCursor: string | null }
    itemIds.push(...page.data.map((item) => item.id))
    cursor = page.nextCursor
  }
  const editedColumn = board.columns.find((column) => column.title === EDITED_COLUMN_TITLE)?.id ?? ''
  const numberColumn = board.columns.find((column) => column.type === 'number')?.id ?? ''
  return { itemIds, editedColumn, numberColumn }
}

class RestRun {
  readonly #scenario: RestScenario
  readonly #url: URL
  readonly #board: BoardFacts
  readonly #tokens: readonly string[]
  readonly #agents: readonly Agent[]
  readonly #random: () => number
  readonly #routes = new Map<Route, Latency>()
  readonly #all = createLatency()
  readonly #reads = createLatency()
  readonly #writes = createLatency()
  readonly #seen = createLatency()
  /** Intended times of each client's PATCHes, and how many sockets have seen each. */
  readonly #patches: { at: number; seenBy: Set<number> }[][]
  #failed = 0
  #firstFailure: string | null = null
  #pending = 0
  #windowFrom = 0

  constructor(scenario: RestScenario, boardUrl: string, board: BoardFacts, tokens: readonly string[]) {
    this.#scenario = scenario
    this.#url = new URL(boardUrl)
    this.#board = board
    this.#tokens = tokens
    this.#agents = Array.from({ length: scenario.clients }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
    this.#patches = Array.from({ length: scenario.clients }, () => [])
    this.#random = createRandom(scenario.seed)
    for (const { route } of MIX) this.#routes.set(route, createLatency())
  }

  fails(reason: string): void {
    this.#failed += 1
    this.#firstFailure ??= reason
  }

  sawUpdate(socket: number, update: Uint8Array): void {
    const now = performance.now()
    scanMarks(update, (client, number) => {
      const patch = this.#patches[client]?.[number]
      if (patch === undefined || patch.seenBy.has(socket)) return
      patch.seenBy.add(socket)
      if (patch.at >= this.#windowFrom) this.#seen.record(now - patch.at)
    })
  }

  async play(cpuNow: () => CpuReading): Promise<RestMeasurement> {
    const { warmUpMs, measureMs, requestsPerSecond, clients, sockets } = this.#scenario
    const arrivals = poissonArrivals(this.#random, requestsPerSecond, warmUpMs + measureMs, clients)
    const start = performance.now() + 100
    this.#windowFrom = start + warmUpMs
    let from: CpuReading | undefined
    const loadAverage = loadNow()
    for (const { atMs, actor } of arrivals) {
      const intended = start + atMs
      const ahead = intended - performance.now()
      if (ahead > 0) await pause(ahead)
      if (from === undefined && intended >= this.#windowFrom) from = cpuNow()
      this.#send(actor, intended)
    }
    const cpu = cpuBetween(from ?? cpuNow(), cpuNow())
    const deadline = performance.now() + DRAIN_MS
    const unseen = (): number => this.#patches.flat().reduce((sum, patch) => sum + sockets - patch.seenBy.size, 0)
    while ((this.#pending > 0 || unseen() > 0) && performance.now() < deadline) await pause(50)
    for (const agent of this.#agents) agent.destroy()
    if (this.#pending > 0) this.fails(`${this.#pending} requests without an answer`)
    return {
      all: this.#all.summary(),
      reads: this.#reads.summary(),
      writes: this.#writes.summary(),
      byRoute: Object.fromEntries([...this.#routes].map(([route, latency]) => [route, latency.summary()])),
      seenBySockets: this.#seen.summary(),
      failed: this.#failed,
      firstFailure: this.#firstFailure,
      unseen: unseen(),
      serverCores: round((cpu.server * 1000) / measureMs),
      loadAverage,
      othersCores: round(((cpu.machine - cpu.server - cpu.postgres - cpu.own) * 1000) / measureMs),
    }
  }

  #send(client: number, intended: number): void {
    const route = this.#pick()
    this.#pending += 1
    const done = (status: number, body: string): void => {
      this.#pending -= 1
      if (status < 200 || status > 299) this.fails(`${route}: ${status} ${body.slice(0, 300)}`)
      if (intended < this.#windowFrom) return
      const took = performance.now() - intended
      this.#all.record(took)
      this.#routes.get(route)?.record(took)
      if (route.startsWith('GET')) this.#reads.record(took)
      else this.#writes.record(took)
    }
    const outgoing = this.#request(client, route, intended)
    outgoing.on('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => done(response.statusCode ?? 0, Buffer.concat(chunks).toString()))
    })
    outgoing.on('error', (error) => done(0, error.message))
  }

  #request(client: number, route: Route, intended: number): ClientRequest {
    const item = this.#board.itemIds[Math.floor(this.#random() * this.#board.itemIds.length)] ?? ''
    const send = (method: string, path: string, body?: object): ClientRequest => {
      const payload = body === undefined ? undefined : JSON.stringify(body)
      const outgoing = request({
        agent: this.#agents[client],
        host: this.#url.hostname,
        port: this.#url.port,
        method,
        path: `${this.#url.pathname}${path}`,
        headers: {
          authorization: `Bearer ${this.#tokens[client] ?? ''}`,
          ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        },
      })
      outgoing.end(payload)
      return outgoing
    }
    switch (route) {
      case 'GET item':
        return send('GET', `/items/${item}`)
      case 'GET items, a page of 50':
        return send('GET', '/items?limit=50')
      case 'GET items, filtered and sorted': {
        const { numberColumn } = this.#board
        const floor = Math.floor(this.#random() * 30)
        return send('GET', `/items?limit=50&filter[${numberColumn}][gte]=${floor}&filter[${numberColumn}][lt]=${floor + 3}&sort=-${numberColumn}`)
      }
      case 'PATCH item': {
        const patches = this.#patches[client] ?? []
        const value = mark(client, patches.length)
        patches.push({ at: intended, seenBy: new Set() })
        return send('PATCH', `/items/${item}`, { values: { [this.#board.editedColumn]: value } })
      }
      case 'POST item':
        return send('POST', '/items', { name: 'Made by a benchmark' })
      default:
        return route satisfies never
    }
  }

  #pick(): Route {
    let at = this.#random() * 100
    for (const { route, share } of MIX) {
      if (at < share) return route
      at -= share
    }
    return 'GET item'
  }
}
