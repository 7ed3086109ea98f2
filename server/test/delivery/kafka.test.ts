/** From an edit to its consumers over a real Apache Kafka. */
import { noKafka, startKafka } from '@sunday/extension-event-bus/testing';
import { deliveryOver } from './suite.ts';

deliveryOver('Kafka', async () => {
  const kafka = await startKafka();
  return { bus: { kind: 'kafka', ordersTopics: false, leaseMs: 4_000, env: { KAFKA_BROKERS: kafka.brokers.join() } }, close: () => kafka.close() };
}, noKafka());
