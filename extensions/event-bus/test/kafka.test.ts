/** The Kafka driver on a real broker: the common suite, and what other programs find on the topics. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Consumer, stringDeserializers } from '@platformatic/kafka';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { TOPICS } from '../src/index.ts';
import { KafkaBus } from '../src/kafka.ts';
import { eventBusConformance } from './conformance.ts';
import { noKafka, startKafka, type TestKafka } from './kafka-broker.ts';
import { append, makeBoard, until } from './support.ts';

const skip = noKafka();
let broker: Promise<TestKafka> | undefined;
/** One broker for this file: it takes seconds to start. */
const shared = (): Promise<TestKafka> => { broker ??= startKafka(); return broker; };

describe('event bus over Kafka, as other programs see it', { skip }, () => {
  let postgres: TestDatabase;
  before(async () => { postgres = await openTestDatabase(); });
  after(() => postgres.close());

  test('an event is on the topic of its type, keyed by its board, with type, correlation and time as headers', async () => {
    const { brokers } = await shared();
    const bus = new KafkaBus({ brokers, partitions: 4 });
    const boardId = await makeBoard(postgres.database);
    const large = 'x'.repeat(1_500_000);
    const events = await append(postgres.database, boardId, [{ type: 'BoardCreated', data: { name: 'A board' } }, { type: 'ItemCreated', data: { name: 'An item' } }, { data: { large } }]);
    await until('published', () => bus.publish(events).then(() => true, () => false));
    const consumer = new Consumer({ clientId: 'other', groupId: 'other-program', bootstrapBrokers: [...brokers], deserializers: stringDeserializers, autocommit: false });
    const stream = await consumer.consume({ topics: [...TOPICS], mode: 'earliest' });
    const messages: { topic: string; key: string; type: string | undefined; correlation: string | undefined; time: string | undefined; value: unknown }[] = [];
    const known = new Set<string>();
    stream.on('data', ({ topic, key, headers, value }) => {
      if (known.has(value)) return; // published again after a failure, as a relay does
      known.add(value);
      messages.push({ topic, key, type: headers.get('eventType'), correlation: headers.get('correlationId'), time: headers.get('timestamp'), value: JSON.parse(value) });
    });
    await until('all are there', () => messages.length >= events.length);
    const found = (topic: string) => messages.filter((message) => message.topic === topic);
    const [created, item, huge] = events;
    assert.deepEqual(found('board-events'), [{ topic: 'board-events', key: boardId, type: 'BoardCreated', correlation: 'request-0', time: created?.timestamp, value: created }]);
    assert.deepEqual(found('item-events').map(({ value }) => value), [item, { ...huge, data: { omitted: 'too_large' } }]);
    await consumer.close(true);
    await bus.close();
  });
});

eventBusConformance('Kafka', async () => {
  const [postgres, kafka] = [await openTestDatabase(), await shared()];
  return {
    postgres, config: { kind: 'kafka', brokers: kafka.brokers, partitions: 4 }, leaseMs: 4_000, ordersTopics: false,
    outage: { begin: () => kafka.stop(), end: () => kafka.start() },
    close: async () => {
      await kafka.close();
      await postgres.close();
    },
  };
}, { skip, outage: true });
