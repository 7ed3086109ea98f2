/** A node's lives are counted by the database: no clock, set back or forward, makes a later one look earlier. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextEpoch } from '../src/node-life.ts';
import { openTestDatabase } from '../src/testing.ts';

test('each start takes a number above all before, those that were milliseconds included', async (t) => {
  const database = await openTestDatabase();
  t.after(() => database.close());
  const taken = await Promise.all([1, 2, 3].map(() => nextEpoch(database.database)));
  const later = await nextEpoch(database.database);
  assert.equal(new Set(taken).size, 3);
  assert.ok(taken.every((epoch) => epoch < later && epoch > Date.now() && Number.isSafeInteger(epoch)));
});
