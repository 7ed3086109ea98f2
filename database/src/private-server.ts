/**
 * A Postgres for tests alone, in a temporary directory, gone afterwards. Postgres outlives a parent that is killed, which is right for
 * Sunday and wrong for tests: a server left behind by a killed test run is ended and removed by the next one.
 */
import { readFileSync, rmSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withDatabase } from './connection.ts';
import { isPostmasterOf, readPostmasterFile } from './embedded/postmaster-file.ts';
import { EmbeddedPostgres } from './embedded/supervisor.ts';

export interface PrivateServer {
  /** Of its maintenance database. */
  readonly url: string;
  /** Down, in order or as when its machine loses power, until `resume`; its data and its address stay. */
  halt(how: 'orderly' | 'crash'): Promise<void>;
  resume(): Promise<void>;
  /** For good. */
  stop(): Promise<void>;
}

const PREFIX = 'sunday-test-';

/** `sunday-test-<pid>-xxxxxx`: the process id says whether the directory is still somebody's. */
export async function makeTestDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  await chmod(directory, 0o711); // as root, Postgres' own user must pass
  return directory;
}

export async function startPrivateServer(): Promise<PrivateServer> {
  await sweepAbandoned();
  const dataDir = await makeTestDirectory();
  let server = await EmbeddedPostgres.start({ dataDir });
  const onExit = (): void => {
    endServer(dataDir);
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once('exit', onExit); // a test that fails before its close, or forgets it
  return {
    url: withDatabase(server.connectionString, 'postgres'),
    async halt(how) {
      if (how === 'crash' && server.pid !== undefined) killAll(server.pid);
      await server.stop(); // after a crash: ends the attempts to bring it back
    },
    async resume() {
      server = await EmbeddedPostgres.start({ dataDir });
    },
    async stop() {
      process.off('exit', onExit);
      await server.stop();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function sweepAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(/^sunday-test-(\d+)-/.exec(name)?.[1]);
    if (!Number.isInteger(pid) || isAlive(pid)) continue;
    const directory = join(tmpdir(), name);
    try {
      endServer(directory);
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    } catch {
      // another user's, or another run is sweeping it
    }
  }
}

/** At once and without a checkpoint: nobody will read these data again. */
function endServer(dataDir: string): void {
  const cluster = join(dataDir, 'postgres');
  const pid = readPostmasterFile(cluster)?.pid;
  if (pid !== undefined && isPostmasterOf(cluster, pid) === true) process.kill(pid, 'SIGQUIT');
}

/** The postmaster, and its backends: one that outlived it would keep its clients waiting. */
function killAll(postmaster: number): void {
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').split(' ').filter((pid) => pid !== '').map(Number);
  for (const pid of [postmaster, ...children]) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
