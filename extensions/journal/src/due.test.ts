import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Due, type DueBoard } from './due.ts';

const MANY = 1000;
const board = (sockets: number): DueBoard & { outstanding: object | null } => ({ followers: { size: sockets }, outstanding: null });

test('a board is due from the first edit that waits, also when others follow', () => {
  const due = new Due();
  const busy = board(20);
  const at = due.add(busy, 100);
  assert(at > 100);
  assert.equal(due.add(busy, 105), at);
  assert.equal(due.at, at);
  assert.deepEqual(due.take(10, at), [busy]);
  assert.equal(due.at, Number.POSITIVE_INFINITY);
  assert(due.add(busy, at + 1) > at + 1, 'what comes after it waits anew');
});

test('who is nearly due goes along; a board with many sockets waits for its own window whatever its neighbours do', () => {
  const due = new Due();
  const [first, second, crowd] = [board(2), board(2), board(MANY)];
  const at = due.add(first, 100);
  due.add(second, 101);
  const crowdAt = due.add(crowd, 100);
  assert(crowdAt > at + 20);
  assert.deepEqual(due.take(10, at), [first, second]);
  assert.equal(due.at, crowdAt);
  for (let now = at; now < crowdAt - 10; now += 5) {
    due.add(first, now);
    assert(!due.take(10, now).includes(crowd), `at ${now}`);
  }
  assert(due.take(10, crowdAt).includes(crowd));
});

test('a board that has a cut out is nobody\'s next until that is known, and then is due when it would have been', () => {
  const due = new Due();
  const slow = board(2);
  const at = due.add(slow, 100);
  slow.outstanding = {};
  assert.equal(due.add(slow, 101), Number.POSITIVE_INFINITY);
  assert.equal(due.at, Number.POSITIVE_INFINITY);
  assert.deepEqual(due.take(10, 500), []);
  slow.outstanding = null;
  assert.equal(due.add(slow, 501), at);
  assert.deepEqual(due.take(10, 501), [slow]);
});

test('who has waited already is next; no more are taken than a transaction may have', () => {
  const due = new Due();
  const boards = [board(2), board(2), board(MANY)] as const;
  for (const each of boards) due.add(each, 100);
  due.hurry(boards[2]);
  assert(due.at < 100);
  assert.equal(due.take(2, 110).length, 2);
  assert.equal(due.size, 1);
});
