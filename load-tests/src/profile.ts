/** Where a server spends its time under a load: its functions by self time, and with what they call. Profiling costs a little itself, so this is no measurement. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { functionShares, openInspector, type FunctionShare } from './inspector.ts'
import { measureLoad, startServers, type Ground, type LoadScenario } from './load.ts'
import type { Target } from './target.ts'

const SHOWN = 40
/** Not committed: open them in Chromium's or an editor's profiler. */
const RAW = fileURLToPath(new URL('../results/raw', import.meta.url))

/** Of several nodes, the first. */
export async function profileLoad(target: Target, ground: Ground, scenario: LoadScenario, name: string): Promise<string> {
  const servers = await startServers(target, ground, scenario.nodes, true)
  try {
    const url = servers[0]?.inspectorUrl ?? null
    if (url === null) throw new Error('the server opened no inspector')
    const inspector = await openInspector(url)
    let lines: string[] = []
    const duringWindow = async () => {
      await inspector.startProfile()
      return async () => {
        const profile = await inspector.stopProfile()
        mkdirSync(RAW, { recursive: true })
        writeFileSync(join(RAW, `${target.name}-${name}.cpuprofile`), JSON.stringify(profile))
        const shares = functionShares(profile)
        lines = ['self  total  of the busy time', ...top(shares, 'self'), '', 'with all they call:', ...top(shares, 'total')]
      }
    }
    const run = await measureLoad(servers, ground, scenario, { duringWindow })
    inspector.close()
    return [`${target.name}, ${name}: ${run.serverCores} cores (profiled), ack p99 ${run.ack.p99Ms} ms`, ...lines].join('\n')
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

function top(shares: readonly FunctionShare[], by: 'self' | 'total'): string[] {
  const percent = (share: number): string => `${(share * 100).toFixed(1).padStart(5)} %`
  return [...shares]
    .sort((a, b) => b[by] - a[by])
    .slice(0, SHOWN)
    .map(({ name, where, self, total }) => `${percent(self)} ${percent(total)}  ${name}  ${where}`)
}
