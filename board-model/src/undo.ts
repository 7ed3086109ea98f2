/**
 * Undo as fresh writes: the inverse of changes, applied to the document as it is now. (Yjs' own UndoManager does nothing
 * after a corrective write, and would take back what others wrote since.)
 *
 * What somebody else changed since is left alone: a register is only taken back while it still holds what the change wrote.
 * Counts and sets are taken back by what the change added or removed. Long texts are not: bind Yjs' UndoManager to
 * `longText()` for those.
 */
import type * as Y from 'yjs';
import { addToCount, applyCell, readCell, resetMaximum, type WritableColumn } from './cells.ts';
import type { BoardChange, FieldChange, ItemPlace } from './changes.ts';
import type { ColumnId } from './ids.ts';
import { itemOrder, readPlace } from './item-order.ts';
import { sameValue, stringOf, timeOf, valueOf, write, type Writer } from './register.ts';
import { boardMap, child, columnsMap, commentsRoot, groupsMap, itemsMap, type Store } from './schema.ts';
import { readSettings, readType, writeSettings } from './settings.ts';
import type { ColumnSettings, ColumnValue, WriteContext } from './types.ts';

/** Sets a field back, where it still holds what the change wrote. */
const putBack = (writer: Writer, record: Store, key: string, change: FieldChange | undefined): void => {
  if (change !== undefined && sameValue(valueOf(record.get(key)), change.after)) writer.set(record, key, change.before);
};

const setBackSettings = (writer: Writer, record: Store, { before, after }: FieldChange<ColumnSettings>): void => {
  const current = readSettings(record);
  const patch: ColumnSettings = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (sameValue(before[key], after[key]) || !sameValue(current[key], after[key])) continue;
    // null removes a setting; labels are a list of their own
    patch[key] = before[key] ?? (key === 'labels' ? [] : null);
  }
  writeSettings(writer, record, patch);
};

const archivedAt = (writer: Writer, map: Store, id: string, archived: boolean): void => {
  const record = child(map, id);
  if (record !== undefined && (timeOf(record.get('archivedAt')) === null) === archived) writer.set(record, 'archivedAt', archived ? Math.floor(writer.stamp()) : null);
};

const deleted = (writer: Writer, record: Store | undefined, gone: boolean): void => {
  if (record !== undefined && (timeOf(record.get('deletedAt')) === null) === gone) writer.set(record, 'deletedAt', gone ? Math.floor(writer.stamp()) : null);
};

const cellBack = (writer: Writer, item: Store, itemId: string, column: WritableColumn, { before, after }: FieldChange<ColumnValue | null>): void => {
  const now = readCell(item, column);
  if (column.type === 'counter') {
    addToCount(writer, item, column.id, (Number(before) || 0) - (Number(after) || 0));
  } else if (column.type === 'maximum') {
    if (sameValue(now, after)) resetMaximum(writer, item, column, typeof before === 'number' ? before : null);
  } else if (Array.isArray(before ?? after) && (now === null || Array.isArray(now))) {
    const was = Array.isArray(before) ? before : [];
    const wrote = Array.isArray(after) ? after : [];
    const rest = (now ?? []).filter((id) => was.includes(id) || !wrote.includes(id));
    const lost = was.filter((id) => !wrote.includes(id) && !rest.includes(id));
    // nobody else touched it: also the order comes back
    applyCell(writer, item, itemId, column, sameValue(now ?? [], wrote) ? was : rest.concat(lost));
  } else if (sameValue(now, after)) {
    applyCell(writer, item, itemId, column, before);
  }
};

const placeBack = (writer: Writer, item: Store, itemId: string, from: ItemPlace, to: ItemPlace): void => {
  const now = readPlace(item);
  if (now.group !== to.groupId || now.position !== to.position) return;
  writer.set(item, 'place', [from.groupId, from.position]);
  itemOrder(writer.doc).put(itemId, { group: from.groupId, position: from.position });
};

const undo = (writer: Writer, change: BoardChange): void => {
  const { doc } = writer;
  switch (change.kind) {
    case 'board_updated':
      putBack(writer, boardMap(doc), 'name', change.changes.name);
      putBack(writer, boardMap(doc), 'description', change.changes.description);
      return;
    case 'column_added':
    case 'column_restored':
    case 'column_removed':
      archivedAt(writer, columnsMap(doc), change.columnId, change.kind !== 'column_removed');
      return;
    case 'column_updated': {
      const record = child(columnsMap(doc), change.columnId);
      if (record === undefined) return;
      putBack(writer, record, 'title', change.changes.title);
      putBack(writer, record, 'position', change.changes.position);
      if (change.changes.settings !== undefined) setBackSettings(writer, record, change.changes.settings as FieldChange<ColumnSettings>);
      return;
    }
    case 'group_added':
    case 'group_restored':
    case 'group_removed':
      archivedAt(writer, groupsMap(doc), change.groupId, change.kind !== 'group_removed');
      return;
    case 'group_updated': {
      const record = child(groupsMap(doc), change.groupId);
      if (record !== undefined) for (const key of ['title', 'color', 'position'] as const) putBack(writer, record, key, change.changes[key]);
      return;
    }
    case 'item_created':
    case 'item_restored':
    case 'item_deleted':
      deleted(writer, child(itemsMap(doc), change.itemId), change.kind !== 'item_deleted');
      return;
    case 'item_updated': {
      const item = child(itemsMap(doc), change.itemId);
      if (item === undefined) return;
      if (change.name !== undefined && stringOf(item.get('name')) === change.name.after) writer.set(item, 'name', change.name.before);
      for (const [columnId, cell] of Object.entries(change.values)) {
        const column = child(columnsMap(doc), columnId);
        if (column !== undefined) cellBack(writer, item, change.itemId, { id: columnId as ColumnId, type: readType(column) ?? 'text' }, cell);
      }
      return;
    }
    case 'item_moved': {
      const item = child(itemsMap(doc), change.itemId);
      if (item !== undefined && !change.rekeyed) placeBack(writer, item, change.itemId, change.from, change.to);
      return;
    }
    case 'comment_added':
    case 'comment_restored':
    case 'comment_deleted':
      deleted(writer, child(doc.getMap(commentsRoot(change.itemId)), change.commentId), change.kind !== 'comment_deleted');
      return;
    case 'comment_updated': {
      const record = child(doc.getMap(commentsRoot(change.itemId)), change.commentId);
      if (record === undefined) return;
      putBack(writer, record, 'body', { before: change.before.body, after: change.after.body });
      putBack(writer, record, 'mentions', { before: change.before.mentions, after: change.after.mentions });
      return;
    }
    case 'item_erased': // the record is gone for good
    case 'text_changed': // the editor's own undo
  }
};

/**
 * Takes changes back, last first, in one transaction. Redo: read that transaction's changes and take those back in turn.
 * Nothing that no longer applies throws; it is left as it is.
 */
export const applyInverse = (doc: Y.Doc, changes: readonly BoardChange[], ctx: WriteContext): void =>
  write(doc, ctx, (writer) => changes.toReversed().forEach((change) => undo(writer, change)));
