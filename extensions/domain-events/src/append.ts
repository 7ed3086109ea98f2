/** Events of what no batch brings: members, a board that is deleted, a conflict that is resolved. Written in the transaction of what they tell of. */
import type { Tx } from '@sunday/database';
import { randomUUID } from 'node:crypto';

export interface LooseEvent {
  readonly boardId: string;
  readonly type: string;
  readonly aggregateType: 'board' | 'item';
  readonly aggregateId: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly userId: string | null;
  readonly source: string;
  readonly correlationId?: string | null;
}

/** $1 board · $2 id · $3 type · $4 aggregate type · $5 aggregate id · $6 data · $7 user · $8 source · $9 correlation id */
const APPEND = {
  name: 'domain_events_append',
  text: 'SELECT append_board_event($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9) AS version',
} as const;

/** Takes the lock of the board's head until the transaction ends: call it last. */
export async function appendEvent(tx: Pick<Tx, 'query'>, event: LooseEvent, id: string = randomUUID()): Promise<void> {
  const { boardId, type, aggregateType, aggregateId, data, userId, source, correlationId = null } = event;
  await tx.query(APPEND, [boardId, id, type, aggregateType, aggregateId, JSON.stringify(data), userId, source, correlationId]);
}
