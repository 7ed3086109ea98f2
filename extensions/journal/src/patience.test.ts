import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Patience } from './patience.ts';

test('the database answers nobody when all transactions of all boards hang, not when single boards do', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let worsened = 0;
  const patience = new Patience<string>(2, () => { worsened += 1; });
  const state = () => ({ boards: [...patience.boards], hopeless: [...patience.hopeless], stalled: patience.stalled, hanging: patience.hanging, worsened });
  const [one, two] = ['one', 'two'].map((board) => patience.begin([board], { ofAll: false }));
  t.mock.timers.tick(499);
  assert.deepEqual(state(), { boards: [], hopeless: [], stalled: false, hanging: false, worsened: 0 });
  t.mock.timers.tick(1);
  assert.deepEqual(state(), { boards: ['one', 'two'], hopeless: [], stalled: false, hanging: false, worsened: 2 });
  one?.end();
  t.mock.timers.tick(2500);
  assert.deepEqual(state(), { boards: ['two'], hopeless: ['two'], stalled: false, hanging: false, worsened: 3 });
  const many = [['a', 'b'], ['c']].map((boards) => patience.begin(boards, { ofAll: true }));
  t.mock.timers.tick(500);
  assert.deepEqual(state(), { boards: ['two', 'a', 'b', 'c'], hopeless: ['two'], stalled: true, hanging: false, worsened: 5 });
  t.mock.timers.tick(2500);
  assert.deepEqual(state(), { boards: ['two', 'a', 'b', 'c'], hopeless: ['two', 'a', 'b', 'c'], stalled: true, hanging: true, worsened: 7 });
  many[0]?.end();
  assert.deepEqual([patience.stalled, patience.hanging, patience.isTried], [false, false, true]);
  for (const wait of [two, many[1]]) wait?.end();
  assert.deepEqual(state(), { boards: [], hopeless: [], stalled: false, hanging: false, worsened: 7 });
  t.mock.timers.tick(10_000);
  assert.equal(worsened, 7);
});
