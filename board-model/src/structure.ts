/**
 * Columns, groups and the board's own fields: reads and writes. Reads never throw. Writes validate first, then apply in
 * one transaction. Removing is archiving: cells and places stay, and come back when it is restored.
 */
import * as Y from 'yjs';
import { BoardModelError } from './errors.ts';
import { asColumnId, asGroupId, newId, type ColumnId, type GroupId } from './ids.ts';
import { byPosition, placeAmong, readPosition, type Placed } from './order.ts';
import { atOf, clean, stringOf, timeOf, valueOf, write, type Writer } from './register.ts';
import { boardMap, child, columnsMap, forEachChild, groupsMap, type Cells, type Store } from './schema.ts';
import { checkSettings, readSettings, readType, writeSettings } from './settings.ts';
import { SCHEMA_VERSION, type BoardTable, type BoardView, type ColumnSettings, type ColumnType, type ColumnView, type GroupView, type WriteContext } from './types.ts';
import { isColumnType, isRecord, MAX_TEXT_LENGTH } from './values.ts';

export const MAX_TITLE_LENGTH = 255; // characters: fits one line of any screen and the indexed columns of other systems
export const MAX_DESCRIPTION_LENGTH = 10_000;
export const MAX_WORD_LENGTH = 32; // of a color or a type

export interface StructureOptions {
  /** Archived ones too. */
  archived?: boolean;
}

export const columnView = (column: Cells, id: string): ColumnView => {
  const type = readType(column);
  return {
    id: id as ColumnId,
    type: type ?? 'text',
    ...(type === undefined ? { unknownType: stringOf(column.get('type'), MAX_WORD_LENGTH) } : {}),
    title: stringOf(column.get('title'), MAX_TITLE_LENGTH),
    settings: readSettings(column),
    position: readPosition(valueOf(column.get('position'))),
    archivedAt: timeOf(column.get('archivedAt')),
  };
};

export const groupView = (group: Cells, id: string): GroupView => ({
  id: id as GroupId,
  title: stringOf(group.get('title'), MAX_TITLE_LENGTH),
  color: stringOf(group.get('color'), MAX_WORD_LENGTH),
  position: readPosition(valueOf(group.get('position'))),
  archivedAt: timeOf(group.get('archivedAt')),
});

const readAll = <View extends Placed & { archivedAt: number | null }>(map: Store, view: (record: Store, id: string) => View, options: StructureOptions): View[] => {
  const views: View[] = [];
  forEachChild(map, (record, id) => {
    if (options.archived === true || timeOf(record.get('archivedAt')) === null) views.push(view(record, id));
  });
  return views.sort(byPosition);
};

/** In order; archived ones only when asked for. */
export const readColumns = (doc: Y.Doc, options: StructureOptions = {}): ColumnView[] => readAll(columnsMap(doc), columnView, options);
/** In order; archived ones only when asked for. */
export const readGroups = (doc: Y.Doc, options: StructureOptions = {}): GroupView[] => readAll(groupsMap(doc), groupView, options);

export const readBoard = (doc: Y.Doc): BoardView => {
  const board = boardMap(doc);
  const version = valueOf(board.get('schemaVersion'));
  return {
    name: stringOf(board.get('name'), MAX_TITLE_LENGTH),
    description: stringOf(board.get('description')),
    schemaVersion: Number.isSafeInteger(version) ? (version as number) : SCHEMA_VERSION,
    columns: readColumns(doc),
    groups: readGroups(doc),
  };
};

/** How a board was as a table, of what is stored as that; undefined: nothing that could be. */
export const parseTable = (value: unknown): BoardTable | undefined => {
  if (!isRecord(value)) return undefined;
  const { nameTitle, nameIndex } = value;
  if (typeof nameTitle !== 'string' || nameTitle.length > MAX_TEXT_LENGTH || typeof nameIndex !== 'number' || !Number.isSafeInteger(nameIndex) || nameIndex < -1) return undefined;
  return { nameTitle: clean(nameTitle), nameIndex };
};

/** null: it came from none. */
export const readTable = (doc: Y.Doc): BoardTable | null => parseTable(valueOf(boardMap(doc).get('table'))) ?? null;

/** Whether only owners may change columns, groups and the board's own fields. */
export const isStructureLocked = (doc: Y.Doc): boolean => valueOf(boardMap(doc).get('structureLocked')) === true;

const text = (value: unknown, max: number, field: string): string => {
  if (typeof value !== 'string' || value.length > max) throw new BoardModelError('invalid_value', `${field} must be text of at most ${max} characters`, field);
  return clean(value);
};

