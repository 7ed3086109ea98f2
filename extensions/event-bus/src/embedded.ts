/**
 * The embedded driver: consumers read `board_events` themselves, each group with a cursor a board in `bus_cursors`. Nothing is copied and nothing
 * besides Postgres is needed. Publishing is a wake-up: in this process at once, in others by NOTIFY; a slow sweep finds what that missed. Whoever
 * subscribes says so over the same channel with each sweep, and where no other process does, nothing is notified.
 *
 * A worker claims boards (a lease in the cursor) and reads on from it; the cursor moves after the delivery, and only while the claim is the
 * worker's own. Ephemeral events stay in this process: presence never touches Postgres.
 * Owns its LISTEN subscription and each subscription's sweep, until stopped.
 */
import { randomUUID } from 'node:crypto';
import { DatabaseUnavailable, type Database } from '@sunday/database';
import { notify, notifyBoards, parseNotification } from './announcer.ts';
import { EVENT_COLUMNS, eventOfRow, TOPICS, topicOf, type BoardEvent, type EphemeralEvent, type EventRow } from './envelope.ts';
import { DEFAULT_BUS_LIMITS, type BusLimits, type BusObserver, type BusState, type EventBus, type SubscribeOptions, type Subscription } from './event-bus.ts';
import { Listeners } from './listeners.ts';
import { pause } from './lanes.ts';

const CHANNEL = 'sunday_bus';
/** Finds what no notification told of, and boards whose worker died. Looks at every board head, so not more often. */
const SWEEP_MS = 5_000;
const SWEEP_BOARDS = 1_000;
/** In sweeps: who was not heard of for so long does not listen. */
const HEARD_FOR = 3;
/** Boards claimed by one statement. */
const CLAIM_BOARDS = 16;
const RETRY_MS = 500;

const LAZY = "set_config('synchronous_commit', 'off', true)";

const claim = {
  name: 'bus-claim',
  text: `WITH lazy AS MATERIALIZED (SELECT ${LAZY}), claimed AS (
    INSERT INTO bus_cursors AS c (consumer_group, board_id, claimed_by, claimed_until)
    SELECT $1, board_id, $3, now() + $4 * interval '1 ms' FROM lazy, unnest($2::uuid[]) AS board_id ORDER BY board_id
    ON CONFLICT (consumer_group, board_id) DO UPDATE SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
    WHERE c.claimed_by IS NULL OR c.claimed_by = $3 OR c.claimed_until < now()
    RETURNING c.board_id, c.delivered
  )
  SELECT c.board_id AS claimed, ${EVENT_COLUMNS} FROM claimed c
  LEFT JOIN LATERAL (SELECT * FROM board_events WHERE board_id = c.board_id AND version > c.delivered ORDER BY version LIMIT $5) e ON true
  ORDER BY c.board_id, e.version`,
};
const extend = {
  name: 'bus-extend',
  text: `UPDATE bus_cursors SET claimed_until = now() + $4 * interval '1 ms' WHERE consumer_group = $1 AND board_id = ANY($2::uuid[]) AND claimed_by = $3`,
};
/** `delivered` null: only the claim is given back. */
const advance = {
  name: 'bus-advance',
  text: `WITH lazy AS MATERIALIZED (SELECT ${LAZY})
  UPDATE bus_cursors SET delivered = coalesce($4, delivered), claimed_by = NULL, claimed_until = NULL
  FROM lazy WHERE consumer_group = $1 AND board_id = $2 AND claimed_by = $3`,
};
const behind = {
  name: 'bus-behind',
  text: `SELECT h.board_id FROM board_heads h LEFT JOIN bus_cursors c ON c.consumer_group = $1 AND c.board_id = h.board_id
  WHERE h.event_version > coalesce(c.delivered, 0) AND (c.claimed_by IS NULL OR c.claimed_by = $3 OR c.claimed_until < now()) LIMIT $2`,
};
const lag = `SELECT count(*) AS events FROM board_heads h LEFT JOIN bus_cursors c ON c.consumer_group = $1 AND c.board_id = h.board_id
  JOIN board_events e ON e.board_id = h.board_id AND e.version > coalesce(c.delivered, 0)
  WHERE h.event_version > coalesce(c.delivered, 0)`;
