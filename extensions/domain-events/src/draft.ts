/**
 * Events in the making: who caused them, and the id that follows from the change alone.
 *
 * The id is a hash of board, type, subject and the structs that made the change, so that whoever derives the same change, on whatever
 * node and however it was batched, gives it the same id (invariant 4).
 */
import { hash } from 'node:crypto';
import type { StructId } from '@sunday/board-model';
import type { Cause, EventRow } from '@sunday/extension-journal';

/** Who and what caused a change; the connection it came on is of no interest any more. */
export type Actor = Omit<Cause, 'connection'>;

export const NOBODY: Actor = { userId: null, source: 'system', correlationId: null, causationId: null, traceId: null };

/** A UUID (version 8: made of a hash) that always comes out the same for the same parts. */
export function derivedId(...parts: readonly string[]): string {
  const digest = hash('sha256', parts.join('\n'), 'hex');
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}

/** A key and the struct under it, as part of a fingerprint. */
export const marked = (key: string, struct: (StructId & { deleted: boolean }) | null): string =>
  (struct === null ? key : `${key}@${struct.client}:${struct.clock}${struct.deleted ? 'x' : ''}`);

export interface Draft {
  readonly type: string;
  readonly aggregateType: 'board' | 'item';
  readonly aggregateId: string;
  readonly data: Record<string, unknown>;
  readonly actor: Actor;
  /** The structs that made the change. */
  readonly fingerprint: string;
  /** The event that this one follows from. */
  readonly causationId?: string;
}

export const eventRow = (boardId: string, batchId: string | null, draft: Draft): EventRow => ({
  id: derivedId(boardId, draft.type, draft.aggregateId, draft.fingerprint),
  type: draft.type,
  aggregateType: draft.aggregateType,
  aggregateId: draft.aggregateId,
  data: draft.data,
  userId: draft.actor.userId,
  source: draft.actor.source,
  correlationId: draft.actor.correlationId ?? batchId,
  causationId: draft.causationId ?? draft.actor.causationId,
  traceId: draft.actor.traceId,
});
