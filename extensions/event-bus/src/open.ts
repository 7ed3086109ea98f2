/** The event bus that a configuration names. */
import type { Database } from '@sunday/database';
import { EmbeddedBus } from './embedded.ts';
import type { BusLimits, BusObserver, EventBus } from './event-bus.ts';
import type { KafkaAddress } from './kafka-cluster.ts';
import { busMemory } from './outbox.ts';
import { RedisBus } from './redis.ts';
import type { RedisAddress } from './redis-connections.ts';

export type BusConfig =
  | { readonly kind: 'embedded' }
  | ({ readonly kind: 'redis' } & RedisAddress)
  | ({ readonly kind: 'kafka' } & KafkaAddress);

export interface OpenBusOptions {
  readonly database: Database;
  readonly limits?: Partial<BusLimits>;
  readonly observe?: BusObserver;
  /** Redis: events of this last while are published again when it may have forgotten some. */
  readonly rewindMs?: number;
}

const REWIND_MS = 60 * 60_000;

/** Connects in the background: what cannot be reached yet costs nothing but time. */
export async function openEventBus(config: BusConfig, { database, limits = {}, observe = {}, rewindMs = REWIND_MS }: OpenBusOptions): Promise<EventBus> {
  switch (config.kind) {
    case 'embedded':
      return new EmbeddedBus({ database, limits, observe });
    case 'redis':
      return new RedisBus({ ...config, memory: busMemory(database, 'redis', rewindMs), limits, observe });
    case 'kafka':
      // its client takes a second of processor time to load
      return new (await import('./kafka.ts')).KafkaBus({ ...config, limits, observe });
  }
}
