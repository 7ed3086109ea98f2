/** The short ordeal; `npm run ordeal -w @sunday/server` is the long one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ordeal } from './ordeal.ts';

test('kill -9 of the server and of Postgres: nothing acknowledged or seen is lost, everybody converges, and the events fold to the board', async (context) => {
  const seed = Number(process.env['SUNDAY_TEST_SEED'] ?? Date.now() % 1_000_000);
  context.diagnostic(`seed ${seed} (SUNDAY_TEST_SEED sets it)`);
  const result = await ordeal({
    seed, editors: 6, edits: 600, blows: ['server', 'postgres', 'postgres-away', 'server'], awayMs: 2500, editEveryMs: 110,
    say: (line) => { context.diagnostic(line); },
  });
  context.diagnostic(JSON.stringify(result));
  assert.equal(result.lostAcknowledged, 0);
  assert.equal(result.lostSeen, 0);
  assert.equal(result.acknowledged, result.written);
});
