#!/usr/bin/env node
/**
 * The `sunday` command, for operators on the machine: talks to the database that the server with the same environment uses.
 *
 *   npm run sunday -- events parked [--group NAME] [--board ID] [--state parked|retrying|waiting]
 *   npm run sunday -- events replay [--group NAME] [--board ID] [--id N] | --all
 *   npm run sunday -- events discard --id N
 *
 * Exits 0 when it did what it says, 1 when it could not, 2 when it was asked wrongly.
 */
import { parseArgs } from 'node:util';
import { connectRunning, type Database } from '@sunday/database';
import { ConfigError, loadConfig } from '../config.ts';
import { dataDirForRoot } from '../data-dir.ts';
import { eventsCommand, UsageError } from './events-command.ts';

const USAGE = `Usage:
  sunday events parked  [--group NAME] [--board ID] [--state parked|retrying|waiting]   what consumers could not handle
  sunday events replay  [--group NAME] [--board ID] [--id N] | --all                    try parked events again
  sunday events discard --id N                                                          give one up for good
`;

const say = (line: string): void => { process.stdout.write(`${line}\n`); };

function database(): Database {
  const dataDir = dataDirForRoot(process.env, process.cwd())?.dataDir;
  // What signs people in is not this command's business, so it need not be there.
  const { NODE_ENV: _mode, ...env } = process.env;
  const config = loadConfig(dataDir === undefined ? env : { ...env, SUNDAY_DATA_DIR: dataDir });
  const connected = connectRunning({ url: config.databaseUrl, dataDir: config.dataDir });
  if (connected === undefined) throw new Error(`No Sunday runs on ${config.dataDir}: start it, or set DATABASE_URL or SUNDAY_DATA_DIR as the server has them`);
  return connected;
}

async function main(): Promise<void> {
  const { values, positionals: [area, command] } = parseArgs({
    allowPositionals: true,
    options: { group: { type: 'string' }, board: { type: 'string' }, id: { type: 'string' }, state: { type: 'string' }, all: { type: 'boolean' } },
  });
  if (area !== 'events' || command === undefined) throw new UsageError();
  const connected = database();
  try {
    await eventsCommand(connected, command, values, say);
  } finally {
    await connected.close();
  }
}

main().catch((error: unknown) => {
  const asked = error instanceof UsageError || (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'));
  process.stderr.write(asked ? `${error.message}\n\n${USAGE}`.trimStart() : `${error instanceof ConfigError || error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = asked ? 2 : 1;
});
