/** The loads on a results page: the figures of each target beside each other, and how they stand to what issue 3 asks for. */
import type { LoadMeasurement } from './load.ts'
import { LOADS, type LoadName } from './loads.ts'
import type { MemoryCourse } from './memory-watch.ts'
import type { MeasuredLoad } from './results.ts'
import { medianOf, row, table, type Value } from './results-table.ts'
import type { TargetName } from './target.ts'

export function loadSection(name: LoadName, { scenario, runs, turnSeconds }: MeasuredLoad): string {
  const targets = LOADS[name].targets.filter((target) => runs[target] !== undefined)
  if (targets.length === 0) return `## ${LOADS[name].title}: no run came to its end`
  const of = (read: (run: LoadMeasurement) => number): Value[] => targets.map((target) => medianOf(runs[target]?.map(read)))
  const moving = scenario.cursorsPerSecond > 0
  const many = scenario.nodes > 1
  return [
    `## ${LOADS[name].title}: ${scenario.boards * scenario.usersPerBoard} users on ${counted(scenario.boards, 'board')}${many ? ` and ${scenario.nodes} nodes` : ''}, ${scenario.editsPerSecond} edits/s in all${moving ? `, ${scenario.cursorsPerSecond} cursor moves/s` : ''}`,
    `Median of ${counted(Math.max(...targets.map((target) => runs[target]?.length ?? 0)), 'run')} of ${scenario.measureMs / 1000} s, ${turnSeconds === undefined ? 'targets in turn' : `all targets up at once and loaded in turn, ${turnSeconds} s each, again and again`}; boards of ${scenario.itemsPerBoard} items; awareness heartbeats ${scenario.heartbeat ? 'as a stock provider sends them' : 'off'}.`,
    table(targets, [
      row('ack p50', of((run) => run.ack.p50Ms)),
      row('ack p99', of((run) => run.ack.p99Ms)),
      row('edit seen by another user p50', of((run) => run.seen.p50Ms)),
      row('edit seen by another user p99', of((run) => run.seen.p99Ms)),
      ...(many ? clusterRows(of) : []),
      ...(moving ? cursorRows(of) : []),
      row(many ? 'all nodes, cores' : 'server, cores', of((run) => run.serverCores), 3),
      row(many ? 'CPU of all nodes per edit, ms' : 'server CPU per edit, ms', of((run) => run.serverCpuMsPerEdit), 3),
      row('Postgres, cores', of((run) => run.postgresCores), 3),
      row('generator, cores', of((run) => run.generatorCores), 3),
      row('generator late p99', of((run) => run.lag.p99Ms)),
      row('server RSS, MiB', of((run) => run.serverRssMiB), 0),
      row('frames of edits to users, per edit', of((run) => run.framesReceived / run.edits)),
      row('other processes on the machine, cores', of((run) => run.othersCores)),
      row('not acknowledged', of((run) => run.unacked), 0),
      row('not delivered', of((run) => run.undelivered), 0),
    ]),
    ...verdict(name, targets, of),
    `Each run, as ack p99 / seen p99 / server cores / cores of other processes: ${targets.map((target) => `${target}: ${runs[target]?.map((run) => `${run.ack.p99Ms} / ${run.seen.p99Ms} / ${run.serverCores} / ${run.othersCores}`).join('; ') ?? '–'}`).join('. ')}.`,
  ].join('\n\n')
}

type Read = (read: (run: LoadMeasurement) => number) => Value[]

const clusterRows = (of: Read): string[][] => [
  row('edit seen on another node p50', of((run) => (run.seenAcross.count > 0 ? run.seenAcross.p50Ms : Number.NaN))),
  row('edit seen on another node p99', of((run) => (run.seenAcross.count > 0 ? run.seenAcross.p99Ms : Number.NaN))),
  row('publishes per edit', of((run) => run.redis?.publishesPerEdit ?? Number.NaN)),
  row('commands to Redis per edit', of((run) => run.redis?.commandsPerEdit ?? Number.NaN)),
  row('bytes into Redis per edit', of((run) => run.redis?.inputBytesPerEdit ?? Number.NaN), 0),
  row('bytes out of Redis per edit', of((run) => run.redis?.outputBytesPerEdit ?? Number.NaN), 0),
  row('Redis, cores', of((run) => run.redis?.cores ?? Number.NaN), 3),
]

const cursorRows = (of: Read): string[][] => [
  row('move seen by another user p50', of((run) => run.cursors?.seen.p50Ms ?? Number.NaN)),
  row('move seen by another user p99', of((run) => run.cursors?.seen.p99Ms ?? Number.NaN)),
  row('moves seen within a second, %', of((run) => (run.cursors?.withinSecond ?? Number.NaN) * 100), 1),
  row('moves seen at all, %', of((run) => (run.cursors?.delivered ?? Number.NaN) * 100), 1),
]

/** What issue 3 asks for: within a quarter of the bare prototype. Its figures are of another machine and day; `peer/prototype.ts` can be run beside. */
const REACH = 1.25

function verdict(name: LoadName, targets: readonly TargetName[], of: Read): string[] {
  const { prototype } = LOADS[name]
  if (prototype === undefined || targets[0] !== 'sunday') return []
  const cores = of((run) => run.serverCores)
  const p99 = of((run) => run.seen.p99Ms)
  const against = ([value]: readonly Value[], bar: Value): string => (typeof value === 'number' && typeof bar === 'number' ? `${(value / bar).toFixed(2)} × its ${Number(bar.toFixed(2))}` : '–')
  const beside = targets.indexOf('prototype')
  return [
    `A bare prototype of this shape, as issue 3 gives it: cores ${against(cores, prototype.cores)}, edit p99 ${against(p99, prototype.editP99Ms)} ms. To reach: ${REACH} ×.`,
    ...(beside < 0 ? [] : [`The one of this repository, in this run: cores ${against(cores, cores[beside])}, edit p99 ${against(p99, p99[beside])} ms.`]),
  ]
}

export function crowdSection(course: MemoryCourse): string {
  const lines = [
    ['RSS, median of the first sixth of the run', course.firstRssMiB],
    ['RSS, median of the last sixth', course.lastRssMiB],
    ['RSS, highest sample', course.mostRssMiB],
    ['heap in use, median of the first sixth', course.firstHeapMiB],
    ['heap in use, median of the last sixth', course.lastHeapMiB],
    ['most that was queued for one socket', course.mostUnsentMiB],
  ] as const
  return [
    '### Memory meanwhile',
    `${course.samples.length} samples over ${course.samples.at(-1)?.atS ?? 0} s; sockets closed for not reading: ${course.slowConsumers}.`,
    ['| | MiB |', '| --- | ---: |', ...lines.map(([label, value]) => `| ${label} | ${value.toFixed(1)} |`)].join('\n'),
  ].join('\n\n')
}

const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`
