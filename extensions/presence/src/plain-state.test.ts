/** What is stamped as text comes out as `JSON.parse` and `JSON.stringify` would have made it, whatever comes in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, seeds } from '@sunday/board-model/testing/random';
import { stampPlainState } from './plain-state.ts';
import { stampedJson } from './stamp.ts';

const USER = { id: 'ann', name: 'Ann “A” Other', picture: null, color: '#336699' };
const STAMP = JSON.stringify(USER);
const stamped = (text: string) => stampPlainState(text, STAMP);

test('a cursor is plain, and the stamp comes in the place of what it says of its user, or behind all else', () => {
  assert.equal(stamped('{}')?.json, `{"user":${STAMP}}`);
  assert.equal(stamped('{"cursor":{"itemId":"abc","at":[0,-1.5]}}')?.json, `{"cursor":{"itemId":"abc","at":[0,-1.5]},"user":${STAMP}}`);
  assert.equal(stamped('{"user":{"name":"Eve","user":1},"at":7}')?.json, `{"user":${STAMP},"at":7}`);
  assert.equal(stamped('{"at":7,"user":null}')?.json, `{"at":7,"user":${STAMP}}`);
});

test('a number may have digits, and who was shown its own name may say it again, whatever its letters', () => {
  assert.equal(stamped('{"x":0.4376237623762376,"y":-12345678901234567890}')?.json, `{"x":0.4376237623762376,"y":-12345678901234567890,"user":${STAMP}}`);
  assert.equal(stamped(`{"user":${STAMP},"at":1}`)?.json, `{"user":${STAMP},"at":1}`);
  assert.equal(stamped(`{"user":${STAMP}x,"at":1}`), undefined);
  assert.equal(stamped(`{"other":${STAMP},"user":${STAMP}}`)?.json, `{"other":${STAMP},"user":${STAMP}}`);
});

test('what it says of its view is found, and only there', () => {
  assert.equal(stamped('{"cursor":1}')?.view, undefined);
  assert.equal(stamped('{"cursor":{"view":"theirs"},"view":["a","b"],"x":"view"}')?.view, '["a","b"]');
});

test('what is not plain is left to a parser', () => {
  const others = [
    '', '[]', 'null', '{', '{}x', '{"a":1,}', '{"a"}', '{"a":}', '{a:1}', '{ "a":1}', '{"a":1}\n', '{"a":01}', '{"a":1.}', '{"a":.5}', '{"a":-}', '{"a":-0}', '{"a":1e5}', '{"a":+1}', '{"a":tru}',
    '{"a":truex}', '{"a":NaN}', '{"a":"b}', '{"a":"\t"}', '{"a":"ü"}', '{"a":"\\u0041"}', '{"\\u0075ser":1}', '{"user":1,"user":2}', '{"view":1,"view":2}', `{"a":${'1'.repeat(400)}}`,
    `{"a":${'['.repeat(100)}${']'.repeat(100)}}`, '{"a":[1,]}', '{"a":[,1]}', '{"a":{]}', '{"a":[}]}', '{"a":1]', "{'a':1}",
  ];
  for (const text of others) assert.equal(stamped(text), undefined, text);
});

const RUNS = 20_000;

for (const seed of seeds(1)) test(`whatever is taken says the same afterwards (seed ${seed})`, () => {
  const random = new Random(seed);
  const names = ['user', 'user', 'view', 'a', 'cursor', '__proto__', '7', 'name', ''];
  const value = (depth: number): unknown => {
    switch (random.below(depth > 3 ? 6 : 8)) {
      case 0: return random.below(1_000_000) / random.pick([1, 1, 8, 1000]) - 500;
      case 1: return random.pick([true, false, null]);
      case 2: return random.pick(['', 'user', '"user":', 'a\\b', 'ü', 'x'.repeat(random.below(30)), '}', ',', '\u2028']);
      case 3: return random.pick([1e21, 1e-9, 0.1, 2 ** 53, -1]);
      case 4: case 5: return random.pick(names);
      case 6: return Array.from({ length: random.below(4) }, () => value(depth + 1));
      default: return object(depth + 1);
    }
  };
  const object = (depth: number): unknown => Object.fromEntries(Array.from({ length: random.below(5) }, () => [random.pick(names), value(depth)]));
  const signs = '{}[]",:\\0123456789-+.eE truefalsn\tü\'user'.split('');
  let taken = 0;
  for (let run = 0; run < RUNS; run++) {
    let text = JSON.stringify(object(0));
    for (let edits = random.below(4) - 1; edits > 0; edits--) {
      const at = random.below(text.length + 1);
      text = text.slice(0, at) + (random.below(2) === 0 ? random.pick(signs) : '') + text.slice(at + random.below(3));
    }
    const plain = stamped(text);
    if (plain === undefined) continue;
    taken++;
    const state = JSON.parse(text) as Record<string, unknown>;
    assert.ok(typeof state === 'object' && !Array.isArray(state), text);
    assert.deepEqual(plain.view === undefined ? undefined : JSON.parse(plain.view), Object.hasOwn(state, 'view') ? state['view'] : undefined, text);
    assert.deepEqual(JSON.parse(plain.json), JSON.parse(stampedJson(state, USER) ?? ''), text);
  }
  assert.ok(taken > RUNS / 10, `${taken} of ${RUNS}`);
});
