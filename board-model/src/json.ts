/**
 * A whole board as JSON and back: ids, order, times, authors, deleted items, archived columns and groups, long texts and
 * comments. `importJson(exportJson(doc))` into an empty document reads the same, but for who and when last updated.
 *
 * Import trusts nothing: everything is checked before the first change, and what exists already under an id is left as it
 * is. Authors and times are taken from the data; give `keepAuthors: false` for data from people who may not speak for others.
 */
import * as Y from 'yjs';
import { readComments } from './comments.ts';
import { BoardModelError } from './errors.ts';
import { isId, isUserId } from './ids.ts';
import { itemOrder } from './item-order.ts';
import { keysAfter, readPosition } from './order.ts';
import { listItems } from './read.ts';
import { clean, timeOf, write, type Writer } from './register.ts';
import { boardMap, cellKey, child, columnsMap, commentsRoot, groupsMap, itemsMap, partKey, textRoot, type Store } from './schema.ts';
import { checkSettings, writeSettings } from './settings.ts';
import { parseTable, readBoard, readColumns, readGroups, readTable } from './structure.ts';
import type { ImportProgress, ImportSummary } from './table-import.ts';
import { SCHEMA_VERSION, type BoardTable, type ColumnType, type ColumnValue, type ColumnView, type CommentView, type GroupView, type ItemView, type WriteContext } from './types.ts';
import { isColumnType, isRecord, MAX_TEXT_LENGTH, mergeOf, parseValue } from './values.ts';

const FORMAT = 'sunday-board';
/** Items per step: see table-import.ts. */
const CHUNK_ITEMS = 250;

export interface BoardExport {
  format: typeof FORMAT;
  version: 1;
  schemaVersion: number;
  name: string;
  description: string;
  /** How the board was as a table: which header named the items, and where it stood. */
  table?: BoardTable;
  columns: ColumnView[];
  groups: GroupView[];
  items: (ItemView & { comments?: CommentView[] })[];
}

export const exportJson = (doc: Y.Doc): BoardExport => {
  const { name, description, schemaVersion } = readBoard(doc);
  const columns = readColumns(doc, { archived: true });
  const computed = columns.filter(({ type }) => mergeOf(type) === 'computed');
  const table = readTable(doc);
  // the stored group, not the one shown: items of an archived group return with it
  const items = [false, true].flatMap((deleted) => listItems(doc, { deleted, archivedColumns: true, storedGroups: true }));
  for (const item of items) for (const { id } of computed) delete item.values[id];
  return {
    format: FORMAT,
    version: 1,
    schemaVersion,
    name,
    description,
    ...(table === null ? {} : { table }),
    columns,
    groups: readGroups(doc, { archived: true }),
    items: items.map((item) => {
      const comments = readComments(doc, item.id);
      return comments.length === 0 ? item : Object.assign(item, { comments });
    }),
  };
};

export interface JsonImportOptions {
  /** Default true. False: everything is by the importing user, now. */
  keepAuthors?: boolean;
}

type Data = Record<string, unknown>;

const refuse = (message: string, field: string): never => {
  throw new BoardModelError('invalid_import', message, field);
};

const records = (value: unknown, field: string): Data[] => {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return refuse(`${field} must be a list`, field);
  const seen = new Set<unknown>();
  return value.map((entry: unknown, i) => {
    if (!isRecord(entry)) return refuse(`${field}[${i}] must be an object`, field);
    if (!isId(entry['id']) || seen.has(entry['id'])) return refuse(`${field}[${i}] needs an id of its own`, field);
    seen.add(entry['id']);
    return entry;
  });
};

const text = (value: unknown, max: number, field: string): string => {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' && value.length <= max ? clean(value) : refuse(`${field} must be text of at most ${max} characters`, field);
};

const user = (value: unknown, otherwise: string | null): string | null => (isUserId(value) ? value : otherwise);

interface CheckedColumn { id: string; type: ColumnType; data: Data; settings: ReturnType<typeof checkSettings> }
interface CheckedItem { data: Data; id: string; name: string; cells: [CheckedColumn, ColumnValue | null, string | null][]; comments: Data[] }
interface Checked { name: string; description: string; table: BoardTable | undefined; columns: CheckedColumn[]; groups: Data[]; items: CheckedItem[] }