/** A board made later has no cursor, and is read from its first event. */
const fromNow = `INSERT INTO bus_cursors (consumer_group, board_id, delivered) SELECT $1, board_id, event_version FROM board_heads WHERE event_version > 0 ON CONFLICT DO NOTHING`;

export interface EmbeddedBusOptions {
  readonly database: Database;
  readonly limits?: Partial<BusLimits>;
  readonly observe?: BusObserver;
  readonly sweepMs?: number;
}

export class EmbeddedBus implements EventBus {
  readonly kind = 'embedded';
  private readonly parts: EmbeddedBusOptions;
  private readonly id = randomUUID();
  private readonly subscriptions = new Set<EmbeddedSubscription>();
  private readonly ephemeral: Listeners<EphemeralEvent>;
  private listening: Promise<() => Promise<void>> | undefined;
  private readonly sweepMs: number;
  /** When another process said that it listens; who has just begun to hear assumes that somebody does. `performance.now()` */
  private heardAt = Number.NEGATIVE_INFINITY;
  private saidAt = Number.NEGATIVE_INFINITY;

  constructor(parts: EmbeddedBusOptions) {
    this.parts = parts;
    this.sweepMs = parts.sweepMs ?? SWEEP_MS;
    this.ephemeral = new Listeners(() => { parts.observe?.count?.('ephemeral'); });
  }

  get state(): BusState {
    return this.parts.database.up ? 'ok' : 'degraded';
  }

  async publish(events: readonly BoardEvent[]): Promise<void> {
    await this.announce([...new Set(events.map(({ boardId }) => boardId))]);
  }

  async announce(boardIds: readonly string[]): Promise<void> {
    for (const subscription of this.subscriptions) subscription.wake(boardIds);
    await this.listen(); // to those who listen
    if (performance.now() - this.heardAt < HEARD_FOR * this.sweepMs) await notifyBoards(this.parts.database, CHANNEL, boardIds, this.id);
  }

  subscribe(options: SubscribeOptions): Subscription {
    const subscription = new EmbeddedSubscription(this.parts, options, () => this.present(), () => { this.subscriptions.delete(subscription); });
    this.subscriptions.add(subscription);
    return subscription;
  }

  get ephemeralIsHeard(): boolean {
    return this.ephemeral.size > 0;
  }

  publishEphemeral(event: EphemeralEvent): void {
    this.ephemeral.emit(event);
  }

  onEphemeral(listener: (event: EphemeralEvent) => void): () => void {
    return this.ephemeral.add(listener);
  }

  async close(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.stop()));
    const unlisten = await this.listening?.catch(() => undefined);
    await unlisten?.().catch(() => undefined);
  }

  /** For a subscription, before it looks for itself: from here on it is told. */
  private async present(): Promise<void> {
    await this.listen();
    if (performance.now() - this.saidAt < this.sweepMs / 2) return; // another subscription of this process has just said so
    this.saidAt = performance.now();
    await notify(this.parts.database, CHANNEL, this.id, []);
  }

  /** One LISTEN for this process. */
  private async listen(): Promise<void> {
    const doubt = (): void => { this.heardAt = performance.now(); };
    this.listening ??= this.parts.database.listen(CHANNEL, (payload) => {
      const { from, boardIds } = parseNotification(payload);
      if (from === this.id) return;
      if (boardIds.length === 0) this.heardAt = performance.now();
      for (const subscription of this.subscriptions) subscription.wake(boardIds);
    }, doubt).then((unlisten) => { doubt(); return unlisten; });
    try {
      await this.listening;
    } catch (error) {
      this.listening = undefined;
      throw error;
    }
  }
}

class EmbeddedSubscription implements Subscription {
  readonly ready: Promise<void>;
  private readonly parts: EmbeddedBusOptions;
  private readonly options: SubscribeOptions;
  private readonly limits: BusLimits;
  private readonly worker = randomUUID();
  private readonly topics: ReadonlySet<string>;
  private readonly due = new Set<string>();
  private readonly inHand = new Map<string, Promise<void>>();
  private readonly stopping = new AbortController();
  private readonly sweeping: Promise<void>;
  private readonly onStopped: () => void;
  private claiming: Promise<void> | undefined;
  private isReady: () => void = () => undefined;

