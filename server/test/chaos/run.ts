/**
 * The chaos suite, as a command:
 *   npm run chaos -w @sunday/server -- [--seed N] [--seeds 20] [--minutes 1] [--people 60] [--boards 10] [--every 1500] [--faults 'node killed,redis cut']
 * `--seeds` runs that many seeds, from `--seed` on. Prints a table of them all; exits 1 if in any run something was lost, differed, or stayed.
 */
import { parseArgs } from 'node:util';
import { chaos, type ChaosResult } from './chaos.ts';
import { FAULTS } from './faults.ts';
import { merged, table } from './tally.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    seeds: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '1' },
    people: { type: 'string', default: '60' },
    boards: { type: 'string', default: '10' },
    every: { type: 'string', default: '1500' },
    faults: { type: 'string', default: FAULTS.join() },
  },
});

const say = (line: string): void => { process.stdout.write(`${line}\n`); };
const wanted = values.faults.split(',').map((name) => name.trim());
const kinds = FAULTS.filter((kind) => wanted.includes(kind));
if (kinds.length < wanted.length) throw new Error(`faults are: ${FAULTS.join(', ')}`);

const results: ChaosResult[] = [];
const failed: number[] = [];
const mb = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);
for (let seed = Number(values.seed); seed < Number(values.seed) + Number(values.seeds); seed += 1) {
  say(`seed ${seed}`);
  try {
    const result = await chaos({
      seed, say: (line) => { say(`  ${line}`); }, faults: kinds,
      forMs: Number(values.minutes) * 60_000, people: Number(values.people), boards: Number(values.boards), editEveryMs: Number(values.every),
    });
    results.push(result);
    say(`  good: ${result.edits} edits, told of by ${result.events} events, one board everywhere after ${(result.convergedAfterMs / 1000).toFixed(1)} s, presence ${(result.presentAfterMs / 1000).toFixed(1)} s later; heap ${mb(result.heap.most)} MB at most, ${mb(result.heap.end)} MB at the end; people's own lag ${result.lagP99Ms.toFixed(0)} ms (p99)`);
  } catch (error) {
    failed.push(seed);
    say(`  FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

const counts: Record<string, number> = {};
for (const { faults } of results) for (const [kind, count] of Object.entries(faults)) counts[kind] = (counts[kind] ?? 0) + count;
say(`\n${results.length} of ${results.length + failed.length} seeds good${failed.length === 0 ? '' : `; failed: ${failed.join(', ')}`}`);
say(`${results.reduce((sum, { edits }) => sum + edits, 0)} edits, ${results.reduce((sum, { repeated }) => sum + repeated, 0)} batches delivered twice, heap of a node at most ${mb(Math.max(0, ...results.map(({ heap }) => heap.most)))} MB, resident at most ${mb(Math.max(0, ...results.map(({ residentMost }) => residentMost)))} MB\n`);
say(table(merged(results.map(({ shares }) => shares)), counts));
process.exit(failed.length === 0 ? 0 : 1);
