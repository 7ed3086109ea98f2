/**
 * Connections to Redis as the streams driver needs them, for commands and for subscriptions. On a Redis Cluster all keys of the bus carry
 * one hash tag and lie on one node.
 */
import { Cluster, Redis, type RedisOptions } from 'ioredis';

export type Connection = Redis | Cluster;

export interface RedisAddress {
  readonly url: string;
  readonly cluster?: boolean;
}

const RETRY_MIN_MS = 50;
/** Redis restarts in a second or two; a slower retry would add to that. */
const RETRY_MAX_MS = 1_000;
/** A connection that takes longer is to a host that is gone. */
const CONNECT_TIMEOUT_MS = 3_000;
/** A Redis that hangs with its connections open: commands give up, and are repeated by who sent them. */
const COMMAND_TIMEOUT_MS = 5_000;

const retryDelay = (attempt: number): number => Math.min(RETRY_MIN_MS * 2 ** Math.min(attempt, 10), RETRY_MAX_MS) * (0.5 + Math.random() / 2);

/** Connects by itself, for ever. What cannot be sent now rejects now: a queue would deliver it late, after what was sent again. */
export function connect({ url, cluster = false }: RedisAddress, name: string, { subscriber = false } = {}): Connection {
  const common: RedisOptions = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    ...(subscriber ? {} : { commandTimeout: COMMAND_TIMEOUT_MS }),
  };
  const connection = cluster ? connectCluster(url, common) : new Redis(url, { ...common, retryStrategy: retryDelay, autoResubscribe: subscriber, connectionName: name });
  connection.on('error', () => undefined); // it reconnects; whoever has a command under way is told by its rejection
  return connection;
}

function connectCluster(url: string, redisOptions: RedisOptions): Cluster {
  const { hostname, port, username, password, protocol } = new URL(url);
  return new Cluster([{ host: hostname, port: port === '' ? 6379 : Number(port) }], {
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelay,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    redisOptions: {
      ...redisOptions,
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    },
  });
}
