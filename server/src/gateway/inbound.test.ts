/** How much a user may send over all their sockets, however long they were silent in between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_LIMITS } from '../limits.ts';
import { Inbound } from './inbound.ts';

const LIMITS = { ...DEFAULT_LIMITS, maxUserFramesPerSecond: 10, maxUserBytesPerSecond: 1_000 };

test('a second of frames or bytes may come at once; what is beyond has to be waited for, and no silence saves up more', () => {
  const flow = new Inbound(LIMITS).ofUser('ann');
  for (let frame = 0; frame < 10; frame++) assert.equal(flow.spend(1, 60_000), 0);
  assert.equal(flow.spend(1, 60_000), 100);
  assert.equal(flow.spend(0, 60_500), 0);
  assert.equal(flow.spend(2_000, 3_600_000), 1_000);
  assert.equal(flow.spend(0, 3_600_000, 20), 1_100);
});

test('who is forgotten while silent counts anew, on one flow for all of their sockets', () => {
  const inbound = new Inbound(LIMITS);
  const first = inbound.ofUser('ann');
  first.spend(1, 1_000);
  inbound.sweep(1_001);
  assert.equal(first.forgotten, false, 'not yet as good as new');
  assert.equal(inbound.ofUser('ann'), first);
  inbound.sweep(5_000);
  assert.equal(first.forgotten, true);
  const [one, other] = [inbound.ofUser('ann'), inbound.ofUser('ann')];
  assert.notEqual(one, first);
  assert.equal(one, other);
});
