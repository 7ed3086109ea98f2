import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { Server } from '@hocuspocus/server'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { cellOfSeat, makeBoard } from './board-fixture.ts'
import { createCellWriter } from './cell-writer.ts'
import { openConnection } from './connection.ts'
import { mark, scanMarks } from './marker.ts'
import { updateFrame } from './protocol.ts'

test('a raw user and a stock provider edit one board of a stock server: acks, content and marks arrive', async (t) => {
  const board = makeBoard('b', 3)
  const server = new Server({
    address: '127.0.0.1',
    port: 0,
    quiet: true,
    stopOnSignals: false,
    onLoadDocument: ({ document }) => {
      Y.applyUpdate(document, Y.encodeStateAsUpdate(board))
      return Promise.resolve()
    },
  })
  await server.listen()
  const url = `ws://127.0.0.1:${server.address.port}`
  const socket = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket })
  const provider = new HocuspocusProvider({ websocketProvider: socket, name: 'b', document: new Y.Doc(), token: 'x' })
  provider.attach()
  t.after(async () => {
    provider.destroy()
    socket.destroy()
    await server.destroy()
  })
  await new Promise<void>((resolve) => void provider.on('synced', () => resolve()))

  const acks: number[] = []
  const seen: [number, number][] = []
  const arrived = new EventTarget()
  const user = await openConnection(
    { url, documentName: 'b', token: 'x', clientId: 42, heartbeat: true },
    {
      onAck: () => {
        acks.push(performance.now())
        arrived.dispatchEvent(new Event('ack'))
      },
      onUpdate: (update) => {
        scanMarks(update, (author, edit) => seen.push([author, edit]))
        arrived.dispatchEvent(new Event('update'))
      },
    },
  )
  const doc = new Y.Doc()
  Y.applyUpdate(doc, user.snapshot)
  const writer = createCellWriter(42, cellOfSeat(doc, 0))
  while (acks.length < 1) await once(arrived, 'ack') // the handshake's Step2
  const edited = new Promise<void>((resolve) => provider.document.once('update', () => resolve()))
  user.send(updateFrame('b', writer.write([mark(0, 0), 1])))
  while (acks.length < 2) await once(arrived, 'ack')
  await edited
  const items = provider.document.getMap('items')
  const first = items.get('item000000')
  assert.ok(first instanceof Y.Map)
  assert.deepEqual(first.get('c:remark'), [mark(0, 0), 1])

  first.set('c:remark', [mark(7, 3), 2])
  while (!seen.some(([author]) => author === 7)) await once(arrived, 'update')
  assert.deepEqual(seen.at(-1), [7, 3])
  await user.close()
})

test('a refused user gets the reason as an error', async (t) => {
  const server = new Server({
    address: '127.0.0.1',
    port: 0,
    quiet: true,
    stopOnSignals: false,
    onAuthenticate: () => Promise.reject(Object.assign(new Error('no'), { reason: 'token_expired' })),
  })
  await server.listen()
  t.after(() => server.destroy())
  const joining = openConnection({ url: `ws://127.0.0.1:${server.address.port}`, documentName: 'b', token: 'x', clientId: 1, heartbeat: false })
  await assert.rejects(joining, /refused: token_expired/)
})
