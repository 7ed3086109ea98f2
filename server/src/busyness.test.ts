import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Busyness } from './busyness.ts';

/** Runs the loop at this share of its time for some seconds, asked ten times a second as ticks ask. */
function run(clock: { ms: number; active: number }, busyness: Busyness, share: number, seconds: number): number {
  let slowdown = 1;
  for (let step = 0; step < seconds * 10; step++) {
    clock.ms += 100;
    clock.active += 100 * share;
    ({ slowdown } = busyness);
  }
  return slowdown;
}

test('what can wait waits longer the less a process rests, and no longer than is allowed; at ease, or after one long task, nothing does', () => {
  const clock = { ms: 0, active: 0 };
  const busyness = new Busyness(5, { now: () => clock.ms, eventLoopUtilization: () => ({ active: clock.active, idle: clock.ms - clock.active, utilization: 0 }) });
  assert.equal(run(clock, busyness, 0.1, 5), 1);
  assert.equal(run(clock, busyness, 0.4, 5), 1);
  assert.ok(run(clock, busyness, 1, 0.5) <= 3, 'a long task');
  assert.ok(run(clock, busyness, 0.2, 5) < 1.01);
  const half = run(clock, busyness, 0.7, 10);
  assert.ok(Math.abs(half - 3) < 0.1, `half of the way: ${half}`);
  const whole = run(clock, busyness, 1, 10);
  assert.ok(whole > 4.9 && whole <= 5, `all of it: ${whole}`);
});
