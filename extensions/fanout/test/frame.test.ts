import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { decodeFrame, encodeFrame, type Message } from '../src/frame.ts';
import { DEAD_AFTER_MS, NodeRegistry } from '../src/registry.ts';

const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 });
const count = fc.maxSafeNat();
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ kind: fc.constant('batch' as const), seq: count, update: bytes }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('head' as const), seq: count }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('volatile' as const), update: bytes, authors: fc.array(fc.string({ unit: 'grapheme' })), clients: fc.array(fc.tuple(fc.nat(), fc.string())).map((pairs) => new Map(pairs)) }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('presence' as const), message: bytes }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('alive' as const), count }, { noNullPrototype: true }),
  fc.record({ kind: fc.constantFrom('bye' as const, 'missed' as const) }, { noNullPrototype: true }),
);
const node = fc.record({ id: fc.string({ unit: 'grapheme' }), epoch: count }, { noNullPrototype: true });

describe('frames', () => {
  test('come out as they went in', () => {
    fc.assert(fc.property(node, message, (from, sent) => {
      const read = decodeFrame(encodeFrame(from, sent));
      assert.deepEqual(read?.from, from);
      assert.deepEqual(read.message, sent);
    }));
  });

  test('of any bytes, cut or changed, are read or refused, without a throw and without a look outside', () => {
    fc.assert(fc.property(node, message, fc.nat(), fc.nat(), fc.nat(255), (from, sent, cut, place, value) => {
      const frame = encodeFrame(from, sent);
      const damaged = Uint8Array.from(frame);
      damaged[place % damaged.length] = value;
      for (const one of [frame.subarray(0, cut % frame.length), damaged]) {
        const around = new Uint8Array(one.length + 64).fill(0x41);
        around.set(one);
        const inside = decodeFrame(around.subarray(0, one.length));
        assert.deepEqual(inside?.message, decodeFrame(Uint8Array.from(one))?.message, 'what lies behind the frame does not matter');
      }
    }), { numRuns: 1000 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (junk) => { decodeFrame(junk); }), { numRuns: 2000 });
  });
});

describe('the registry of nodes', () => {
  const watched = () => {
    const events: string[] = [];
    const registry = new NodeRegistry(({ id, epoch }) => { events.push(`here ${id}${epoch}`); }, ({ id, epoch }) => { events.push(`gone ${id}${epoch}`); });
    return { registry, events };
  };

  test('silence is death, once; who is heard again is here again', () => {
    const { registry, events } = watched();
    registry.heard({ id: 'a', epoch: 1 }, 0);
    registry.heard({ id: 'b', epoch: 1 }, 0);
    registry.heard({ id: 'a', epoch: 1 }, DEAD_AFTER_MS);
    assert.equal(registry.sweep(DEAD_AFTER_MS - 1), DEAD_AFTER_MS, 'when b would be dead');
    assert.equal(registry.sweep(DEAD_AFTER_MS + 1), 2 * DEAD_AFTER_MS, 'when a would be');
    registry.sweep(DEAD_AFTER_MS + 2);
    registry.heard({ id: 'b', epoch: 1 }, DEAD_AFTER_MS + 3);
    assert.deepEqual(events, ['here a1', 'here b1', 'gone b1', 'here b1']);
  });

  test('a new life ends the one before, whose late words change nothing', () => {
    const { registry, events } = watched();
    registry.heard({ id: 'a', epoch: 1 }, 0);
    registry.heard({ id: 'a', epoch: 2 }, 1);
    registry.heard({ id: 'a', epoch: 1 }, 2);
    registry.leave({ id: 'a', epoch: 1 });
    assert.deepEqual(events, ['here a1', 'gone a1', 'here a2']);
    registry.leave({ id: 'a', epoch: 2 });
    registry.heard({ id: 'a', epoch: 1 }, 3);
    assert.deepEqual(registry.nodes, []);
  });

  test('nobody is dead of a time in which nobody could be heard', () => {
    const { registry, events } = watched();
    registry.heard({ id: 'a', epoch: 1 }, 0);
    registry.excuse(100_000);
    registry.sweep(100_000 + DEAD_AFTER_MS);
    assert.deepEqual(events, ['here a1']);
  });
});
