/** What is left of an update is what a document of the others' edits alone would tell. Random edits; SUNDAY_TEST_SEED repeats one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { takenBy, without } from './without.ts';

const RUNS = 300;
const KEYS = ['a', 'b', 'c'];

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('what one side wrote last is left out, and the rest is as if it had never been there', (t) => {
  const seed = Number(process.env['SUNDAY_TEST_SEED'] ?? Date.now() % 1_000_000);
  t.diagnostic(`seed ${seed}`);
  for (let run = 0; run < RUNS; run += 1) {
    const next = randomOf(seed + run);
    const among = (count: number): number => Math.floor(next() * count);
    const edit = (doc: Y.Doc): void => {
      const [map, text] = [doc.getMap('m'), doc.getText('t')];
      const key = KEYS[among(KEYS.length)] ?? '';
      switch (among(4)) {
        case 0: map.set(key, among(100)); break;
        case 1: map.delete(key); break;
        case 2: text.insert(among(text.length + 1), 'xyz'); break;
        default: if (text.length > 0) text.delete(among(text.length), 1);
      }
    };
    const server = new Y.Doc();
    // What is committed: by the server, too.
    for (let count = among(6); count > 0; count -= 1) edit(server);
    const client = new Y.Doc();
    Y.applyUpdate(client, Y.encodeStateAsUpdate(server));
    const others = new Y.Doc();
    Y.applyUpdate(others, Y.encodeStateAsUpdate(server));
    const hidden: Uint8Array[] = [];
    server.on('update', (update: Uint8Array, origin: unknown) => { if (origin !== 'client') hidden.push(update); });
    client.on('update', (update: Uint8Array) => { Y.applyUpdate(server, update, 'client'); Y.applyUpdate(others, update); });
    // What both delete, only the first tells of; so the server deletes nothing here but by overwriting.
    for (let count = among(10) + 1; count > 0; count -= 1) {
      if (next() < 0.5) edit(client);
      else server.getMap('m').set(`${KEYS[among(KEYS.length)] ?? ''}${next() < 0.5 ? '' : ' of the server'}`, among(100));
    }
    if (hidden.length === 0) continue;
    const joiner = new Y.Doc();
    Y.applyUpdate(joiner, without(Y.encodeStateAsUpdate(server), takenBy(hidden)).update);
    assert.deepEqual([joiner.store.pendingStructs, joiner.store.pendingDs], [null, null], `seed ${seed + run}`);
    assert.deepEqual(Y.decodeStateVector(Y.encodeStateVector(joiner)), Y.decodeStateVector(Y.encodeStateVector(others)), `seed ${seed + run}`);
    assert.equal(joiner.getText('t').toString(), others.getText('t').toString(), `seed ${seed + run}`);
    for (const update of hidden) Y.applyUpdate(joiner, update);
    for (const root of [joiner, others, server]) root.getMap('m');
    assert.deepEqual(joiner.getMap('m').toJSON(), server.getMap('m').toJSON(), `seed ${seed + run}`);
    assert(Y.equalSnapshots(Y.snapshot(joiner), Y.snapshot(server)), `seed ${seed + run}`);
  }
});

test('of many deletions here and there, each that is taken is left out, and no other', () => {
  const [doc, other] = [new Y.Doc(), new Y.Doc()];
  doc.getText('t').insert(0, 'x'.repeat(1000));
  Y.applyUpdate(other, Y.encodeStateAsUpdate(doc));
  const before = Y.encodeStateVector(doc);
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => { updates.push(update); });
  for (let at = 0; at < 400; at += 1) doc.getText('t').delete(at, 1);
  const taken = updates.filter((_, index) => index % 2 === 0);
  const part = without(Y.encodeStateAsUpdate(doc, before), takenBy(taken));
  assert.equal(part.lacks, 'deletions');
  Y.applyUpdate(other, part.update);
  assert.equal(other.getText('t').length, 800);
  for (const update of taken) Y.applyUpdate(other, update);
  assert(Y.equalSnapshots(Y.snapshot(doc), Y.snapshot(other)));
  const whole = Y.encodeStateAsUpdate(doc);
  assert.deepEqual(without(whole, takenBy([])), { update: whole, lacks: 'nothing' });
});
