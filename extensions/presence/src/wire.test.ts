import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as check, maxSafeNat, property, string, tuple, uint8Array } from 'fast-check';
import * as encoding from 'lib0/encoding';
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { decodeNodeMessage, decodeState, decodeText, decodeUpdate, encodeEntry, encodeNodeMessage, encodeUpdate } from './wire.ts';

function awareness(id: number): Awareness {
  const doc = new Y.Doc();
  doc.clientID = id;
  return new Awareness(doc);
}

test('reads what y-protocols writes, and is read by it', () => {
  const [one, two] = [awareness(7), awareness(4_000_000_000)];
  one.setLocalState({ cursor: 'grüße 👋' });
  applyAwarenessUpdate(two, encodeAwarenessUpdate(one, [7]), 'test');
  const decoded = decodeUpdate(encodeAwarenessUpdate(two, [7, 4_000_000_000]));
  assert.deepEqual(decoded?.entries.map(({ clientId, clock, state }) => [clientId, clock, decodeState(state.toString())]), [
    [7, 1, { cursor: 'grüße 👋' }],
    [4_000_000_000, 0, {}],
  ]);
  applyAwarenessUpdate(two, encodeUpdate([encodeEntry(7, 9, '{"a":1}'), encodeEntry(5, 1, '{"b":2}')]), 'test');
  assert.deepEqual([two.states.get(7), two.states.get(5)], [{ a: 1 }, { b: 2 }]);
  applyAwarenessUpdate(two, encodeUpdate([encodeEntry(7, 9, 'null')]), 'test');
  assert.equal(two.states.has(7), false);
  for (const each of [one, two]) each.destroy();
});

test('writes what an encoder of lib0 writes, whatever the ids, clocks and texts', () => {
  check(
    property(array(tuple(maxSafeNat(), maxSafeNat(), string({ unit: 'binary', maxLength: 200 })), { maxLength: 200 }), (entries) => {
      const expected = encoding.encode((encoder) => {
        encoding.writeVarUint(encoder, entries.length);
        for (const [clientId, clock, json] of entries) {
          encoding.writeVarUint(encoder, clientId);
          encoding.writeVarUint(encoder, clock);
          encoding.writeVarString(encoder, json);
        }
      });
      const update = encodeUpdate(entries.map(([clientId, clock, json]) => encodeEntry(clientId, clock, json)));
      assert.deepEqual([...update], [...expected]);
    }),
    { numRuns: 500 },
  );
});

test('an id or a clock past 2^53 is no id or clock: lib0 reads them up to infinity, and they have no end when they are written', () => {
  for (const zeroes of [8, 9, 146, 200]) {
    const endless = [...Array.from({ length: zeroes }, () => 0x80), 0x7f];
    const state = [2, 0x7b, 0x7d];
    assert.equal(decodeUpdate(Uint8Array.from([1, ...endless, 1, ...state])), undefined);
    assert.equal(decodeUpdate(Uint8Array.from([1, 1, ...endless, ...state])), undefined);
    assert.equal(decodeUpdate(Uint8Array.from([1, 1, 1, ...endless, 0x7b, 0x7d])), undefined);
  }
});

test('a state is UTF-8, also where it says what stands for other bytes', () => {
  assert.equal(decodeText(Buffer.from('{"a":"\uFFFD ü 🙂"}')), '{"a":"\uFFFD ü 🙂"}');
  assert.equal(decodeText(Buffer.from('{"a":"\xff"}', 'latin1')), undefined);
  assert.equal(decodeText(Buffer.from('{"a":"\xc3"}', 'latin1')), undefined);
});

test('a state is not nested deeper than browsers compare', () => {
  const nested = (levels: number): string => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
  assert.notEqual(decodeState(nested(256)), undefined);
  assert.equal(decodeState(nested(258)), undefined);
  assert.equal(decodeState(nested(4000)), undefined);
});

test('whatever the bytes, decoding neither throws nor reads outside them', () => {
  check(
    property(uint8Array({ maxLength: 60 }), uint8Array({ maxLength: 60 }), (bytes, beyond) => {
      const shared = new Uint8Array([...bytes, ...beyond]);
      const view = shared.subarray(0, bytes.length);
      const inView = decodeUpdate(view);
      assert.deepEqual(inView, decodeUpdate(bytes.slice()));
      for (const { state } of inView?.entries ?? []) {
        assert.ok(state.byteOffset + state.length <= view.byteOffset + view.length);
        decodeState(decodeText(state) ?? '');
      }
      decodeNodeMessage(view);
    }),
    { numRuns: 5_000 },
  );
});

test('a message between nodes comes back as it was; of another version it does not', () => {
  const update = encodeUpdate([encodeEntry(1, 2, '{}')]);
  const bytes = encodeNodeMessage('full', { node: 'node-ä', epoch: 1_700_000_000_000, clock: 1_800_000_000_000 }, { update, since: [1_799_999_999_999] });
  const message = decodeNodeMessage(bytes);
  assert.deepEqual([message?.kind, message?.node, message?.epoch, message?.clock], ['full', 'node-ä', 1_700_000_000_000, 1_800_000_000_000]);
  assert.deepEqual(message?.entries.map(({ clientId, clock, since }) => [clientId, clock, since]), [[1, 2, 1_799_999_999_999]]);
  assert.equal(decodeNodeMessage(bytes.with(0, 1)), undefined);
  assert.equal(decodeNodeMessage(bytes.subarray(0, -6)), undefined, 'an entry without its session');
});
