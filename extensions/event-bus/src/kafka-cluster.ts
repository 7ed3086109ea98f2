/** How the driver reaches a Kafka cluster: addresses, sign-in, patience, and the topics it needs. */
import { Admin, type BaseOptions, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import { TOPICS, type Topic } from './envelope.ts';

export interface KafkaAddress {
  /** `host:port` */
  readonly brokers: readonly string[];
  readonly tls?: boolean;
  readonly sasl?: { readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; readonly username: string; readonly password: string };
  /** Partitions of a topic that is made here. More of them let more workers share a group; adding some later breaks a board's order once. */
  readonly partitions?: number;
}

export type Strings = { serializers: typeof stringSerializers; deserializers: typeof stringDeserializers };
export const STRINGS: Strings = { serializers: stringSerializers, deserializers: stringDeserializers };

const PARTITIONS = 12;
/** The cluster's own default replication. */
const DEFAULT_REPLICATION = -1;
const CONNECT_TIMEOUT_MS = 3_000;
/** For one request; a broker that takes longer is about to be replaced by another. */
const REQUEST_TIMEOUT_MS = 5_000;

export const baseOptions = ({ brokers, tls = false, sasl }: KafkaAddress, clientId: string): BaseOptions => ({
  clientId,
  bootstrapBrokers: [...brokers],
  connectTimeout: CONNECT_TIMEOUT_MS,
  timeout: REQUEST_TIMEOUT_MS,
  retries: 2,
  retryDelay: 200,
  ...(tls ? { tls: {} } : {}),
  ...(sasl === undefined ? {} : { sasl: { ...sasl } }),
});

/** Makes what is missing. Where topics are an operator's business and exist, nothing is asked for but the list. */
export async function ensureTopics(address: KafkaAddress): Promise<void> {
  const admin = new Admin(baseOptions(address, 'sunday-bus-admin'));
  try {
    const existing = new Set(await admin.listTopics());
    const missing = TOPICS.filter((topic) => !existing.has(topic));
    if (missing.length === 0) return;
    try {
      await admin.createTopics({ topics: [...missing], partitions: address.partitions ?? PARTITIONS, replicas: DEFAULT_REPLICATION });
    } catch (error) {
      const now = new Set(await admin.listTopics()); // another process may have been quicker
      if (!TOPICS.every((topic) => now.has(topic))) throw error;
    }
  } finally {
    await admin.close();
  }
}

/** Lets a group that never was begin with what is published from now on. Another worker of it that is there already has done so. */
export async function startFromNow(address: KafkaAddress, groupId: string, topics: readonly Topic[]): Promise<void> {
  const admin = new Admin(baseOptions(address, 'sunday-bus-admin'));
  try {
    const [known] = await admin.listConsumerGroupOffsets({ groups: [groupId] }).catch(() => []);
    if ((known?.topics ?? []).some(({ partitions }) => partitions.some(({ committedOffset }) => committedOffset >= 0n))) return;
    const metadata = await admin.metadata({ topics: [...topics] });
    const latest = await admin.listOffsets({
      topics: topics.map((name) => ({
        name,
        partitions: Array.from({ length: metadata.topics.get(name)?.partitionsCount ?? 0 }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1n })),
      })),
    });
    await admin.alterConsumerGroupOffsets({
      groupId,
      topics: latest.map(({ name, partitions }) => ({ name, partitionOffsets: partitions.map(({ partitionIndex, offset }) => ({ partition: partitionIndex, offset })) })),
    });
  } finally {
    await admin.close();
  }
}
