/** The short version; `npm run chaos -w @sunday/server` is the long one (docs/chaos.md). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noRedis } from '@sunday/extension-fanout/testing';
import { chaos } from './chaos.ts';

/** About half a minute of faults on two busy cores, and as much for the start and the end. */
const FAULTS = 5;

test('three nodes, Redis, Postgres and people’s connections fail one after the other: a board stays one board, and nothing acknowledged is lost', { skip: noRedis(), timeout: 280_000 }, async (t) => {
  const seed = Number(process.env['SUNDAY_TEST_SEED'] ?? Date.now() % 1_000_000);
  t.diagnostic(`seed ${seed} (SUNDAY_TEST_SEED repeats it)`);
  const result = await chaos({
    seed, maxFaults: FAULTS, forMs: 25_000, people: 18, boards: 3, editEveryMs: 600,
    say: (line) => { t.diagnostic(line); },
  }).catch((error: unknown) => { throw new Error(`seed ${seed}`, { cause: error }); });
  assert(result.edits > 0);
  t.diagnostic(JSON.stringify(result));
});
