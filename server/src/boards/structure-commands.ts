/** Columns and groups. Removing archives: cells and places stay in the document and come back when it is restored in the app. */
import {
  archiveColumn, archiveGroup, createColumn, createGroup, moveColumn, moveGroup, readColumns, readGroups, updateColumn, updateGroup,
  type ColumnId, type ColumnType, type GroupId,
} from '@sunday/board-model';
import type * as Y from 'yjs';
import { SundayError } from '../errors.ts';
import { RANDOM_IDS } from './derived-ids.ts';
import { boardEtag, NO_PRECONDITION, requireMatch } from './etags.ts';
import { byRest, requireRole, requireStructure, type BoardsParts, type WriteOptions } from './parts.ts';
import { boardFactsOf, columnResource, groupResource, type Actor, type ColumnResource, type GroupResource } from './resources.ts';

/** Beside which neighbour; neither: at the end, or where it is. */
type Spot = { readonly before?: string | undefined; readonly after?: string | undefined };

export type NewColumnInput = Spot & { readonly id?: string | undefined; readonly type: ColumnType; readonly title: string; readonly settings?: Record<string, unknown> | undefined };
export type ColumnPatch = Spot & { readonly title?: string | undefined; readonly settings?: Record<string, unknown> | undefined };
export type NewGroupInput = Spot & { readonly id?: string | undefined; readonly title: string; readonly color?: string | undefined };
export type GroupPatch = Spot & { readonly title?: string | undefined; readonly color?: string | undefined };

export type StructureCommands = {
  createColumn(actor: Actor, boardId: string, input: NewColumnInput, options?: WriteOptions): Promise<ColumnResource>;
  updateColumn(actor: Actor, boardId: string, columnId: string, patch: ColumnPatch, options?: WriteOptions): Promise<ColumnResource>;
  removeColumn(actor: Actor, boardId: string, columnId: string, options?: WriteOptions): Promise<void>;
  createGroup(actor: Actor, boardId: string, input: NewGroupInput, options?: WriteOptions): Promise<GroupResource>;
  updateGroup(actor: Actor, boardId: string, groupId: string, patch: GroupPatch, options?: WriteOptions): Promise<GroupResource>;
  removeGroup(actor: Actor, boardId: string, groupId: string, options?: WriteOptions): Promise<void>;
};

export function structureCommands(parts: BoardsParts): StructureCommands {
  const { engine } = parts;

  async function edit<T>(actor: Actor, boardId: string, { precondition = NO_PRECONDITION }: WriteOptions, change: (doc: Y.Doc) => T): Promise<T> {
    const role = await requireRole(parts, actor, boardId, 'editor');
    const { value } = await engine.write(boardId, byRest(actor), (doc) => {
      requireStructure(doc, role);
      requireMatch(precondition, () => boardEtag(boardFactsOf(doc)));
      return change(doc);
    });
    return value;
  }

  return {
    createColumn: (actor, boardId, input, options = {}) =>
      edit(actor, boardId, options, (doc) => {
        const ids = options.ids ?? RANDOM_IDS;
        const id = input.id ?? ids.id('column');
        if (!ids.repeatable) refuseExisting(readColumns(doc, { archived: true }), id, 'column');
        checkSpot(readColumns(doc), input);
        createColumn(doc, { id: id as ColumnId, type: input.type, title: input.title, ...given('settings', input.settings), ...spotOf<ColumnId>(input) }, actor);
        return columnResource(find(readColumns(doc), id, 'column'));
      }),

    updateColumn: (actor, boardId, columnId, patch, options = {}) =>
      edit(actor, boardId, options, (doc) => {
        find(readColumns(doc), columnId, 'column');
        checkSpot(readColumns(doc), patch);
        updateColumn(doc, columnId as ColumnId, { ...given('title', patch.title), ...given('settings', patch.settings) }, actor);
        if (hasSpot(patch)) moveColumn(doc, columnId as ColumnId, spotOf<ColumnId>(patch), actor);
        return columnResource(find(readColumns(doc), columnId, 'column'));
      }),

    removeColumn: (actor, boardId, columnId, options = {}) =>
      edit(actor, boardId, options, (doc) => {
        find(readColumns(doc, { archived: true }), columnId, 'column');
        archiveColumn(doc, columnId as ColumnId, actor);
      }),

    createGroup: (actor, boardId, input, options = {}) =>
      edit(actor, boardId, options, (doc) => {
        const ids = options.ids ?? RANDOM_IDS;
        const id = input.id ?? ids.id('group');
        if (!ids.repeatable) refuseExisting(readGroups(doc, { archived: true }), id, 'group');
        checkSpot(readGroups(doc), input);
        createGroup(doc, { id: id as GroupId, title: input.title, ...given('color', input.color), ...spotOf<GroupId>(input) }, actor);
        return groupResource(find(readGroups(doc), id, 'group'));
      }),

    updateGroup: (actor, boardId, groupId, patch, options = {}) =>
      edit(actor, boardId, options, (doc) => {
        find(readGroups(doc), groupId, 'group');
        checkSpot(readGroups(doc), patch);
        updateGroup(doc, groupId as GroupId, { ...given('title', patch.title), ...given('color', patch.color) }, actor);
        if (hasSpot(patch)) moveGroup(doc, groupId as GroupId, spotOf<GroupId>(patch), actor);
        return groupResource(find(readGroups(doc), groupId, 'group'));
      }),

    removeGroup: (actor, boardId, groupId, options = {}) =>
      edit(actor, boardId, options, (doc) => {
        find(readGroups(doc, { archived: true }), groupId, 'group');
        archiveGroup(doc, groupId as GroupId, actor);
      }),
  };
}

/** What the address names must be there: 404, unlike a name in the body. */
function find<T extends { id: string }>(entries: readonly T[], id: string, kind: string): T {
  const found = entries.find((entry) => entry.id === id);
  if (found === undefined) throw new SundayError('not_found', `There is no such ${kind} on this board`);
  return found;
}

function refuseExisting(entries: readonly { id: string }[], id: string, kind: string): void {
  if (entries.some((entry) => entry.id === id)) throw new SundayError('already_exists', `The board has a ${kind} with this id`, { field: 'id' });
}

/** Before the first change, so that a wrong neighbour leaves nothing half done. */
function checkSpot(entries: readonly { id: string }[], spot: Spot): void {
  for (const field of ['before', 'after'] as const) {
    const neighbour = spot[field];
    if (neighbour !== undefined && !entries.some((entry) => entry.id === neighbour)) {
      throw new SundayError('validation_failed', `${field}: there is no such neighbour on this board`, { field });
    }
  }
}

const hasSpot = (spot: Spot): boolean => spot.before !== undefined || spot.after !== undefined;

const spotOf = <Id extends string>({ before, after }: Spot): { before?: Id; after?: Id } => ({
  ...(before === undefined ? {} : { before: before as Id }),
  ...(after === undefined ? {} : { after: after as Id }),
});

/** `{name: value}`, or nothing where the value is undefined. */
const given = <Name extends string, T>(name: Name, value: T | undefined): { [key in Name]?: T } => (value === undefined ? {} : ({ [name]: value } as { [key in Name]: T }));
