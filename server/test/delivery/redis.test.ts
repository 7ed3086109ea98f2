/** From an edit to its consumers over Redis streams. */
import { deliveryOver } from './suite.ts';

deliveryOver('Redis', () => Promise.resolve({ bus: { kind: 'redis', ordersTopics: true, leaseMs: 1_000, env: {} }, close: () => Promise.resolve() }));
