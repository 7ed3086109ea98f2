/**
 * The ordeal: people edit, the server and its Postgres are killed -9 at random moments, clients reconnect by themselves. At the
 * end: no acknowledged edit lost, nothing lost that anybody saw, every client and the database hold the same board. After each blow and at the
 * end the events of the board, folded from the first, are its rows and its document.
 * Everything random comes from one printed seed; what the machine does in between does not, so a seed narrows, not replays.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as Y from 'yjs';
import { seededRandom } from '../random.ts';
import { freePort, SundayProcess, token } from '../sunday-process.ts';
import { sdkEditor, stockEditor, type Editor } from './editors.ts';
import { eventsTold, preparePlace, storedText, until } from './place.ts';

export type Blow = 'server' | 'postgres' | 'postgres-away';

export interface OrdealOptions {
  readonly seed: number;
  readonly editors: number;
  readonly edits: number;
  /** In order; each at a random moment of its share of the run. */
  readonly blows: readonly Blow[];
  /** How long `postgres-away` lasts, ms. */
  readonly awayMs: number;
  /** Pause between two edits of one editor, ms, on average. */
  readonly editEveryMs: number;
  readonly say: (line: string) => void;
}

export interface OrdealResult {
  readonly written: number;
  readonly acknowledged: number;
  readonly seen: number;
  readonly lostAcknowledged: number;
  readonly lostSeen: number;
  /** Of the board, at the end. */
  readonly events: number;
  /** Longest time from a blow until every client was synced again, ms. */
  readonly worstRecoveryMs: number;
}

export async function ordeal(options: OrdealOptions): Promise<OrdealResult> {
  const { say } = options;
  const next = seededRandom(options.seed);
  const dataDir = await mkdtemp(join(tmpdir(), 'sunday-ordeal-'));
  const server = new SundayProcess(await freePort(), dataDir);
  await server.start();
  const editors: Editor[] = [];
  const over = new AbortController();
  let typing: Promise<unknown>[] = [];
  try {
    const place = await preparePlace(server, options.editors);
    for (let index = 0; index < options.editors; index += 1) {
      const userId = `u_${index}`;
      const own = { ...place, userId, token: () => token(userId), next };
      editors.push(index % 2 === 0 ? stockEditor(`s${index}`, own) : await sdkEditor(`k${index}`, own));
    }
    await until('everybody is in', () => editors.every((editor) => editor.settled));

    const finished = new Set<Editor>();
    typing = editors.map((editor) => typeFor(editor, options, next, over.signal).then(() => finished.add(editor)));
    const worstRecoveryMs = await strike(server, place.boardId, editors, finished, options, next);
    await Promise.all(typing);
    say('everything is written; waiting until all is saved and everybody holds the same');
    await until('every edit is acknowledged', () => editors.every((editor) => editor.settled), () => describe(editors));
    await until('all clients hold the same text', () => new Set(editors.map((editor) => editor.text())).size === 1);

    const stored = await storedText(server, place);
    const text = editors[0]?.text() ?? '';
    assert.equal(stored, text, 'the database holds what the clients hold');
    assert.equal(new Set(editors.map((editor) => Buffer.from(Y.encodeStateVector(editor.doc)).toString('base64'))).size, 1, 'all clients have the same clocks');
    const events = await eventsTold(server, place.boardId);
    assert(events !== null);
    return { ...tally(editors, stored), events, worstRecoveryMs };
  } finally {
    over.abort();
    await Promise.all(typing);
    await Promise.all(editors.map((editor) => editor.close()));
    await server.signal('SIGTERM');
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function typeFor(editor: Editor, options: OrdealOptions, next: () => number, over: AbortSignal): Promise<void> {
  const own = Math.ceil(options.edits / options.editors);
  for (let edit = 0; edit < own && !over.aborted; edit += 1) {
    editor.write();
    await delay(options.editEveryMs * 2 * next());
  }
}

/** Deals the blows, spread over the typing; returns the longest recovery. */
async function strike(server: SundayProcess, boardId: string, editors: readonly Editor[], finished: ReadonlySet<Editor>, options: OrdealOptions, next: () => number): Promise<number> {
  let worst = 0;
  const typingMs = (options.edits / options.editors) * options.editEveryMs;
  for (const [index, blow] of options.blows.entries()) {
    await delay((typingMs / options.blows.length) * next());
    const at = performance.now();
    options.say(`blow ${index + 1} of ${options.blows.length}: ${blow}, ${writtenBy(editors)} edits written`);
    await deal(server, blow, options.awayMs, next);
    await until('everybody is connected again', () => editors.every((editor) => editor.progressAt > at || finished.has(editor)), () => server.log);
    const recovery = performance.now() - at - (blow === 'postgres-away' ? options.awayMs : 0);
    const told = await eventsTold(server, boardId);
    options.say(`  everybody got an acknowledgement or an edit again after ${Math.round(recovery)} ms${told === null ? '' : `; ${told} events fold to the board`}`);
    worst = Math.max(worst, recovery);
  }
  return worst;
}

/** The pid file may name a postmaster that is just gone: then the blow was dealt already. */
function strikeProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function deal(server: SundayProcess, blow: Blow, awayMs: number, next: () => number): Promise<void> {
  switch (blow) {
    case 'server':
      await server.signal('SIGKILL');
      await delay(300 * next());
      await server.start();
      return;
    case 'postgres': {
      const pid = await server.postmaster();
      if (pid !== null) strikeProcess(pid, 'SIGKILL');
      return;
    }
    case 'postgres-away': {
      // Frozen, not gone: what a lost network or a hung disk looks like.
      const pids = await server.postgresProcesses();
      for (const pid of pids) strikeProcess(pid, 'SIGSTOP');
      await delay(awayMs);
      for (const pid of pids) strikeProcess(pid, 'SIGCONT');
    }
  }
}

const writtenBy = (editors: readonly Editor[]): number => editors.reduce((sum, editor) => sum + editor.written, 0);

function tally(editors: readonly Editor[], stored: string): Omit<OrdealResult, 'events' | 'worstRecoveryMs'> {
  const acknowledged = new Set(editors.flatMap((editor) => [...editor.acknowledged]));
  const seen = new Set(editors.flatMap((editor) => [...editor.seen]));
  const missing = (markers: ReadonlySet<string>): number => [...markers].filter((marker) => !stored.includes(marker)).length;
  return {
    written: writtenBy(editors),
    acknowledged: acknowledged.size,
    seen: seen.size,
    lostAcknowledged: missing(acknowledged),
    lostSeen: missing(seen),
  };
}

const describe = (editors: readonly Editor[]): string => editors.filter((editor) => !editor.settled).map((editor) => `${editor.name} is not settled`).join(', ');
