/**
 * The Postgres both servers write to: a cluster of its own with fsync on, on the generator's core, or the one BENCH_DATABASE_URL names.
 *
 * Guarantees: every server under test starts on a database of its own in one cluster, so that both have the same Postgres with the same
 * settings. Owns the cluster's process and folder until `stop`.
 */
import { execFileSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBinaries, freePort, postgresUser, spawnAs } from '@sunday/database/testing'
import { Client } from 'pg'
import { startChild, waitFor } from './child.ts'
import { GENERATOR_CORE, pin, treeCpuSeconds } from './machine.ts'

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
  const folder = mkdtempSync(join(tmpdir(), 'sunday-bench-pg-'))
  const data = join(folder, 'data')
  const user = postgresUser()
  const identity = spawnAs(user)
  if (!user.isSelf) chownSync(folder, user.uid, user.gid)
  const { initdb, postgres } = await findBinaries(user, join(folder, 'binaries'))
  execFileSync(initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-locale', '-E', 'UTF8'], { ...identity, stdio: 'ignore' })
  const port = await freePort()
  const settings = ['fsync=on', 'synchronous_commit=on', 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`]
  const child = startChild({
    command: postgres,
    args: ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    core: GENERATOR_CORE,
    ...(identity.uid === undefined ? {} : { uid: identity.uid }),
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
