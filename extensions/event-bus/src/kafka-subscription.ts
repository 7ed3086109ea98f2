/**
 * One consumer group's worker on Kafka: joins the group, puts what it reads into lanes, commits the offset below which all is done.
 *
 * A session is one life of a Kafka consumer: joined → reading → (a rebalancing) joined → reading, until a stream fails (a broker gone, a rejoin that
 * the library gives up on); then a new one begins. Before it joins again a worker ends what it has in hand and commits it, so that who gets its partitions goes
 * on where it stood. Afterwards what it lost is dropped from the lanes, and it reads from a new stream: an old one still holds, and
 * fetches, entries from before, which would overtake others of their board.
 * Owns its consumer, its commit timer and the lanes, until `stop()`.
 */
import { Consumer, type Message, type MessagesStream } from '@platformatic/kafka';
import { decodeEventJson, type BoardEvent } from './envelope.ts';
import type { BusDrop, BusLimits, SubscribeOptions, Subscription } from './event-bus.ts';
import { baseOptions, startFromNow, STRINGS, type KafkaAddress } from './kafka-cluster.ts';
import { Progress } from './kafka-progress.ts';
import { Lanes, pause } from './lanes.ts';

export interface KafkaSubscriptionParts extends SubscribeOptions {
  readonly address: KafkaAddress;
  readonly limits: BusLimits;
  readonly topicsReady: () => Promise<void>;
  readonly count: (drop: BusDrop) => void;
  readonly onStopped: () => void;
}

/** What is handled and not committed is delivered again after a crash, and known: often enough is enough. */
const COMMIT_MS = 200;
const RETRY_MS = 500;
/** Longest wait of the broker for something new; a fetch is answered at once when there is. */
const FETCH_WAIT_MS = 500;
const MAX_PENDING = 2_000;

type StringConsumer = Consumer<string, string, string, string>;
type StringStream = MessagesStream<string, string, string, string>;
type StringMessage = Message<string, string, string, string>;

const sourceOf = (topic: string, partition: number): string => `${topic} ${partition}`;

export class KafkaSubscription implements Subscription {
  readonly ready: Promise<void>;
  private readonly parts: KafkaSubscriptionParts;
  private readonly groupId: string;
  private readonly topics: string[];
  private readonly lanes: Lanes;
  private readonly stopping = new AbortController();
  private readonly progress = new Map<string, { readonly topic: string; readonly partition: number; readonly offsets: Progress }>();
  private readonly sessions: Promise<void>;
  private consumer: StringConsumer | undefined;
  private leaving = false;
  private isReady: () => void = () => undefined;

  constructor(parts: KafkaSubscriptionParts) {
    this.parts = parts;
    this.groupId = `sunday.${parts.group}`;
    this.topics = [...parts.topics];
    this.lanes = new Lanes({ deliver: parts.deliver, concurrency: parts.limits.concurrency, batch: parts.limits.batch, repeated: () => { parts.count('redelivered'); } });
    this.ready = new Promise((resolve) => { this.isReady = resolve; });
    this.sessions = this.run();
  }

  async lag(): Promise<number> {
    const { consumer } = this;
    if (consumer === undefined) throw new Error('Kafka is away');
    const latest = await consumer.listOffsets({ topics: this.topics });
    const committed = await consumer.listCommittedOffsets({ topics: [...latest].map(([topic, offsets]) => ({ topic, partitions: offsets.map((_, partition) => partition) })) });
    let total = 0n;
    for (const [topic, offsets] of latest) {
      offsets.forEach((offset, partition) => {
        const done = committed.get(topic)?.[partition] ?? -1n;
        total += offset - (done < 0n ? 0n : done);
      });
    }
    return Number(total);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.isReady();
    await this.lanes.stop();
    await this.sessions;
    this.parts.onStopped();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    for (let known = false; !signal.aborted;) {
      try {
        await this.parts.topicsReady();
        if (!known && this.parts.from === 'now') await startFromNow(this.parts.address, this.groupId, this.parts.topics);
        known = true;
        this.isReady();
        await this.session();
      } catch {
        await pause(RETRY_MS * (0.5 + Math.random()), signal);
      }
    }
  }

  private async session(): Promise<void> {
    const { signal } = this.stopping;
    const { leaseMs } = this.parts.limits;
    const consumer: StringConsumer = new Consumer({
      ...baseOptions(this.parts.address, 'sunday-bus-worker'),
      groupId: this.groupId, deserializers: STRINGS.deserializers, autocommit: false,
      sessionTimeout: leaseMs, heartbeatInterval: Math.floor(leaseMs / 3), rebalanceTimeout: leaseMs,
      // asked for before every join, and waited for
      protocolsMetadata: () => this.beforeJoin(consumer),
    });
    consumer.on('error', () => undefined); // looked at while it reads
    const over = new AbortController();
    const end = (): void => { over.abort(); };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const committing = this.keepCommitting(consumer, over.signal);
    try {
      await this.readGenerations(consumer, over.signal);
    } finally {
      this.consumer = undefined;
      if (signal.aborted) await this.lanes.stop();
      signal.removeEventListener('abort', end);
      over.abort();
      await committing;
      await this.commit(consumer).catch(() => undefined); // what is not committed comes again, and is known
      await consumer.close(true).catch(() => undefined);
      // the next session reads from what is committed
      for (const source of this.progress.keys()) this.lanes.drop(source);
      this.progress.clear();
      this.lanes.resume();
    }
  }

