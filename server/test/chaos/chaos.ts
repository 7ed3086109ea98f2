/**
 * Chaos: people edit ten boards on three nodes while nodes, Redis, Postgres, and the ways between them and to the people fail, one
 * fault after the other and now and then two at once. At the end everything is put right, and `judge` says whether a board stayed a board.
 * Everything random comes from one seed: which faults, whom they hit, how long; what each person does. What the machine does in
 * between does not, so a seed narrows, and mostly repeats, but does not replay to the byte.
 */
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '../random.ts';
import { until } from '../stock-clients.ts';
import { makeBoards, nameOf } from './boards.ts';
import { Cluster } from './cluster.ts';
import { act } from './deeds.ts';
import { Echo } from './echo.ts';
import { describe, FAULTS, faults, strike, type FaultKind } from './faults.ts';
import { KINDS, makePerson, type Person } from './people.ts';
import { memoryOf, sharesOf, slowest, type Shares } from './tally.ts';
import { judge, type Settled } from './verdict.ts';

const NODES = 3;
/** An edit made this long after a fault was put right still counts as made during it: everybody is only just coming back. */
const AFTERMATH_MS = 1_000;
const MEMORY_EVERY_MS = 1_000;
/** A node of this suite holds ten small boards and 60 sockets: some 100 MB of heap, most of it garbage. */
const MAX_HEAP_BYTES = 256 * 1024 * 1024;

export interface ChaosOptions {
  readonly seed: number;
  /** How long faults go on, ms; with `maxFaults`, whichever is reached first. */
  readonly forMs: number;
  readonly maxFaults?: number;
  readonly people: number;
  readonly boards: number;
  /** Pause between two edits of one person, ms, on average. */
  readonly editEveryMs: number;
  readonly faults?: readonly FaultKind[];
  readonly say: (line: string) => void;
}

