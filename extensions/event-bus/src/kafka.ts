/**
 * The Kafka driver: a topic for each kind of event (envelope.ts), the board id as key, headers `eventType`, `correlationId`, `timestamp`, the envelope as JSON value. The producer is
 * idempotent with acks from all in-sync replicas. Order is per board and topic: topics are separate logs.
 *
 * Joins, leaves and cursors go to `collaboration-events`, marked by the header `ephemeral`; consumer groups pass over them.
 * Owns its producers and its subscriptions until `close()`.
 */
import { randomUUID } from 'node:crypto';
import { compatibilityPartitioner, Consumer, ProduceAcks, Producer } from '@platformatic/kafka';
import { decodeEphemeralJson, encodeEvent, topicOf, type BoardEvent, type EphemeralEvent } from './envelope.ts';
import { DEFAULT_BUS_LIMITS, type BusLimits, type BusObserver, type BusState, type EventBus, type SubscribeOptions, type Subscription } from './event-bus.ts';
import { baseOptions, ensureTopics, STRINGS, type KafkaAddress } from './kafka-cluster.ts';
import { KafkaSubscription } from './kafka-subscription.ts';
import { pause } from './lanes.ts';
import { Listeners } from './listeners.ts';

export interface KafkaBusOptions extends KafkaAddress {
  readonly limits?: Partial<BusLimits>;
  readonly observe?: BusObserver;
}

export const EPHEMERAL_HEADER = 'ephemeral';
/** Brokers take 1 MiB in one batch of a partition. */
const SEND_BYTES = 512 * 1024;
/** An event above this would never fit; it goes without its data, which REST still has. */
const MAX_EVENT_BYTES = 900 * 1024;
const RETRY_MS = 1_000;

type StringProducer = Producer<string, string, string, string>;

export class KafkaBus implements EventBus {
  readonly kind = 'kafka';
  private readonly parts: KafkaBusOptions;
  private readonly limits: BusLimits;
  private readonly producer: StringProducer;
  private readonly passing: StringProducer;
  private readonly subscriptions = new Set<KafkaSubscription>();
  private readonly ephemeral: Listeners<EphemeralEvent>;
  private readonly closing = new AbortController();
  private topics: Promise<void> | undefined;
  private listening: Promise<void> | undefined;
  private sending: Promise<unknown> = Promise.resolve();
  private current: BusState = 'ok';

  constructor(parts: KafkaBusOptions) {
    this.parts = parts;
    this.limits = { ...DEFAULT_BUS_LIMITS, ...parts.limits };
    this.ephemeral = new Listeners(() => { parts.observe?.count?.('ephemeral'); });
    const options = { ...baseOptions(parts, 'sunday-bus'), serializers: STRINGS.serializers, partitioner: compatibilityPartitioner };
    this.producer = new Producer({ ...options, idempotent: true, acks: ProduceAcks.ALL });
    this.passing = new Producer({ ...options, acks: ProduceAcks.LEADER, retries: 0 });
    for (const producer of [this.producer, this.passing]) producer.on('error', () => undefined); // every send tells its own failure
  }

  get state(): BusState {
    return this.current;
  }

  async publish(events: readonly BoardEvent[]): Promise<void> {
    try {
      await this.ready();
      if (events.length === 0) await this.producer.metadata({ topics: ['board-events'], forceUpdate: true });
      for (const chunk of this.chunks(events)) await this.send(chunk);
      this.tell('ok', 'publishing works');
    } catch (error) {
      this.tell('degraded', String(error));
      throw error;
    }
  }

  subscribe(options: SubscribeOptions): Subscription {
    const subscription = new KafkaSubscription({
      ...options, address: this.parts, limits: this.limits, topicsReady: () => this.ready(),
      count: (drop) => { this.parts.observe?.count?.(drop); },
      onStopped: () => { this.subscriptions.delete(subscription); },
    });
    this.subscriptions.add(subscription);
    return subscription;
  }

