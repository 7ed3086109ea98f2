import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { makeBoard } from './board-fixture.ts'
import { cellOfSeat } from './board-fixture.ts'
import { createCellWriter } from './cell-writer.ts'

function storedIn(doc: Y.Doc, seat: number): unknown {
  const item = doc.getMap('items').get([...doc.getMap('items').keys()].sort()[seat] ?? '')
  return item instanceof Y.Map ? item.get('c:remark') : undefined
}

test('hand-made overwrites are what Yjs itself would have sent', () => {
  const ours = makeBoard('b', 3)
  const yjs = new Y.Doc()
  Y.applyUpdate(yjs, Y.encodeStateAsUpdate(ours))
  const item = yjs.getMap('items').get('item000001')
  assert.ok(item instanceof Y.Map)
  const writer = createCellWriter(yjs.clientID, cellOfSeat(ours, 1))
  const fromYjs: Uint8Array[] = []
  yjs.on('update', (update: Uint8Array) => fromYjs.push(update))
  for (let i = 0; i < 5; i += 1) {
    item.set('c:remark', [`value ${i}`, i])
    assert.deepEqual(writer.write([`value ${i}`, i]), fromYjs[i])
  }
})

test('users of one board do not disturb each other, and nothing stays pending', () => {
  const doc = makeBoard('b', 3)
  const writers = [0, 1, 2].map((seat) => createCellWriter(100 + seat, cellOfSeat(doc, seat)))
  for (let i = 0; i < 20; i += 1) for (const [seat, writer] of writers.entries()) Y.applyUpdate(doc, writer.write([`${seat}:${i}`, i]))
  assert.equal(doc.store.pendingStructs, null)
  for (const seat of [0, 1, 2]) assert.deepEqual(storedIn(doc, seat), [`${seat}:19`, 19])
})

test('a cell that holds a value already is overwritten, not shadowed', () => {
  const doc = makeBoard('b', 1)
  Y.applyUpdate(doc, createCellWriter(7, cellOfSeat(doc, 0)).write(['first', 1]))
  Y.applyUpdate(doc, createCellWriter(3, cellOfSeat(doc, 0)).write(['second', 2]))
  assert.deepEqual(storedIn(doc, 0), ['second', 2])
})
