/**
 * One consumer group in this process: dedupe, handling, retries with backoff, parking. What it does is the same on every driver: the driver
 * delivers, this decides.
 *
 * A handler works in the transaction that notes the event as consumed (`in: 'transaction'`): its effect in Postgres happens once, whatever dies. Or
 * outside (`in: 'outside'`: a request to somebody else): at least once, since nobody can do that and commit in one step.
 *
 * A failure moves the event to `failed_deliveries` and the bus goes on; later events of that board queue up behind it there, in order, other
 * boards are not touched. It is tried again after a growing pause, by any worker of the group, and parked after `tries`. Then the board goes on
 * without it (`afterParked: 'continue'`), or stays held (`'hold'`) until somebody replays or discards it.
 * Owns its subscription and the retry loop, until `stop()`.
 */
import { DatabaseUnavailable, type Database, type Tx } from '@sunday/database';
import type { BoardEvent, Topic } from './envelope.ts';
import type { EventBus, Subscription } from './event-bus.ts';
import { Deliveries, type AfterParked, type FailedDelivery } from './failed-deliveries.ts';
import { pause } from './lanes.ts';

interface Definition {
  /** Unique, and never changed: what the group has seen is remembered by it. */
  readonly group: string;
  readonly topics: readonly Topic[];
  /** Where it starts when it has never run. */
  readonly from: 'beginning' | 'now';
  readonly afterParked: AfterParked;
  /** Before it is parked; default: the limit of the process. */
  readonly tries?: number;
  /** For one try; default: the limit of the process. */
  readonly timeoutMs?: number;
}

export type ConsumerDefinition = Definition & (
  | { readonly in: 'transaction'; readonly handle: (event: BoardEvent, tx: Tx) => Promise<void> }
  /** `signal` aborts when the try has taken too long, which counts as a failure. */
  | { readonly in: 'outside'; readonly handle: (event: BoardEvent, signal: AbortSignal) => Promise<void> }
);

export interface ConsumerLimits {
  readonly tries: number;
  readonly timeoutMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** Between looks for what is due again. */
  readonly retryPollMs: number;
}

export interface GroupObserver {
  /** `ageMs`: since the events happened, of the oldest of them. */
  handled?(group: string, events: number, ageMs: number): void;
  duplicates?(group: string, events: number): void;
  failed?(group: string, event: BoardEvent, error: unknown): void;
  parked?(group: string, event: BoardEvent, error: unknown): void;
  trouble?(what: string, error: unknown): void;
}

/** Lets so many through at a time: transactions of consumers share the pool with commits, which must never wait for them. */
export interface Gate { run<T>(work: () => Promise<T>): Promise<T> }

const RETRY_BOARDS = 8;

export class GroupConsumer {
  private readonly database: Database;
  private readonly definition: ConsumerDefinition;
  private readonly limits: ConsumerLimits;
  private readonly gate: Gate;
  private readonly observe: GroupObserver;
  private readonly deliveries: Deliveries;
  private readonly stopping = new AbortController();
  private subscription: Subscription | undefined;
  private retrying: Promise<void> | undefined;

  constructor(parts: { database: Database; definition: ConsumerDefinition; limits: ConsumerLimits; gate: Gate; observe: GroupObserver }) {
    this.database = parts.database;
    this.definition = parts.definition;
    this.limits = { ...parts.limits, tries: parts.definition.tries ?? parts.limits.tries, timeoutMs: parts.definition.timeoutMs ?? parts.limits.timeoutMs };
    this.gate = parts.gate;
    this.observe = parts.observe;
    this.deliveries = new Deliveries(parts.database, parts.definition.group, parts.definition.afterParked);
  }

  get group(): string {
    return this.definition.group;
  }

  /** @param known the group ran before on this bus: it goes on, also where the bus has forgotten the group */
  start(bus: EventBus, known: boolean): Subscription {
    const { group, topics, from } = this.definition;
    this.subscription = bus.subscribe({ group, topics, from: known ? 'beginning' : from, deliver: (boardId, events) => this.deliver(boardId, events) });
    this.retrying = this.retry();
    return this.subscription;
  }

  async lag(): Promise<number> {
    return await this.subscription?.lag() ?? 0;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([this.subscription?.stop(), this.retrying]);
  }

  /** Resolves when the group has dealt with all of them; rejects when Postgres could not be asked, and the driver delivers again. */
  private async deliver(boardId: string, events: readonly BoardEvent[]): Promise<void> {
    const { definition } = this;
    if (definition.in === 'outside') {
      for (const event of events) await this.deliverOutside(boardId, event, definition.handle);
      return;
    }
    const failure = await this.gate.run(() => this.deliverInside(boardId, events, definition.handle));
    if (failure === undefined) return;
    if (events.length > 1) {
      for (const event of events) await this.deliver(boardId, [event]);
      return;
    }
    const [event] = events;
    if (event !== undefined) await this.fail(boardId, event, failure.error);
  }

