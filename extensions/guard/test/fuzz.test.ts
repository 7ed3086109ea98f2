/** Some seconds of hostile frames; the long run is in fuzz.ts. */
import { test } from 'node:test';
import { seedOf } from '@sunday/board-model/testing/random';
import { fuzz } from './fuzz.ts';

const FRAMES = 20_000;
const LONGEST_MS = 10_000;

test('hostile frames: nothing crashes, the board reads, and everybody has the same one', async (context) => {
  const seed = seedOf(process.env['SEED']);
  context.diagnostic(`seed ${seed} (SEED repeats it)`);
  const end = performance.now() + LONGEST_MS;
  const { frames, codes } = await fuzz(seed, FRAMES, () => performance.now() > end);
  context.diagnostic(`${frames} frames; refused: ${[...codes.keys()].toSorted().join(' ')}`);
});
