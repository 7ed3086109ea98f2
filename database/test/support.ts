/** What the tests of the embedded server share. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { isPostmasterOf, readPostmasterFile } from '../src/embedded/postmaster-file.ts';
import { makeTestDirectory } from '../src/private-server.ts';
import { join } from 'node:path';

const DEADLINE_MS = 30_000;

/** Waits for a condition. @returns its first value that is neither undefined nor false */
export async function until<T>(what: string, condition: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`Waited ${DEADLINE_MS / 1000} s for: ${what}`);
    await delay(10);
  }
}

/** A data dir that is gone after the test, with whatever server still runs on it. */
export async function temporaryDataDir(t: TestContext): Promise<string> {
  const dataDir = await makeTestDirectory();
  t.after(async () => {
    const cluster = join(dataDir, 'postgres');
    const pid = readPostmasterFile(cluster)?.pid;
    if (pid !== undefined && isPostmasterOf(cluster, pid) === true) {
      process.kill(pid, 'SIGQUIT');
      await until('the server to end', () => isPostmasterOf(cluster, pid) === false);
    }
    await rm(dataDir, { recursive: true, force: true, maxRetries: 10 });
  });
  return dataDir;
}

export interface Owner {
  readonly process: ChildProcess;
  /** Lines it printed, in order. */
  readonly lines: string[];
  readonly errors: () => string;
  line(matching: RegExp): Promise<string>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Another Sunday process on a data dir: opens the database, prints `open <server pid>`, then does as told (see owner-process.ts). */
export function startOwner(t: TestContext, args: readonly string[], options: { uid?: number; gid?: number } = {}): Owner {
  const script = fileURLToPath(new URL('owner-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=sunday-source', script, ...args], { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  const lines: string[] = [];
  let errors = '';
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text; });
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  };
  t.after(() => kill('SIGKILL'));
  return {
    process: child,
    lines,
    errors: () => errors,
    line: (matching) => until(`a line like ${String(matching)} from the other process (${errors})`, () => lines.find((line) => matching.test(line))),
    kill,
  };
}
