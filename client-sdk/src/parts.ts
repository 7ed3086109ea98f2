/** Columns and groups behave alike (ordered, titled, archived rather than removed): what each is done with, in one shape. */
import {
  archiveColumn, archiveGroup, asColumnId, asGroupId, createColumn, createGroup, moveColumn, moveGroup, readColumns, readGroups, restoreColumn,
  restoreGroup, updateColumn, updateGroup, type ColumnId, type ColumnView, type GroupId, type GroupView, type Spot, type StructureOptions, type WriteContext
} from '@sunday/board-model';
import type * as Y from 'yjs';
import type { ColumnPatch, GroupPatch, NewColumn, NewGroup } from './types.ts';

export interface PartView<Id> {
  readonly id: Id;
  readonly title: string;
  readonly position: string;
}

/** A view is enough to make the part again. */
export interface PartKind<Id extends string, View extends PartView<Id> & New, New, Patch> {
  readonly as: (id: string) => Id;
  readonly read: (doc: Y.Doc, options?: StructureOptions) => View[];
  readonly create: (doc: Y.Doc, part: New, ctx: WriteContext) => Id;
  readonly update: (doc: Y.Doc, id: Id, patch: Patch, ctx: WriteContext) => void;
  readonly move: (doc: Y.Doc, id: Id, spot: Spot<Id>, ctx: WriteContext) => void;
  readonly archive: (doc: Y.Doc, id: Id, ctx: WriteContext) => void;
  readonly restore: (doc: Y.Doc, id: Id, ctx: WriteContext) => void;
  /** What `update` takes of a view. */
  readonly patch: (view: View) => Required<Patch>;
}

export const COLUMN: PartKind<ColumnId, ColumnView, NewColumn, ColumnPatch> = {
  as: asColumnId, read: readColumns, create: createColumn, update: updateColumn, move: moveColumn, archive: archiveColumn, restore: restoreColumn,
  patch: ({ title, settings }) => ({ title, settings })
};

export const GROUP: PartKind<GroupId, GroupView, NewGroup, GroupPatch> = {
  as: asGroupId, read: readGroups, create: createGroup, update: updateGroup, move: moveGroup, archive: archiveGroup, restore: restoreGroup,
  patch: ({ title, color }) => ({ title, color })
};