  constructor(parts: EmbeddedBusOptions, options: SubscribeOptions, present: () => Promise<void>, onStopped: () => void) {
    this.parts = parts;
    this.options = options;
    this.limits = { ...DEFAULT_BUS_LIMITS, ...parts.limits };
    this.topics = new Set(options.topics.length > 0 ? options.topics : TOPICS);
    this.onStopped = onStopped;
    this.ready = new Promise((resolve) => { this.isReady = resolve; });
    this.sweeping = this.sweep(present);
  }

  wake(boardIds: readonly string[]): void {
    for (const boardId of boardIds) this.due.add(boardId);
    this.claimMore();
  }

  async lag(): Promise<number> {
    const [row] = await this.parts.database.query<{ events: string }>(lag, [this.options.group]);
    return Number(row?.events ?? 0);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.isReady();
    await Promise.all([this.sweeping, this.claiming]);
    await Promise.all(this.inHand.values());
    this.onStopped();
  }

  private claimMore(): void {
    if (this.claiming !== undefined) return;
    this.claiming = this.claimAll().finally(() => { this.claiming = undefined; });
  }

  private async claimAll(): Promise<void> {
    for (;;) {
      const free = Math.max(0, Math.min(this.limits.concurrency - this.inHand.size, CLAIM_BOARDS));
      // a board in hand stays due: it is looked at again when it is let go
      const boards = [...this.due].filter((boardId) => !this.inHand.has(boardId)).slice(0, free);
      if (boards.length === 0 || this.stopping.signal.aborted) return;
      for (const boardId of boards) this.due.delete(boardId);
      try {
        await this.claim(boards);
      } catch {
        for (const boardId of boards) this.due.add(boardId);
        await pause(RETRY_MS, this.stopping.signal);
      }
    }
  }

  private async claim(boards: readonly string[]): Promise<void> {
    const { group } = this.options;
    const { leaseMs, batch } = this.limits;
    const rows = await this.parts.database.query<EventRow & { claimed: string }>(claim, [group, boards, this.worker, leaseMs, batch]);
    const claimed = new Map<string, BoardEvent[]>();
    for (const row of rows) {
      const events = claimed.get(row.claimed) ?? [];
      claimed.set(row.claimed, events);
      if (row.id as string | null !== null) events.push(eventOfRow(row)); // the join's empty side has no event
    }
    for (const [boardId, events] of claimed) {
      const work = this.handle(boardId, events).finally(() => {
        this.inHand.delete(boardId);
        if (!this.stopping.signal.aborted) this.claimMore();
      });
      this.inHand.set(boardId, work);
    }
  }

  private async handle(boardId: string, events: readonly BoardEvent[]): Promise<void> {
    const wanted = events.filter((event) => this.topics.has(topicOf(event)));
    const renewal = setInterval(() => {
      void this.parts.database.query(extend, [this.options.group, [boardId], this.worker, this.limits.leaseMs]).catch(() => undefined); // a lost lease shows at the cursor
    }, this.limits.leaseMs / 3);
    let delivered: number | null = null;
    try {
      if (wanted.length > 0) await this.options.deliver(boardId, wanted);
      delivered = events.at(-1)?.version ?? null;
    } catch {
      this.parts.observe?.count?.('redelivered');
      this.due.add(boardId);
      await pause(RETRY_MS, this.stopping.signal);
    } finally {
      clearInterval(renewal);
    }
    if (events.length === this.limits.batch) this.due.add(boardId);
    try {
      await this.parts.database.query(advance, [this.options.group, boardId, this.worker, delivered]);
    } catch {
      this.due.add(boardId); // the claim runs out by itself; what was delivered is delivered again
    }
  }

  private async sweep(present: () => Promise<void>): Promise<void> {
    const { signal } = this.stopping;
    for (let known = false; !signal.aborted;) {
      try {
        if (!known && this.options.from === 'now') await this.parts.database.query(fromNow, [this.options.group]);
        known = true;
        await present();
        this.isReady();
        this.wake((await this.parts.database.query<{ board_id: string }>(behind, [this.options.group, SWEEP_BOARDS, this.worker])).map((row) => row.board_id));
      } catch (error) {
        if (!(error instanceof DatabaseUnavailable)) this.parts.observe?.state?.('degraded', String(error));
      }
      await pause(known ? (this.parts.sweepMs ?? SWEEP_MS) * (0.75 + Math.random() / 2) : RETRY_MS, signal);
    }
  }
}
