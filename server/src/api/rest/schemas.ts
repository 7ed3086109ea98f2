/**
 * The resources of the REST API as zod schemas: what requests must look like and what answers are held to. `/openapi.json` is made of them.
 *
 * Values of cells are checked by the board model against the type of their column, not here.
 */
import { COLUMN_TYPES, type ColumnType } from '@sunday/board-model';
import { z } from 'zod';
import { FILTER_OPS } from '../../boards/item-filter.ts';
import { ROLES } from '../../boards/resources.ts';
import { VERSION_REASONS } from '../../boards/version-store.ts';
import { TEMPLATES } from '../../boards/templates.ts';

/** A schema that becomes `#/components/schemas/{id}`. */
const named = <T extends z.ZodType>(id: string, schema: T): T => schema.meta({ id });

/** Longest text of any field of a request; board-model has the narrower limits. */
const MAX_TEXT = 100_000;
/** User ids come from tokens. */
export const MAX_USER_ID = 255;

const id = z.string().min(1).max(64).describe('1 to 64 characters of A-Z, a-z, 0-9, _ and -');
const text = z.string().max(MAX_TEXT);
const userId = z.string().min(1).max(MAX_USER_ID);
const time = z.string().describe('RFC 3339, UTC');
const values = z.record(z.string(), z.unknown()).describe('By column id; the shape follows from the type of the column. In a write null empties a cell');
const settings = z.record(z.string(), z.unknown()).describe('Depends on the type: labels (status, dropdown), max (rating), unit (number), …');
const columnType = z.enum(COLUMN_TYPES as readonly [ColumnType, ...ColumnType[]]);
const before = id.optional().describe('Id of the neighbour to stand before');
const after = id.optional().describe('Id of the neighbour to stand after');

export const problem = named(
  'Problem',
  z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('Stable; see /docs/errors'),
    detail: z.string(),
    instance: z.string(),
    requestId: z.string(),
    field: z.string().optional(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  }),
);

// Answers

export const column = named('Column', z.object({ id, title: z.string(), type: z.string(), settings, position: z.string() }));
export const group = named('Group', z.object({ id, title: z.string(), color: z.string(), position: z.string() }));
export const board = named(
  'Board',
  z.object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    workspaceId: z.string().nullable(),
    columns: z.array(column),
    groups: z.array(group),
    createdAt: time,
    updatedAt: time,
    version: z.int().describe('Sequence number of the last committed batch'),
    role: z.enum(ROLES).describe('What the caller may do'),
  }),
);
export const item = named(
  'Item',
  z.object({
    id: z.string(),
    boardId: z.string(),
    groupId: z.string().nullable().describe('null: ungrouped'),
    name: z.string(),
    values,
    position: z.string().describe('Orders the items of a group, by code point, then by id'),
    createdAt: time,
    createdBy: z.string().nullable(),
    updatedAt: time,
    updatedBy: z.string().nullable(),
    deletedAt: time.nullable(),
  }),
);
export const comment = named(
  'Comment',
  z.object({
    id: z.string(), itemId: z.string(), author: z.string(), body: z.string(), mentions: z.array(z.string()), createdAt: time, editedAt: time.nullable(), deletedAt: time.nullable(),
  }),
);
export const member = named(
  'Member',
  z.object({ userId: z.string(), role: z.enum(ROLES), name: z.string().nullable(), picture: z.string().nullable(), addedBy: z.string().nullable(), addedAt: time }),
);
export const workspace = named('Workspace', z.object({ id: z.string(), name: z.string(), createdAt: time, createdBy: z.string() }));
export const presenceEntry = named(
  'PresenceEntry',
  z.object({
    clientId: z.number(),
    user: z.object({ id: z.string(), name: z.string(), picture: z.string().nullable(), color: z.string() }),
    state: z.unknown(),
  }),
);
export const imported = named('ImportedBoard', z.object({ ...board.shape, itemCount: z.int() }));
export const session = named('Session', z.object({ token: z.string(), user: z.object({ id: z.string(), name: z.string() }) }));

