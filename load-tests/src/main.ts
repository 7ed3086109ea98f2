/**
 * The benchmark: `node --conditions=sunday-source load-tests/src/main.ts [scenario …] [options]`. See README.md.
 * Runs the targets in turn within each repetition, so that a noisy machine is noisy for all of them.
 */
import { parseArgs } from 'node:util'
import { FLOOD_KINDS, type FloodKind } from './hostile-messages.ts'
import { runLoad, runInTurns, startServers, measureLoad, type Ground, type LoadMeasurement } from './load.ts'
import { LOAD_NAMES, LOADS, scenarioOf, type Effort, type LoadName } from './loads.ts'
import { coresInUse, loadNow, machineFacts, pinSelf } from './machine.ts'
import { watchMemory } from './memory-watch.ts'
import { startCluster, type Cluster } from './postgres.ts'
import { profileLoad } from './profile.ts'
import { startRedis } from './redis.ts'
import { commitInUse, versionsInUse, writeResults, type ByTarget, type RunResults } from './results.ts'
import { runDisk } from './scenario-disk.ts'
import { FLOOD_LOAD, runFlood } from './scenario-flood.ts'
import { runMemory } from './scenario-memory.ts'
import { runOpen } from './scenario-open.ts'
import { runRest } from './scenario-rest.ts'
import { deployedTarget } from './target-deployed.ts'
import { hocuspocusTarget, prototypeTarget } from './target-hocuspocus.ts'
import { sundayTarget } from './target-sunday.ts'
import { TARGET_NAMES, type Target, type TargetName } from './target.ts'

const SCENARIOS = [...LOAD_NAMES, 'memory', 'open', 'disk', 'rest', 'flood'] as const
type Scenario = (typeof SCENARIOS)[number]
/** Issue 2's, and with `--record` issue 3's: what is asked for when no scenario is named. */
const DEFAULT: readonly Scenario[] = ['edits', 'memory', 'open', 'disk', 'rest']
const RECORD: readonly Scenario[] = ['cursors', 'fast-cursors', 'many-boards', 'one-board', 'cluster', 'small-cluster', 'crowd']

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    targets: { type: 'string' },
    repeat: { type: 'string' },
    quick: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    'wait-quiet': { type: 'boolean', default: false },
    floods: { type: 'string' },
    turns: { type: 'string' },
    'no-heartbeat': { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})

const TARGETS: Readonly<Record<TargetName, Target>> = {
  sunday: sundayTarget,
  'hocuspocus-database': hocuspocusTarget('database'),
  'hocuspocus-memory': hocuspocusTarget('memory'),
  'hocuspocus-redis': hocuspocusTarget('redis'),
  prototype: prototypeTarget,
  'sunday-deployed': deployedTarget,
}

const oneOf = <T extends string>(known: readonly T[], text: string): T => {
  const found = known.find((name) => name === text)
  if (found === undefined) throw new Error(`"${text}" is not one of ${known.join(', ')}`)
  return found
}

const effort: Effort = options.quick ? 'quick' : options.record ? 'record' : 'normal'
const asked = options.targets?.split(',').map((name) => oneOf(TARGET_NAMES, name)) ?? null
const scenarios = positionals.length > 0 ? positionals.map((name) => oneOf(SCENARIOS, name)) : options.record ? RECORD : DEFAULT
const repeat = Number(options.repeat ?? (effort === 'normal' ? 3 : 1))
const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Those of a scenario's targets that are asked for. */
const targetsOf = (names: readonly TargetName[]): Target[] => names.filter((name) => asked === null || asked.includes(name)).map((name) => TARGETS[name])
const alone = (): Target[] => targetsOf(['sunday', 'hocuspocus-database', 'hocuspocus-memory'])

const QUIET_CORES = 0.2
const QUIET_PROBE_MS = 4000
/** Then it runs anyway: the noise is in the results. */
const QUIET_PATIENCE_MS = 600_000

/** With `--wait-quiet`: until the rest of the machine leaves the cores alone. */
async function whenQuiet(): Promise<void> {
  if (!options['wait-quiet']) return
  const deadline = performance.now() + QUIET_PATIENCE_MS
  while ((await coresInUse(QUIET_PROBE_MS)) > QUIET_CORES && performance.now() < deadline);
}

const scenarioNamed = (name: LoadName) => scenarioOf(LOADS[name], effort, !options['no-heartbeat'])

