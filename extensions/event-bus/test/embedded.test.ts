/** The embedded driver: the common suite. */
import { openTestDatabase } from '@sunday/database/testing';
import { eventBusConformance } from './conformance.ts';

eventBusConformance('embedded', async () => {
  const postgres = await openTestDatabase();
  return { postgres, config: { kind: 'embedded' }, leaseMs: 1_000, ordersTopics: true, close: () => postgres.close() };
});
