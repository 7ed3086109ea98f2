/** From an edit to its consumers over Postgres alone. */
import { deliveryOver } from './suite.ts';

deliveryOver('embedded', () => Promise.resolve({ bus: { kind: 'embedded', ordersTopics: true, leaseMs: 1_000, env: {} }, close: () => Promise.resolve() }));
