/** What the benchmark and its generator process say to each other over IPC. */
import type { LatencySummary } from './latency.ts'
import type { Turns } from './turns.ts'

export interface GeneratorJob {
  readonly users: readonly GeneratorUser[]
  readonly heartbeat: boolean
  readonly seed: number
}

export interface GeneratorUser {
  readonly url: string
  /** Which of the servers `url` is of. */
  readonly node: number
  readonly documentName: string
  readonly token: string
  /** `stuck`: opens the board, and from then on reads nothing. Neither edits nor counts as somebody who has to see edits. */
  readonly kind: 'editor' | 'stuck'
}

export interface EditPlan {
  readonly editsPerSecond: number
  /** Cursor moves (awareness) per second, over all users. */
  readonly cursorsPerSecond: number
  readonly warmUpMs: number
  readonly measureMs: number
  /** Only in these is anything done, and measured. */
  readonly turns?: Turns
  /** When it begins, ms since the epoch. Default: at once. */
  readonly startsAt?: number
}

export interface MovesResult {
  /** Moves intended inside the measured window. */
  readonly moves: number
  /** Move → this one or a later one of the same user is at another user: one record for each move and watcher (a sample of the users). */
  readonly seen: LatencySummary
  /** Of all moves and watchers, the share seen within a second. */
  readonly withinSecond: number
  /** Of all moves and watchers, the share seen by the time the run was over. */
  readonly delivered: number
}

export interface EditResult {
  /** Edits intended inside the measured window. */
  readonly edits: number
  readonly ack: LatencySummary
  /** Edit → seen by another user: one record for each edit and observer. */
  readonly seen: LatencySummary
  /** Of `seen`, those where author and observer are on different nodes. */
  readonly seenAcross: LatencySummary
  /** Null where nobody moves a cursor. */
  readonly cursors: MovesResult | null
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
