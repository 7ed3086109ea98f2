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
import { formatValue, namesOf, type Names } from './table-format.ts';
import type { ColumnView, ItemView } from './types.ts';

export const columnsNeedBoard = (columns: readonly ColumnView[]): boolean =>
  columns.some(({ type }) => type === 'auto_number' || type === 'formula');

const autoNumbers = (doc: Y.Doc): Map<string, number> => {
  const items: [at: number, id: string][] = [];
  forEachChild(itemsMap(doc), (item, id) => items.push([timeOf(item.get('createdAt')) ?? 0, id]));
  items.sort(([a, x], [b, y]) => a - b || (x < y ? -1 : 1));
  return new Map(items.map(([, id], i) => [id, i + 1]));
};

/** What a formula may name. */
class Input {
  private readonly column: ColumnView;
  /** Made once for all items: a column may have thousands of labels. */
  private names: Names | undefined;

  constructor(column: ColumnView) {
    this.column = column;
  }

  of(item: ItemView): FormulaValue {
    const { id, type, settings } = this.column;
    const value = item.values[id];
    if (value === undefined) return null;
    return typeof value === 'object' ? formatValue(type, settings, value, (this.names ??= namesOf(settings))) : value;
  }
}

/** The items with their auto numbers and formulas; a formula that fails shows as `invalid`. Items without any are returned as they are. */
export const computeColumns = (doc: Y.Doc, items: readonly ItemView[]): ItemView[] => {
  const columns = readColumns(doc);
  if (!columnsNeedBoard(columns)) return [...items];
  const numbers = columns.some(({ type }) => type === 'auto_number') ? autoNumbers(doc) : new Map<string, number>();
  const formulas = columns.filter(({ type, settings }) => type === 'formula' && (settings.formula ?? '').trim() !== '').map((column) => ({ id: column.id, run: compileFormula(column.settings.formula ?? '') }));
  const inputs = new Map<string, Input>();
  const named = columns.filter(({ type }) => type !== 'formula').map((column) => ({ id: column.id, title: column.title, input: new Input(column) }));
  for (const { title, input } of named) if (!inputs.has(title)) inputs.set(title, input);
  for (const { id, input } of named) inputs.set(id, input);
  return items.map((item) => {
    const view: ItemView = { ...item, values: { ...item.values } };
    const failed: [string, string][] = [];
    for (const { id, type } of columns) if (type === 'auto_number') view.values[id] = numbers.get(item.id) ?? 0;
    const lookup = (reference: string): FormulaValue | undefined => {
      const input = inputs.get(reference);
      if (input !== undefined) return input.of(view);
      return reference === 'Name' ? item.name : undefined;
    };
    for (const { id, run } of formulas) {
      const result = run(lookup);
      if ('error' in result) failed.push([id, result.error]);
      else if (result.value !== null) view.values[id] = result.value;
    }
    if (failed.length > 0) view.invalid = { ...view.invalid, ...Object.fromEntries(failed) };
    return view;
  });
};
