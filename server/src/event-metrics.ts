/** Metrics of events on their way: outbox, bus, consumer groups. A part of metrics.ts, on its registry. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { BusObserver, ConsumersObserver, RelayObserver } from '@sunday/extension-event-bus';

export interface EventMetrics {
  readonly bus: BusObserver;
  readonly relay: RelayObserver;
  readonly consumers: ConsumersObserver;
}

export function createEventMetrics(registry: Registry): EventMetrics {
  const registers = [registry];
  const published = new Counter({ name: 'sunday_events_published_total', help: 'Events taken from the outbox to the event bus', registers });
  const waiting = new Gauge({ name: 'sunday_outbox_events', help: 'Committed events that the event bus has not got yet', registers });
  const waitingBoards = new Gauge({ name: 'sunday_outbox_boards', help: 'Boards with such events', registers });
  const oldest = new Gauge({ name: 'sunday_outbox_oldest_seconds', help: 'Age of the oldest such event', registers });
  const drops = new Counter({ name: 'sunday_event_bus_total', help: 'What the event bus passed over, repeated, refused or forgot, by what', labelNames: ['what'], registers });
  const away = new Gauge({ name: 'sunday_event_bus_away', help: '1 while events cannot be published', registers });
  const handled = new Counter({ name: 'sunday_events_handled_total', help: 'Events handled, by consumer group', labelNames: ['group'], registers });
  const age = new Histogram({ name: 'sunday_event_age_seconds', help: 'From an event to the end of its handling', labelNames: ['group'], buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300], registers });
  const duplicates = new Counter({ name: 'sunday_events_duplicate_total', help: 'Events delivered again and dropped, by consumer group', labelNames: ['group'], registers });
  const failed = new Counter({ name: 'sunday_event_failures_total', help: 'Tries that failed, by consumer group', labelNames: ['group'], registers });
  const parked = new Counter({ name: 'sunday_events_parked_total', help: 'Events given up on until somebody replays them, by consumer group', labelNames: ['group'], registers });
  const deliveries = new Gauge({ name: 'sunday_event_deliveries', help: 'Deliveries that failed, by consumer group and state: retrying, parked, waiting behind one of their board', labelNames: ['group', 'state'], registers });
  const lag = new Gauge({ name: 'sunday_event_lag', help: 'Events on the bus that a consumer group has not dealt with', labelNames: ['group'], registers });
  return {
    bus: { count: (what) => { drops.inc({ what }); }, state: (state) => { away.set(state === 'ok' ? 0 : 1); } },
    relay: {
      published: (events) => { published.inc(events); },
      lag: ({ boards, events, oldestSeconds }) => { waiting.set(events); waitingBoards.set(boards); oldest.set(oldestSeconds); },
    },
    consumers: {
      handled: (group, events, ageMs) => { handled.inc({ group }, events); age.observe({ group }, ageMs / 1000); },
      duplicates: (group, events) => { duplicates.inc({ group }, events); },
      failed: (group) => { failed.inc({ group }); },
      parked: (group) => { parked.inc({ group }); },
      failures: (counts) => {
        deliveries.reset();
        for (const { group, state, count } of counts) deliveries.set({ group, state }, count);
      },
      lag: (group, events) => { lag.set({ group }, events); },
    },
  };
}
