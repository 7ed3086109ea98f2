/** The flood on a results page: each kind against the two measurements without one. */
import { FLOODS } from './hostile-messages.ts'
import { median } from './latency.ts'
import type { Measured } from './results.ts'
import type { FloodMeasurement, FloodScenario } from './scenario-flood.ts'

/** Of a core, above what the honest users cost: issue 4. */
const ALLOWED_CORES = 0.3

export function floodSection({ scenario, runs: byTarget }: Measured<FloodScenario, FloodMeasurement[]>): string {
  const runs = byTarget.sunday ?? []
  const quiet = runs.filter(({ kind }) => kind === 'none')
  const baseline = (read: (run: FloodMeasurement) => number): number => median(quiet.map(read))
  const cores = baseline((run) => run.serverCores)
  const rows = runs.map((run) => {
    const { hostile, counted } = run
    return [
      run.kind, run.serverCores.toFixed(3), hostile === null ? '–' : (run.serverCores - cores).toFixed(3),
      run.ack.p50Ms, run.ack.p99Ms, (run.ack.p99Ms / baseline(({ ack }) => ack.p99Ms)).toFixed(2), run.unacked + run.undelivered,
      hostile?.framesSent ?? '–', hostile === null ? '–' : (hostile.bytesSent / 2 ** 20).toFixed(1), hostile?.socketsOpened ?? '–', hostile?.refusals ?? '–', list(hostile?.closed ?? {}),
      hostile?.cores ?? '–', list(counted), run.othersCores,
    ]
  })
  const head = [
    '', 'server, cores', 'of it the flood', 'ack p50', 'ack p99', '÷ without', 'honest edits missing', 'frames sent', 'MiB sent', 'sockets opened', 'refusals heard', 'closed, by code',
    'hostile, cores', 'the server counted', 'other processes, cores',
  ]
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
  const { boards, usersPerBoard, editsPerSecond, measureMs } = scenario.load
  return [
    `## A flood from one client: ${boards * usersPerBoard} honest users on ${boards} boards, ${editsPerSecond} edits/s in all, and one who floods for ${measureMs / 1000} s`,
    `One server through all of it, each kind in turn. "Of it the flood" is against the median of the measurements without one; issue 4 allows ${ALLOWED_CORES}.`,
    [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n'),
    scenario.kinds.map((kind) => `- \`${kind}\`: ${FLOODS[kind]}`).join('\n'),
  ].join('\n\n')
}

const list = (counts: Readonly<Record<string, number>>): string => Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ') || '–'
