/**
 * Sunday as docker-compose.yml describes it, as plain processes (deploy/topology.ts): sync nodes and a worker node, and nginx before them, through which
 * all that people do goes. The nodes share the servers' core; nginx, which an operator would give a core, runs beside the generator.
 */
import { startTopology } from '../../deploy/topology.ts'
import { pin, SERVER_CORE } from './machine.ts'
import { SECRET, service } from './target-sunday.ts'
import type { Target } from './target.ts'

export const deployedTarget: Target = {
  name: 'sunday-deployed',
  persistent: true,
  isWhole: true,
  sizeSql: null,
  async start({ databaseUrl, redisUrl, nodes = 2 }) {
    if (redisUrl === undefined) throw new Error('several nodes need a Redis')
    const topology = await startTopology({ nodes, databaseUrl, redisUrl, env: { SUNDAY_JWT_SECRET: SECRET, LOG_LEVEL: 'warn' } })
    const all = [...topology.nodes, topology.worker]
    const pids = all.map(({ pid }) => pid)
    for (const pid of pids) pin(pid, SERVER_CORE)
    return {
      pids,
      ...(await service(topology.url)),
      metricsUrl: null,
      inspectorUrl: null,
      output: () => all.map(({ log }) => log).join('\n'),
      stop: () => topology.close(),
    }
  },
}
