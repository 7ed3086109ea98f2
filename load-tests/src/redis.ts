/**
 * The Redis of the cluster scenario: a server of its own on the generator's core, and what it has been asked and sent so far.
 *
 * Guarantees: the counts are Redis' own (INFO), read before and after the window; nothing monitors it meanwhile.
 * Needs a redis-server on the machine. Owns its process until `stop`.
 */
import { Redis } from 'ioredis'
import { freePort } from '@sunday/database/testing'
import { startChild, waitFor } from './child.ts'
import { cpuSeconds, GENERATOR_CORE } from './machine.ts'

export interface RedisCounts {
  readonly publishes: number
  readonly commands: number
  readonly inputBytes: number
  readonly outputBytes: number
  readonly cpuSeconds: number
}

export interface RedisServer {
  readonly url: string
  readonly version: string
  counts(): Promise<RedisCounts>
  stop(): Promise<void>
}

export async function startRedis(): Promise<RedisServer> {
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  const child = startChild({ command: 'redis-server', args: ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], core: GENERATOR_CORE })
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
  client.on('error', () => undefined) // said by the attempt itself
  await waitFor('redis-server', child, async () => {
    try {
      if (client.status !== 'ready') await client.connect()
      return true
    } catch {
      return false
    }
  })
  const version = field(await client.info('server'), 'redis_version')
  return {
    url,
    version,
    async counts() {
      const stats = await client.info('stats')
      const byCommand = await client.info('commandstats')
      return {
        publishes: callsOf(byCommand, 'publish') + callsOf(byCommand, 'spublish'),
        commands: Number(field(stats, 'total_commands_processed')),
        inputBytes: Number(field(stats, 'total_net_input_bytes')),
        outputBytes: Number(field(stats, 'total_net_output_bytes')),
        cpuSeconds: cpuSeconds(child.pid),
      }
    },
    async stop() {
      client.disconnect()
      await child.stop()
    },
  }
}

const field = (info: string, name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''

const callsOf = (info: string, command: string): number => Number(/calls=(\d+)/.exec(field(info, `cmdstat_${command}`))?.[1] ?? 0)
