/**
 * The peer as a target: `peer/server.ts`, without any persistence, with its database extension, or with that and its Redis extension; and the bare
 * prototype of Sunday's shape, `peer/prototype.ts`, which commits what it acknowledges but loads nothing again.
 * Needs `npm ci` in `peer/` once.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as Y from 'yjs'
import { freePort } from '@sunday/database/testing'
import { pause, startChild, waitFor, type Child } from './child.ts'
import { openConnection } from './connection.ts'
import { SERVER_CORE } from './machine.ts'
import { sql } from './postgres.ts'
import { updateFrame } from './protocol.ts'
import type { RunningServer, StartOptions, Target } from './target.ts'

const SERVER = fileURLToPath(new URL('../peer/server.ts', import.meta.url))
const PROTOTYPE = fileURLToPath(new URL('../peer/prototype.ts', import.meta.url))
const INSTALL = fileURLToPath(new URL('../peer/node_modules', import.meta.url))
/** Nobody verifies it: a stock server without an `onAuthenticate` hook lets everybody in. */
const TOKEN = 'bench'

export function hocuspocusTarget(extensions: 'database' | 'memory' | 'redis'): Target {
  const persistent = extensions !== 'memory'
  return {
    name: `hocuspocus-${extensions}`,
    persistent,
    sizeSql: persistent
      ? `select 'documents' as name, count(*)::int as rows, sum(octet_length(data))::bigint as content, pg_total_relation_size('documents')::bigint as disk from documents`
      : null,
    start: (options) => start(SERVER, options, { hasDatabase: persistent, isLeft: persistent }),
  }
}

export const prototypeTarget: Target = {
  name: 'prototype',
  persistent: false,
  sizeSql: null,
  start: (options) => start(PROTOTYPE, options, { hasDatabase: true, isLeft: false }),
}

/** @param isLeft a board may be left by everybody, for it is loaded again */
async function start(script: string, options: StartOptions, { hasDatabase, isLeft }: { hasDatabase: boolean; isLeft: boolean }): Promise<RunningServer> {
  if (!existsSync(INSTALL)) throw new Error('the peer is not installed: run `npm ci` in load-tests/peer')
  const port = await freePort()
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...environment } = process.env
  const databaseUrl = hasDatabase ? { DATABASE_URL: options.databaseUrl } : {}
  const redisUrl = options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }
  const child = startChild({
    command: process.execPath,
    args: [...inspectArgs(options), script],
    core: SERVER_CORE,
    env: { ...environment, PORT: String(port), NODE_ENV: 'production', ...databaseUrl, ...redisUrl },
  })
  await waitFor('hocuspocus', child, () => answersHttp(`http://127.0.0.1:${port}/`))
  const syncUrl = `ws://127.0.0.1:${port}/`
  let boards = 0
  return {
    pids: [child.pid],
    syncUrl,
    restUrl: null,
    metricsUrl: null,
    inspectorUrl: inspectorUrl(child),
    output: () => child.output(),
    token: () => Promise.resolve(TOKEN),
    stop: () => child.stop(),
    async createBoard(doc) {
      boards += 1
      const documentName = `board-${Date.now().toString(36)}-${boards}`
      const acked = Promise.withResolvers<void>()
      let acks = 0
      const connection = await openConnection(
        { url: syncUrl, documentName, token: TOKEN, clientId: doc.clientID, heartbeat: false },
        {
          onAck: () => {
            acks += 1
            if (acks === 2) acked.resolve() // the first one is for the handshake's Step2
          },
          onLost: (reason) => acked.reject(new Error(reason)),
        },
      )
      connection.send(updateFrame(documentName, Y.encodeStateAsUpdate(doc)))
      await acked.promise
      // Where it is not loaded again, the document goes when its last connection does: somebody has to stay.
      if (isLeft) {
        await connection.close()
        await stored(options.databaseUrl, documentName)
      }
      return documentName
    },
  }
}

/** The peer stores when the last connection goes, and says nothing of it: another node must not load the document before. */
async function stored(databaseUrl: string, documentName: string): Promise<void> {
  while ((await sql(databaseUrl, 'select 1 from documents where name = $1', [documentName])).length === 0) await pause(20)
}

export const inspectArgs = (options: StartOptions): string[] => (options.inspect === true ? ['--inspect=127.0.0.1:0'] : [])

export const inspectorUrl = (child: Child): string | null => /ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]+/.exec(child.output())?.[0] ?? null

export async function answersHttp(url: string): Promise<boolean> {
  try {
    const response = await fetch(url)
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}
