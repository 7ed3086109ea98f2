/** Placeholder people of imported person columns, and how they become users. */
import type * as Y from 'yjs';
import { BoardModelError } from './errors.ts';
import { asUserId, type ColumnId } from './ids.ts';
import { write } from './register.ts';
import { child, columnsMap, forEachChild, itemsMap, partKey } from './schema.ts';
import { readSettings, readType, writeSettings } from './settings.ts';
import type { WriteContext } from './types.ts';

/**
 * Puts a user where a placeholder stands in the cells of a person column, deleted items included, in one transaction. The placeholder's
 * name stays in the settings, for cells that somebody offline still fills with it: mapping again takes those too.
 * Answers how many items changed. @throws BoardModelError unknown_column, invalid_value, invalid_id
 */
export const mapPlaceholder = (doc: Y.Doc, columnId: ColumnId, placeholderId: string, userId: string, ctx: WriteContext): number => {
  const column = child(columnsMap(doc), columnId);
  if (column === undefined) throw new BoardModelError('unknown_column', 'The board has no such column', 'columnId');
  const { placeholders = [] } = readSettings(column);
  const placeholder = placeholders.find(({ id }) => id === placeholderId);
  if (readType(column) !== 'person' || placeholder === undefined) throw new BoardModelError('invalid_value', 'The column has no such placeholder', 'placeholderId');
  const from = partKey(columnId, placeholderId);
  const to = partKey(columnId, asUserId(userId));
  return write(doc, ctx, (writer) => {
    let changed = 0;
    forEachChild(itemsMap(doc), (item) => {
      const order = item.get(from);
      if (order === undefined) return;
      if (!item.has(to)) item.set(to, order);
      item.delete(from);
      writer.set(item, 'touched', Math.floor(writer.stamp()));
      changed++;
    });
    writeSettings(writer, column, { placeholders: placeholders.map((entry) => (entry === placeholder ? { id: entry.id, name: entry.name, userId } : entry)) });
    return changed;
  });
};
