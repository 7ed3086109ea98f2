/** Two consumer groups, as somebody would write who builds on Sunday's events: one works in Postgres, the other tells a program elsewhere. */
import type { ConsumerDefinition, Topic } from '@sunday/extension-event-bus';

/** An advisory lock: who holds it keeps handlers of `inside` from ending. */
export const HANDLING = 7_825_399;
export const GROUPS = { inside: 'test-inside', outside: 'test-outside' } as const;
/** Where `inside` has its effects: `n` is their order. */
export const MAKE_EFFECTS = 'CREATE TABLE received (n bigserial PRIMARY KEY, event jsonb NOT NULL)';

const TOPICS: readonly Topic[] = ['board-events', 'item-events', 'collaboration-events'];

export function testConsumers(receiverUrl: string): ConsumerDefinition[] {
  const common = { topics: TOPICS, from: 'beginning', afterParked: 'hold' } as const;
  return [
    {
      ...common, group: GROUPS.inside, in: 'transaction',
      handle: async (event, tx) => {
        await tx.query('INSERT INTO received (event) VALUES ($1)', [JSON.stringify(event)]);
        await tx.query('SELECT pg_advisory_xact_lock_shared($1)', [HANDLING]);
      },
    },
    {
      ...common, group: GROUPS.outside, in: 'outside',
      handle: async (event, signal) => {
        const answer = await fetch(receiverUrl, { method: 'POST', body: JSON.stringify(event), signal });
        if (!answer.ok) throw new Error(`the receiver answers ${answer.status}`);
      },
    },
  ];
}
