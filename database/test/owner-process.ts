/**
 * A Sunday process of its own, for tests: `owner-process.ts <data dir> [hold | write | migrate <url>]`.
 * hold: keeps the database open until stdin ends. write: commits rows one after another and prints each number once it is committed,
 * carrying on through outages. migrate: brings a database up to date and prints what ran.
 */
import { openDatabase, DatabaseUnavailable } from '../src/index.ts';
import { migrate } from '../src/migrations.ts';
import { codeOf } from '../src/errors.ts';
import { setTimeout as delay } from 'node:timers/promises';

const [dataDir = '', mode = 'hold', url = ''] = process.argv.slice(2);
const say = (line: string): void => { process.stdout.write(`${line}\n`); };

async function hold(): Promise<void> {
  const database = await openDatabase({ dataDir, onStatus: (status) => { say(`status ${status}`); } });
  say(`open ${database.serverPid}`);
  for await (const _chunk of process.stdin);
  await database.close();
  say('closed');
}

async function write(): Promise<void> {
  const database = await openDatabase({ dataDir });
  await database.query('CREATE TABLE IF NOT EXISTS written (n int)');
  say(`open ${database.serverPid}`);
  for (let n = 0; ; n++) {
    try {
      await database.query('INSERT INTO written VALUES ($1)', [n]);
      say(`committed ${n}`);
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      await delay(5);
    }
  }
}

try {
  if (mode === 'hold') await hold();
  else if (mode === 'write') await write();
  else say(`ran ${JSON.stringify(await migrate(url))}`);
} catch (error) {
  say(`error ${codeOf(error) ?? ''} ${String(error)}`);
  process.exitCode = 1;
}
