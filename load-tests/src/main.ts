/**
 * The benchmark: `node --conditions=sunday-source load-tests/src/main.ts [scenario …] [options]`. See README.md.
 * Runs the targets in turn within each repetition, so that a noisy machine is noisy for all of them.
 */
import { parseArgs } from 'node:util'
import { coresInUse, loadNow, machineFacts, pinSelf } from './machine.ts'
import { startCluster, type Cluster } from './postgres.ts'
import { profileEdits } from './profile.ts'
import { commitInUse, versionsInUse, writeResults, type ByTarget, type Measured, type RunResults } from './results.ts'
import { runDisk } from './scenario-disk.ts'
import { runEdits, type EditMeasurement, type EditScenario } from './scenario-edits.ts'
import { runMemory } from './scenario-memory.ts'
import { runOpen } from './scenario-open.ts'
import { runRest } from './scenario-rest.ts'
import { hocuspocusTarget } from './target-hocuspocus.ts'
import { sundayTarget } from './target-sunday.ts'
import { TARGET_NAMES, type Target, type TargetName } from './target.ts'

const SCENARIOS = ['edits', 'cursors', 'memory', 'open', 'disk', 'rest'] as const
type Scenario = (typeof SCENARIOS)[number]

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    targets: { type: 'string', default: TARGET_NAMES.join(',') },
    repeat: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    'wait-quiet': { type: 'boolean', default: false },
    'no-heartbeat': { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})

const TARGETS: Readonly<Record<TargetName, () => Target>> = {
  sunday: () => sundayTarget,
  'hocuspocus-database': () => hocuspocusTarget('database'),
  'hocuspocus-memory': () => hocuspocusTarget('memory'),
}

const oneOf = <T extends string>(known: readonly T[], text: string): T => {
  const found = known.find((name) => name === text)
  if (found === undefined) throw new Error(`"${text}" is not one of ${known.join(', ')}`)
  return found
}

const targets = options.targets.split(',').map((name) => TARGETS[oneOf(TARGET_NAMES, name)]())
const scenarios: Scenario[] = positionals.length === 0 ? ['edits', 'memory', 'open', 'disk', 'rest'] : positionals.map((name) => oneOf(SCENARIOS, name))
const repeat = options.quick ? 1 : Number(options.repeat)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Issue 2: 1000 users on 50 boards at 0.5 edits/s each. `--quick` is a tenth of it, to see that everything works. */
function editScenario(cursorsPerUser: number): EditScenario {
  const boards = options.quick ? 5 : 50
  const usersPerBoard = 20
  const users = boards * usersPerBoard
  return {
    boards,
    usersPerBoard,
    itemsPerBoard: 100,
    heartbeat: !options['no-heartbeat'],
    seed: 20_261_123,
    editsPerSecond: users * 0.5,
    cursorsPerSecond: users * cursorsPerUser,
    warmUpMs: options.quick ? 3000 : 15_000,
    measureMs: options.quick ? 5000 : 30_000,
  }
}

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

async function repeatEdits(cluster: Cluster, scenario: EditScenario): Promise<Measured<EditScenario, EditMeasurement[]>> {
  const runs: ByTarget<EditMeasurement[]> = {}
  for (let turn = 1; turn <= repeat; turn += 1) {
    for (const target of targets) {
      await whenQuiet()
      const run = await runEdits(target, cluster, scenario)
      say(`  ${turn}/${repeat} ${target.name}: ack p99 ${run.ack.p99Ms} ms, seen p99 ${run.seen.p99Ms} ms, ${run.serverCores} cores, generator ${run.generatorCores} cores, unacked ${run.unacked}, undelivered ${run.undelivered}, others ${run.othersCores} cores`)
      const known = runs[target.name]
      if (known === undefined) runs[target.name] = [run]
      else known.push(run)
    }
  }
  return { scenario, runs }
}

async function forEachTarget<T>(run: (target: Target) => Promise<T | null>): Promise<ByTarget<T>> {
  const measured: ByTarget<T> = {}
  for (const target of targets) {
    await whenQuiet()
    const result = await run(target)
    if (result === null) continue
    measured[target.name] = result
    say(`  ${target.name}: ${JSON.stringify(result)}`)
  }
  return measured
}

async function runScenario(scenario: Scenario, cluster: Cluster, results: RunResults): Promise<void> {
  const { quick } = options
  switch (scenario) {
    case 'edits':
      results.edits = await repeatEdits(cluster, editScenario(0))
      return
    case 'cursors':
      results.cursors = await repeatEdits(cluster, editScenario(5))
      return
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
    }
  }
}

pinSelf()
const startedAt = new Date().toISOString()
const cluster = await startCluster()
try {
  if (options.profile) {
    for (const target of targets) say(await profileEdits(target, cluster, editScenario(0)))
  } else {
    const results: RunResults = {
      startedAt,
      command: `node --conditions=sunday-source load-tests/src/main.ts ${process.argv.slice(2).join(' ')}`.trim(),
      commit: commitInUse(),
      machine: machineFacts(),
      postgres: `${cluster.version}, ${cluster.where}`,
      versions: versionsInUse(),
    }
    const name = options.out ?? `${options.quick ? 'quick-' : ''}${startedAt.slice(0, 16).replace(/[:T]/g, '-')}`
    for (const scenario of scenarios) {
      say(`${scenario} (load ${loadNow()})`)
      await runScenario(scenario, cluster, results)
      // After each scenario, so that a failure of a later one loses nothing.
      say(`  → ${writeResults(results, name)}`)
    }
  }
} finally {
  await cluster.stop()
}
