/**
 * Watches a server's memory while a load runs: the kernel's figure, and, where the server has Prometheus metrics, its heap and what is
 * queued for sockets that do not read. A scrape costs the server about a millisecond; what is scraped is in the results.
 */
import { median, round } from './latency.ts'
import { memoryOf } from './machine.ts'
import type { RunningServer } from './target.ts'

export interface MemorySample {
  readonly atS: number
  readonly rssMiB: number
  readonly heapMiB: number
  readonly externalMiB: number
  /** Queued for all sockets, and for the one with the most. */
  readonly unsentMiB: number
  readonly mostUnsentMiB: number
}

export interface MemoryCourse {
  readonly samples: readonly MemorySample[]
  /** Medians of the first and the last sixth of the run. */
  readonly firstRssMiB: number
  readonly lastRssMiB: number
  readonly firstHeapMiB: number
  readonly lastHeapMiB: number
  readonly mostRssMiB: number
  readonly mostUnsentMiB: number
  /** Sockets closed for not reading, so far. */
  readonly slowConsumers: number
}

const EVERY_MS = 2000
const MIB = 2 ** 20
const PART = 6

export async function watchMemory(server: RunningServer): Promise<() => Promise<MemoryCourse>> {
  if (server.metricsUrl === null) throw new Error('this server has no metrics')
  const url = server.metricsUrl
  const started = performance.now()
  const samples: MemorySample[] = []
  let slowConsumers = 0
  let failure: unknown
  const take = async (): Promise<void> => {
    const text = await (await fetch(url)).text()
    const gauge = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0)
    slowConsumers = gauge('sunday_socket_events_total\\{event="slow_consumer"\\}')
    samples.push({
      atS: Math.round((performance.now() - started) / 1000),
      rssMiB: inMiB(memoryOf(server.pids).rss),
      heapMiB: inMiB(gauge('nodejs_heap_size_used_bytes')),
      externalMiB: inMiB(gauge('nodejs_external_memory_bytes')),
      unsentMiB: inMiB(gauge('sunday_unsent_bytes')),
      mostUnsentMiB: inMiB(gauge('sunday_most_unsent_bytes')),
    })
  }
  await take()
  const timer = setInterval(() => {
    take().catch((error: unknown) => {
      failure ??= error
    })
  }, EVERY_MS)
  return async () => {
    clearInterval(timer)
    await take()
    if (failure !== undefined) throw new Error('a sample of the server failed', { cause: failure })
    return courseOf(samples, slowConsumers)
  }
}

const inMiB = (bytes: number): number => round(bytes / MIB)

function courseOf(samples: readonly MemorySample[], slowConsumers: number): MemoryCourse {
  const part = Math.max(1, Math.floor(samples.length / PART))
  const first = samples.slice(0, part)
  const last = samples.slice(-part)
  const most = (read: (sample: MemorySample) => number): number => Math.max(...samples.map(read))
  return {
    samples,
    firstRssMiB: medianOf(first, (sample) => sample.rssMiB),
    lastRssMiB: medianOf(last, (sample) => sample.rssMiB),
    firstHeapMiB: medianOf(first, (sample) => sample.heapMiB),
    lastHeapMiB: medianOf(last, (sample) => sample.heapMiB),
    mostRssMiB: most((sample) => sample.rssMiB),
    mostUnsentMiB: most((sample) => sample.mostUnsentMiB),
    slowConsumers,
  }
}

const medianOf = (samples: readonly MemorySample[], read: (sample: MemorySample) => number): number => round(median(samples.map(read)))
