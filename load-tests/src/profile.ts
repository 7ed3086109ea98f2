/** Where a server spends its time under the main scenario: its functions by self time, and with what they call. Profiling costs a little itself, so this is no measurement. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { functionShares, openInspector, type FunctionShare } from './inspector.ts'
import type { Cluster } from './postgres.ts'
import { createUsers, measureEdits, type EditScenario } from './scenario-edits.ts'
import type { Target } from './target.ts'

const SHOWN = 40
/** Not committed: open them in Chromium's or an editor's profiler. */
const RAW = fileURLToPath(new URL('../results/raw', import.meta.url))

export async function profileEdits(target: Target, cluster: Cluster, scenario: EditScenario): Promise<string> {
  const databaseUrl = await cluster.createDatabase('bench_profile')
  const server = await target.start({ databaseUrl, inspect: true })
  try {
    if (server.inspectorUrl === null) throw new Error('the server opened no inspector')
    const inspector = await openInspector(server.inspectorUrl)
    const users = await createUsers(server, scenario)
    let lines: string[] = []
    const run = await measureEdits(server, cluster, users, scenario, async () => {
      await inspector.startProfile()
      return async () => {
        const profile = await inspector.stopProfile()
        mkdirSync(RAW, { recursive: true })
        writeFileSync(join(RAW, `${target.name}.cpuprofile`), JSON.stringify(profile))
        const shares = functionShares(profile)
        lines = ['self  total  of the busy time', ...top(shares, 'self'), '', 'with all they call:', ...top(shares, 'total')]
      }
    })
    inspector.close()
    return [`${target.name}: ${run.serverCores} cores (profiled), ack p99 ${run.ack.p99Ms} ms`, ...lines].join('\n')
  } finally {
    await server.stop()
  }
}

function top(shares: readonly FunctionShare[], by: 'self' | 'total'): string[] {
  const percent = (share: number): string => `${(share * 100).toFixed(1).padStart(5)} %`
  return [...shares]
    .sort((a, b) => b[by] - a[by])
    .slice(0, SHOWN)
    .map(({ name, where, self, total }) => `${percent(self)} ${percent(total)}  ${name}  ${where}`)
}