  /** @returns what a handler threw; nothing of these events remains then */
  private async deliverInside(boardId: string, events: readonly BoardEvent[], handle: (event: BoardEvent, tx: Tx) => Promise<void>): Promise<{ error: unknown } | undefined> {
    let handling = false;
    try {
      const handled = await this.database.transaction(async (tx) => {
        const { fresh, blocked } = await this.deliveries.enter(tx, boardId, events);
        if (blocked) await this.deliveries.queue(tx, boardId, fresh);
        handling = !blocked && fresh.length > 0;
        if (handling) for (const event of fresh) await within(this.limits.timeoutMs, () => handle(event, tx));
        return { fresh, blocked };
      });
      this.observe.duplicates?.(this.group, events.length - handled.fresh.length);
      if (!handled.blocked) this.tellHandled(handled.fresh);
      return undefined;
    } catch (error) {
      // Before a handler began it was Postgres that failed, or the lock of a worker that is thought dead: neither is the event's fault.
      if (!handling || error instanceof DatabaseUnavailable) throw error;
      return { error };
    }
  }

  private async deliverOutside(boardId: string, event: BoardEvent, handle: (event: BoardEvent, signal: AbortSignal) => Promise<void>): Promise<void> {
    const state = await this.deliveries.look(boardId, event);
    if (state === 'known') {
      this.observe.duplicates?.(this.group, 1);
      return;
    }
    if (state === 'blocked') {
      await this.database.transaction(async (tx) => {
        const { fresh, blocked } = await this.deliveries.enter(tx, boardId, [event]);
        if (!blocked && fresh.length > 0) throw new Error('What was before the event is gone: deliver it again');
        await this.deliveries.queue(tx, boardId, fresh);
      });
      return;
    }
    try {
      await within(this.limits.timeoutMs, (signal) => handle(event, signal));
    } catch (error) {
      if (error instanceof DatabaseUnavailable) throw error;
      await this.fail(boardId, event, error);
      return;
    }
    await this.deliveries.note(event);
    this.tellHandled([event]);
  }

  private async fail(boardId: string, event: BoardEvent, error: unknown): Promise<void> {
    const retryMs = this.pauseAfter(1);
    if (!await this.deliveries.fail(boardId, event, error, retryMs)) return;
    this.observe.failed?.(this.group, event, error);
    if (retryMs === null) this.observe.parked?.(this.group, event, error);
  }

  private async retry(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      let tried = 0;
      try {
        // twice the time of a try: who is slower has failed by then
        const due = await this.deliveries.due(RETRY_BOARDS, this.limits.timeoutMs * 2);
        tried = due.length;
        await Promise.all(due.map((delivery) => this.tryAgain(delivery)));
      } catch (error) {
        if (!(error instanceof DatabaseUnavailable)) this.observe.trouble?.(`retries of ${this.group}`, error);
        tried = 0;
      }
      if (tried === 0) await pause(this.limits.retryPollMs * (0.75 + Math.random() / 2), signal);
    }
  }

  private async tryAgain(delivery: FailedDelivery): Promise<void> {
    const { definition } = this;
    const { timeoutMs } = this.limits;
    try {
      let mine: boolean;
      if (definition.in === 'transaction') {
        mine = await this.gate.run(() => this.deliveries.settle(delivery, (tx) => within(timeoutMs, () => definition.handle(delivery.event, tx))));
      } else {
        await within(timeoutMs, (signal) => definition.handle(delivery.event, signal));
        mine = await this.deliveries.settle(delivery, () => Promise.resolve());
      }
      if (mine) this.tellHandled([delivery.event]);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) throw error; // tried again when its lease is over
      const retryMs = this.pauseAfter(delivery.tries);
      await this.deliveries.failAgain(delivery, error, retryMs);
      this.observe.failed?.(this.group, delivery.event, error);
      if (retryMs === null) this.observe.parked?.(this.group, delivery.event, error);
    }
  }

  /** Full jitter over the upper half, so that what failed together does not come back together. `null`: no more tries. */
  private pauseAfter(tries: number): number | null {
    if (tries >= this.limits.tries) return null;
    return Math.min(this.limits.backoffMinMs * 2 ** (tries - 1), this.limits.backoffMaxMs) * (0.5 + Math.random() / 2);
  }

  private tellHandled(events: readonly BoardEvent[]): void {
    const [first] = events;
    if (first !== undefined) this.observe.handled?.(this.group, events.length, Date.now() - Date.parse(first.timestamp));
  }
}

/** @throws when `work` throws, or has taken longer */
async function within(ms: number, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const over = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`Not handled within ${ms} ms`);
      reject(error);
      over.abort(error);
    }, ms);
  });
  try {
    await Promise.race([work(over.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}