export const boardEvent = named(
  'Event',
  z.object({
    id: z.string().describe('The same for the same event, however often it comes'),
    type: z.string().describe('ItemCreated, ItemUpdated, ItemMoved, …'),
    aggregateId: z.string().describe('Id of the item, or of the board'),
    aggregateType: z.enum(['board', 'item']),
    boardId: z.string(),
    version: z.int().describe('Counts the events of a board, without gaps'),
    data: z.record(z.string(), z.unknown()).describe('Follows from the type; values before and after'),
    metadata: z.object({
      userId: z.string().nullable(), correlationId: z.string().nullable(), causationId: z.string().nullable(), source: z.string(), traceId: z.string().nullable(),
    }),
    timestamp: time,
  }),
);
const conflictSide = z.object({ value: z.unknown().describe('null: the cell was emptied'), userId: z.string().nullable(), at: time.nullable() });
export const conflict = named(
  'Conflict',
  z.object({
    id: z.string(),
    boardId: z.string(),
    itemId: z.string(),
    columnId: z.string(),
    policy: z.string().describe('later_write: the later one is kept; same_moment: within a second of each other'),
    kept: conflictSide,
    lost: conflictSide,
    createdAt: time,
    resolution: z.enum(['mine', 'theirs', 'value', 'superseded']).nullable().describe('null: open'),
    resolvedBy: z.string().nullable(),
    resolvedAt: time.nullable(),
  }),
);
export const version = named(
  'Version',
  z.object({
    id: z.string(),
    boardId: z.string(),
    name: z.string().nullable(),
    reason: z.enum(VERSION_REASONS).describe('named: somebody asked for it; the others were made by the server'),
    seq: z.int().describe('The `version` the board had: it holds everything up to this batch'),
    bytes: z.int(),
    createdBy: z.string().nullable().describe('null: the server'),
    createdAt: time,
  }),
);
const comparedState = z.object({ id: z.string().nullable().describe('null: the board as it was when asked'), seq: z.int(), createdAt: time });
const change = z.object({ before: z.unknown(), after: z.unknown() });
const changes = z.record(z.string(), change);
const textChange = z.object({ before: z.string(), after: z.string() });
const entriesDiff = <T extends z.ZodType>(entry: T) =>
  z.object({ added: z.array(entry), removed: z.array(entry), changed: z.array(z.object({ id: z.string(), title: z.string(), changes: changes.describe('By field') })) });
const itemSummary = z.object({ id: z.string(), name: z.string(), groupId: z.string().nullable() });
const place = z.object({ groupId: z.string().nullable(), position: z.string() });
export const versionDiff = named(
  'VersionDiff',
  z.object({
    from: comparedState,
    to: comparedState,
    counts: z.object({ added: z.int(), removed: z.int(), changed: z.int() }).describe('Items, also those not named'),
    diff: z.object({
      board: z.object({ name: textChange.optional(), description: textChange.optional() }),
      columns: entriesDiff(column),
      groups: entriesDiff(group),
      items: z.object({
        added: z.array(itemSummary),
        removed: z.array(itemSummary),
        changed: z.array(z.object({
          id: z.string(),
          name: z.string().describe('As it is afterwards'),
          renamed: textChange.optional(),
          moved: z.object({ before: place, after: place }).optional(),
          values: changes.describe('By column id; null: an empty cell'),
        })),
      }),
    }),
  }),
);
export const restored = named(
  'Restored',
  z.object({
    boardId: z.string(),
    seq: z.int().describe('The `version` of the board after the restore'),
    undo: z.string().describe('Version that holds the board as it was just before'),
    columns: z.int(),
    groups: z.int(),
    items: z.int().describe('Items that were different'),
  }),
);

export const page = <T extends z.ZodType>(entry: T) => z.object({ data: z.array(entry), nextCursor: z.string().nullable().describe('null: the last page') });

// Requests

export const boardParams = z.object({ boardId: z.string() });
export const itemParams = z.object({ boardId: z.string(), itemId: z.string() });

/** Entries of a page when the caller does not say. */
const DEFAULT_PAGE = 50;

export const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100_000).default(DEFAULT_PAGE).describe('Entries of a page; capped by the server'),
  cursor: z.string().optional().describe('nextCursor of the page before'),
});

const flag = z.enum(['true', 'false']).default('false').transform((value) => value === 'true');
export const flagQuery = flag;

export const itemListQuery = z.looseObject({
  ...listQuery.shape,
  sort: z.string().optional().describe('Column ids and fields (name, createdAt, updatedAt, …) separated by commas, a minus for descending: -c_due,name. Empty cells come last. Without it: the order of the board'),
  deleted: flag.describe('true: the items in the trash'),
  filter: z
    .record(z.string(), z.partialRecord(z.enum(FILTER_OPS), z.string()))
    .optional()
    .describe('filter[columnId][op]=value; all must hold. Ops: eq, ne, in (a,b,c), contains, startsWith, lt, lte, gt, gte, empty (true or false). Labels by id or title. Fields: name, groupId, createdAt, createdBy, updatedAt, updatedBy; values.<columnId> where a column id is also a field'),
});

