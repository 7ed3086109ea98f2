/**
 * Events of this process: the bus, the relay and the consumers that its roles ask for, joined with metrics and the log. One part for the
 * composition root, so that its page stays a page.
 *
 * Guarantees: whoever commits calls `announce`, whatever the roles; without the role `relay` another process is told.
 * Owns bus, relay, consumers and announcer, until `stop()`.
 */
import type { Database } from '@sunday/database';
import { Consumers, createAnnouncer, openEventBus, Relay, type BusState, type ConsumerDefinition, type EphemeralEvent } from '@sunday/extension-event-bus';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import type { EventMetrics } from './event-metrics.ts';

/** Of a consumer's lease: a relay publishes the events of many boards at once. */
const RELAY_LEASES = 3;

export interface Events {
  /** This board has new events, committed. Never throws or waits. */
  announce(boardId: string): void;
  /** Whether anybody may hear ephemeral events just now. */
  readonly ephemeralIsHeard: boolean;
  /** For subscriptions and the bus, never the outbox. Never throws or waits. */
  publishEphemeral(event: EphemeralEvent): void;
  onEphemeral(listener: (event: EphemeralEvent) => void): () => void;
  /** Runs here if this process has the role `workers`. */
  register(consumer: ConsumerDefinition): void;
  readonly kind: Config['eventBus']['kind'];
  readonly state: BusState;
  start(): void;
  /** After the last commit: what consumers have in hand ends, the rest stays where it is. Never rejects. */
  stop(): Promise<void>;
}

export async function createEvents({ config, database, log, metrics }: {
  readonly config: Pick<Config, 'roles' | 'eventBus' | 'limits'>; readonly database: Database; readonly log: Logger; readonly metrics: EventMetrics;
}): Promise<Events> {
  const { roles, limits } = config;
  const events = log.child({ part: 'events' });
  const bus = await openEventBus(config.eventBus, {
    database,
    limits: { leaseMs: limits.eventLeaseMs, maxStreamLength: limits.eventStreamLength },
    rewindMs: limits.eventRewindMinutes * 60_000,
    observe: {
      count: (what) => {
        metrics.bus.count?.(what);
        if (what === 'memory_lost') events.warn('Redis is another process than before and may have forgotten events: the last of them are published again');
      },
      state: (state, reason) => { metrics.bus.state?.(state, reason); events[state === 'ok' ? 'info' : 'warn']({ reason }, state === 'ok' ? 'the event bus is there' : 'the event bus is away: events wait in Postgres'); },
    },
  });
  const relay = roles.has('relay') ? new Relay({
    database, bus, leaseMs: limits.eventLeaseMs * RELAY_LEASES,
    observe: { ...metrics.relay, trouble: (what, error) => { events.warn({ err: error }, what); } },
  }) : undefined;
  const consumers = roles.has('workers') ? new Consumers({
    database, bus,
    limits: { tries: limits.eventTries, timeoutMs: limits.eventTimeoutMs, transactions: limits.eventTransactions, rememberHours: limits.eventMemoryHours },
    observe: {
      ...metrics.consumers,
      failed: (group, event, error) => { metrics.consumers.failed?.(group, event, error); events.warn({ group, boardId: event.boardId, eventId: event.id, err: error }, 'an event was not handled and is tried again'); },
      parked: (group, event, error) => { metrics.consumers.parked?.(group, event, error); events.error({ group, boardId: event.boardId, eventId: event.id, err: error }, 'an event is parked: see "sunday events parked"'); },
      trouble: (what, error) => { events.warn({ err: error }, what); },
    },
  }) : undefined;
  const announcer = createAnnouncer({ database, wake: relay === undefined ? undefined : (boardIds) => { relay.wake(boardIds); } });

  return {
    announce: (boardId) => { announcer.announce(boardId); },
    get ephemeralIsHeard() { return bus.ephemeralIsHeard; },
    publishEphemeral: (event) => { bus.publishEphemeral(event); },
    onEphemeral: (listener) => bus.onEphemeral(listener),
    register: (consumer) => { consumers?.register(consumer); },
    kind: bus.kind,
    get state() { return bus.state; },
    start() {
      relay?.start();
      consumers?.start();
    },
    async stop() {
      announcer.close();
      await Promise.all([consumers?.stop(), relay?.stop()]);
      await bus.close();
    },
  };
}
