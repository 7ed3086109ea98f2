/**
 * What goes wrong, and how it is put right. A fault is drawn whole before it begins (which, whom, how long), so a seed gives the same faults
 * in the same order; what the machine makes of them in between is its own.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { between, pick, shuffled } from '../random.ts';
import type { Cluster } from './cluster.ts';
import type { Echo } from './echo.ts';
import type { Person } from './people.ts';

export const FAULTS = [
  'node killed', 'node restarted', 'node frozen',
  'redis stopped', 'redis frozen', 'redis cut', 'redis hangs', 'redis slow', 'redis repeats',
  'postgres stopped', 'postgres killed', 'postgres cut', 'postgres hangs', 'postgres slow',
  'people offline', 'people hang', 'people slow', 'people leave',
] as const;
export type FaultKind = (typeof FAULTS)[number];

export interface Fault {
  readonly kind: FaultKind;
  readonly node: number;
  /** How long it lasts, ms. */
  readonly forMs: number;
  /** Numbers in [0, 1) that say which people. */
  readonly dice: readonly number[];
  /** The pause after it, ms. */
  readonly thenMs: number;
  /** Another that begins while this one lasts, this long after it, ms. */
  readonly beside: { readonly fault: Fault; readonly afterMs: number } | null;
}

export interface Stage {
  readonly cluster: Cluster;
  readonly people: () => readonly Person[];
  /** Somebody leaves, with a goodbye or without, is away for a while, and comes back on a new page. */
  readonly renew: (person: Person, abruptly: boolean, awayMs: number) => Promise<void>;
  readonly echo: Echo;
}

/** What a fault takes hold of: two that meet hold different things. */
const holdOf = (kind: FaultKind): string => kind.split(' ', 1)[0] ?? kind;
/** Of the people, at a time. */
const STRUCK = 0.3;
const MOST_MS = 4_000;
const LEAST_MS = 500;
/** Slow enough to be felt, and a round trip of it well within every timeout. */
const SLOW_MS = 250;

/** All kinds in some order, then all in another, and so on. */
export function* faults(kinds: readonly FaultKind[], nodes: number, next: () => number): Generator<Fault, never> {
  const one = (kind: FaultKind): Fault => ({
    kind, node: Math.floor(next() * nodes), forMs: between(LEAST_MS, MOST_MS, next), dice: Array.from({ length: 100 }, next), thenMs: between(300, 2_000, next), beside: null,
  });
  for (;;) {
    for (const kind of shuffled(kinds, next)) {
      const fault = one(kind);
      const others = kinds.filter((other) => holdOf(other) !== holdOf(kind));
      yield next() < 0.25 && others.length > 0 ? { ...fault, beside: { fault: one(pick(others, next)), afterMs: between(0, fault.forMs, next) } } : fault;
    }
  }
}

export const describe = (fault: Fault): string => {
  const whom = fault.kind.startsWith('people') || /stopped|redis frozen|repeats|postgres killed/.test(fault.kind) ? '' : ` (node ${fault.node + 1})`;
  const beside = fault.beside === null ? '' : `, and ${(fault.beside.afterMs / 1000).toFixed(1)} s later ${describe(fault.beside.fault)}`;
  return `${fault.kind}${whom} for ${(fault.forMs / 1000).toFixed(1)} s${beside}`;
};

/** Resolves when it is put right, with all that began beside it. `around` is told what begins and ends. */
export async function strike(fault: Fault, stage: Stage, around: (kind: FaultKind) => () => void): Promise<void> {
  const over = around(fault.kind);
  const beside = fault.beside === null ? undefined : delay(fault.beside.afterMs).then(() => (fault.beside === null ? undefined : strike(fault.beside.fault, stage, around)));
  await deal(fault, stage);
  over();
  await beside;
}

async function deal({ kind, node: index, forMs, dice }: Fault, { cluster, people, renew, echo }: Stage): Promise<void> {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`no node ${index}`);
  const { process, toPostgres, toRedis } = node;
  const lasting = async (begin: () => void, end: () => void): Promise<void> => {
    begin();
    await delay(forMs);
    end();
  };
  const struck = people().filter((_, at) => (dice[at % dice.length] ?? 1) < STRUCK);
  const toPeople = (begin: (person: Person) => void): Promise<void> => lasting(
    () => { for (const person of struck) begin(person); },
    () => { for (const person of struck) person.line.mend(); },
  );
  switch (kind) {
    case 'node killed':
      await process.signal('SIGKILL');
      await delay(forMs / 2);
      return process.start();
    case 'node restarted': {
      const code = await process.signal('SIGTERM');
      if (code !== 0) process.trouble.push(`SIGTERM ended it with ${code}: ${process.log}`);
      return process.start();
    }
    case 'node frozen': return lasting(() => { process.stand(true); }, () => { process.stand(false); });
    case 'redis stopped':
      await cluster.redis.stop();
      await delay(forMs);
      return cluster.redis.start();
    case 'redis frozen': return lasting(() => { cluster.redis.freeze(); }, () => { cluster.redis.thaw(); });
    case 'redis cut': return lasting(() => { toRedis.cut(); }, () => { toRedis.mend(); });
    case 'redis hangs': return lasting(() => { toRedis.hang(); }, () => { toRedis.mend(); });
    case 'redis slow': return lasting(() => { toRedis.slow(SLOW_MS, SLOW_MS); }, () => { toRedis.mend(); });
    case 'redis repeats': return lasting(() => { echo.on(); }, () => { echo.off(); });
    case 'postgres stopped':
    case 'postgres killed':
      await cluster.postgres.halt(kind === 'postgres stopped' ? 'orderly' : 'crash');
      await delay(forMs);
      return cluster.postgres.resume();
    case 'postgres cut': return lasting(() => { toPostgres.cut(); }, () => { toPostgres.mend(); });
    case 'postgres hangs': return lasting(() => { toPostgres.hang(); }, () => { toPostgres.mend(); });
    case 'postgres slow': return lasting(() => { toPostgres.slow(SLOW_MS, SLOW_MS); }, () => { toPostgres.mend(); });
    case 'people offline': return toPeople(({ line }) => { line.cut(); });
    case 'people hang': return toPeople(({ line }) => { line.hang(); });
    case 'people slow': return toPeople(({ line }) => { line.slow(SLOW_MS, SLOW_MS); });
    case 'people leave':
      await Promise.all(struck.map((person, at) => renew(person, at % 2 === 0, forMs)));
  }
}
