/**
 * Sunday as a target: the server of this repository, started as an operator would start it, with boards made over REST.
 * The database is the same kind, in the same cluster, as the peer's. No limit or setting differs from the defaults.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportJson } from '@sunday/board-model'
import { SignJWT } from 'jose'
import { freePort } from '@sunday/database/testing'
import { startChild, waitFor } from './child.ts'
import { SERVER_CORE } from './machine.ts'
import { answersHttp, inspectArgs, inspectorUrl } from './target-hocuspocus.ts'
import type { RunningServer, StartOptions, Target } from './target.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const SECRET = 'a secret for benchmarks, good for nothing else'
const OWNER = 'bench-owner'
/** Members are added this many at a time; the server is not measured meanwhile. */
const REQUESTS_AT_ONCE = 10

export const sundayTarget: Target = {
  name: 'sunday',
  persistent: true,
  sizeSql: `
    select 'board_updates' as name, count(*)::int as rows, sum(octet_length(update))::bigint as content, pg_total_relation_size('board_updates')::bigint as disk from board_updates
    union all
    select 'board_snapshots', count(*)::int, sum(octet_length(snapshot))::bigint, pg_total_relation_size('board_snapshots')::bigint from board_snapshots
    union all
    select 'board_heads', count(*)::int, count(*) * 32::bigint, pg_total_relation_size('board_heads')::bigint from board_heads
    union all
    select 'items', count(*)::int, sum(octet_length(item_values::text))::bigint, pg_total_relation_size('items')::bigint from items`,
  start,
}

export async function start(options: StartOptions): ReturnType<Target['start']> {
  const port = await freePort()
  const dataDir = mkdtempSync(join(tmpdir(), 'sunday-bench-data-'))
  const url = `http://127.0.0.1:${port}`
  const { REDIS_URL: _, ...environment } = process.env
  const child = startChild({
    command: process.execPath,
    args: [...inspectArgs(options), '--conditions=sunday-source', join(ROOT, 'server/src/start.ts')],
    core: SERVER_CORE,
    env: {
      ...environment,
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: String(port),
      GRPC_PORT: String(await freePort()),
      DATABASE_URL: options.databaseUrl,
      SUNDAY_DATA_DIR: dataDir,
      SUNDAY_JWT_SECRET: SECRET,
      LOG_LEVEL: 'warn',
      ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
    },
  })
  await waitFor('sunday', child, () => answersHttp(`${url}/readyz`))
  return {
    pids: [child.pid],
    ...(await service(url)),
    metricsUrl: `${url}/metrics`,
    inspectorUrl: inspectorUrl(child),
    output: () => child.output(),
    async stop() {
      await child.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** What people see of a Sunday that is reached at `url` and has SECRET. */
export async function service(url: string): Promise<Pick<RunningServer, 'syncUrl' | 'restUrl' | 'token' | 'createBoard'>> {
  const owner = await token(OWNER)
  return {
    syncUrl: `${url.replace('http', 'ws')}/sync`,
    restUrl: `${url}/v1`,
    token,
    async createBoard(doc, users) {
      const imported = await post(`${url}/v1/boards/import?name=bench`, owner, exportJson(doc))
      const boardId = idOf(imported)
      const waiting = [...users]
      const add = async (): Promise<void> => {
        for (let userId = waiting.pop(); userId !== undefined; userId = waiting.pop()) {
          await post(`${url}/v1/boards/${boardId}/members`, owner, { userId, role: 'editor' })
        }
      }
      await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, add))
      return boardId
    },
  }
}

const tokens = new Map<string, Promise<string>>()

function token(userId: string): Promise<string> {
  const known = tokens.get(userId)
  if (known !== undefined) return known
  const made = new SignJWT({ name: userId })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime('6h')
    .sign(new TextEncoder().encode(SECRET))
  tokens.set(userId, made)
  return made
}

async function post(url: string, bearer: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${text.slice(0, 500)}`)
  return JSON.parse(text)
}

/** An import answers the board, or an envelope that holds it. */
function idOf(answer: unknown): string {
  const board = typeof answer === 'object' && answer !== null && 'board' in answer ? answer.board : answer
  if (typeof board === 'object' && board !== null && 'id' in board && typeof board.id === 'string') return board.id
  throw new Error(`an import answered no board id: ${JSON.stringify(answer).slice(0, 300)}`)
}
