/**
 * The Redis driver: streams and consumer groups. Boards are spread over SHARDS streams by hash; a shard of a group is read by one worker at
 * a time (a lease in Redis), which first takes what a dead one left pending. What every group has acknowledged is trimmed.
 *
 * A Redis that is another process than the one last published to (restarted, failed over) may have forgotten events: the outbox is set back by
 * a window of time and publishes those again (outbox.ts), and consumers drop what they had. So its persistence is a matter of speed, not of safety.
 * Groups that were started once are made anew before that, and a Redis that has just started trims nothing.
 * Ephemeral events go over pub/sub. Owns its connections until `close()`.
 */
import { crc32 } from 'node:zlib';
import { decodeEphemeralJson, encodeEvent, topicOf, type BoardEvent, type EphemeralEvent } from './envelope.ts';
import { BusFull, DEFAULT_BUS_LIMITS, type BusLimits, type BusObserver, type BusState, type EventBus, type SubscribeOptions, type Subscription } from './event-bus.ts';
import { Listeners } from './listeners.ts';
import type { BusMemory } from './outbox.ts';
import { connect, type Connection, type RedisAddress } from './redis-connections.ts';
import { EPHEMERAL_CHANNEL, Scripts, SHARDS } from './redis-scripts.ts';
import { RedisSubscription } from './redis-subscription.ts';

export interface RedisBusOptions extends RedisAddress {
  readonly memory: BusMemory;
  readonly limits?: Partial<BusLimits>;
  /** For how long after its start a Redis forgets nothing, ms: workers that run make their groups anew within a second or two. */
  readonly settleMs?: number;
  readonly observe?: BusObserver;
}

/** Events of one step inside Redis, which nothing else runs beside. */
const APPEND_EVENTS = 500;
const SETTLE_MS = 30_000;

export class RedisBus implements EventBus {
  readonly kind = 'redis';
  private readonly parts: RedisBusOptions;
  private readonly limits: BusLimits;
  private readonly publisher: Connection;
  private readonly scripts: Scripts;
  private readonly subscriptions = new Set<RedisSubscription>();
  private readonly ephemeral: Listeners<EphemeralEvent>;
  private listener: Connection | undefined;
  /** Whether the process behind the connection is known to be the one of last time, or the outbox was set back. */
  private recognised = false;
  private told: BusState = 'ok';

  constructor(parts: RedisBusOptions) {
    this.parts = parts;
    this.limits = { ...DEFAULT_BUS_LIMITS, ...parts.limits };
    this.ephemeral = new Listeners(() => { parts.observe?.count?.('ephemeral'); });
    this.publisher = connect(parts, 'sunday-bus-publisher');
    this.scripts = new Scripts(this.publisher);
    let reason = 'the connection was closed';
    this.publisher.on('error', (error: Error) => { reason = error.message; });
    this.publisher.on('close', () => {
      this.recognised = false;
      this.tell('degraded', reason);
    });
    // a node of a cluster that failed over is another process, though the cluster as a whole stays connected
    this.publisher.on('+node', () => { this.recognised = false; });
    this.publisher.on('-node', () => { this.recognised = false; });
    this.publisher.on('ready', () => { this.tell('ok', 'connected'); });
  }

  get state(): BusState {
    return this.publisher.status === 'ready' ? 'ok' : 'degraded';
  }

  async publish(events: readonly BoardEvent[]): Promise<void> {
    if (!this.recognised) {
      const identity = await this.scripts.identity();
      // Before anything is published: what the others have is trimmed, and a group whose workers are away must have its place by then.
      for (const group of await this.parts.memory.groups()) await this.scripts.makeGroup(group, 'beginning');
      const forgot = await this.parts.memory.recognise(identity);
      this.recognised = true;
      if (forgot) this.parts.observe?.count?.('memory_lost');
      if (events.length > 0) throw new Error('The connection to Redis is a new one: what was read before it may skip events that were set back');
    }
    const shards = new Map<number, string[]>();
    for (const event of events) {
      const shard = crc32(event.boardId) % SHARDS;
      const fields = shards.get(shard) ?? [];
      shards.set(shard, fields);
      fields.push(topicOf(event), encodeEvent(event));
    }
    const outcomes = await Promise.allSettled([...shards].map(([shard, fields]) => this.append(shard, fields)));
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) throw this.explained(failure.reason);
  }

  subscribe(options: SubscribeOptions): Subscription {
    const subscription = new RedisSubscription({
      ...options, address: this.parts, limits: this.limits, settleMs: this.parts.settleMs ?? SETTLE_MS,
      count: (drop) => { this.parts.observe?.count?.(drop); },
      onStopped: () => { this.subscriptions.delete(subscription); },
    });
    this.subscriptions.add(subscription);
    return subscription;
  }

  /** In other processes, and by other programs. */
  readonly ephemeralIsHeard = true;

  publishEphemeral(event: EphemeralEvent): void {
    this.publisher.publish(EPHEMERAL_CHANNEL, encodeEvent(event)).catch(() => { this.parts.observe?.count?.('ephemeral'); });
  }

  onEphemeral(listener: (event: EphemeralEvent) => void): () => void {
    this.listener ??= this.listen();
    return this.ephemeral.add(listener);
  }

  async close(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.stop()));
    this.publisher.disconnect();
    this.listener?.disconnect();
  }

  private listen(): Connection {
    const connection = connect(this.parts, 'sunday-bus-ephemeral', { subscriber: true });
    connection.on('ready', () => { connection.subscribe(EPHEMERAL_CHANNEL).catch(() => undefined); }); // a lost connection comes again, and with it `ready`
    connection.on('message', (_channel: string, json: string) => {
      try {
        this.ephemeral.emit(decodeEphemeralJson(json));
      } catch {
        this.parts.observe?.count?.('malformed');
      }
    });
    return connection;
  }

  private async append(shard: number, fields: readonly string[]): Promise<void> {
    for (let at = 0; at < fields.length; at += APPEND_EVENTS * 2) {
      await this.scripts.append(shard, this.limits.maxStreamLength, fields.slice(at, at + APPEND_EVENTS * 2));
    }
  }

  private explained(error: unknown): unknown {
    if (!(error instanceof Error) || !error.message.includes('BUSFULL')) return error;
    this.parts.observe?.count?.('full');
    return new BusFull('A stream of the event bus is full of what some consumer group has not taken', { cause: error });
  }

  private tell(state: BusState, reason: string): void {
    if (state === this.told) return;
    this.told = state;
    this.parts.observe?.state?.(state, reason);
  }
}
