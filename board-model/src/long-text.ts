/**
 * Long text cells: a root text per (item, column), so that two people who start writing at once keep both texts.
 * It is a `Y.Text`: bind an editor to it, or write whole bodies with `updateItem`.
 */
import type * as Y from 'yjs';
import { BoardModelError } from './errors.ts';
import type { ColumnId, ItemId } from './ids.ts';
import { child, columnsMap, existingText, itemsMap, textRoot } from './schema.ts';
import { readType } from './settings.ts';

/** @throws BoardModelError unknown_item, unknown_column; invalid_value when the column holds no long text */
export const longText = (doc: Y.Doc, itemId: ItemId, columnId: ColumnId): Y.Text => {
  if (child(itemsMap(doc), itemId) === undefined) throw new BoardModelError('unknown_item', 'The board has no such item', 'itemId');
  const column = child(columnsMap(doc), columnId);
  if (column === undefined) throw new BoardModelError('unknown_column', 'The board has no such column', 'columnId');
  if (readType(column) !== 'long_text') throw new BoardModelError('invalid_value', 'The column holds no long text', 'columnId');
  const root = textRoot(itemId, columnId);
  return existingText(doc, root) ?? doc.getText(root);
};
