/**
 * All consumer groups of this process: started together, stopped together, measured, and what they remember kept within bounds.
 *
 * Guarantees and what not: group-consumer.ts. Does not: decide which groups there are (the composition root registers them).
 * Owns the groups, the gate of their transactions, the lag and the sweep timer, until `stop()`.
 */
import { DatabaseUnavailable, type Database } from '@sunday/database';
import type { EventBus } from './event-bus.ts';
import { countFailed } from './failed-deliveries.ts';
import { GroupConsumer, type ConsumerDefinition, type ConsumerLimits, type Gate, type GroupObserver } from './group-consumer.ts';
import { pause } from './lanes.ts';

export interface ConsumersObserver extends GroupObserver {
  /** Events that wait for the group on the bus. */
  lag?(group: string, events: number): void;
  /** Deliveries that failed, by state: `retrying`, `parked`, `waiting` (behind one of their board). */
  failures?(counts: readonly { readonly group: string; readonly state: string; readonly count: number }[]): void;
}

export interface ConsumersOptions {
  readonly database: Database;
  readonly bus: EventBus;
  readonly limits?: Partial<ConsumersLimits>;
  readonly observe?: ConsumersObserver;
}

export interface ConsumersLimits extends ConsumerLimits {
  /** Transactions of all groups of this process at a time; the pool has 16 connections, and commits come first. */
  readonly transactions: number;
  /** How long an event is remembered as consumed: longer than any bus delivers it again. */
  readonly rememberHours: number;
}

export const DEFAULT_CONSUMERS_LIMITS: ConsumersLimits = {
  tries: 8, timeoutMs: 30_000, backoffMinMs: 1_000, backoffMaxMs: 5 * 60_000, retryPollMs: 1_000, transactions: 4, rememberHours: 168,
};

const MEASURE_MS = 10_000;
/** One delete; a long one would hold back vacuum. */
const SWEEP_ROWS = 10_000;
const SWEEP_MS = 60 * 60_000;
const RETRY_MS = 1_000;

const forget = `DELETE FROM consumed_events WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM consumed_events WHERE consumed_at < now() - $1 * interval '1 hour' LIMIT $2)) RETURNING 1`;

export class Consumers {
  private readonly parts: ConsumersOptions;
  private readonly limits: ConsumersLimits;
  private readonly gate: Gate;
  private readonly groups = new Map<string, GroupConsumer>();
  private readonly stopping = new AbortController();
  private readonly work = new Set<Promise<void>>();
  private running = false;

  constructor(parts: ConsumersOptions) {
    this.parts = parts;
    this.limits = { ...DEFAULT_CONSUMERS_LIMITS, ...parts.limits };
    this.gate = createGate(this.limits.transactions);
  }

  /** Before or after `start`. @throws if the group is there already */
  register(definition: ConsumerDefinition): void {
    if (this.groups.has(definition.group)) throw new Error(`Two consumers call themselves ${definition.group}`);
    const group = new GroupConsumer({ database: this.parts.database, definition, limits: this.limits, gate: this.gate, observe: this.parts.observe ?? {} });
    this.groups.set(definition.group, group);
    if (this.running) this.spawn(this.startGroup(group));
  }

  /** Never rejects: without a database it begins when there is one. */
  start(): void {
    if (this.running) return;
    this.running = true;
    for (const group of this.groups.values()) this.spawn(this.startGroup(group));
    this.spawn(this.every(MEASURE_MS, () => this.measure()));
    this.spawn(this.every(SWEEP_MS, () => this.sweep()));
  }

  /** Lets what is in hand end; what is not begun stays on the bus. Never rejects. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.work);
    await Promise.all([...this.groups.values()].map((group) => group.stop()));
  }

  private async startGroup(group: GroupConsumer): Promise<void> {
    const { database, bus } = this.parts;
    const { signal } = this.stopping;
    let known: boolean | undefined;
    while (known === undefined && !signal.aborted) {
      known = await database.query('SELECT FROM consumer_groups WHERE bus = $1 AND consumer_group = $2', [bus.kind, group.group]).then((rows) => rows.length > 0, () => undefined);
      if (known === undefined) await pause(RETRY_MS, signal);
    }
    if (signal.aborted || known === undefined) return;
    const { ready } = group.start(bus, known);
    await Promise.race([ready, pause(2 ** 31 - 1, signal)]);
    // Not before the bus has it: a group that is known starts from whatever is there.
    for (let noted = known; !noted && !signal.aborted;) {
      noted = await database.query('INSERT INTO consumer_groups (bus, consumer_group) VALUES ($1, $2) ON CONFLICT DO NOTHING', [bus.kind, group.group]).then(() => true, () => false);
      if (!noted) await pause(RETRY_MS, signal);
    }
  }

  private async measure(): Promise<void> {
    const { observe } = this.parts;
    observe?.failures?.(await countFailed(this.parts.database));
    for (const group of this.groups.values()) {
      try {
        observe?.lag?.(group.group, await group.lag());
      } catch (error) {
        observe?.trouble?.(`the lag of ${group.group} is not known`, error);
      }
    }
  }

  private async sweep(): Promise<void> {
    while (!this.stopping.signal.aborted && (await this.parts.database.query(forget, [this.limits.rememberHours, SWEEP_ROWS])).length === SWEEP_ROWS);
  }

  private async every(ms: number, what: () => Promise<void>): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await what();
      } catch (error) {
        if (!(error instanceof DatabaseUnavailable)) this.parts.observe?.trouble?.('the books of consumer groups', error);
      }
      await pause(ms * (0.75 + Math.random() / 2), signal);
    }
  }

  private spawn(work: Promise<void>): void {
    const tracked = work.finally(() => { this.work.delete(tracked); });
    this.work.add(tracked);
  }
}

function createGate(places: number): Gate {
  let free = places;
  const queue: (() => void)[] = [];
  return {
    async run(work) {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => { queue.push(resolve); });
      try {
        return await work();
      } finally {
        const next = queue.shift();
        if (next === undefined) free++;
        else next();
      }
    },
  };
}
