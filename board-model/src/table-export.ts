/**
 * A board as a table of texts: a header, then one row per item in the order people see. A board that was imported from a
 * table gives it back, string-equal, as far as nobody edited it.
 */
import type * as Y from 'yjs';
import { columnsNeedBoard, computeColumns } from './computed.ts';
import { listItems } from './read.ts';
import { readBoard, readTable } from './structure.ts';
import { escapeFormula, formatValue, namesOf } from './table-format.ts';
import type { ColumnView, ItemView } from './types.ts';

export interface TableOptions {
  /** An apostrophe before cells that a spreadsheet would run. Default: cells are kept exact. */
  escapeFormulas?: boolean;
  /** The name to show for a user in person and author columns; default: the user's id. */
  userName?: (userId: string) => string | undefined;
  /** A first column with each item's group. */
  groups?: boolean;
}

const headerOf = ({ title, settings }: ColumnView): string =>
  settings['headerTitle'] === title && typeof settings['header'] === 'string' ? settings['header'] : title;

const cellsOf = (column: ColumnView, items: readonly ItemView[], options: TableOptions): string[] => {
  const names = namesOf(column.settings, options.userName);
  const author = column.type === 'created_by' || column.type === 'updated_by';
  return items.map((item) => {
    const value = item.values[column.id];
    if (value === undefined) return item.invalid?.[column.id] ?? '';
    return author && typeof value === 'string' ? names.people(value) : formatValue(column.type, column.settings, value, names);
  });
};

export const exportTable = (doc: Y.Doc, options: TableOptions = {}): string[][] => {
  const board = readBoard(doc);
  const items = columnsNeedBoard(board.columns) ? computeColumns(doc, listItems(doc)) : listItems(doc);
  const lists = board.columns.map((column) => [headerOf(column), ...cellsOf(column, items, options)]);
  const { nameTitle, nameIndex } = readTable(doc) ?? { nameTitle: 'Name', nameIndex: 0 };
  if (nameIndex >= 0) lists.splice(nameIndex, 0, [nameTitle, ...items.map((item) => item.name)]);
  if (options.groups === true) {
    const titles = new Map<string, string>(board.groups.map((group) => [group.id, group.title]));
    lists.unshift(['Group', ...items.map((item) => titles.get(item.groupId ?? '') ?? '')]);
  }
  const rows = Array.from({ length: items.length + 1 }, (_, row) => lists.map((list) => list[row] ?? ''));
  return options.escapeFormulas === true ? rows.map((row) => row.map(escapeFormula)) : rows;
};
