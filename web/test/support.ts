/**
 * What the browser tests share: the app built, a real Sunday server as its own process on a random port with an embedded Postgres, one
 * Chromium, and people signed in to it. Every page fails its test on an error in its console (a CSP violation is one).
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { untilWithin } from '@sunday/board-model/testing/until';
import { freePort } from '@sunday/database/testing';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';

export const until = untilWithin(20_000);

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WEB = join(ROOT, 'web');

export const CSV = fileURLToPath(new URL('fixtures/product-roadmap.csv', import.meta.url));

async function newest(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const times = await Promise.all(entries.filter((entry) => entry.isFile()).map(async (entry) => (await stat(join(entry.parentPath, entry.name))).mtimeMs));
  return Math.max(0, ...times);
}

/** Builds the app if a source is newer than the last build. */
async function buildApp(): Promise<void> {
  const built = await stat(join(WEB, 'dist', 'index.html')).then(
    (file) => file.mtimeMs,
    () => 0,
  );
  const sources = await Promise.all(['web/src', 'client-sdk/src', 'board-model/src'].map((folder) => newest(join(ROOT, folder))));
  if (built > Math.max(...sources)) return;
  const build = spawn(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'error'], {
    cwd: WEB,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(build, 'exit')) as [number | null];
  if (code !== 0) throw new Error('the web app does not build');
}

export class Sunday {
  readonly url: string;
  readonly #port: number;
  readonly #dataDir: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  #output = '';

  private constructor(port: number, dataDir: string, env: Readonly<Record<string, string>>) {
    this.#port = port;
    this.#env = env;
    this.#dataDir = dataDir;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async open(env: Readonly<Record<string, string>> = {}): Promise<Sunday> {
    await buildApp();
    const server = new Sunday(await freePort(), await mkdtemp(join(tmpdir(), 'sunday-web-')), env);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, ['--conditions=sunday-source', join(ROOT, 'server/src/start.ts')], {
      // a server of its own, whatever this machine is set up for: embedded database, development sign-in
      env: {
        ...process.env,
        DATABASE_URL: undefined,
        REDIS_URL: undefined,
        SUNDAY_JWT_SECRET: undefined,
        SUNDAY_JWKS_URL: undefined,
        PORT: String(this.#port),
        HOST: '127.0.0.1',
        SUNDAY_DATA_DIR: this.#dataDir,
        LOG_LEVEL: 'warn',
        NODE_ENV: 'development',
        ...this.#env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-4000);
      });
    }
    await until(
      'the server is ready',
      async () => {
        if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.#output}`);
        return fetch(`${this.url}/readyz`).then(
          (response) => response.ok,
          () => false,
        );
      },
      60_000,
    );
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

export interface SignedIn {
  token: string;
  user: { id: string; name: string };
}

export async function signIn(server: Sunday, name: string): Promise<SignedIn> {
  return rest<SignedIn>(server, null, 'POST', '/dev/sessions', { name });
}

export async function rest<T>(server: Sunday, who: SignedIn | null, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${server.url}/v1${path}`, {
    method,
    headers: { ...(who ? { authorization: `Bearer ${who.token}` } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === '' ? null : JSON.parse(text)) as T;
}

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env['TEST_CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

export interface Visitor extends SignedIn {
  page: Page;
  context: BrowserContext;
  /** Errors of the console and of the page so far. `away` leaves out what a browser logs by itself while the server is gone. */
  errors: (options?: { away?: boolean }) => string[];
}

const AWAY = /WebSocket connection to|ERR_CONNECTION_REFUSED|net::ERR_/;

/** A person with a browser of their own (a context: own storage, own tabs), signed in. */
export async function visit(server: Sunday, browser: Browser, name: string, options: BrowserContextOptions = {}): Promise<Visitor> {
  const who = await signIn(server, name);
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  await context.addInitScript((session) => localStorage.setItem('sunday.session', session), JSON.stringify(who));
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  return { ...who, page, context, errors: ({ away = false } = {}) => (away ? errors.filter((text) => !AWAY.test(text)) : errors) };
}

/** dnd-kit listens to keys only from a timer after a drag began; input may overtake timers, so the next key waits for one and a frame. */
export const keysAreHeard = (page: Page): Promise<unknown> =>
  page.evaluate(() => new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve), 0)));

/** Names of the rows that are mounted, from top to bottom. */
export const rowNames = (page: Page): Promise<string[]> => page.locator('.trow .tcell-name > .grow').allTextContents();

export const rowOf = (page: Page, name: string) => page.locator('.trow', { has: page.locator('.tcell-name > .grow', { hasText: new RegExp(`^${name}$`) }) });

/** Ada's board, made of the template for tasks, with Grace as an editor; nobody has opened it yet. */
export async function sharedBoard(server: Sunday, browser: Browser): Promise<{ ada: Visitor; grace: Visitor; boardId: string }> {
  const ada = await visit(server, browser, 'Ada Lovelace');
  const grace = await visit(server, browser, 'Grace Hopper');
  const { id: boardId } = await rest<{ id: string }>(server, ada, 'POST', '/boards', { name: 'Launch plan', template: 'tasks' });
  await rest(server, ada, 'POST', `/boards/${boardId}/members`, { userId: grace.user.id, role: 'editor' });
  return { ada, grace, boardId };
}
