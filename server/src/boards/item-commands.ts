/**
 * Creating, changing, moving, deleting and restoring items, one by one or as a batch.
 *
 * Guarantees: a command that returns is committed; If-Match is checked in the same synchronous step as the write; a command that throws
 * has changed nothing. A batch is all or nothing: it is tried on a scratch document with the board's structure before it touches the board.
 */
import {
  createItem, deleteItem, initBoard, isId, moveItem, readColumns, readGroups, readItem, restoreItem, updateItem,
  type ColumnValue, type GroupId, type ItemId,
} from '@sunday/board-model';
import * as Y from 'yjs';
import { SundayError, toSundayError } from '../errors.ts';
import { RANDOM_IDS, type IdSource } from './derived-ids.ts';
import { itemEtag, NO_PRECONDITION, requireMatch, type Precondition } from './etags.ts';
import { noSuchItem } from './item-queries.ts';
import { byRest, requireRole, type BoardsParts, type WriteOptions } from './parts.ts';
import { itemFactsFromDoc, itemResource, structureOfDoc, withFullText, type Actor, type ItemFacts, type ItemResource, type Structure } from './resources.ts';

type Values = Record<string, unknown>;
type Spot = { readonly before?: string | undefined; readonly after?: string | undefined };

export type NewItemInput = Spot & { readonly id?: string | undefined; readonly name: string; readonly groupId?: string | null | undefined; readonly values?: Values | undefined };
export type ItemPatchInput = { readonly name?: string | undefined; readonly values?: Values | undefined };
export type ItemTarget = Spot & { readonly groupId?: string | null | undefined };

export type BatchOperation =
  | ({ readonly op: 'create' } & NewItemInput)
  | ({ readonly op: 'update'; readonly id: string; readonly ifMatch?: string | undefined } & ItemPatchInput)
  | ({ readonly op: 'move'; readonly id: string } & ItemTarget)
  | { readonly op: 'delete'; readonly id: string }
  | { readonly op: 'restore'; readonly id: string };

export type ItemAndTag = { item: ItemResource; etag: string };

export type ItemCommands = {
  createItem(actor: Actor, boardId: string, input: NewItemInput, options?: WriteOptions): Promise<ItemAndTag>;
  updateItem(actor: Actor, boardId: string, itemId: string, patch: ItemPatchInput, options?: WriteOptions): Promise<ItemAndTag>;
  moveItem(actor: Actor, boardId: string, itemId: string, target: ItemTarget, options?: WriteOptions): Promise<ItemAndTag>;
  deleteItem(actor: Actor, boardId: string, itemId: string, options?: WriteOptions): Promise<void>;
  restoreItem(actor: Actor, boardId: string, itemId: string, options?: WriteOptions): Promise<ItemAndTag>;
  /** One result an operation, in order: the item as it is afterwards. */
  batchItems(actor: Actor, boardId: string, operations: readonly BatchOperation[], options?: WriteOptions): Promise<ItemResource[]>;
};

export function itemCommands(parts: BoardsParts): ItemCommands {
  const { engine, limits } = parts;

  /** Runs a change and answers with the item as it is in the same step. */
  async function edit(actor: Actor, boardId: string, change: (doc: Y.Doc) => string): Promise<ItemAndTag> {
    await requireRole(parts, actor, boardId, 'editor');
    const { value } = await engine.write(boardId, byRest(actor), (doc) => itemNow(doc, boardId, change(doc)));
    return value;
  }

  return {
    createItem: (actor, boardId, input, { ids = RANDOM_IDS } = {}) =>
      edit(actor, boardId, (doc) => {
        const id = input.id ?? ids.id('item');
        if (!ids.repeatable) refuseExisting(doc, id);
        return createItem(doc, { ...spotOf(input), id: id as ItemId, name: input.name, ...groupOf(input), ...valuesOf(input) }, actor);
      }),

    updateItem: (actor, boardId, itemId, patch, { precondition = NO_PRECONDITION } = {}) =>
      edit(actor, boardId, (doc) => {
        requireLive(doc, itemId, precondition);
        applyPatch(doc, itemId, patch, actor);
        return itemId;
      }),

    moveItem: (actor, boardId, itemId, target, { precondition = NO_PRECONDITION } = {}) =>
      edit(actor, boardId, (doc) => {
        requireLive(doc, itemId, precondition);
        moveItem(doc, itemId as ItemId, { ...groupOf(target), ...spotOf(target) }, actor);
        return itemId;
      }),

    async deleteItem(actor, boardId, itemId, { precondition = NO_PRECONDITION } = {}) {
      await edit(actor, boardId, (doc) => {
        const facts = requireItem(doc, itemId);
        if (facts.deletedAt === null) requireMatch(precondition, () => tagOf(doc, facts));
        deleteItem(doc, itemId as ItemId, actor); // deleting twice is harmless: the second answer is the first one's
        return itemId;
      });
    },

    restoreItem: (actor, boardId, itemId, { precondition = NO_PRECONDITION } = {}) =>
      edit(actor, boardId, (doc) => {
        const facts = requireItem(doc, itemId);
        requireMatch(precondition, () => tagOf(doc, facts));
        restoreItem(doc, itemId as ItemId, actor);
        return itemId;
      }),

    async batchItems(actor, boardId, operations, { ids = RANDOM_IDS } = {}) {
      if (operations.length > limits.maxBatchOperations) {
        throw new SundayError('validation_failed', `A batch has at most ${limits.maxBatchOperations} operations`, { field: 'operations' });
      }
      await requireRole(parts, actor, boardId, 'editor');
      const named = operations.map((operation, index) => (operation.op === 'create' ? { ...operation, id: operation.id ?? ids.id('item', index) } : operation));
      const { value } = await engine.write(boardId, byRest(actor), (doc) => {
        rehearse(doc, named, ids, actor);
        const touched = named.map((operation) => applyOperation(doc, operation, actor));
        const structure = structureOfDoc(doc);
        return touched.map((id) => {
          const facts = itemFactsFromDoc(doc, id, structure);
          if (facts === undefined) throw new SundayError('internal', 'an item vanished within its own transaction');
          return itemResource(boardId, withFullText(doc, facts, structure));
        });
      });
      return value;
    },
  };
}

