/** Fetches the Kafka that the tests run, for machines (CI) that want to do so before them. */
import { obtainKafka } from './kafka-broker.ts';

process.stdout.write(`Kafka is in ${await obtainKafka()}\n`);
