/**
 * A whole board as plain data: everything people can bring back, of archived columns and groups and of deleted items, too. What a
 * version holds is compared and restored through it. Not in it: comments, what is computed, who changed something last and when.
 *
 * Never throws, whatever is in the document. Plain data: an image can be handed to another thread.
 */
import * as Y from 'yjs';
import type { ItemId } from './ids.ts';
import { listItems } from './read.ts';
import { valueOf } from './register.ts';
import { cellKey, child, itemsMap } from './schema.ts';
import { readBoard, readColumns, readGroups, readTable } from './structure.ts';
import type { BoardTable, ColumnView, GroupView, ItemView } from './types.ts';
import { mergeOf } from './values.ts';

export interface ItemImage extends Pick<ItemView, 'id' | 'groupId' | 'name' | 'values' | 'position' | 'createdAt' | 'createdBy' | 'deletedAt'> {
  /** What stands in cells that hold no value of their column, as it is stored. */
  stored?: Record<string, unknown>;
}

export interface BoardImage {
  name: string;
  description: string;
  /** How the board was as a table; null: it came from none. */
  table: BoardTable | null;
  /** Archived ones too, in order. */
  columns: ColumnView[];
  groups: GroupView[];
  /** In the order people see, then the deleted ones; each with its group as stored. */
  items: ItemImage[];
}

/** A shared type of Yjs that a stock client has put into a cell comes back as its JSON: the one thing an image does not keep exactly. */
export const plain = (stored: unknown): unknown => (stored instanceof Y.AbstractType ? (stored.toJSON() as unknown) : stored);

export const readImage = (doc: Y.Doc): BoardImage => {
  const { name, description } = readBoard(doc);
  const columns = readColumns(doc, { archived: true });
  const computed = columns.filter(({ type }) => mergeOf(type) === 'computed');
  const imageOf = ({ updatedAt: _at, updatedBy: _by, invalid, ...item }: ItemView): ItemImage => {
    for (const { id } of computed) delete item.values[id];
    const record = invalid === undefined ? undefined : child(itemsMap(doc), item.id);
    if (invalid === undefined || record === undefined) return item;
    return { ...item, stored: Object.fromEntries(Object.keys(invalid).map((id) => [id, plain(valueOf(record.get(cellKey(id))))])) };
  };
  return {
    name,
    description,
    table: readTable(doc),
    columns,
    groups: readGroups(doc, { archived: true }),
    items: [false, true].flatMap((deleted) => listItems(doc, { deleted, archivedColumns: true, storedGroups: true }).map(imageOf)),
  };
};

/** undefined: the board had no such item. */
export const imageOfItem = (image: BoardImage, itemId: ItemId): ItemImage | undefined => image.items.find(({ id }) => id === itemId);