function itemNow(doc: Y.Doc, boardId: string, itemId: string): ItemAndTag {
  const structure = structureOfDoc(doc);
  const facts = fullFacts(doc, itemId, structure);
  if (facts === undefined) throw noSuchItem();
  return { item: itemResource(boardId, facts), etag: itemEtag(facts, structure) };
}

function fullFacts(doc: Y.Doc, itemId: string, structure: Structure): ItemFacts | undefined {
  const facts = isId(itemId) ? itemFactsFromDoc(doc, itemId, structure) : undefined;
  return facts === undefined ? undefined : withFullText(doc, facts, structure);
}

function requireItem(doc: Y.Doc, itemId: string): ItemFacts {
  const facts = fullFacts(doc, itemId, structureOfDoc(doc));
  if (facts === undefined) throw noSuchItem();
  return facts;
}

function requireLive(doc: Y.Doc, itemId: string, precondition: Precondition): void {
  const item = isId(itemId) ? readItem(doc, itemId as ItemId) : undefined;
  if (item === undefined || item.deletedAt !== null) throw noSuchItem();
  requireMatch(precondition, () => tagOf(doc, requireItem(doc, itemId)));
}

const tagOf = (doc: Y.Doc, facts: ItemFacts): string => itemEtag(facts, structureOfDoc(doc));

function refuseExisting(doc: Y.Doc, id: string): void {
  if (isId(id) && readItem(doc, id as ItemId) !== undefined) throw new SundayError('already_exists', 'The board has an item with this id', { field: 'id' });
}

function applyPatch(doc: Y.Doc, itemId: string, patch: ItemPatchInput, actor: Actor): void {
  updateItem(doc, itemId as ItemId, { ...(patch.name === undefined ? {} : { name: patch.name }), ...valuesOf(patch) }, actor);
}

type NamedOperation = BatchOperation & { readonly id: string };

/** Applies one operation and returns the id of its item. */
function applyOperation(doc: Y.Doc, operation: NamedOperation, actor: Actor): string {
  switch (operation.op) {
    case 'create':
      createItem(doc, { ...spotOf(operation), id: operation.id as ItemId, name: operation.name, ...groupOf(operation), ...valuesOf(operation) }, actor);
      break;
    case 'update':
      applyPatch(doc, operation.id, operation, actor);
      break;
    case 'move':
      moveItem(doc, operation.id as ItemId, { ...groupOf(operation), ...spotOf(operation) }, actor);
      break;
    case 'delete':
      deleteItem(doc, operation.id as ItemId, actor);
      break;
    case 'restore':
      restoreItem(doc, operation.id as ItemId, actor);
      break;
    default:
      operation satisfies never;
  }
  return operation.id;
}

/**
 * Runs the batch on a scratch document that has the board's columns and groups and stand-ins for the items the batch names. What would
 * throw on the board throws here first, and nothing has changed.
 * @throws SundayError of the first operation that fails, with its `index`
 */
function rehearse(doc: Y.Doc, operations: readonly NamedOperation[], ids: IdSource, actor: Actor): void {
  const scratch = new Y.Doc();
  try {
    initBoard(scratch, { name: '', columns: readColumns(doc, { archived: true }), groups: readGroups(doc, { archived: true }) }, actor);
    for (const id of new Set(operations.flatMap(idsNamed))) {
      if (isId(id) && readItem(doc, id as ItemId) !== undefined) createItem(scratch, { id: id as ItemId, name: '', groupId: null }, actor);
    }
    operations.forEach((operation, index) => {
      try {
        if (operation.op === 'create' && !ids.repeatable) refuseExisting(scratch, operation.id);
        if (operation.op === 'update' && operation.ifMatch !== undefined) {
          requireMatch({ kind: 'tags', tags: [operation.ifMatch] }, () => tagOf(doc, requireItem(doc, operation.id)));
        }
        applyOperation(scratch, operation, actor);
      } catch (error) {
        const { code, message, field } = toSundayError(error);
        throw new SundayError(code, `Operation ${index}: ${message}`, { cause: error, extra: { index }, field: `operations.${index}${field === undefined ? '' : `.${field}`}` });
      }
    });
  } finally {
    scratch.destroy();
  }
}

const idsNamed = (operation: NamedOperation): string[] =>
  [operation.id, ...('before' in operation ? [operation.before] : []), ...('after' in operation ? [operation.after] : [])].filter((id) => id !== undefined);

const spotOf = ({ before, after }: Spot): { before?: ItemId; after?: ItemId } => ({
  ...(before === undefined ? {} : { before: before as ItemId }),
  ...(after === undefined ? {} : { after: after as ItemId }),
});

const groupOf = ({ groupId }: { groupId?: string | null | undefined }): { groupId?: GroupId | null } => (groupId === undefined ? {} : { groupId: groupId as GroupId | null });

/** The board model checks every value itself; this only says so to the types. */
const valuesOf = ({ values }: { values?: Values | undefined }): { values?: Record<string, ColumnValue | null> } => (values === undefined ? {} : { values: values as Record<string, ColumnValue | null> });
