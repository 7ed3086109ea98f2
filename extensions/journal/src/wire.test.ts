import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import * as encoding from 'lib0/encoding';
import { FRAME, frameWithBody, readInbound, step1Frame, updateFrame } from './wire.ts';

/** As the stock provider and server write it. */
function written(address: string, codes: readonly number[], body: Uint8Array): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarString(encoder, address);
    for (const code of codes) encoding.writeVarUint(encoder, code);
    encoding.writeVarUint8Array(encoder, body);
  });
}

test('a frame with a body is byte for byte what an encoder of lib0 writes, whatever the address', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (address, body) => {
      assert.deepEqual(Buffer.from(frameWithBody(address, [FRAME.awareness], body)), Buffer.from(written(address, [FRAME.awareness], body)));
    }),
    { numRuns: 500 },
  );
});

test('and whatever the size of the body', () => {
  for (const bits of [0, 7, 14, 21, 28]) {
    for (const length of [2 ** bits - 1, 2 ** bits]) {
      if (length > 2 ** 22) continue; // the length's fifth byte is not worth 256 MB
      const body = new Uint8Array(length).fill(7);
      assert.ok(Buffer.from(updateFrame('board', body)).equals(written('board', [FRAME.sync, 2], body)));
    }
  }
});

test('what is written is read again', () => {
  const frame = readInbound(step1Frame('a board\0session', Uint8Array.of(0)));
  assert.deepEqual(frame.kind === 'step1' && [...frame.vector], [0]);
});