const newColumn = z.strictObject({ id: id.optional(), type: columnType, title: text, settings: settings.optional() });
const newGroup = z.strictObject({ id: id.optional(), title: text, color: text.optional() });

export const createBoardBody = z.strictObject({
  name: text.min(1),
  description: text.optional(),
  workspaceId: z.string().nullable().optional(),
  columns: z.array(newColumn).max(500).optional().describe('Instead of those of the template'),
  groups: z.array(newGroup).max(500).optional().describe('Instead of those of the template'),
  template: z.string().optional().describe(`One of: ${Object.entries(TEMPLATES).map(([name, template]) => `${name} (${template.about})`).join(', ')}`),
});
export const updateBoardBody = z.strictObject({ name: text.min(1).optional(), description: text.optional() });
export const duplicateBoardBody = z.strictObject({ name: text.min(1).optional(), workspaceId: z.string().nullable().optional(), withItems: z.boolean().default(true) });

export const createColumnBody = z.strictObject({ ...newColumn.shape, before, after });
export const updateColumnBody = z.strictObject({ title: text.optional(), settings: settings.optional().describe('Merged: a key given replaces, null removes'), before, after });
export const createGroupBody = z.strictObject({ ...newGroup.shape, before, after });
export const updateGroupBody = z.strictObject({ title: text.optional(), color: text.optional(), before, after });

const groupId = id.nullable().optional().describe('null: ungrouped');
export const createItemBody = z.strictObject({ id: id.optional(), name: text, groupId: groupId.describe('Default: the first group; null: ungrouped'), values: values.optional(), before, after });
export const updateItemBody = z.strictObject({ name: text.optional(), values: values.optional().describe('Cells that are absent stay; null empties a cell') });
export const moveItemBody = z.strictObject({ groupId, before, after });

export const batchBody = z.strictObject({
  operations: z
    .array(
      z.discriminatedUnion('op', [
        z.strictObject({ op: z.literal('create'), ...createItemBody.shape }),
        z.strictObject({ op: z.literal('update'), id, ifMatch: z.string().optional(), ...updateItemBody.shape }),
        z.strictObject({ op: z.literal('move'), id, ...moveItemBody.shape }),
        z.strictObject({ op: z.literal('delete'), id }),
        z.strictObject({ op: z.literal('restore'), id }),
      ]),
    )
    .min(1)
    .describe('All or nothing, in this order'),
});

export const createCommentBody = z.strictObject({ id: id.optional(), body: text.min(1), mentions: z.array(userId).max(100).optional() });
export const addMemberBody = z.strictObject({ userId, role: z.enum(ROLES) });
export const updateMemberBody = z.strictObject({ role: z.enum(ROLES) });
export const createWorkspaceBody = z.strictObject({ name: text.min(1).max(255) });
export const sessionBody = z.strictObject({ name: z.string().trim().min(1).max(100) });
export const createVersionBody = z.strictObject({ name: text.min(1).max(255).nullable().optional().describe('What people call it') });
export const restoreVersionBody = z.strictObject({ itemId: id.optional().describe('Only this item') });
export const writeHeaders = z.looseObject({
  'idempotency-key': z.string().optional().describe('Repeating the request with the same key answers the first response again'),
  'if-match': z.string().optional().describe('ETag the resource must still have'),
});

// Operators

const deliveryState = z.enum(['parked', 'retrying', 'waiting']);
const deliveryId = z.string().regex(/^\d{1,18}$/);
const groupName = z.string().min(1).max(100);

export const delivery = named(
  'FailedDelivery',
  z.object({
    id: deliveryId,
    group: z.string().describe('The consumer group'),
    boardId: z.string(),
    state: deliveryState,
    tries: z.int(),
    nextTryAt: time.nullable(),
    error: z.string().nullable().describe('What the handler threw last'),
    firstFailedAt: time,
    event: z.looseObject({ id: z.string(), type: z.string(), version: z.int(), timestamp: time }),
  }),
);
export const listDeliveriesQuery = z.object({ ...listQuery.shape, group: groupName.optional(), boardId: z.uuid().optional(), state: deliveryState.default('parked') });
export const changeDeliveriesBody = z.strictObject({ group: groupName.optional(), boardId: z.uuid().optional(), id: deliveryId.optional() });
export const discardDeliveriesBody = z.strictObject({ id: deliveryId });
export const changedDeliveries = z.object({ count: z.int() });
