/** The flags are V8's, not ours: what is tested is that this V8 knows them and does as they say. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MODULE = fileURLToPath(new URL('garbage-collection.ts', import.meta.url));
/** V8 tells times in whole milliseconds. */
const ROUNDING_MS = 5;

/** Lives through full collections in a process of its own; returns how often a thread began to mark while the program ran. */
function markedBeside(cores: number): number {
  const program = `
    const { tuneGarbageCollection } = await import(${JSON.stringify(MODULE)});
    tuneGarbageCollection(${cores});
    let kept = [];
    for (let turn = 0; turn < 60; turn += 1) {
      if (turn % 15 === 0) kept = [];
      for (let made = 0; made < 50_000; made += 1) kept.push({ made, text: 'x' + made, list: [made] });
      await new Promise((resolve) => { setTimeout(resolve, 1); });
    }`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--trace-gc', '--trace-concurrent-marking', '--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '', 'V8 knows the flags');
  const pauses = [...stdout.matchAll(/(\d+) ms: Mark-Compact.*?([\d.]+) \/ [\d.]+ ms/g)].map(([, end, length]) => ({ from: Number(end) - Number(length) - ROUNDING_MS, to: Number(end) + ROUNDING_MS }));
  assert(pauses.length > 0, 'there was a full collection');
  const begun = [...stdout.matchAll(/(\d+) ms: Starting major concurrent marking/g)].map(([, at]) => Number(at));
  return begun.filter((at) => !pauses.some(({ from, to }) => at >= from && at <= to)).length;
}

test('on one core nothing is marked beside the thread that serves people; on several it is', () => {
  assert.equal(markedBeside(1), 0);
  assert(markedBeside(2) > 0);
});
