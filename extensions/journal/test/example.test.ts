/** The README's example, run as its reader would: a process of its own, killed and started again. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openTestDatabase } from '@sunday/database/testing';
import { connect, until } from './plain-hocuspocus.ts';

const EXAMPLE = fileURLToPath(new URL('../examples/plain-hocuspocus.ts', import.meta.url));

const started = new Set<ChildProcess>();
after(() => { for (const child of started) child.kill('SIGKILL'); });

async function start(databaseUrl: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ['--conditions=sunday-source', EXAMPLE], { env: { ...process.env, PORT: '0', DATABASE_URL: databaseUrl }, stdio: ['ignore', 'pipe', 'inherit'] });
  started.add(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^Listening at (ws:\S+)$/.exec(line)?.[1];
    if (url !== undefined) return { child, url };
  }
  throw new Error('the example ended without listening');
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

test('a plain Hocuspocus server keeps what it acknowledged through kill -9, and ends by itself on SIGTERM', async () => {
  await using opened = await openTestDatabase();
  const documentName = randomUUID();

  const first = await start(opened.connectionString);
  const ada = connect(first.url, documentName);
  const bob = connect(first.url, documentName);
  await until('both are in sync', () => ada.provider.isSynced && bob.provider.isSynced);
  ada.doc.getText('notes').insert(0, 'committed');
  await until('the edit is acknowledged', () => !ada.provider.hasUnsyncedChanges);
  await until('the other sees it', () => bob.doc.getText('notes').toJSON() === 'committed');
  ada.close();
  bob.close();
  await end(first.child, 'SIGKILL');

  const second = await start(opened.connectionString);
  const cleo = connect(second.url, documentName);
  await until('the edit is there', () => cleo.doc.getText('notes').toJSON() === 'committed');
  cleo.close();
  await end(second.child, 'SIGTERM');
  assert.equal(second.child.exitCode, 0);
});

test('the README shows this example', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const shown = /```ts\n([^]*?)```/.exec(readme)?.[1] ?? '';
  assert.ok(shown.includes('new Journal') && readFileSync(EXAMPLE, 'utf8').endsWith(shown));
});