  /** In other processes, and by other programs. */
  readonly ephemeralIsHeard = true;

  publishEphemeral(event: EphemeralEvent): void {
    const message = { topic: topicOf(event), key: event.boardId, value: encodeEvent(event), headers: { ...headersOf(event), [EPHEMERAL_HEADER]: '1' } };
    this.ready().then(() => this.passing.send({ messages: [message] })).catch(() => { this.parts.observe?.count?.('ephemeral'); });
  }

  onEphemeral(listener: (event: EphemeralEvent) => void): () => void {
    this.listening ??= this.listen();
    return this.ephemeral.add(listener);
  }

  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all([...this.subscriptions].map((subscription) => subscription.stop()));
    await this.listening;
    for (const producer of [this.producer, this.passing]) await producer.close(true).catch(() => undefined);
  }

  private async ready(): Promise<void> {
    this.topics ??= ensureTopics(this.parts);
    try {
      await this.topics;
    } catch (error) {
      this.topics = undefined;
      throw error;
    }
  }

  private *chunks(events: readonly BoardEvent[]): Generator<{ event: BoardEvent; value: string }[]> {
    let chunk: { event: BoardEvent; value: string }[] = [];
    let bytes = 0;
    for (const event of events) {
      const whole = encodeEvent(event);
      const value = Buffer.byteLength(whole) <= MAX_EVENT_BYTES ? whole : this.withoutData(event);
      const size = Buffer.byteLength(value);
      if (chunk.length > 0 && bytes + size > SEND_BYTES) {
        yield chunk;
        [chunk, bytes] = [[], 0];
      }
      chunk.push({ event, value });
      bytes += size;
    }
    if (chunk.length > 0) yield chunk;
  }

  private withoutData(event: BoardEvent): string {
    this.parts.observe?.count?.('too_large');
    return encodeEvent({ ...event, data: { omitted: 'too_large' } });
  }

  /** One after the other: two requests under way may be written in the other order when the first is repeated. */
  private send(chunk: readonly { event: BoardEvent; value: string }[]): Promise<unknown> {
    const messages = chunk.map(({ event, value }) => ({ topic: topicOf(event), key: event.boardId, value, headers: headersOf(event) }));
    const sent = this.sending.then(() => this.producer.send({ messages }));
    this.sending = sent.catch(() => undefined);
    return sent;
  }

  /** A group of its own for each process: everybody hears everything, from now on. */
  private async listen(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      const consumer = new Consumer({ ...baseOptions(this.parts, 'sunday-bus-ephemeral'), groupId: `sunday.ephemeral.${randomUUID()}`, deserializers: STRINGS.deserializers, autocommit: false });
      consumer.on('error', () => undefined);
      const end = (): void => { void consumer.close(true).catch(() => undefined); };
      try {
        await this.ready();
        const stream = await consumer.consume({ topics: ['collaboration-events'], mode: 'latest', maxWaitTime: 1_000 });
        signal.addEventListener('abort', end);
        if (signal.aborted) end();
        for await (const { headers, value } of stream) if (headers.has(EPHEMERAL_HEADER)) this.heard(value);
      } catch {
        await pause(RETRY_MS, signal);
      } finally {
        signal.removeEventListener('abort', end);
        await consumer.close(true).catch(() => undefined);
      }
    }
  }

  private heard(json: string): void {
    try {
      this.ephemeral.emit(decodeEphemeralJson(json));
    } catch {
      this.parts.observe?.count?.('malformed');
    }
  }

  private tell(state: BusState, reason: string): void {
    if (state === this.current) return;
    this.current = state;
    this.parts.observe?.state?.(state, reason);
  }
}

const headersOf = ({ type, metadata, timestamp }: EphemeralEvent): Record<string, string> => ({
  eventType: type, correlationId: metadata.correlationId ?? '', timestamp,
});
