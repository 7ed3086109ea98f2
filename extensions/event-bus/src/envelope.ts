/**
 * The event: its envelope, the topics, and which type goes to which.
 *
 * Guarantees: what `decodeEvent` returns has the whole shape, whatever wrote the bytes; every event has a topic, also one of a type this
 * version does not know, so that an older process relays what a newer one wrote.
 * Does not: know what is in `data`. That is each type's own.
 */
import { z } from 'zod';

export const TOPICS = ['board-events', 'item-events', 'collaboration-events', 'saga-events', 'file-events', 'ai-events', 'notification-events'] as const;
export type Topic = (typeof TOPICS)[number];

const TYPES = {
  'board-events': [
    'BoardCreated', 'BoardUpdated', 'BoardDeleted', 'BoardMemberAdded', 'BoardMemberRemoved', 'BoardMemberRoleChanged',
    'ColumnAdded', 'ColumnUpdated', 'ColumnRemoved', 'GroupAdded', 'GroupUpdated', 'GroupRemoved',
  ],
  'item-events': ['ItemCreated', 'ItemUpdated', 'ItemMoved', 'ItemAssigned', 'ItemDeleted', 'ItemRestored', 'CommentAdded'],
  'collaboration-events': ['UserJoined', 'UserLeft', 'CursorMoved', 'ConflictDetected', 'ConflictResolved'],
} as const satisfies Partial<Record<Topic, readonly string[]>>;

/** Types of sagas, files, AI and notifications begin with that word; their parts define them. */
const PREFIXES: readonly (readonly [RegExp, Topic])[] = [
  [/^Saga/, 'saga-events'], [/^File/, 'file-events'], [/^A[iI][A-Z]/, 'ai-events'], [/^Notification/, 'notification-events'],
];
const TOPIC_OF_TYPE = new Map<string, Topic>(TOPICS.flatMap((topic) => (topic in TYPES ? TYPES[topic as keyof typeof TYPES] : []).map((type) => [type, topic] as const)));

/** A type nobody here knows goes where the thing it tells of belongs: dropping it, or stopping at it, would be worse. */
export function topicOf({ type, aggregateType }: Pick<BoardEvent, 'type' | 'aggregateType'>): Topic {
  return TOPIC_OF_TYPE.get(type) ?? PREFIXES.find(([pattern]) => pattern.test(type))?.[1] ?? (aggregateType === 'item' ? 'item-events' : 'board-events');
}

const text = z.string().nullable();
const metadata = z.object({ userId: text, correlationId: text, causationId: text, source: z.string(), traceId: text });
const common = {
  id: z.guid(),
  type: z.string().min(1),
  aggregateId: z.string(),
  aggregateType: z.enum(['board', 'item']),
  boardId: z.guid(),
  data: z.record(z.string(), z.unknown()),
  metadata,
  timestamp: z.iso.datetime({ offset: true }),
};
/** `version` counts the events of a board, without gaps. */
const boardEvent = z.object({ ...common, version: z.int().positive() });
const ephemeralEvent = z.object(common);

export type BoardEvent = z.infer<typeof boardEvent>;
export type EventMetadata = z.infer<typeof metadata>;
/** Of what passes: somebody joined, left, moved a cursor. In no log, so it has no version. */
export type EphemeralEvent = z.infer<typeof ephemeralEvent>;

export class MalformedEvent extends Error {
  override readonly name = 'MalformedEvent';
}

/** @throws MalformedEvent */
export const decodeEvent = (value: unknown): BoardEvent => decode(boardEvent, value);
/** @throws MalformedEvent */
export const decodeEventJson = (json: string): BoardEvent => decode(boardEvent, parse(json));
/** @throws MalformedEvent */
export const decodeEphemeralJson = (json: string): EphemeralEvent => decode(ephemeralEvent, parse(json));
export const encodeEvent = (event: BoardEvent | EphemeralEvent): string => JSON.stringify(event);

function decode<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (!result.success) throw new MalformedEvent(`Not an event: ${result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`);
  return result.data;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new MalformedEvent('Not an event: not JSON', { cause });
  }
}

/** A row of `board_events`, as EVENT_COLUMNS selects it. */
export interface EventRow {
  readonly board_id: string; readonly version: string; readonly id: string; readonly type: string;
  readonly aggregate_type: 'board' | 'item'; readonly aggregate_id: string; readonly data: Record<string, unknown>;
  readonly user_id: string | null; readonly source: string; readonly correlation_id: string | null; readonly causation_id: string | null;
  readonly trace_id: string | null; readonly occurred_at: Date;
}

export const EVENT_COLUMNS = 'e.board_id, e.version, e.id, e.type, e.aggregate_type, e.aggregate_id, e.data, e.user_id, e.source, e.correlation_id, e.causation_id, e.trace_id, e.occurred_at';

/** Postgres keeps the shape; int8 arrives as text. */
export const eventOfRow = (row: EventRow): BoardEvent => ({
  id: row.id,
  type: row.type,
  aggregateId: row.aggregate_id,
  aggregateType: row.aggregate_type,
  boardId: row.board_id,
  version: Number(row.version),
  data: row.data,
  metadata: { userId: row.user_id, correlationId: row.correlation_id, causationId: row.causation_id, source: row.source, traceId: row.trace_id },
  timestamp: row.occurred_at.toISOString(),
});
