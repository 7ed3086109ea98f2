/** `npm start`: configuration, the web app if it is not built yet, the server, and how to sign in. Ends on SIGTERM or SIGINT. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSetupError } from '@sunday/database';
import pino from 'pino';
import { ConfigError, loadConfig, type Config } from './config.ts';
import { dataDirForRoot } from './data-dir.ts';
import { tuneGarbageCollection } from './garbage-collection.ts';
import { startSunday } from './main.ts';
import { namesOf } from './roles.ts';
import { buildWebApp } from './web-build.ts';

const say = (line: string): void => { process.stdout.write(`${line}\n`); };

/** Neither SUNDAY_JWT_SECRET nor SUNDAY_JWKS_URL, outside production: a secret of this data dir, made once. */
async function withDevelopmentSecret(config: Config): Promise<Config> {
  if (!config.devAuth) return config;
  const file = join(config.dataDir, 'jwt-secret');
  await mkdir(config.dataDir, { recursive: true });
  if (!existsSync(file)) await writeFile(file, randomBytes(32).toString('base64url'), { mode: 0o600 });
  return { ...config, auth: { ...config.auth, secret: (await readFile(file, 'utf8')).trim() } };
}

/** Unique among the nodes of a cluster, and the same after a restart, so that the others know whose ghosts to remove. */
function nodeName(config: Config): string {
  return `${hostname()}:${config.port === 0 ? process.pid : config.port}`;
}

async function main(): Promise<void> {
  const started = performance.now();
  tuneGarbageCollection();
  const elsewhere = dataDirForRoot(process.env, process.cwd());
  if (elsewhere !== undefined) say(elsewhere.note);
  const config = await withDevelopmentSecret(loadConfig(elsewhere === undefined ? process.env : { ...process.env, SUNDAY_DATA_DIR: elsewhere.dataDir }));
  const log = pino({ level: config.logLevel, redact: ['req.headers.authorization'] });
  for (const warning of config.warnings) log.warn(warning);
  if (config.roles.has('api')) await buildWebApp(say);
  say('Starting Sunday ...');
  const sunday = await startSunday(config, log, nodeName(config));
  say(`Sunday is ready in ${((performance.now() - started) / 1000).toFixed(1)} s: ${config.publicUrl ?? sunday.url}`);
  if (!config.roles.has('api')) say(`It runs ${namesOf(config.roles)}; the web app and REST are on the nodes with the role api.`);
  else if (config.devAuth && config.loopback) say('Sign in with any name (development sign-in, this machine only).');
  else say('Sign in with a token of your identity provider (SUNDAY_JWKS_URL or SUNDAY_JWT_SECRET).');

  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    const giveUp = setTimeout(() => {
      log.error(sunday.unfinished, 'not everything could be committed in time');
      process.exit(1);
    }, config.limits.shutdownGraceMs);
    sunday.stop().then(
      () => { clearTimeout(giveUp); process.exit(0); },
      (error: unknown) => { log.error({ err: error }, 'stopping failed'); process.exit(1); },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** What a person has to put right is said in words; anything else is a defect, and shows its stack. */
function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof DatabaseSetupError) return error.message;
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') return `${error.message}\nSomething else listens there, perhaps another Sunday. Stop it, or set PORT.`;
  return error.stack ?? error.message;
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
});
