/**
 * Starts and stops the processes of a benchmark, each on the core it is meant for.
 *
 * Guarantees: a child that ends by itself fails the run with its last output; `stop` waits for the exit, and kills what does not go.
 * However the benchmark ends, short of a kill -9, its children are told to go. Owns no process after `stop`.
 */
import { spawn, type ChildProcess } from 'node:child_process'

/** A server that drains (commits, snapshots) may take a while; then it is killed. */
const STOP_GRACE_MS = 30_000
const KEPT_OUTPUT_CHARS = 4000

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGINT')
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

export interface Child {
  readonly pid: number
  readonly process: ChildProcess
  /** What it printed last, for messages. */
  output(): string
  stop(signal?: NodeJS.Signals): Promise<void>
}

export interface ChildOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly core: string
  readonly env?: NodeJS.ProcessEnv
  readonly ipc?: boolean
  readonly uid?: number
  /** In a session of its own, which the kernel shares the core with as one. */
  readonly ownSession?: boolean
}

export function startChild(options: ChildOptions): Child {
  const { command, args, core, env, ipc, uid, ownSession } = options
  const identity = uid === undefined ? {} : { uid, gid: uid }
  const child = spawn('taskset', ['-c', core, command, ...args], {
    env: env ?? process.env,
    detached: ownSession === true,
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc === true ? (['ipc'] as const) : [])],
    ...identity,
  })
  running.add(child)
  let kept = ''
  const keep = (chunk: Buffer): void => {
    kept = (kept + chunk.toString()).slice(-KEPT_OUTPUT_CHARS)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      running.delete(child)
      resolve()
    })
    child.once('error', (error) => {
      kept += error.message
      resolve()
    })
  })
  if (child.pid === undefined) throw new Error(`cannot start ${command}`)
  return {
    pid: child.pid, // taskset replaces itself: the pid is the command's
    process: child,
    output: () => kept,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      const killer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS)
      await exited
      clearTimeout(killer)
    },
  }
}

/** Polls until `ready` holds. The child's end, or the deadline, is an error that carries its output. */
export async function waitFor(what: string, child: Child, ready: () => Promise<boolean> | boolean, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    if (await ready()) return
    if (child.process.exitCode !== null || child.process.signalCode !== null) throw new Error(`${what} ended:\n${child.output()}`)
    if (Date.now() > deadline) throw new Error(`${what} not ready after ${timeoutMs} ms:\n${child.output()}`)
    await pause(20)
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))
