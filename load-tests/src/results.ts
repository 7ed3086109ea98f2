/**
 * What a run leaves: one JSON file with everything measured, and a Markdown page with the figures people ask for, as values and as
 * ratios against the peer. Guarantees: both name machine, versions, commit, command and the load on the machine.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MachineFacts } from './machine.ts'
import { floodSection } from './results-flood.ts'
import type { LoadMeasurement, LoadScenario } from './load.ts'
import { LOAD_NAMES, type LoadName } from './loads.ts'
import type { MemoryCourse } from './memory-watch.ts'
import { crowdSection, loadSection } from './results-loads.ts'
import { medianOf, row, table, type Value } from './results-table.ts'
import type { DiskMeasurement, DiskScenario } from './scenario-disk.ts'
import type { FloodMeasurement, FloodScenario } from './scenario-flood.ts'
import type { MemoryMeasurement, MemoryScenario } from './scenario-memory.ts'
import type { OpenMeasurement, OpenScenario } from './scenario-open.ts'
import type { RestMeasurement, RestScenario } from './scenario-rest.ts'
import type { TargetName } from './target.ts'

export type ByTarget<T> = Partial<Record<TargetName, T>>

export interface RunResults {
  readonly startedAt: string
  readonly command: string
  readonly commit: string
  readonly machine: MachineFacts
  readonly postgres: string
  redis: string | null
  readonly versions: Readonly<Record<string, string>>
  loads?: Partial<Record<LoadName, MeasuredLoad>>
  /** Loads that a target did not get through. */
  readonly failures: string[]
  /** Of the load `crowd`. */
  memoryCourse?: MemoryCourse
  memory?: Measured<MemoryScenario, MemoryMeasurement>
  open?: Measured<OpenScenario, OpenMeasurement>
  disk?: Measured<DiskScenario, DiskMeasurement>
  rest?: Measured<RestScenario, RestMeasurement[]>
  flood?: Measured<FloodScenario, FloodMeasurement[]>
}

export interface Measured<Scenario, Measurement> {
  readonly scenario: Scenario
  readonly runs: ByTarget<Measurement>
}

export interface MeasuredLoad extends Measured<LoadScenario, LoadMeasurement[]> {
  /** Where all targets were up at once. */
  readonly turnSeconds?: number
}

const FOLDER = fileURLToPath(new URL('../results', import.meta.url))
const PEER = fileURLToPath(new URL('../peer/', import.meta.url))

export function versionsInUse(): Record<string, string> {
  const versionFrom = (folder: string, name: string): string => {
    try {
      const entry = createRequire(join(folder, 'package.json')).resolve(name)
      const installed = `/node_modules/${name}`
      const root = entry.slice(0, entry.lastIndexOf(`${installed}/`) + installed.length)
      return String((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version?: unknown }).version)
    } catch {
      return 'not installed'
    }
  }
  return {
    node: process.version,
    'peer @hocuspocus/server': versionFrom(PEER, '@hocuspocus/server'),
    'peer @hocuspocus/extension-database': versionFrom(PEER, '@hocuspocus/extension-database'),
    'peer @hocuspocus/extension-redis': versionFrom(PEER, '@hocuspocus/extension-redis'),
    'peer yjs': versionFrom(PEER, 'yjs'),
    yjs: versionFrom(fileURLToPath(new URL('..', import.meta.url)), 'yjs'),
  }
}

export function commitInUse(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: FOLDER.replace(/results$/, ''), stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim()
  } catch {
    return 'unknown'
  }
}

/** Writes both files; returns the Markdown page's path. */
export function writeResults(results: RunResults, name: string): string {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(results, null, 2)}\n`)
  const page = join(FOLDER, `${name}.md`)
  writeFileSync(page, renderResults(results))
  return page
}

const TARGETS: readonly TargetName[] = ['sunday', 'hocuspocus-database', 'hocuspocus-memory']

export function renderResults(results: RunResults): string {
  const { machine, versions } = results
  const parts = [
    `# Benchmark of ${results.startedAt}`,
    [
      `\`${results.command}\` at commit ${results.commit}.`,
      `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.kernel}; load average at the start ${machine.loadAverageAtStart}.`,
      `Servers on core 0; generator on core 1. Postgres: ${results.postgres}.${results.redis === null ? '' : ` Redis ${results.redis}, on core 1, too.`}`,
      `Versions: ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}.`,
      'Latencies are in ms, from the intended send time. A column of the peer without persistence acknowledges and shows what a crash would lose; so does the one with its database extension, for up to 10 s.',
    ].join('\n'),
  ]
  if (results.failures.length > 0) parts.push(`Failed: ${results.failures.join('; ')}.`)
  for (const name of LOAD_NAMES) {
    const load = results.loads?.[name]
    if (load !== undefined) parts.push(loadSection(name, load))
  }
  if (results.memoryCourse !== undefined) parts.push(crowdSection(results.memoryCourse))
  if (results.memory !== undefined) parts.push(memorySection(results.memory))
  if (results.open !== undefined) parts.push(openSection(results.open))
  if (results.disk !== undefined) parts.push(diskSection(results.disk))
  if (results.rest !== undefined) parts.push(restSection(results.rest))
  if (results.flood !== undefined) parts.push(floodSection(results.flood))
  return `${parts.join('\n\n')}\n`
}

