/**
 * Redis pub/sub as the driver needs it: a way to publish, a way to be subscribed, and word of when either may have failed.
 *
 * `SingleLink` keeps two connections (a subscribed one cannot publish); `ClusterLink` uses sharded pub/sub, where a channel
 * lives on the node that owns its hash tag, so that adding Redis nodes adds capacity. Both reconnect for ever, with jitter, and
 * queue nothing while they are down. Neither throws; promises reject.
 */
import { Cluster, Redis, type RedisOptions } from 'ioredis';

export interface LinkEvents {
  message(channel: string, bytes: Uint8Array): void;
  /** Commands go through again; nothing is subscribed on a new connection. */
  subscriberReady(): void;
  publisherReady(): void;
  /** A connection is gone, with what was under way on it; `subscriber`: and with what was subscribed on it. */
  down(reason: string, subscriber: boolean): void;
  /** Messages may have been lost, and subscriptions, though the link as a whole is up: part of a cluster failed or moved. */
  disturbed(): void;
}

export interface RedisLink {
  /** Whether both ways are connected, as far as the sockets tell. */
  readonly connected: boolean;
  readonly canPublish: boolean;
  connect(): void;
  publish(channel: string, bytes: Buffer): Promise<unknown>;
  /** Resolves when Redis has confirmed all of them. */
  subscribe(channels: readonly string[]): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Cuts connections that look open and are not. */
  reconnect(): void;
  close(): void;
}

const RETRY_MIN_MS = 50;
/** Redis restarts in a second or two; a slower retry would add to that. */
const RETRY_MAX_MS = 1_000;
/** A connection that takes longer is to a host that is gone. */
const CONNECT_TIMEOUT_MS = 3_000;

const retryDelay = (attempt: number): number => Math.min(RETRY_MIN_MS * 2 ** Math.min(attempt, 10), RETRY_MAX_MS) * (0.5 + Math.random() / 2);

const COMMON: RedisOptions = {
  connectTimeout: CONNECT_TIMEOUT_MS,
  // What cannot be sent now is lost, and the journal repairs it: a queue would only deliver it late, and grow.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
};

export class SingleLink implements RedisLink {
  private readonly publisher: Redis;
  private readonly subscriber: Redis;

  constructor(url: string, events: LinkEvents) {
    const options: RedisOptions = { ...COMMON, lazyConnect: true, retryStrategy: retryDelay, autoResubscribe: false };
    this.publisher = new Redis(url, { ...options, connectionName: 'sunday-publisher' });
    this.subscriber = new Redis(url, { ...options, connectionName: 'sunday-subscriber' });
    for (const connection of [this.publisher, this.subscriber]) {
      let reason = 'the connection was closed';
      connection.on('error', (error: Error) => { reason = error.message; });
      connection.on('close', () => { events.down(reason, connection === this.subscriber); });
    }
    this.publisher.on('ready', () => { events.publisherReady(); });
    this.subscriber.on('ready', () => { events.subscriberReady(); });
    this.subscriber.on('messageBuffer', (channel: Buffer, bytes: Buffer) => { events.message(channel.toString(), bytes); });
  }

  get connected(): boolean {
    return this.canPublish && this.subscriber.status === 'ready';
  }

  get canPublish(): boolean {
    return this.publisher.status === 'ready';
  }

  connect(): void {
    // A failed first attempt is followed by others, and told through the events.
    for (const connection of [this.publisher, this.subscriber]) connection.connect().catch(() => undefined);
  }

  publish(channel: string, bytes: Buffer): Promise<unknown> {
    return this.publisher.publish(channel, bytes);
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    await this.subscriber.subscribe(...channels);
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.subscriber.unsubscribe(channel);
  }

  reconnect(): void {
    // Also one that is open and was never ready: what accepted it may have died since, without a word.
    for (const connection of [this.publisher, this.subscriber]) if (connection.status === 'ready' || connection.status === 'connect') connection.disconnect(true);
  }

  close(): void {
    for (const connection of [this.publisher, this.subscriber]) connection.disconnect();
  }
}

export class ClusterLink implements RedisLink {
  private readonly cluster: Cluster;
  /** Channels ioredis was told of: it subscribes to them again by itself when the cluster changes, if it can. */
  private readonly known = new Set<string>();

  constructor(url: string, events: LinkEvents) {
    const { hostname, port, username, password, protocol } = new URL(url);
    this.cluster = new Cluster([{ host: hostname, port: port === '' ? 6379 : Number(port) }], {
      lazyConnect: true,
      shardedSubscribers: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: retryDelay,
      slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
      redisOptions: {
        ...COMMON,
        ...(username === '' ? {} : { username: decodeURIComponent(username) }),
        ...(password === '' ? {} : { password: decodeURIComponent(password) }),
        ...(protocol === 'rediss:' ? { tls: {} } : {}),
      },
    });
    let reason = 'the cluster cannot be reached';
    this.cluster.on('error', (error: Error) => { reason = error.message; });
    this.cluster.on('close', () => { events.down(reason, true); });
    this.cluster.on('ready', () => {
      events.publisherReady();
      events.subscriberReady();
    });
    for (const event of ['-node', '+node', 'subscribersReady', 'nodeError']) this.cluster.on(event, () => { events.disturbed(); });
    this.cluster.on('smessageBuffer', (channel: Buffer, bytes: Buffer) => { events.message(channel.toString(), bytes); });
  }

  get connected(): boolean {
    return this.cluster.status === 'ready';
  }

  get canPublish(): boolean {
    return this.connected;
  }

  connect(): void {
    this.cluster.connect().catch(() => undefined);
  }

  publish(channel: string, bytes: Buffer): Promise<unknown> {
    return this.cluster.spublish(channel, bytes);
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    await Promise.all(channels.map(async (channel) => {
      // That it was told before proves nothing: it does not say when it fails to subscribe again. Told twice, it would keep the channel twice.
      if (this.known.has(channel)) await this.cluster.sunsubscribe(channel).catch(() => undefined);
      this.known.add(channel);
      try {
        await this.cluster.ssubscribe(channel);
      } catch (error) {
        this.known.delete(channel);
        await this.cluster.sunsubscribe(channel).catch(() => undefined);
        throw error;
      }
    }));
  }

  async unsubscribe(channel: string): Promise<void> {
    if (this.known.delete(channel)) await this.cluster.sunsubscribe(channel);
  }

  reconnect(): void {
    // Told so while it looks up names, ioredis gives up for good.
    if (this.cluster.status === 'ready' || this.cluster.status === 'connect') this.cluster.disconnect(true);
  }

  close(): void {
    this.cluster.disconnect();
  }
}
