import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sunday/board-model/testing/random';
import { assert as check, constantFrom, double, integer, nat, property, string, uint8Array } from 'fast-check';
import { retryDelay } from './backoff.ts';
import { authFrame, awarenessFrame, closeFrame, decode, statelessFrame, step1Frame, step2Frame, updateFrame } from './wire.ts';

test('junk decodes to nothing or to a message, and never throws', () => {
  check(property(uint8Array({ maxLength: 64 }), (bytes) => {
    const received = decode(bytes);
    assert.ok(received === null || received.kind === 'ping' || typeof received.boardId === 'string');
  }), { numRuns: 20_000 });
});

test('a frame cut short or with a byte flipped never throws', () => {
  const frames = [
    step1Frame('b', new Uint8Array([0])), step2Frame('b', new Uint8Array([0, 0])), updateFrame('b', new Uint8Array([0, 0])), closeFrame('b'),
    authFrame('b', 'token', '0'), statelessFrame('b', { sunday: 'hello', clientId: 1, schemaVersion: 1, sdk: '0' }), awarenessFrame('b', new Uint8Array([0]))
  ];
  check(property(constantFrom(...frames), nat(40), nat(255), (frame, at, value) => {
    decode(frame.slice(0, at));
    const flipped = frame.slice();
    flipped[at % flipped.length] = value;
    decode(flipped);
  }), { numRuns: 5_000 });
});

test('sync frames come out as they went in, for any board id', () => {
  check(property(string(), uint8Array(), (boardId, body) => {
    assert.deepEqual(decode(updateFrame(boardId, body)), { kind: 'board', boardId, message: { kind: 'update', update: body, isStep2: false } });
    assert.deepEqual(decode(step1Frame(boardId, body)), { kind: 'board', boardId, message: { kind: 'step1', vector: body } });
  }));
});

test('retries: a quick first, full jitter up to a growing bound, capped', () => {
  assert.ok(retryDelay(0, () => 1) <= 200);
  check(property(integer({ min: 0, max: 60 }), double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
    const most = retryDelay(attempt, () => 1);
    assert.ok(most <= 10_000 && most <= retryDelay(attempt + 1, () => 1));
    assert.equal(retryDelay(attempt, () => random), random * most);
  }));
});

test('retries: nineteen of twenty clients are back within half as long again as the server was away', () => {
  const random = seededRandom(20_261_127);
  for (const awayMs of [1_000, 1_500, 4_000, 12_000]) {
    const back = Array.from({ length: 2_000 }, () => {
      let at = 0;
      for (let attempt = 0; at < awayMs; attempt += 1) at += retryDelay(attempt, random);
      return at;
    });
    const late = back.filter((at) => at > awayMs * 1.5 + 500).length;
    assert.ok(late <= back.length / 20, `${late} of ${back.length} late after ${awayMs} ms`);
  }
});
