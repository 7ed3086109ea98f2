/**
 * The full ordeal, as a command:
 *   npm run ordeal -w @sunday/server -- [--seed N] [--blows 20] [--edits 10000] [--editors 20] [--away 30] [--every 350]
 * `every`: pause between two edits of one editor (ms); at the default the edits last as long as the blows.
 * Exits 1 if anything acknowledged or seen is lost, or if somebody does not converge.
 */
import { parseArgs } from 'node:util';
import { ordeal, type Blow } from './ordeal.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    blows: { type: 'string', default: '20' },
    edits: { type: 'string', default: '10000' },
    editors: { type: 'string', default: '20' },
    away: { type: 'string', default: '30' },
    every: { type: 'string', default: '350' },
  },
});

const count = Number(values.blows);
const kinds: Blow[] = ['server', 'postgres'];
const blows = Array.from({ length: count }, (_, index): Blow => (index === Math.floor(count / 2) ? 'postgres-away' : (kinds[index % 2] ?? 'server')));
const say = (line: string): void => { process.stdout.write(`${line}\n`); };

say(`seed ${values.seed}`);
const result = await ordeal({
  seed: Number(values.seed),
  editors: Number(values.editors),
  edits: Number(values.edits),
  blows,
  awayMs: Number(values.away) * 1000,
  editEveryMs: Number(values.every),
  say,
});
say(JSON.stringify(result, null, 2));
process.exit(result.lostAcknowledged + result.lostSeen === 0 ? 0 : 1);