const checkItem = (data: Data, at: number, columns: ReadonlyMap<string, CheckedColumn>): CheckedItem => {
  const field = `items[${at}]`;
  const values = data['values'] ?? {};
  const invalid = data['invalid'] ?? {};
  if (!isRecord(values) || !isRecord(invalid)) return refuse(`${field}.values must be an object`, field);
  const cells: CheckedItem['cells'] = [];
  for (const [columnId, value] of Object.entries(values)) {
    const column = columns.get(columnId);
    if (column === undefined) return refuse(`${field}.values.${columnId.slice(0, 64)}: there is no such column`, field);
    if (mergeOf(column.type) === 'computed' || value === null) continue;
    const parsed = parseValue(column.type, typeof value === 'string' ? clean(value) : value);
    if (parsed === undefined) return refuse(`${field}.values.${columnId} is no value for a column of type ${column.type}`, field);
    cells.push([column, parsed, null]);
  }
  // what somebody still has to fix stays for them to fix
  for (const [columnId, shown] of Object.entries(invalid)) {
    const column = columns.get(columnId);
    if (column !== undefined && typeof shown === 'string' && mergeOf(column.type) === 'register') cells.push([column, null, text(shown, 500, field)]);
  }
  const comments = records(data['comments'], `${field}.comments`);
  for (const comment of comments) text(comment['body'], MAX_TEXT_LENGTH * 2, `${field}.comments`);
  return { data, id: String(data['id']), name: text(data['name'], MAX_TEXT_LENGTH, `${field}.name`), cells, comments };
};

const check = (data: unknown): Checked => {
  if (!isRecord(data) || data['format'] !== FORMAT) return refuse('This is no Sunday board export', 'format');
  if (data['version'] !== 1) return refuse('This export is of a version that is not known here', 'version');
  const columns = records(data['columns'], 'columns').map((column, i): CheckedColumn => {
    const { type } = column;
    if (!isColumnType(type)) return refuse(`columns[${i}].type is not known`, 'columns');
    text(column['title'], 255, 'columns.title');
    return { id: String(column['id']), type, data: column, settings: checkSettings(column['settings'] ?? {}) };
  });
  const groups = records(data['groups'], 'groups');
  for (const group of groups) {
    text(group['title'], 255, 'groups.title');
    text(group['color'], 32, 'groups.color');
  }
  const byId = new Map(columns.map((column) => [column.id, column]));
  const items = records(data['items'], 'items').map((item, i) => checkItem(item, i, byId));
  return { name: text(data['name'], 255, 'name'), description: text(data['description'], 10_000, 'description'), table: parseTable(data['table']), columns, groups, items };
};

const placesOf = (list: readonly Data[]): string[] => {
  const stored = list.map((entry) => readPosition(entry['position']));
  return stored.every((position) => position !== '') ? stored : keysAfter(null, list.length);
};

const writeStructure = (writer: Writer, checked: Checked): void => {
  const board = boardMap(writer.doc);
  writer.set(board, 'name', checked.name);
  writer.set(board, 'description', checked.description);
  writer.set(board, 'schemaVersion', SCHEMA_VERSION);
  if (checked.table !== undefined) writer.set(board, 'table', checked.table);
  const columnPlaces = placesOf(checked.columns.map(({ data }) => data));
  checked.columns.forEach(({ id, type, data, settings }, i) => {
    const columns = columnsMap(writer.doc);
    if (child(columns, id) !== undefined) return;
    const record: Store = new Y.Map();
    columns.set(id, record);
    writer.set(record, 'type', type);
    writer.set(record, 'title', text(data['title'], 255, 'columns'));
    writer.set(record, 'position', columnPlaces[i]);
    writeSettings(writer, record, settings);
    if (timeOf(data['archivedAt']) !== null) writer.set(record, 'archivedAt', timeOf(data['archivedAt']));
  });
  const groupPlaces = placesOf(checked.groups);
  checked.groups.forEach((data, i) => {
    const groups = groupsMap(writer.doc);
    const id = String(data['id']);
    if (child(groups, id) !== undefined) return;
    const record: Store = new Y.Map();
    groups.set(id, record);
    writer.set(record, 'title', text(data['title'], 255, 'groups'));
    writer.set(record, 'color', text(data['color'], 32, 'groups'));
    writer.set(record, 'position', groupPlaces[i]);
    if (timeOf(data['archivedAt']) !== null) writer.set(record, 'archivedAt', timeOf(data['archivedAt']));
  });
};

