/**
 * A server under test, as the scenarios see it: each target implements this for its server, and the scenarios know nothing else.
 */
import type * as Y from 'yjs'

export const TARGET_NAMES = ['sunday', 'hocuspocus-database', 'hocuspocus-memory', 'hocuspocus-redis', 'prototype', 'sunday-deployed'] as const
export type TargetName = (typeof TARGET_NAMES)[number]

export interface StartOptions {
  /** A database of this run's own. The same URL again means: the same server, restarted. */
  readonly databaseUrl: string
  /** Servers on one database and one Redis are one: what is edited at one is seen at all. */
  readonly redisUrl?: string
  /** Of a whole deployment: its nodes. */
  readonly nodes?: number
  /** Opens Node's inspector, for heap figures and profiles. Off while latency is measured. */
  readonly inspect?: boolean
}

export interface Target {
  readonly name: TargetName
  /** Whether a board is still there after a restart. */
  readonly persistent: boolean
  /** Whether it starts all nodes itself, and is reached in one place. */
  readonly isWhole?: boolean
  start(options: StartOptions): Promise<RunningServer>
  /** SQL that gives the bytes a board takes at rest, one row per table: name, rows, bytes of content, bytes on disk. */
  readonly sizeSql: string | null
}

export interface RunningServer {
  /** Its processes: one, or those of a whole deployment. */
  readonly pids: readonly number[]
  readonly syncUrl: string
  /** Base of the REST API; null where there is none. */
  readonly restUrl: string | null
  /** Prometheus metrics; null where there are none. */
  readonly metricsUrl: string | null
  /** Set when started with `inspect`. */
  readonly inspectorUrl: string | null
  /** Puts a board there that `users` may edit, and names the document. Returns when it is stored as well as this server stores. */
  createBoard(doc: Y.Doc, users: readonly string[]): Promise<string>
  token(userId: string): Promise<string>
  /** What the server printed last. */
  output(): string
  stop(): Promise<void>
}
