/**
 * Columns whose values need the whole board or the other cells of an item: auto numbers and formulas. (Created and updated
 * time and author come with every read.)
 *
 * An auto number is an item's place in the order of creation, deleted items included. It is the same on every copy of the
 * document; an item made offline and synced later takes the number its creation time gives it.
 */
import type * as Y from 'yjs';
import { compileFormula, type FormulaValue } from './formula.ts';
import { timeOf } from './register.ts';
import { forEachChild, itemsMap } from './schema.ts';
import { readColumns } from './structure.ts';
import { formatValue, namesOf } from './table-format.ts';
import type { ColumnView, ItemView } from './types.ts';

export const columnsNeedBoard = (columns: readonly ColumnView[]): boolean =>
  columns.some(({ type }) => type === 'auto_number' || type === 'formula');

const autoNumbers = (doc: Y.Doc): Map<string, number> => {
  const items: [at: number, id: string][] = [];
  forEachChild(itemsMap(doc), (item, id) => items.push([timeOf(item.get('createdAt')) ?? 0, id]));
  items.sort(([a, x], [b, y]) => a - b || (x < y ? -1 : 1));
  return new Map(items.map(([, id], i) => [id, i + 1]));
};

const inputOf = (column: ColumnView, item: ItemView): FormulaValue => {
  const value = item.values[column.id];
  if (value === undefined) return null;
  return typeof value === 'object' ? formatValue(column.type, column.settings, value, namesOf(column.settings)) : value;
};

/** The items with their auto numbers and formulas; a formula that fails shows as `invalid`. Items without any are returned as they are. */
export const computeColumns = (doc: Y.Doc, items: readonly ItemView[]): ItemView[] => {
  const columns = readColumns(doc);
  if (!columnsNeedBoard(columns)) return [...items];
  const numbers = columns.some(({ type }) => type === 'auto_number') ? autoNumbers(doc) : new Map<string, number>();
  const formulas = columns.filter(({ type, settings }) => type === 'formula' && (settings.formula ?? '').trim() !== '').map((column) => ({ id: column.id, run: compileFormula(column.settings.formula ?? '') }));
  const inputs = new Map<string, ColumnView>();
  for (const column of columns) if (column.type !== 'formula' && !inputs.has(column.title)) inputs.set(column.title, column);
  for (const column of columns) if (column.type !== 'formula') inputs.set(column.id, column);
  return items.map((item) => {
    const view: ItemView = { ...item, values: { ...item.values } };
    for (const { id, type } of columns) if (type === 'auto_number') view.values[id] = numbers.get(item.id) ?? 0;
    const lookup = (reference: string): FormulaValue | undefined => {
      const column = inputs.get(reference);
      if (column !== undefined) return inputOf(column, view);
      return reference === 'Name' ? item.name : undefined;
    };
    for (const { id, run } of formulas) {
      const result = run(lookup);
      if ('error' in result) view.invalid = { ...view.invalid, [id]: result.error };
      else if (result.value !== null) view.values[id] = result.value;
    }
    return view;
  });
};
