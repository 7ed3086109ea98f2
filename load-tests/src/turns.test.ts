import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOwn, ownSpans } from './turns.ts'

test('every moment is the turn of one server, and the spans of all are the whole time', () => {
  const all = [0, 1, 2].map((index) => ({ index, of: 3, turnMs: 10 }))
  for (let at = 0; at < 200; at += 1) assert.equal(all.filter((turns) => isOwn(turns, at)).length, 1)
  const spans = all.map((turns) => ownSpans(turns, 25, 95))
  assert.deepEqual(spans.flat().map(({ from, to }) => [from, to]).toSorted(([a = 0], [b = 0]) => a - b), [[25, 30], [30, 40], [40, 50], [50, 60], [60, 70], [70, 80], [80, 90], [90, 95]])
  for (const [index, own] of spans.entries()) assert(own.every(({ from, to }) => isOwn(all[index], from) && isOwn(all[index], to - 1)))
})

test('who is alone has all of the time', () => {
  assert.equal(isOwn(undefined, 5), true)
  assert.deepEqual(ownSpans(undefined, 5, 9), [{ from: 5, to: 9 }])
})
