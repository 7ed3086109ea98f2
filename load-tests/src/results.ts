/**
 * What a run leaves: one JSON file with everything measured, and a Markdown page with the figures people ask for, as values and as
 * ratios against the peer. Guarantees: both name machine, versions, commit, command and the load on the machine.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from './latency.ts'
import type { MachineFacts } from './machine.ts'
import type { DiskMeasurement, DiskScenario } from './scenario-disk.ts'
import type { EditMeasurement, EditScenario } from './scenario-edits.ts'
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
  readonly versions: Readonly<Record<string, string>>
  edits?: Measured<EditScenario, EditMeasurement[]>
  cursors?: Measured<EditScenario, EditMeasurement[]>
  memory?: Measured<MemoryScenario, MemoryMeasurement>
  open?: Measured<OpenScenario, OpenMeasurement>
  disk?: Measured<DiskScenario, DiskMeasurement>
  rest?: Measured<RestScenario, RestMeasurement[]>
}

export interface Measured<Scenario, Measurement> {
  readonly scenario: Scenario
  readonly runs: ByTarget<Measurement>
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
const HEAD = ['', 'Sunday', 'stock, database', 'stock, no persistence', 'Sunday ÷ stock, database', 'Sunday ÷ stock, no persistence']

export function renderResults(results: RunResults): string {
  const { machine, versions } = results
  const parts = [
    `# Benchmark of ${results.startedAt}`,
    [
      `\`${results.command}\` at commit ${results.commit}.`,
      `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.kernel}; load average at the start ${machine.loadAverageAtStart}.`,
      `Server on core 0; generator on core 1. Postgres: ${results.postgres}.`,
      `Versions: ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}.`,
      'Latencies are in ms, from the intended send time. A column of the peer without persistence acknowledges and shows what a crash would lose; so does the one with its database extension, for up to 10 s.',
    ].join('\n'),
  ]
  for (const [title, section] of [
    ['Edits', results.edits],
    ['Edits and cursors', results.cursors],
  ] as const) {
    if (section !== undefined) parts.push(editSection(title, section))
  }
  if (results.memory !== undefined) parts.push(memorySection(results.memory))
  if (results.open !== undefined) parts.push(openSection(results.open))
  if (results.disk !== undefined) parts.push(diskSection(results.disk))
  if (results.rest !== undefined) parts.push(restSection(results.rest))
  return `${parts.join('\n\n')}\n`
}

type Value = number | null | undefined

function row(label: string, values: readonly Value[], digits = 2): string[] {
  const shown = (value: Value): string => (value === null || value === undefined || Number.isNaN(value) ? '–' : String(Number(value.toFixed(digits))))
  const [sunday, ...peers] = values
  const ratio = (peer: Value): string => (typeof sunday === 'number' && typeof peer === 'number' && peer !== 0 ? (sunday / peer).toFixed(2) : '–')
  return [label, ...values.map(shown), ...peers.map(ratio)]
}

function table(rows: readonly string[][]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(HEAD), line(HEAD.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

function editSection(title: string, { scenario, runs }: Measured<EditScenario, EditMeasurement[]>): string {
  const users = scenario.boards * scenario.usersPerBoard
  const of = (read: (run: EditMeasurement) => number): Value[] => TARGETS.map((name) => medianOf(runs[name]?.map(read)))
  const cursors = scenario.cursorsPerSecond > 0 ? `, ${scenario.cursorsPerSecond} cursor moves/s` : ''
  return [
    `## ${title}: ${users} users on ${scenario.boards} boards, ${scenario.editsPerSecond} edits/s in all${cursors}`,
    `Median of ${Math.max(...TARGETS.map((name) => runs[name]?.length ?? 0))} runs of ${scenario.measureMs / 1000} s each, targets in turn; boards of ${scenario.itemsPerBoard} items; awareness heartbeats ${scenario.heartbeat ? 'as a stock provider sends them' : 'off'}.`,
    table([
      row('ack p50', of((run) => run.ack.p50Ms)),
      row('ack p99', of((run) => run.ack.p99Ms)),
      row('edit seen by another user p50', of((run) => run.seen.p50Ms)),
      row('edit seen by another user p99', of((run) => run.seen.p99Ms)),
      row('server, cores', of((run) => run.serverCores), 3),
      row('server CPU per edit, ms', of((run) => run.serverCpuMsPerEdit), 3),
      row('Postgres, cores', of((run) => run.postgresCores), 3),
      row('generator, cores', of((run) => run.generatorCores), 3),
      row('generator late p99', of((run) => run.lag.p99Ms)),
      row('server RSS, MiB', of((run) => run.serverRssMiB), 0),
      row('frames to users per edit', of((run) => run.framesReceived / run.edits)),
      row('other processes on the machine, cores', of((run) => run.othersCores)),
      row('not acknowledged', of((run) => run.unacked), 0),
      row('not delivered', of((run) => run.undelivered), 0),
    ]),
    `Each run, as ack p99 / seen p99 / server cores / cores of other processes: ${TARGETS.map((name) => `${name}: ${runs[name]?.map((run) => `${run.ack.p99Ms} / ${run.seen.p99Ms} / ${run.serverCores} / ${run.othersCores}`).join('; ') ?? '–'}`).join('. ')}.`,
  ].join('\n\n')
}

const medianOf = (values: readonly number[] | undefined): Value => (values === undefined || values.length === 0 ? null : median(values))

function memorySection({ scenario, runs }: Measured<MemoryScenario, MemoryMeasurement>): string {
  const of = (read: (run: MemoryMeasurement) => number): Value[] => TARGETS.map((name) => (runs[name] === undefined ? null : read(runs[name])))
  return [
    '## Memory',
    'Differences between plateaus after a full collection. Runtime: heap and buffers as V8 counts them; kernel: private pages.',
    table([
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
    table([
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
    table([
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
    `Median of ${runs.length} runs. Server: ${of((run) => run.serverCores)} cores; other processes on the machine: ${of((run) => run.othersCores)}. Failed requests: ${of((run) => run.failed)}; changes a socket did not see: ${of((run) => run.unseen)}.`,
    ['| | requests | p50 ms | p99 ms | max ms |', '| --- | ---: | ---: | ---: | ---: |', ...lines.map((cells) => `| ${cells.join(' | ')} |`)].join('\n'),
  ].join('\n\n')
}