/** Where to put it: before or after another one; neither: at the end. */
export interface Spot<Id> {
  before?: Id;
  after?: Id;
  /** Or exactly here, a position that a view had: how an undo puts back. What is none counts as absent. */
  position?: string;
}

/** A position for `id` in an ordered list, re-keying others where there is no room. */
const placeIn = (writer: Writer, map: Store, list: Placed[], spot: Spot<string>, unknown: 'unknown_column' | 'unknown_group'): string => {
  const exact = readPosition(spot.position);
  if (exact !== '') return exact;
  const neighbour = spot.before ?? spot.after;
  const found = list.findIndex((entry) => entry.id === neighbour);
  if (neighbour !== undefined && found < 0) throw new BoardModelError(unknown, 'There is no such neighbour', spot.before === undefined ? 'after' : 'before');
  const { position, rekeyed } = placeAmong(list, neighbour === undefined ? list.length : spot.before === undefined ? found + 1 : found);
  for (const entry of rekeyed) {
    const record = child(map, entry.id);
    // a re-keyed entry keeps its time: nobody moved it, and a concurrent move of it must count as later
    if (record !== undefined) writer.set(record, 'position', entry.position, atOf(record.get('position')));
  }
  return position;
};

const entries = (map: Store): Placed[] => {
  const list: Placed[] = [];
  forEachChild(map, (record, id) => list.push({ id, position: readPosition(valueOf(record.get('position'))) }));
  return list.sort(byPosition);
};

const existing = (map: Store, id: string, unknown: 'unknown_column' | 'unknown_group'): Store => {
  const record = child(map, id);
  if (record !== undefined) return record;
  throw new BoardModelError(unknown, 'It does not exist on this board', unknown === 'unknown_column' ? 'columnId' : 'groupId');
};

const move = (doc: Y.Doc, map: Store, id: string, spot: Spot<string>, unknown: 'unknown_column' | 'unknown_group', ctx: WriteContext): void => {
  const record = existing(map, id, unknown);
  write(doc, ctx, (writer) => {
    const rest = entries(map).filter((entry) => entry.id !== id);
    writer.set(record, 'position', placeIn(writer, map, rest, spot, unknown));
  });
};

const archive = (doc: Y.Doc, record: Store, archived: boolean, ctx: WriteContext): void => {
  if ((timeOf(record.get('archivedAt')) !== null) === archived) return;
  write(doc, ctx, (writer) => {
    writer.set(record, 'archivedAt', archived ? Math.floor(writer.stamp()) : null);
  });
};

export interface NewColumn extends Spot<ColumnId> {
  id?: ColumnId;
  type: ColumnType;
  title: string;
  settings?: ColumnSettings;
}

/** An id that exists already: returns it unchanged. @throws BoardModelError invalid_value, invalid_id, unknown_column */
export const createColumn = (doc: Y.Doc, column: NewColumn, ctx: WriteContext): ColumnId => {
  const columns = columnsMap(doc);
  const id = column.id === undefined ? (newId(8) as ColumnId) : asColumnId(column.id);
  if (child(columns, id) !== undefined) return id;
  if (!isColumnType(column.type)) throw new BoardModelError('invalid_value', 'There is no such column type', 'type');
  const title = text(column.title, MAX_TITLE_LENGTH, 'title');
  const settings = checkSettings(column.settings ?? {});
  return write(doc, ctx, (writer) => {
    const position = placeIn(writer, columns, entries(columns), column, 'unknown_column');
    const record: Store = new Y.Map();
    columns.set(id, record);
    writer.set(record, 'type', column.type);
    writer.set(record, 'title', title);
    writer.set(record, 'position', position);
    writeSettings(writer, record, settings);
    return id;
  });
};

/** Settings are merged: a key given replaces, null removes. @throws BoardModelError invalid_value, unknown_column */
export const updateColumn = (doc: Y.Doc, columnId: ColumnId, patch: { title?: string; settings?: ColumnSettings }, ctx: WriteContext): void => {
  const record = existing(columnsMap(doc), columnId, 'unknown_column');
  const title = patch.title === undefined ? undefined : text(patch.title, MAX_TITLE_LENGTH, 'title');
  const settings = patch.settings === undefined ? undefined : checkSettings(patch.settings);
  write(doc, ctx, (writer) => {
    if (title !== undefined) writer.set(record, 'title', title);
    if (settings !== undefined) writeSettings(writer, record, settings);
  });
};

/** @throws BoardModelError unknown_column */
export const moveColumn = (doc: Y.Doc, columnId: ColumnId, spot: Spot<ColumnId>, ctx: WriteContext): void =>
  move(doc, columnsMap(doc), columnId, spot, 'unknown_column', ctx);
