import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { bringsMore } from './updates.ts';

/** What `bringsMore` says of a transaction that applies one update, of others. */
function asked(base: Uint8Array, update: Uint8Array, held: readonly Uint8Array[]): boolean {
  const document = new Y.Doc();
  Y.applyUpdate(document, base);
  let answer: boolean | undefined;
  document.on('afterTransaction', (transaction: Y.Transaction) => { answer = bringsMore(transaction, held); });
  Y.applyUpdate(document, update);
  return answer ?? assert.fail('nothing came');
}

test('what waited in a document is told from what an update brings, deletions of each piece included', () => {
  const doc = new Y.Doc();
  doc.getText('t').insert(0, 'abcdef');
  const base = Y.encodeStateAsUpdate(doc);
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => { updates.push(update); });
  for (const at of [3, 0, 3, 1, 0, 0]) doc.getText('t').delete(at, 1);
  const whole = Y.mergeUpdates(updates);
  assert.equal(asked(base, whole, updates), false);
  assert.equal(asked(base, whole, updates.toReversed()), false);
  assert.equal(asked(base, whole, [whole, ...updates]), false);
  for (const [missing] of updates.entries()) assert.equal(asked(base, whole, updates.filter((_, at) => at !== missing)), true);
  doc.getText('t').insert(0, 'more');
  assert.equal(asked(base, Y.mergeUpdates(updates), updates.slice(0, -1)), true);
});

test('a deletion of a billion clocks, which takes a few bytes, takes no time', () => {
  // One struct that stands for 2³⁰ deleted characters of client 7, and their deletion.
  const length = [128, 128, 128, 128, 4];
  const root = [...Buffer.from('text:a:b')];
  const update = new Uint8Array([1, 1, 7, 0, 1, 1, root.length, ...root, ...length, 1, 7, 1, 0, ...length]);
  // One by one they would take minutes.
  assert.equal(asked(Y.encodeStateAsUpdate(new Y.Doc()), update, [update]), false);
});