const writeComments = (writer: Writer, itemId: string, comments: readonly Data[], keep: boolean, now: number): void => {
  for (const data of comments) {
    const root: Store = writer.doc.getMap(commentsRoot(itemId));
    const mentions = Array.isArray(data['mentions']) ? data['mentions'].filter(isUserId) : [];
    const record = new Y.Map<unknown>([
      ['author', keep ? user(data['author'], writer.userId) : writer.userId],
      ['createdAt', (keep ? timeOf(data['createdAt']) : null) ?? now],
      ['body', writer.fresh(text(data['body'], MAX_TEXT_LENGTH * 2, 'comments'))],
      ['mentions', writer.fresh(mentions)],
    ]);
    root.set(String(data['id']), record);
    for (const key of ['editedAt', 'deletedAt']) if (timeOf(data[key]) !== null) writer.set(record, key, timeOf(data[key]));
  }
};

const writeItem = (writer: Writer, item: CheckedItem, position: string, keep: boolean, now: number): void => {
  const { doc } = writer;
  const { data, id } = item;
  const group = isId(data['groupId']) ? data['groupId'] : null;
  const entries: [string, unknown][] = [
    ['name', writer.fresh(item.name)],
    ['place', writer.fresh([group, position])],
    ['createdAt', (keep ? timeOf(data['createdAt']) : null) ?? now],
    ['createdBy', keep ? user(data['createdBy'], data['createdBy'] === null ? null : writer.userId) : writer.userId],
  ];
  for (const [column, value, shown] of item.cells) {
    switch (mergeOf(column.type)) {
      case 'text':
        doc.getText(textRoot(id, column.id)).insert(0, String(value));
        break;
      case 'set':
        (Array.isArray(value) ? value : []).forEach((element, i) => entries.push([partKey(column.id, element), i + 1]));
        break;
      case 'counter':
      case 'maximum':
        entries.push([partKey(column.id, doc.clientID), value]);
        break;
      default:
        entries.push([cellKey(column.id), writer.fresh(value ?? shown)]);
    }
  }
  if (timeOf(data['deletedAt']) !== null) entries.push(['deletedAt', writer.fresh(timeOf(data['deletedAt']))]);
  itemsMap(doc).set(id, new Y.Map(entries));
  itemOrder(doc).put(id, { group, position });
  writeComments(writer, id, item.comments, keep, now);
};

/** The import as steps: pull it until done; give others their turn in between. @throws BoardModelError invalid_import, invalid_value */
export function* importJsonSteps(doc: Y.Doc, data: unknown, ctx: WriteContext, options: JsonImportOptions = {}): Generator<ImportProgress, ImportSummary> {
  const checked = check(data);
  const keep = options.keepAuthors !== false;
  const now = Math.floor(ctx.at ?? Date.now());
  const items = checked.items.filter(({ id }) => child(itemsMap(doc), id) === undefined);
  const places = placesOf(items.map((item) => item.data));
  write(doc, ctx, (writer) => writeStructure(writer, checked));
  for (let from = 0; from < items.length; from += CHUNK_ITEMS) {
    write(doc, ctx, (writer) => items.slice(from, from + CHUNK_ITEMS).forEach((item, i) => writeItem(writer, item, places[from + i] ?? '', keep, now)));
    yield { done: Math.min(items.length, from + CHUNK_ITEMS), total: items.length };
  }
  const imported = new Set<string>(checked.columns.map(({ id }) => id));
  const columns = readColumns(doc, { archived: true }).filter(({ id }) => imported.has(id));
  return { itemCount: items.length, columns: columns.map(({ id, title, type }) => ({ id, title, type })) };
}

/** The whole import at once, telling its progress. @throws BoardModelError invalid_import, invalid_value */
export const importJson = (doc: Y.Doc, data: unknown, ctx: WriteContext, onProgress?: (progress: ImportProgress) => void, options?: JsonImportOptions): ImportSummary => {
  const steps = importJsonSteps(doc, data, ctx, options);
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value;
    onProgress?.(step.value);
  }
};