export interface ChaosResult extends Settled {
  readonly edits: number;
  readonly shares: Shares;
  readonly faults: Readonly<Record<string, number>>;
  /** Batches delivered twice. */
  readonly repeated: number;
  /** Most of any node at any time, and of any node at the end; bytes. */
  readonly heap: { readonly most: number; readonly end: number };
  readonly residentMost: number;
  /** How late this process, with all the people in it, was itself (p99): part of every wait it measured. */
  readonly lagP99Ms: number;
}

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  const { say, seed } = options;
  process.setMaxListeners(options.people + 20); // each y-websocket client listens for the end of its process
  // A stream of its own for each purpose: that somebody writes once more must not change which fault is next.
  const stream = (purpose: number): (() => number) => seededRandom(seed * 7919 + purpose);
  const dataDir = await mkdtemp(join(tmpdir(), 'sunday-chaos-judge-'));
  const cluster = await Cluster.start(NODES, stream(1));
  const echo = new Echo(cluster.redis.url, stream(2));
  const people: Person[] = [];
  const gone: Person[] = [];
  const arriving = new Set<Person>();
  const over = new AbortController();
  let busy: Promise<unknown>[] = [];
  const lag = monitorEventLoopDelay();
  try {
    const { boardIds, boardOf } = await makeBoards(cluster, options.boards, options.people);
    for (let index = 0; index < options.people; index += 1) {
      const kind = KINDS[index % KINDS.length] ?? 'sdk';
      people.push(await makePerson(kind, nameOf(index), { boardId: boardOf(index), line: await cluster.door(), patience: 'short' }));
    }
    await until('everybody is in', () => people.every(({ settled }) => settled), 60_000);
    const renew = async (person: Person, abruptly: boolean, awayMs: number): Promise<void> => {
      gone.push(person);
      if (abruptly) person.line.cut();
      await person.close();
      await delay(awayMs);
      person.line.mend();
      const anew = await makePerson(person.kind, person.name, { boardId: person.boardId, line: person.line, patience: 'short' });
      arriving.add(anew);
      people[people.indexOf(person)] = anew;
      // There is nothing to write on before the board is there.
      await until(`${anew.name} is back`, () => anew.settled, 60_000, () => `${anew.kind}: ${anew.trouble ?? anew.state()}; ${anew.diary.lines.join(', ')}`);
      arriving.delete(anew);
    };
    const present = (index: number): Person | undefined => {
      const person = people[index];
      return person === undefined || gone.includes(person) || arriving.has(person) ? undefined : person;
    };

    const during = new Map<FaultKind, number>();
    const going = (): FaultKind[] => [...during].filter(([, count]) => count > 0).map(([kind]) => kind);
    const counts: Record<string, number> = {};
    const around = (kind: FaultKind): (() => void) => {
      counts[kind] = (counts[kind] ?? 0) + 1;
      during.set(kind, (during.get(kind) ?? 0) + 1);
      return () => { setTimeout(() => { during.set(kind, (during.get(kind) ?? 1) - 1); }, AFTERMATH_MS); };
    };
    lag.enable();
    const memory = watchMemory(cluster, over.signal);
    busy = people.map((_, index) => busyAt(() => present(index), stream(100 + index), options.editEveryMs, going, over.signal));

    const end = performance.now() + options.forMs;
    let dealt = 0;
    for (const fault of faults(options.faults ?? FAULTS, NODES, stream(3))) {
      if (performance.now() > end || dealt === options.maxFaults) break;
      dealt += 1;
      say(`${new Date().toISOString().slice(11, 23)} ${dealt}: ${describe(fault)}`);
      await strike(fault, { cluster, people: () => people, renew, echo }, around);
      await delay(fault.thenMs);
    }
    over.abort();
    lag.disable();
    await Promise.all(busy);
    say('everything is put right, nobody writes any more');
    const settled = await judge(cluster, boardIds, people, gone, dataDir);
    for (const line of slowest(people, 3)) say(`waited ${line}`);
    const { most, residentMost } = await memory;
    assert(most < MAX_HEAP_BYTES, `a node had ${most} bytes of heap`);
    const atEnd = await Promise.all(cluster.nodes.map(({ process }) => memoryOf(process.url)));
    return {
      ...settled,
      edits: [...people, ...gone].reduce((sum, { books }) => sum + books.edits.length, 0),
      shares: sharesOf(people), faults: counts, repeated: echo.repeated,
      heap: { most, end: Math.max(...atEnd.map((each) => each?.heap ?? 0)) }, residentMost,
      lagP99Ms: lag.percentile(99) / 1e6,
    };
  } finally {
    over.abort();
    await Promise.all(busy);
    echo.off();
    await Promise.all(people.map((person) => person.close()));
    await cluster.close();
    await Promise.all(people.map(({ line }) => line.close()));
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Edits, and points here and there, until told to stop. */
async function busyAt(present: () => Person | undefined, next: () => number, everyMs: number, going: () => readonly string[], over: AbortSignal): Promise<void> {
  for (let count = 1; !over.aborted; count += 1) {
    await delay(everyMs * 2 * next());
    const person = present();
    if (person === undefined) continue;
    if (person.trouble !== null) return; // the verdict says it
    person.point(count);
    person.write(() => { act(person.hands, `${person.name}-${count}`, next); }, going());
  }
}

async function watchMemory(cluster: Cluster, over: AbortSignal): Promise<{ most: number; residentMost: number }> {
  let [most, residentMost] = [0, 0];
  while (!over.aborted) {
    const all = await Promise.all(cluster.nodes.map(({ process }) => memoryOf(process.url)));
    for (const memory of all) {
      most = Math.max(most, memory?.heap ?? 0);
      residentMost = Math.max(residentMost, memory?.resident ?? 0);
    }
    await delay(MEMORY_EVERY_MS, undefined, { signal: over }).catch(() => undefined);
  }
  return { most, residentMost };
}
