import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { FRAME } from '@sunday/extension-journal';
import { awarenessFrame, EnvelopeReader, readEnvelope, statelessFrame, tokenFrame } from './protocols.ts';

test('what is remembered of the last frame tells the same as reading each anew', () => {
  const [one, other] = [randomUUID(), randomUUID()];
  const addresses = [one, other, `${one}\0session`, `${one.slice(0, -1)}${one.endsWith('0') ? '1' : '0'}`];
  const reader = new EnvelopeReader();
  for (let count = 0; count < 500; count += 1) {
    const address = addresses[Math.floor(Math.random() * addresses.length)] ?? one;
    const frames = [awarenessFrame(address, new Uint8Array([1, 2, 3])), tokenFrame(address, 'token'), statelessFrame(address, { a: 1 })];
    // Node's own: cutting one does not copy it, and its bytes are somebody else's a moment later.
    const frame = Buffer.from(frames[count % frames.length] ?? []);
    assert.deepEqual(reader.read(frame), readEnvelope(frame));
    frame.fill(7);
  }
});

test('a frame for no board is none, also right after one for a board, and does not become the board of the next', () => {
  const board = randomUUID();
  const reader = new EnvelopeReader();
  const good = awarenessFrame(board, new Uint8Array([1]));
  for (const address of ['constructor', '__proto__', '', 'x'.repeat(5000), board.toUpperCase()]) {
    assert.equal(reader.read(good)?.document, board);
    assert.equal(reader.read(awarenessFrame(address, new Uint8Array([1]))), null);
  }
  for (let length = 0; length <= board.length + 1; length += 1) assert.equal(reader.read(good.subarray(0, length)), null);
  assert.equal(reader.read(good)?.type, FRAME.awareness);
});
