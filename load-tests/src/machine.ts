/**
 * Where things run and what they use: core pinning, CPU and memory from /proc, and the facts about the machine that a result needs.
 *
 * Guarantees: CPU counts all threads of a process, user and system. Memory is the kernel's (smaps_rollup), not the runtime's opinion.
 * Does not: work outside Linux.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'

/** The server has a core to itself; generator, Postgres and the benchmark's own process share the other. */
export const SERVER_CORE = '0'
export const GENERATOR_CORE = '1'
export const EVERY_CORE = `${SERVER_CORE},${GENERATOR_CORE}`

/** USER_HZ: the unit of /proc/<pid>/stat, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** CPU seconds this process has used so far. */
export function cpuSeconds(pid: number): number {
  const [own] = readStat(pid)
  return own / TICKS_PER_SECOND
}

/** The same of several processes. */
export const cpuSecondsOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)

/** CPU seconds of a process, its living children and those it has waited for (Postgres: the postmaster and its backends). */
export function treeCpuSeconds(root: number): number {
  let ticks = 0
  for (const pid of processTree(root)) {
    const [own, waitedFor] = readStat(pid)
    ticks += own + waitedFor
  }
  return ticks / TICKS_PER_SECOND
}

/** CPU seconds all processes of the machine have used so far, kernel included. */
export function machineCpuSeconds(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/\s+/).map(Number)
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
}

/** Cores that everything on the machine uses, over a few seconds: with nothing of ours running, the noise. */
export async function coresInUse(overMs: number): Promise<number> {
  const from = machineCpuSeconds()
  await new Promise((resolve) => void setTimeout(resolve, overMs))
  return ((machineCpuSeconds() - from) * 1000) / overMs
}

function readStat(pid: number): [own: number, waitedFor: number, parent: number] {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return [0, 0, 0] // gone since it was listed
  }
  // The command, in parentheses, may hold spaces: fields count from behind it. utime is field 14, stime 15, cutime 16, cstime 17.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number)
  const field = (number: number): number => fields[number - 3] ?? 0
  return [field(14) + field(15), field(16) + field(17), field(4)]
}

function processTree(root: number): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.filter((pid) => pid === root || readStat(pid)[2] === root)
}

/** Bytes of memory that these processes alone hold, each for itself, and all that they have resident. */
export function memoryOf(pids: readonly number[]): { rss: number; private: number } {
  const each = pids.map(readMemory)
  return { rss: each.reduce((sum, { rss }) => sum + rss, 0), private: each.reduce((sum, one) => sum + one.private, 0) }
}

function readMemory(pid: number): { rss: number; private: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0)
  return { rss: kilobytes('Rss') * 1024, private: (kilobytes('Private_Clean') + kilobytes('Private_Dirty')) * 1024 }
}

/** Moves a process to these cores, and with it the children it starts from then on. */
export function pin(pid: number, core: string): void {
  execFileSync('taskset', ['-a', '-p', '-c', core, String(pid)], { stdio: 'ignore' })
}

/** Moves this process to the generator's core, children included, unless they are started pinned elsewhere. */
export function pinSelf(): void {
  pin(process.pid, GENERATOR_CORE)
}

export interface MachineFacts {
  readonly cores: number
  readonly cpu: string
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  readonly loadAverageAtStart: string
}

export function machineFacts(): MachineFacts {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: execFileSync('uname', ['-sr']).toString().trim(),
    node: process.version,
    loadAverageAtStart: loadNow(),
  }
}

/** The 1, 5 and 15 minute load: above 1 before a run, somebody else is using the machine. */
export const loadNow = (): string =>
  loadavg()
    .map((load) => load.toFixed(2))
    .join(' ')
