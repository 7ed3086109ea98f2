import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rounds } from './rounds.ts';

const near = (names: Record<string, number[]>): ReadonlyMap<string, readonly number[]> => new Map(Object.entries(names));
const NOTHING = near({});

test('who was told up to a round is told of all since, each client once, and of what happened where they look', () => {
  const rounds = new Rounds();
  rounds.add(10, [1, 2], near({ here: [3], there: [4] }));
  rounds.add(20, [], NOTHING);
  rounds.add(30, [2, 5], near({ here: [3, 1] }));
  assert.equal(rounds.last, 2, 'of nothing there is no round');
  assert.deepEqual(rounds.since(0, ['here']), [1, 2, 3, 5]);
  assert.deepEqual(rounds.since(0, ['there', 'here']), [1, 2, 4, 3, 5]);
  assert.deepEqual(rounds.since(1, ['there']), [2, 5]);
  assert.deepEqual(rounds.since(2, ['here']), []);
});

test('what there is to tell is known without being put together', () => {
  const rounds = new Rounds();
  assert.deepEqual([rounds.isBehind(0), rounds.areNear], [false, false]);
  rounds.add(10, [1], near({ here: [2] }));
  rounds.add(20, [], near({ there: [3] }));
  assert.deepEqual([rounds.isBehind(0), rounds.isBehind(1)], [true, false]);
  assert.deepEqual([0, 1, 2].map((told) => rounds.isBehindNear(told, ['here'])), [true, false, false]);
  assert.deepEqual([0, 1, 2].map((told) => rounds.isBehindNear(told, ['here', 'there'])), [true, true, false]);
});

test('what everybody has been told is forgotten, but for when it was', () => {
  const rounds = new Rounds();
  for (let round = 1; round <= 5; round++) rounds.add(round * 10, [round], round < 4 ? near({ here: [round] }) : NOTHING);
  rounds.forget(3);
  assert.equal(rounds.at(3), 30);
  assert.equal(rounds.at(5), 50);
  assert.equal(rounds.at(2), Number.NEGATIVE_INFINITY);
  assert.equal(rounds.areNear, false);
  assert.deepEqual(rounds.since(3, ['here']), [4, 5]);
  rounds.forget(5);
  rounds.add(60, [6], NOTHING);
  assert.deepEqual([rounds.last, rounds.since(5, ['here'])], [6, [6]]);
});