/** Takes the column off the board; its cells stay for when it is restored. @throws BoardModelError unknown_column */
export const archiveColumn = (doc: Y.Doc, columnId: ColumnId, ctx: WriteContext): void =>
  archive(doc, existing(columnsMap(doc), columnId, 'unknown_column'), true, ctx);
/** @throws BoardModelError unknown_column */
export const restoreColumn = (doc: Y.Doc, columnId: ColumnId, ctx: WriteContext): void =>
  archive(doc, existing(columnsMap(doc), columnId, 'unknown_column'), false, ctx);

export interface NewGroup extends Spot<GroupId> {
  id?: GroupId;
  title: string;
  color?: string;
}

/** An id that exists already: returns it unchanged. @throws BoardModelError invalid_value, invalid_id, unknown_group */
export const createGroup = (doc: Y.Doc, group: NewGroup, ctx: WriteContext): GroupId => {
  const groups = groupsMap(doc);
  const id = group.id === undefined ? (newId(8) as GroupId) : asGroupId(group.id);
  if (child(groups, id) !== undefined) return id;
  const title = text(group.title, MAX_TITLE_LENGTH, 'title');
  const color = text(group.color ?? '', MAX_WORD_LENGTH, 'color');
  return write(doc, ctx, (writer) => {
    const position = placeIn(writer, groups, entries(groups), group, 'unknown_group');
    const record: Store = new Y.Map();
    groups.set(id, record);
    writer.set(record, 'title', title);
    writer.set(record, 'color', color);
    writer.set(record, 'position', position);
    return id;
  });
};

/** @throws BoardModelError invalid_value, unknown_group */
export const updateGroup = (doc: Y.Doc, groupId: GroupId, patch: { title?: string; color?: string }, ctx: WriteContext): void => {
  const record = existing(groupsMap(doc), groupId, 'unknown_group');
  const title = patch.title === undefined ? undefined : text(patch.title, MAX_TITLE_LENGTH, 'title');
  const color = patch.color === undefined ? undefined : text(patch.color, MAX_WORD_LENGTH, 'color');
  write(doc, ctx, (writer) => {
    if (title !== undefined) writer.set(record, 'title', title);
    if (color !== undefined) writer.set(record, 'color', color);
  });
};

/** @throws BoardModelError unknown_group */
export const moveGroup = (doc: Y.Doc, groupId: GroupId, spot: Spot<GroupId>, ctx: WriteContext): void =>
  move(doc, groupsMap(doc), groupId, spot, 'unknown_group', ctx);
/** Its items show as ungrouped until it is restored. @throws BoardModelError unknown_group */
export const archiveGroup = (doc: Y.Doc, groupId: GroupId, ctx: WriteContext): void =>
  archive(doc, existing(groupsMap(doc), groupId, 'unknown_group'), true, ctx);
/** @throws BoardModelError unknown_group */
export const restoreGroup = (doc: Y.Doc, groupId: GroupId, ctx: WriteContext): void =>
  archive(doc, existing(groupsMap(doc), groupId, 'unknown_group'), false, ctx);

export interface BoardPatch {
  name?: string;
  description?: string;
}

/** @throws BoardModelError invalid_value */
export const updateBoard = (doc: Y.Doc, patch: BoardPatch, ctx: WriteContext): void => {
  const board = boardMap(doc);
  const name = patch.name === undefined ? undefined : text(patch.name, MAX_TITLE_LENGTH, 'name');
  const description = patch.description === undefined ? undefined : text(patch.description, MAX_DESCRIPTION_LENGTH, 'description');
  write(doc, ctx, (writer) => {
    if (name !== undefined) writer.set(board, 'name', name);
    if (description !== undefined) writer.set(board, 'description', description);
  });
};

export interface NewBoard {
  name: string;
  description?: string;
  columns?: NewColumn[];
  groups?: NewGroup[];
}

/** Names a board and gives it its first columns and groups. @throws BoardModelError invalid_value, invalid_id */
export const initBoard = (doc: Y.Doc, board: NewBoard, ctx: WriteContext): void => {
  updateBoard(doc, { name: board.name, description: board.description ?? '' }, ctx);
  doc.transact(() => {
    write(doc, ctx, (writer) => writer.set(boardMap(doc), 'schemaVersion', SCHEMA_VERSION));
    for (const column of board.columns ?? []) createColumn(doc, column, ctx);
    for (const group of board.groups ?? []) createGroup(doc, group, ctx);
  }, ctx.origin);
};