function memorySection({ scenario, runs }: Measured<MemoryScenario, MemoryMeasurement>): string {
  const of = (read: (run: MemoryMeasurement) => number): Value[] => TARGETS.map((name) => (runs[name] === undefined ? null : read(runs[name])))
  return [
    '## Memory',
    'Differences between plateaus after a full collection. Runtime: heap and buffers as V8 counts them; kernel: private pages.',
    table(TARGETS, [
      row('idle connection, KiB (runtime)', of((run) => run.perIdleConnectionKiB.runtime)),
      row('idle connection, KiB (kernel)', of((run) => run.perIdleConnectionKiB.kernel)),
      row(`open board of ${scenario.smallBoardItems} items, KiB (runtime)`, of((run) => run.perSmallBoardKiB.runtime)),
      row(`open board of ${scenario.largeBoardItems} items, MiB (runtime)`, of((run) => run.perLargeBoardMiB.runtime)),
      row(`open board of ${scenario.largeBoardItems} items, MiB (kernel)`, of((run) => run.perLargeBoardMiB.kernel)),
      row('server with one small board, RSS MiB', of((run) => run.baseRssMiB), 0),
    ]),
  ].join('\n\n')
}

function openSection({ scenario, runs }: Measured<OpenScenario, OpenMeasurement>): string {
  const of = (read: (run: OpenMeasurement) => Value): Value[] => TARGETS.map((name) => (runs[name] === undefined ? null : read(runs[name])))
  return [
    `## Opening a board of ${scenario.items} items × 12 cells`,
    `Socket, token and content, to the last byte; medians. Cold: after each of ${scenario.restarts} restarts of the server.`,
    table(TARGETS, [
      row('cold, ms', of((run) => run.coldMs), 0),
      row('warm, ms', of((run) => run.warmMs), 0),
      row('content, MiB', of((run) => run.snapshotMiB)),
    ]),
  ].join('\n\n')
}

function diskSection({ scenario, runs }: Measured<DiskScenario, DiskMeasurement>): string {
  const of = (read: (run: DiskMeasurement) => Value): Value[] => TARGETS.map((name) => (runs[name] === undefined ? null : read(runs[name])))
  const content = (run: DiskMeasurement, table: string): Value => run.after.find(({ name }) => name === table)?.contentBytes
  return [
    `## ${scenario.overwrites} overwrites of a board of ${scenario.items} items, compacted`,
    table(TARGETS, [
      row('document at rest, KiB', of((run) => run.documentBytes / 1024), 0),
      row('bytes per overwrite, for ever', of((run) => run.documentBytesPerOverwrite)),
      row('of it still in the journal, KiB', of((run) => (content(run, 'board_updates') ?? 0) / 1024), 0),
      row('tables and indexes on disk, KiB', of((run) => run.diskBytes / 1024), 0),
      row('write-ahead log written, MiB', of((run) => run.walMiB)),
      row('overwrites per second, closed loop', of((run) => run.overwritesPerSecond), 0),
      row('reopened equal (1 = yes)', of((run) => Number(run.reopenedEqual)), 0),
    ]),
  ].join('\n\n')
}

function restSection({ scenario, runs: byTarget }: Measured<RestScenario, RestMeasurement[]>): string {
  const runs = byTarget.sunday ?? []
  const of = (read: (run: RestMeasurement) => number): string => String(Number((medianOf(runs.map(read)) ?? Number.NaN).toFixed(2)))
  const first = runs[0]
  const lines = [
    ['all', of((run) => run.all.count), of((run) => run.all.p50Ms), of((run) => run.all.p99Ms), of((run) => run.all.maxMs)],
    ['reads', of((run) => run.reads.count), of((run) => run.reads.p50Ms), of((run) => run.reads.p99Ms), of((run) => run.reads.maxMs)],
    ['writes', of((run) => run.writes.count), of((run) => run.writes.p50Ms), of((run) => run.writes.p99Ms), of((run) => run.writes.maxMs)],
    ...Object.keys(first?.byRoute ?? {}).map((route) => {
      const latency = (read: 'count' | 'p50Ms' | 'p99Ms' | 'maxMs'): string => of((run) => run.byRoute[route]?.[read] ?? Number.NaN)
      return [route, latency('count'), latency('p50Ms'), latency('p99Ms'), latency('maxMs')]
    }),
    ['PATCH seen by the sockets', of((run) => run.seenBySockets.count), of((run) => run.seenBySockets.p50Ms), of((run) => run.seenBySockets.p99Ms), of((run) => run.seenBySockets.maxMs)],
  ]
  return [
    `## REST: ${scenario.clients} clients, ${scenario.requestsPerSecond} requests/s in all, on a board of ${scenario.items} items that ${scenario.sockets} sockets have open`,
    `Median of ${runs.length} runs. Server: ${of((run) => run.serverCores)} cores; other processes on the machine: ${of((run) => run.othersCores)}. Failed requests: ${of((run) => run.failed)}; changes a socket did not see: ${of((run) => run.unseen)}. Postgres may use both cores here.`,
    ['| | requests | p50 ms | p99 ms | max ms |', '| --- | ---: | ---: | ---: | ---: |', ...lines.map((cells) => `| ${cells.join(' | ')} |`)].join('\n'),
  ].join('\n\n')
}
