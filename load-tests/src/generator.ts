/**
 * The load generator: a process of its own, pinned to a core of its own, with all users in it. Connects them, then plays a plan
 * (generator-run.ts). A user that is lost is an error of the run.
 */
import { performance } from 'node:perf_hooks'
import * as Y from 'yjs'
import { cellOfSeat } from './board-fixture.ts'
import { createCellWriter } from './cell-writer.ts'
import { openConnection, type Connection } from './connection.ts'
import type { FromGenerator, GeneratorJob, GeneratorUser, ToGenerator } from './generator-messages.ts'
import { play, type User } from './generator-run.ts'
import { createRandom } from './random.ts'

/** Handshakes under way at once: enough to be quick, few enough not to hit a server's accept limits. */
const JOINS_AT_ONCE = 25
/** Yjs client ids of the users begin here; any 32-bit range that the fixture's own client does not use. */
const FIRST_CLIENT_ID = 1_000_000
/** A stuck reader comes back this often, as a page does that is reloaded: what its last socket left behind adds up, if it is not bounded. */
const STUCK_RETURNS_MS = 150_000

const say = (message: FromGenerator): void => {
  process.send?.(message)
}

function giveUp(reason: string): void {
  say({ say: 'failed', reason })
}

async function connect(job: GeneratorJob): Promise<User[]> {
  const boards = Map.groupBy(job.users.filter((user) => user.kind === 'editor'), (user) => user.documentName)
  const users: User[] = []
  const waiting = [...boards.values()].flatMap((members) => {
    const peers: User[] = []
    const places = Promise.withResolvers<Y.Doc>()
    return members.map((member, author) => ({ member, author, peers, places, seats: members.length }))
  })
  let clientId = FIRST_CLIENT_ID + Math.floor(createRandom(job.seed)() * 1e9)
  const join = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { member, author, peers, places, seats } = next
      clientId += 1
      const ownId = clientId
      let user: User | undefined
      const connection = await openConnection(
        // One user of each board reads the board; the others need only know where their cell is.
        { ...member, clientId: ownId, heartbeat: job.heartbeat, dropSnapshot: author > 0 },
        {
          onAck: () => user?.onAck(user),
          onUpdate: (update) => user?.onUpdate(user, update),
          onAwareness: (update) => user?.onAwareness?.(user, update),
          onLost: (reason) => giveUp(`user ${author} of ${member.documentName}: ${reason}`),
        },
      )
      if (author === 0) places.resolve(readDocument(connection.snapshot))
      const writer = createCellWriter(ownId, cellOfSeat(await places.promise, author))
      user = newUser(member, connection, writer, author, peers, seats)
      peers[author] = user
      users.push(user)
    }
  }
  await Promise.all(Array.from({ length: JOINS_AT_ONCE }, join))
  for (const stuck of job.users.filter((user) => user.kind === 'stuck')) {
    clientId += 1
    await getStuck(stuck, clientId)
  }
  return users
}

function newUser(job: GeneratorUser, connection: Connection, writer: User['writer'], author: number, peers: User[], seats: number): User {
  const nothingSeen = (): Int32Array => new Int32Array(seats).fill(-1)
  return {
    job, connection, writer, author, peers, acked: 0, intendedAt: [], seenOf: nothingSeen(), movesAt: [], movesSeenOf: nothingSeen(),
    onAck: () => undefined, onUpdate: () => undefined, onAwareness: null,
  }
}

/** Opens the board and stops reading; again and again, with one socket at a time. */
async function getStuck(user: GeneratorUser, clientId: number): Promise<void> {
  const connection = await openConnection({ ...user, clientId, heartbeat: false, dropSnapshot: true })
  connection.stopReading()
  setTimeout(() => {
    connection.abandon()
    getStuck(user, clientId).catch((error: unknown) => giveUp(`the stuck reader: ${String(error)}`))
  }, STUCK_RETURNS_MS)
}

function readDocument(snapshot: Uint8Array): Y.Doc {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, snapshot)
  return doc
}

let users: User[] = []
let seed = 0
let connectMs = 0

async function obey(message: ToGenerator): Promise<void> {
  switch (message.do) {
    case 'connect': {
      const from = performance.now()
      seed = message.job.seed
      users = await connect(message.job)
      connectMs = performance.now() - from
      say({ say: 'connected' })
      return
    }
    case 'edit': {
      const measured = await play(users, message.plan, seed, (edge) => say({ say: 'window', edge }))
      say({ say: 'result', result: { ...measured, connectMs } })
      return
    }
    case 'quit':
      process.exit(0)
  }
}

process.on('message', (message: ToGenerator) => {
  obey(message).catch((error: unknown) => giveUp(error instanceof Error ? error.message : String(error)))
})
process.on('disconnect', () => process.exit(0))
say({ say: 'up' })
