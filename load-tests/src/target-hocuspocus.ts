/**
 * The peer as a target: `peer/server.ts`, with its database extension or without any persistence.
 * Needs `npm ci` in `peer/` once.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as Y from 'yjs'
import { freePort, startChild, waitFor, type Child } from './child.ts'
import { openConnection } from './connection.ts'
import { SERVER_CORE } from './machine.ts'
import { updateFrame } from './protocol.ts'
import type { RunningServer, StartOptions, Target } from './target.ts'

const SCRIPT = fileURLToPath(new URL('../peer/server.ts', import.meta.url))
const INSTALL = fileURLToPath(new URL('../peer/node_modules', import.meta.url))
/** Nobody verifies it: a stock server without an `onAuthenticate` hook lets everybody in. */
const TOKEN = 'bench'

export function hocuspocusTarget(persistence: 'database' | 'memory'): Target {
  return {
    name: `hocuspocus-${persistence}`,
    persistent: persistence === 'database',
    sizeSql:
      persistence === 'database'
        ? `select 'documents' as name, count(*)::int as rows, sum(octet_length(data))::bigint as content, pg_total_relation_size('documents')::bigint as disk from documents`
        : null,
    start: (options) => start(options, persistence),
  }
}

async function start(options: StartOptions, persistence: 'database' | 'memory'): Promise<RunningServer> {
  if (!existsSync(INSTALL)) throw new Error('the peer is not installed: run `npm ci` in load-tests/peer')
  const port = await freePort()
  const { DATABASE_URL: _, ...environment } = process.env
  const child = startChild({
    command: process.execPath,
    args: [...inspectArgs(options), SCRIPT],
    core: SERVER_CORE,
    env: { ...environment, PORT: String(port), NODE_ENV: 'production', ...(persistence === 'database' ? { DATABASE_URL: options.databaseUrl } : {}) },
  })
  await waitFor('hocuspocus', child, () => answersHttp(`http://127.0.0.1:${port}/`))
  const syncUrl = `ws://127.0.0.1:${port}/`
  let boards = 0
  return {
    pid: child.pid,
    syncUrl,
    restUrl: null,
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
      // Without persistence the document goes when its last connection does: somebody has to stay.
      if (persistence === 'database') await connection.close()
      return documentName
    },
  }
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
