/**
 * What a database row holds of an item and of a board. `groupId` is as stored (its group may be gone or archived: shown as
 * ungrouped), and cells of archived columns are kept, so that archiving and restoring changes no item row.
 */
import type * as Y from 'yjs';
import type { ItemId } from './ids.ts';
import { ColumnIndex, itemView } from './read.ts';
import { child, itemsMap } from './schema.ts';
import { withTextIndex } from './text-index.ts';
import { readBoard, readColumns, readGroups } from './structure.ts';
import type { BoardView, ItemView } from './types.ts';

/** Characters of a long text that a row keeps. */
export const EXCERPT_LENGTH = 500;

/** An `ItemView` whose long texts are cut to an excerpt, and without what is computed. */
export type ItemProjection = ItemView;
export type BoardProjection = Pick<BoardView, 'name' | 'description' | 'columns' | 'groups' | 'schemaVersion'>;

/** Projects items of a document, whose columns it looks up once: good until one of them changes. Never throws. */
export const itemProjector = (doc: Y.Doc): ((itemId: ItemId) => ItemProjection | undefined) => {
  const columns = withTextIndex(new ColumnIndex(doc, true), doc);
  columns.computed.length = 0; // a row holds nothing that can be computed from it
  return (itemId) => {
    const item = child(itemsMap(doc), itemId);
    if (item === undefined) return undefined;
    return itemView(doc, item, itemId, columns, EXCERPT_LENGTH);
  };
};

/** undefined: no such item. Never throws. */
export const projectItem = (doc: Y.Doc, itemId: ItemId): ItemProjection | undefined => itemProjector(doc)(itemId);

/** Archived columns and groups included, with `archivedAt`. Never throws. */
export const projectBoard = (doc: Y.Doc): BoardProjection => ({
  ...readBoard(doc),
  columns: readColumns(doc, { archived: true }),
  groups: readGroups(doc, { archived: true }),
});
