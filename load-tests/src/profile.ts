/** Where a server spends its time under the main scenario: its functions by self time. Profiling costs a little itself, so this is no measurement. */
import { openInspector, topSelfTime } from './inspector.ts'
import type { Cluster } from './postgres.ts'
import { createUsers, measureEdits, type EditScenario } from './scenario-edits.ts'
import type { Target } from './target.ts'

const SHOWN = 40

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
        const top = topSelfTime(await inspector.stopProfile(), SHOWN)
        lines = top.map(({ name, where, share }) => `${(share * 100).toFixed(1).padStart(5)} %  ${name}  ${where}`)
      }
    })
    inspector.close()
    return [`${target.name}: ${run.serverCores} cores (profiled), ack p99 ${run.ack.p99Ms} ms; self time of busy time:`, ...lines].join('\n')
  } finally {
    await server.stop()
  }
}
