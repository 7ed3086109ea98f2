/** What the benchmark and its generator process say to each other over IPC. */
import type { LatencySummary } from './latency.ts'

export interface GeneratorJob {
  readonly url: string
  readonly users: readonly GeneratorUser[]
  readonly heartbeat: boolean
  readonly seed: number
}

export interface GeneratorUser {
  readonly documentName: string
  readonly token: string
}

export interface EditPlan {
  readonly editsPerSecond: number
  /** Cursor moves (awareness) per second, over all users. */
  readonly cursorsPerSecond: number
  readonly warmUpMs: number
  readonly measureMs: number
}

export interface EditResult {
  /** Edits intended inside the measured window. */
  readonly edits: number
  readonly ack: LatencySummary
  /** Edit → seen by another user: one record for each edit and observer. */
  readonly seen: LatencySummary
  /** How late the generator itself was, against its schedule. */
  readonly lag: LatencySummary
  readonly unacked: number
  readonly undelivered: number
  readonly framesReceived: number
  readonly generatorCores: number
  readonly connectMs: number
}

export type ToGenerator = { do: 'connect'; job: GeneratorJob } | { do: 'edit'; plan: EditPlan } | { do: 'quit' }

export type FromGenerator =
  | { say: 'up' }
  | { say: 'connected' }
  | { say: 'window'; edge: 'begins' | 'ends' }
  | { say: 'result'; result: EditResult }
  | { say: 'failed'; reason: string }
