/**
 * The peer: stock Hocuspocus 4.7, its `Server` class with default settings; with its database extension on Postgres and its Redis
 * extension, or without either.
 * Runs from this folder's own install. Environment: PORT, DATABASE_URL (unset: no persistence), REDIS_URL (unset: one node).
 */
import { Server, type Extension } from '@hocuspocus/server'
import { Pool } from 'pg'

/** What the harness uses of the extensions; typed here, as the packages are not part of the root install. */
interface DatabaseExtension {
  Database: new (options: {
    fetch(data: { documentName: string }): Promise<Uint8Array | null>
    store(data: { documentName: string; state: Uint8Array }): Promise<void>
  }) => Extension
}
interface RedisExtension {
  Redis: new (options: { host: string; port: number }) => Extension
}

const DATABASE_EXTENSION = '@hocuspocus/extension-database'
const REDIS_EXTENSION = '@hocuspocus/extension-redis'

async function persistence(url: string): Promise<Extension> {
  const { Database } = (await import(DATABASE_EXTENSION)) as DatabaseExtension
  const pool = new Pool({ connectionString: url })
  await pool.query('create table if not exists documents (name text primary key, data bytea not null)')
  return new Database({
    async fetch({ documentName }) {
      const found = await pool.query<{ data: Buffer }>('select data from documents where name = $1', [documentName])
      return found.rows[0]?.data ?? null
    },
    async store({ documentName, state }) {
      await pool.query('insert into documents (name, data) values ($1, $2) on conflict (name) do update set data = excluded.data', [
        documentName,
        Buffer.from(state),
      ])
    },
  })
}

async function otherNodes(url: string): Promise<Extension> {
  const { Redis } = (await import(REDIS_EXTENSION)) as RedisExtension
  const { hostname, port } = new URL(url)
  return new Redis({ host: hostname, port: Number(port) })
}

const { PORT, DATABASE_URL, REDIS_URL } = process.env
const server = new Server({
  port: Number(PORT),
  address: '127.0.0.1',
  quiet: true,
  extensions: [
    ...(REDIS_URL === undefined ? [] : [await otherNodes(REDIS_URL)]),
    ...(DATABASE_URL === undefined ? [] : [await persistence(DATABASE_URL)]),
  ],
})
await server.listen()