/** Several nodes need a Redis; what runs on one node is measured without. */
async function onGround<T>(cluster: Cluster, nodes: number, run: (ground: Ground) => Promise<T>): Promise<T> {
  if (nodes === 1) return run({ cluster, redis: null })
  const redis = await startRedis()
  try {
    return await run({ cluster, redis })
  } finally {
    await redis.stop()
  }
}

async function runLoadNamed(name: LoadName, cluster: Cluster, results: RunResults): Promise<void> {
  const scenario = scenarioNamed(name)
  const runs: ByTarget<LoadMeasurement[]> = {}
  results.loads = { ...results.loads, [name]: { scenario, runs, ...(options.turns === undefined ? {} : { turnSeconds: Number(options.turns) }) } }
  // The ten minutes are run once.
  const turns = name === 'crowd' ? 1 : repeat
  const targets = targetsOf(LOADS[name].targets)
  // With turns all targets are one group, which is run together.
  const groups = options.turns === undefined ? targets.map((target) => [target]) : [targets]
  const turnMs = Number(options.turns) * 1000
  if (options.turns !== undefined && (scenario.nodes > 1 || name === 'crowd' || !(turnMs > 0))) throw new Error('--turns SECONDS is for loads on one node')
  for (let turn = 1; turn <= turns; turn += 1) {
    for (const group of groups) {
      await whenQuiet()
      let measured: LoadMeasurement[]
      try {
        measured = await onGround(cluster, scenario.nodes, (ground) => {
          if (ground.redis !== null) results.redis = ground.redis.version
          if (options.turns !== undefined) return runInTurns(group, ground, scenario, turnMs)
          return Promise.all(group.map((target) => (name === 'crowd' ? runCrowd(target, ground, results) : runLoad(target, ground, scenario))))
        })
      } catch (error) {
        // A server that loses its users under a load has given its answer; the others are still to be asked.
        const reason = error instanceof Error ? error.message : String(error)
        const names = group.map((target) => target.name).join(' and ')
        results.failures.push(`${name}, ${names}: ${reason.split('\n', 1)[0]}`)
        say(`  ${turn}/${turns} ${names} FAILED: ${reason}`)
        process.exitCode = 1
        continue
      }
      for (const [index, run] of measured.entries()) {
        const target = group[index]
        if (target === undefined) continue
        say(`  ${turn}/${turns} ${target.name}: ${lineOf(run)}`)
        runs[target.name] = [...(runs[target.name] ?? []), run]
      }
    }
  }
}

function lineOf(run: LoadMeasurement): string {
  const across = run.redis !== null ? `${run.seenAcross.count > 0 ? `, on another node ${run.seenAcross.p99Ms} ms` : ''}, ${run.redis.publishesPerEdit} publishes and ${run.redis.inputBytesPerEdit} bytes into Redis an edit` : ''
  const moves = run.cursors === null ? '' : `, moves p99 ${run.cursors.seen.p99Ms} ms (${(run.cursors.withinSecond * 100).toFixed(1)} % in a second)`
  return `ack p99 ${run.ack.p99Ms} ms, seen p99 ${run.seen.p99Ms} ms${across}${moves}, ${run.serverCores} cores, ${run.serverCpuMsPerEdit} ms an edit, generator ${run.generatorCores} cores, unacked ${run.unacked}, undelivered ${run.undelivered}, others ${run.othersCores} cores`
}

async function runCrowd(target: Target, ground: Ground, results: RunResults): Promise<LoadMeasurement> {
  const servers = await startServers(target, ground, 1)
  const [server] = servers
  try {
    if (server === undefined) throw new Error('no server')
    const duringWindow = async () => {
      const finish = await watchMemory(server)
      return async () => {
        const course = await finish()
        results.memoryCourse = course
        say(`  RSS ${course.firstRssMiB} → ${course.lastRssMiB} MiB, heap ${course.firstHeapMiB} → ${course.lastHeapMiB} MiB, most queued for one socket ${course.mostUnsentMiB} MiB, slow consumers ${course.slowConsumers}`)
      }
    }
    return await measureLoad(servers, ground, scenarioNamed('crowd'), { duringWindow })
  } finally {
    await server?.stop()
  }
}

async function forEachTarget<T>(run: (target: Target) => Promise<T | null>): Promise<ByTarget<T>> {
  const measured: ByTarget<T> = {}
  for (const target of alone()) {
    await whenQuiet()
    const result = await run(target)
    if (result === null) continue
    measured[target.name] = result
    say(`  ${target.name}: ${JSON.stringify(result)}`)
  }
  return measured
}