  /** Resolves when over; rejects when the current stream fails, or the group is lost. */
  private readGenerations(consumer: StringConsumer, over: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      let current: StringStream | undefined;
      let opening = Promise.resolve();

      const read = async (stream: StringStream): Promise<void> => {
        for await (const message of stream) {
          if (current !== stream) return;
          this.take(message);
          await this.lanes.below(MAX_PENDING);
          if (current !== stream) return;
        }
        if (current === stream) throw new Error('The stream has ended');
      };
      // The new stream is there before the old one goes: a consumer without streams leaves its topics, and joins again.
      const open = async (): Promise<void> => {
        if (over.aborted) return;
        const stream = await this.consume(consumer);
        if (over.aborted) {
          stream.destroy();
          return;
        }
        const before = current;
        current = stream;
        before?.destroy();
        this.consumer = consumer;
        this.keepOnly(consumer);
        this.lanes.resume();
        read(stream).catch((error: unknown) => { if (current === stream) reject(error); });
      };
      const openNext = (): void => { opening = opening.then(open).catch(reject); };

      over.addEventListener('abort', () => {
        current?.destroy();
        current = undefined;
        resolve();
      }, { once: true });
      // a rejoin that failed ends heartbeats and tells no stream: without this the worker would be out of the group for good, and not know
      consumer.on('error', reject);
      consumer.on('consumer:heartbeat:stalled', () => { reject(new Error('The group does not answer')); });
      opening = open().then(() => { consumer.on('consumer:group:join', openNext); }).catch(reject);
    });
  }

  /** Of a consumer that was closed meanwhile the stream fails before anybody could await it: unheard, that would end the process. */
  private consume(consumer: StringConsumer): Promise<StringStream> {
    return new Promise((resolve, reject) => {
      consumer.consume({ topics: this.topics, mode: 'committed', fallbackMode: 'earliest', maxWaitTime: FETCH_WAIT_MS }, (error, stream) => {
        if (stream === undefined) {
          reject(error ?? new Error('Kafka gave no stream'));
          return;
        }
        stream.on('error', () => undefined); // whoever reads it is told
        resolve(stream);
      });
    });
  }

  /** What is in hand ends and is committed, as far as there is time: until then the others wait for this worker. */
  private async beforeJoin(consumer: StringConsumer): Promise<Buffer> {
    this.lanes.hold();
    // a commit that finds the worker put out of the group joins again by itself, and would come here again
    if (!this.leaving && consumer.memberId !== null) {
      this.leaving = true;
      await Promise.race([this.lanes.settled(), pause(this.parts.limits.leaseMs / 2, this.stopping.signal)]);
      await this.commit(consumer).catch(() => undefined); // it comes again, and is known
      this.leaving = false;
    }
    return Buffer.alloc(0);
  }

  /** A new distribution of partitions: the others are with other workers now, who read from what is committed. */
  private keepOnly(consumer: StringConsumer): void {
    const mine = new Set((consumer.assignments ?? []).flatMap(({ topic, partitions }) => partitions.map((partition) => sourceOf(topic, partition))));
    for (const source of this.progress.keys()) {
      if (mine.has(source)) continue;
      this.lanes.drop(source);
      this.progress.delete(source);
    }
  }

  private take(message: StringMessage): void {
    const { topic, partition, offset } = message;
    const source = sourceOf(topic, partition);
    const { offsets } = this.progress.get(source) ?? { offsets: new Progress() };
    if (!this.progress.has(source)) this.progress.set(source, { topic, partition, offsets });
    if (!offsets.add(offset)) return;
    const event = this.wanted(message);
    if (event === undefined) offsets.done(offset);
    else this.lanes.push({ source, event, done: () => { offsets.done(offset); } });
  }

  private wanted({ headers, value }: StringMessage): BoardEvent | undefined {
    if (headers.has('ephemeral')) return undefined;
    try {
      return decodeEventJson(value);
    } catch {
      this.parts.count('malformed');
      return undefined;
    }
  }

  private async keepCommitting(consumer: StringConsumer, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await pause(COMMIT_MS, over);
      await this.commit(consumer).catch(() => undefined); // with the next
    }
  }

  private async commit(consumer: StringConsumer): Promise<void> {
    const advanced = [...this.progress.values()].flatMap(({ topic, partition, offsets }) => {
      const offset = offsets.advance();
      return offset === undefined ? [] : [{ topic, partition, offset, leaderEpoch: -1, offsets }];
    });
    if (advanced.length === 0) return;
    try {
      await consumer.commit({ offsets: advanced.map(({ topic, partition, offset, leaderEpoch }) => ({ topic, partition, offset, leaderEpoch })) });
    } catch (error) {
      for (const { offsets } of advanced) offsets.untell();
      throw error;
    }
  }
}
