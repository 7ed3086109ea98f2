import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as holds, nat, property, tuple } from 'fast-check'
import * as Y from 'yjs'
import { mark, MAX_AUTHORS, scanMarks } from './marker.ts'

function scan(bytes: Uint8Array): [number, number][] {
  const found: [number, number][] = []
  scanMarks(bytes, (author, edit) => found.push([author, edit]))
  return found
}

test('every mark is found in the update that carries it, however updates are merged', () => {
  holds(
    property(array(tuple(nat(MAX_AUTHORS - 1), nat(36 ** 5 - 1)), { minLength: 1, maxLength: 20 }), (marks) => {
      const doc = new Y.Doc()
      const updates: Uint8Array[] = []
      doc.on('update', (update: Uint8Array) => updates.push(update))
      marks.forEach(([author, edit], i) => doc.getMap('m').set(`k${i}`, [mark(author, edit), 1]))
      assert.deepEqual(updates.flatMap(scan), marks)
      assert.deepEqual(scan(Y.mergeUpdates(updates)), marks)
    }),
  )
})

test('bytes that are no mark are passed over', () => {
  const text = new TextEncoder()
  assert.deepEqual(scan(text.encode('@@')), [])
  assert.deepEqual(scan(text.encode('@@zz-0001')), [])
  assert.deepEqual(scan(text.encode('@@0100')), [], 'a mark that was cut off')
  assert.deepEqual(scan(text.encode(`@${mark(1, 2)}`)), [[1, 2]], 'an @ before a mark')
  assert.deepEqual(scan(text.encode(`@@ABCDEFG${mark(1, 2)}`)), [[1, 2]])
})
