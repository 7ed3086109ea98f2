/**
 * `npm test`: every test of every package, on real parts, and node:test's closing lines at the end.
 *
 *   npm test                                   everything
 *   npm test -- server/test/rest-live.test.ts  some files (or globs)
 *
 * One embedded Postgres is shared by all files (database/src/testing-global-setup.ts); TEST_DATABASE_URL names another server.
 * Browser suites need Chromium: the one TEST_CHROMIUM names, else one of the usual places. Without it they are skipped, each by name;
 * with CI=true a skipped test of any kind fails the run. Exits 0 if and only if nothing failed.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, type RunOptions } from 'node:test';
import { spec } from 'node:test/reporters';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const EVERYTHING = ['src', 'test'].flatMap((folder) => ['*', 'extensions/*'].map((pack) => `${pack}/${folder}/**/*.test.ts`));
/** Files at once. The machines this is run on have two cores, and most tests start servers of their own. */
const CONCURRENCY = 2;
/** For one test, hooks included; and for one file. The longest file takes about two minutes on two cores. */
const TIMEOUT_MS = 5 * 60_000;
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/snap/bin/chromium', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];

const inCi = /^(1|true)$/.test(process.env['CI'] ?? '');

const shout = (line: string): void => { process.stderr.write(`${line}\n`); };

function findChromium(): string | undefined {
  const named = process.env['TEST_CHROMIUM'] ?? '';
  return (named === '' ? CHROMIUM : [named]).find((path) => existsSync(path));
}

/** Suites that do nothing without a browser. A suite that needs it in part skips that part itself, by TEST_CHROMIUM. */
const needsChromium = (file: string): boolean => file.startsWith('web/test/') && readFileSync(join(ROOT, file), 'utf8').includes("'./support.ts'");

function chooseFiles(chromium: string | undefined): string[] {
  const asked = process.argv.slice(2);
  const found = globSync(asked.length > 0 ? asked : EVERYTHING, { cwd: ROOT, exclude: (name) => name === 'node_modules' || name === 'dist' });
  const files = found.map((file) => file.replaceAll('\\', '/')).toSorted();
  if (chromium !== undefined) return files;
  for (const file of files.filter(needsChromium)) shout(`SKIPPED: ${file}: no Chromium (on Debian: apt-get install chromium; or TEST_CHROMIUM=/path/to/it)`);
  return files.filter((file) => !needsChromium(file));
}

const chromium = findChromium();
if (chromium !== undefined) process.env['TEST_CHROMIUM'] = chromium;
else if (inCi) process.exitCode = 1;
const files = chooseFiles(chromium);
if (files.length === 0) {
  shout('No test file matches.');
  process.exit(1);
}

/** Known to Node 24, not yet to its types. */
type WithGlobalSetup = RunOptions & { readonly globalSetupPath: string };
const options: WithGlobalSetup = {
  files: files.map((file) => join(ROOT, file)),
  cwd: ROOT,
  concurrency: CONCURRENCY,
  timeout: TIMEOUT_MS,
  // A file whose tests are done is over: a socket it left open must not hold up the run.
  forceExit: true,
  globalSetupPath: join(ROOT, 'database/src/testing-global-setup.ts'),
};
const tests = run(options);
tests.on('test:fail', ({ todo }) => {
  if (todo === undefined || todo === false) process.exitCode = 1;
});
tests.on('test:pass', ({ name, file, skip }) => {
  if (skip === undefined || skip === false) return;
  shout(`SKIPPED: ${file ?? ''}: ${name}${typeof skip === 'string' ? `: ${skip}` : ''}${inCi ? ' (a failure in CI)' : ''}`);
  if (inCi) process.exitCode = 1;
});
tests.pipe(new spec()).pipe(process.stdout);
