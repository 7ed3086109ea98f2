/** A Sunday server as its own process, started as `npm start` starts it, so that a test can kill it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@sunday/database/testing';
import { SignJWT } from 'jose';

const START = fileURLToPath(new URL('../src/start.ts', import.meta.url));
/** Compiled once for all processes of all tests: a start takes half the time. */
const COMPILED = join(tmpdir(), 'sunday-test-compiled');
const SECRET = 'only for tests: thirty-two bytes or more';

const MAX_TROUBLE = 100;
/** What `npm start` says to a person. */
const SAID = /^(Building the web app|Starting Sunday|Sunday is ready|Sign in with)/;

/** Of pino's lines those of level error and worse; of others all that is not said on purpose, such as a stack. */
const isTrouble = (line: string): boolean => (line.startsWith('{"level":') ? /^\{"level":[56]0/.test(line) : line !== '' && !SAID.test(line));

export { freePort };

export function token(userId: string, options: { name?: string; expiresIn?: string } = {}): Promise<string> {
  return new SignJWT({ name: options.name ?? userId })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(options.expiresIn ?? '2h')
    .sign(new TextEncoder().encode(SECRET));
}

export class SundayProcess {
  readonly port: number;
  readonly dataDir: string;
  private readonly env: NodeJS.ProcessEnv;
  private readonly program: string;
  private child: ChildProcess | null = null;
  /** The one that was told to end. */
  private signalled: ChildProcess | null = null;
  /** The last lines it printed, for the message of a failed test. */
  private output = '';
  /** The end of what it printed, while it may not be a whole line. */
  private partial = '';
  /** What an operator would have to look into: errors in its log, what is no log line at all, ends nobody asked for. */
  readonly trouble: string[] = [];

  /** @param program what is started; default: what `npm start` starts */
  constructor(port: number, dataDir: string, env: NodeJS.ProcessEnv = {}, program = START) {
    this.port = port;
    this.dataDir = dataDir;
    this.env = env;
    this.program = program;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error('it is not started');
    return this.child.pid;
  }

  /** Resolves when /readyz says ok. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, ['--conditions=sunday-source', this.program], {
      env: {
        ...process.env, NODE_COMPILE_CACHE: COMPILED,
        PORT: String(this.port), HOST: '127.0.0.1', SUNDAY_DATA_DIR: this.dataDir, SUNDAY_JWT_SECRET: SECRET, LOG_LEVEL: 'warn',
        ...this.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => { this.printed(chunk.toString()); });
    }
    child.once('exit', (code, signal) => {
      if (this.signalled !== child) this.trouble.push(`ended by itself with ${signal ?? code}: ${this.output}`);
    });
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.output}`);
      const ready = await fetch(`${this.url}/readyz`).then((response) => response.ok, () => false);
      if (ready) return;
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }

  private printed(text: string): void {
    this.output = (this.output + text).slice(-4000);
    const lines = (this.partial + text).split('\n');
    this.partial = lines.pop() ?? '';
    for (const line of lines) if (isTrouble(line) && this.trouble.length < MAX_TROUBLE) this.trouble.push(line);
  }

  /** As a host that hangs, and goes on. Does nothing to a process that is not there. */
  stand(still: boolean): void {
    this.child?.kill(still ? 'SIGSTOP' : 'SIGCONT');
  }

  get log(): string {
    return this.output;
  }

  async signal(signal: NodeJS.Signals): Promise<number | null> {
    const { child } = this;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = once(child, 'exit');
    this.signalled = child;
    child.kill(signal);
    await ended;
    return child.exitCode;
  }

  /** The embedded Postgres' postmaster; null while it is down. */
  async postmaster(): Promise<number | null> {
    const text = await readFile(join(this.dataDir, 'postgres', 'postmaster.pid'), 'utf8').catch(() => null);
    const pid = Number(text?.split('\n', 1)[0]);
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  }

  /** Postmaster and backends: each backend is a session of its own, so they are found as children. */
  async postgresProcesses(): Promise<number[]> {
    const postmaster = await this.postmaster();
    if (postmaster === null) return [];
    const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').catch(() => '');
    return [postmaster, ...children.split(' ').filter((pid) => pid !== '').map(Number)];
  }

  async call<T>(method: string, path: string, userId: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.url}/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${await token(userId)}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    const parsed: unknown = text === '' ? null : JSON.parse(text);
    return parsed as T;
  }
}
