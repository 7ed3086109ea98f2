/**
 * Node's inspector of a server under test, over its WebSocket: heap figures after a full collection, and CPU profiles.
 * Guarantees: works on any Node server without its knowing. Does not: belong in a run whose latency counts.
 */
import { WebSocket } from 'ws'

export interface HeapFigures {
  readonly heapUsed: number
  readonly external: number
  readonly arrayBuffers: number
  readonly rss: number
}

export interface Inspector {
  /** Collects garbage, then reads `process.memoryUsage()`. */
  heap(): Promise<HeapFigures>
  startProfile(): Promise<void>
  /** The profile in Chromium's .cpuprofile format. */
  stopProfile(): Promise<CpuProfile>
  close(): void
}

export interface CpuProfile {
  readonly nodes: readonly { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: readonly number[] }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface Reply {
  id?: number
  result?: Record<string, unknown>
  error?: { message: string }
}

export async function openInspector(url: string): Promise<Inspector> {
  const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 512 * 1024 * 1024 })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve())
    socket.once('error', reject)
  })
  const waiting = new Map<number, (reply: Reply) => void>()
  let lastId = 0
  socket.on('message', (data: Buffer) => {
    const reply = JSON.parse(data.toString()) as Reply
    if (reply.id !== undefined) waiting.get(reply.id)?.(reply)
  })

  function call(method: string, params: object = {}): Promise<Record<string, unknown>> {
    lastId += 1
    const id = lastId
    return new Promise((resolve, reject) => {
      waiting.set(id, ({ result, error }) => {
        waiting.delete(id)
        if (error === undefined) resolve(result ?? {})
        else reject(new Error(`${method}: ${error.message}`))
      })
      socket.send(JSON.stringify({ id, method, params }))
    })
  }

  return {
    async heap() {
      // Twice: finalizers of the first pass free what the second one can collect.
      await call('HeapProfiler.collectGarbage')
      await call('HeapProfiler.collectGarbage')
      const { result } = await call('Runtime.evaluate', { expression: 'JSON.stringify(process.memoryUsage())' })
      return JSON.parse((result as { value: string }).value) as HeapFigures
    },
    async startProfile() {
      await call('Profiler.enable')
      await call('Profiler.setSamplingInterval', { interval: 500 })
      await call('Profiler.start')
    },
    async stopProfile() {
      const { profile } = await call('Profiler.stop')
      return profile as CpuProfile
    },
    close: () => socket.close(),
  }
}

/** Between two samples 500 µs apart: more than this, and the machine ran something else meanwhile. */
const LONGEST_SAMPLE_US = 5000

export interface FunctionShare {
  readonly name: string
  readonly where: string
  /** Shares of the time the process was not idle: in the function itself, and with all it called. */
  readonly self: number
  readonly total: number
}

/** Every function of a profile with its shares, in no order. */
export function functionShares(profile: CpuProfile): FunctionShare[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])))
  const shares = new Map<string, { name: string; where: string; self: number; total: number }>()
  let busy = 0
  profile.samples.forEach((sample, i) => {
    const time = Math.min(profile.timeDeltas[i] ?? 0, LONGEST_SAMPLE_US)
    if (nodes.get(sample)?.callFrame.functionName === '(idle)') return
    busy += time
    const counted = new Set<string>() // a function that calls itself counts once
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
      const frame = nodes.get(id)?.callFrame
      if (frame === undefined) break
      const name = frame.functionName || '(anonymous)'
      const where = `${frame.url.replace(/^.*\/node_modules\//, '').replace(/^file:\/\/.*?\/((server|extensions|database|board-model)\/)/, '$1')}:${frame.lineNumber + 1}`
      const key = `${name} ${where}`
      const share = shares.get(key) ?? { name, where, self: 0, total: 0 }
      shares.set(key, share)
      if (id === sample) share.self += time
      if (!counted.has(key)) share.total += time
      counted.add(key)
    }
  })
  for (const share of shares.values()) {
    share.self /= busy
    share.total /= busy
  }
  return [...shares.values()]
}