async function runScenario(scenario: Scenario, cluster: Cluster, results: RunResults): Promise<void> {
  const quick = effort === 'quick'
  switch (scenario) {
    case 'memory': {
      const size = quick
        ? { connections: 100, smallBoards: 10, smallBoardItems: 100, largeBoards: 1, largeBoardItems: 1000 }
        : { connections: 1000, smallBoards: 100, smallBoardItems: 100, largeBoards: 3, largeBoardItems: 10_000 }
      results.memory = { scenario: size, runs: await forEachTarget((target) => runMemory(target, cluster, size)) }
      return
    }
    case 'open': {
      const size = quick ? { items: 1000, restarts: 1, warmOpensPerRestart: 2 } : { items: 10_000, restarts: 5, warmOpensPerRestart: 5 }
      results.open = { scenario: size, runs: await forEachTarget((target) => runOpen(target, cluster, size)) }
      return
    }
    case 'disk': {
      const size = { overwrites: quick ? 5000 : 100_000, writers: 10, items: 100, seed: 1 }
      results.disk = { scenario: size, runs: await forEachTarget((target) => runDisk(target, cluster, size)) }
      return
    }
    case 'rest': {
      const size = quick
        ? { items: 1000, clients: 10, sockets: 10, requestsPerSecond: 20, warmUpMs: 2000, measureMs: 5000, seed: 1 }
        : { items: 10_000, clients: 50, sockets: 50, requestsPerSecond: 100, warmUpMs: 10_000, measureMs: 30_000, seed: 1 }
      const runs = []
      for (let turn = 1; turn <= repeat; turn += 1) {
        await whenQuiet()
        const run = await runRest(sundayTarget, cluster, size)
        if (run === null) continue
        runs.push(run)
        say(`  ${turn}/${repeat}: ${JSON.stringify(run)}`)
      }
      results.rest = { scenario: size, runs: { sunday: runs } }
      return
    }
    case 'flood': {
      const kinds: readonly FloodKind[] = options.floods?.split(',').map((name) => oneOf(FLOOD_KINDS, name)) ?? FLOOD_KINDS
      const size = { load: quick ? { ...FLOOD_LOAD, usersPerBoard: 4, editsPerSecond: 10, measureMs: 3000 } : FLOOD_LOAD, kinds }
      await whenQuiet()
      const runs = await runFlood(sundayTarget, { cluster, redis: null }, size, ({ kind, serverCores, ack, lag, hostile, counted, othersCores, unacked, undelivered }) =>
        say(`  ${kind}: ${serverCores} cores, ack p50 ${ack.p50Ms} ms, p99 ${ack.p99Ms} ms (generator late p99 ${lag.p99Ms} ms), unacked ${unacked}, undelivered ${undelivered}, hostile ${JSON.stringify(hostile)}, server counted ${JSON.stringify(counted)}, others ${othersCores} cores`))
      results.flood = { scenario: size, runs: { sunday: runs } }
      return
    }
    default:
      await runLoadNamed(scenario, cluster, results)
  }
}

async function profileAll(cluster: Cluster): Promise<void> {
  const loads = scenarios.filter((scenario): scenario is LoadName => scenario in LOADS)
  for (const name of loads) {
    const scenario = scenarioNamed(name)
    for (const target of targetsOf(LOADS[name].targets)) say(await onGround(cluster, scenario.nodes, (ground) => profileLoad(target, ground, scenario, name)))
  }
}

async function measureAll(cluster: Cluster): Promise<void> {
  const startedAt = new Date().toISOString()
  const results: RunResults = {
    startedAt,
    command: `node --conditions=sunday-source load-tests/src/main.ts ${process.argv.slice(2).join(' ')}`.trim(),
    commit: commitInUse(),
    machine: machineFacts(),
    postgres: `${cluster.version}, ${cluster.where}`,
    redis: null,
    versions: versionsInUse(),
    failures: [],
  }
  const name = options.out ?? `${options.quick ? 'quick-' : ''}${startedAt.slice(0, 16).replace(/[:T]/g, '-')}`
  for (const scenario of scenarios) {
    say(`${scenario} (load ${loadNow()})`)
    await runScenario(scenario, cluster, results)
    // After each scenario, so that a failure of a later one loses nothing.
    say(`  → ${writeResults(results, name)}`)
  }
}

pinSelf()
const cluster = await startCluster()
try {
  await (options.profile ? profileAll(cluster) : measureAll(cluster))
} finally {
  await cluster.stop()
}
