/**
 * What items can be filtered and sorted by, as SQL expressions over the `items` table: their own fields, and the values of a board's
 * columns by column type. Every name and value from outside becomes a parameter, never SQL text.
 */
import { SundayError } from '../errors.ts';

export class SqlParams {
  readonly values: unknown[] = [];

  /** The placeholder of a new parameter, cast to `type`. */
  add(value: unknown, type: 'text' | 'text[]' | 'numeric' | 'boolean' | 'timestamptz' | 'uuid' | 'int'): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}

/** How a field compares. `labels` also match by title; a `set` has members. */
export type FieldKind = 'text' | 'id' | 'number' | 'boolean' | 'instant' | 'date' | 'label' | 'set';

export type Field = {
  readonly kind: FieldKind;
  /** SQL of the whole value; for a set, of the jsonb array. Null where empty. */
  sql(params: SqlParams): string;
  /** label id by title, for label columns */
  readonly labels?: ReadonlyMap<string, string>;
  /** label ids in their order, for sorting */
  readonly labelOrder?: readonly string[];
};

export type FilterableColumn = { readonly id: string; readonly type: string; readonly settings: Record<string, unknown> };

const OWN_FIELDS: Record<string, Field> = {
  name: { kind: 'text', sql: () => 'name' },
  groupId: { kind: 'id', sql: () => 'group_id' },
  createdAt: { kind: 'instant', sql: () => 'created_at' },
  createdBy: { kind: 'id', sql: () => 'created_by' },
  updatedAt: { kind: 'instant', sql: () => 'updated_at' },
  updatedBy: { kind: 'id', sql: () => 'updated_by' },
};

/** Written before a column id that is also the name of a field of items. */
const COLUMN_PREFIX = 'values.';

/** @throws SundayError invalid_filter for what the board does not have or cannot compare */
export function fieldOf(name: string, columns: readonly FilterableColumn[]): Field {
  const own = Object.hasOwn(OWN_FIELDS, name) ? OWN_FIELDS[name] : undefined;
  if (own !== undefined) return own;
  const id = name.startsWith(COLUMN_PREFIX) ? name.slice(COLUMN_PREFIX.length) : name;
  const column = columns.find((candidate) => candidate.id === id);
  if (column === undefined) throw invalidFilter(name, `The board has no column or field "${name.slice(0, 80)}"`);
  const field = columnField(column);
  if (field === undefined) throw invalidFilter(name, `Columns of type ${column.type} cannot be filtered or sorted by`);
  return field;
}

export const invalidFilter = (name: string, message: string): SundayError => new SundayError('invalid_filter', message, { field: name.slice(0, 80) });

function columnField({ id, type, settings }: FilterableColumn): Field | undefined {
  const cell = (params: SqlParams): string => `(item_values->${params.add(id, 'text')})`;
  const member = (key: string) => (params: SqlParams) => `(${cell(params)}->>'${key}')`;
  switch (type) {
    case 'text':
    case 'email':
    case 'phone':
    case 'long_text':
      return { kind: 'text', sql: (params) => `(item_values->>${params.add(id, 'text')})` };
    case 'link':
      return { kind: 'text', sql: member('url') };
    case 'location':
      return { kind: 'text', sql: member('address') };
    case 'number':
    case 'rating':
    case 'counter':
    case 'maximum':
      return { kind: 'number', sql: (params) => guarded(cell(params), 'number', 'numeric') };
    case 'checkbox':
      return { kind: 'boolean', sql: (params) => `coalesce(${guarded(cell(params), 'boolean', 'boolean')}, false)` };
    case 'status':
    case 'dropdown':
      return { kind: 'label', sql: member('labelId'), ...labelsOf(settings) };
    case 'date':
      return { kind: 'date', sql: (params) => dateWithTime(cell(params)) };
    case 'timeline':
      return { kind: 'date', sql: member('from') };
    case 'person':
    case 'tags':
    case 'relation':
    case 'files':
      return { kind: 'set', sql: (params) => arrayOrNull(cell(params)) };
    case 'created_at':
      return OWN_FIELDS['createdAt'];
    case 'created_by':
      return OWN_FIELDS['createdBy'];
    case 'updated_at':
      return OWN_FIELDS['updatedAt'];
    case 'updated_by':
      return OWN_FIELDS['updatedBy'];
    default:
      return undefined; // auto_number, formula, and types of a later version: their values are not in the table
  }
}

/**
 * The cell may hold anything a stock client wrote: cast only what has the right JSON type. The cell is named twice: looking it up again
 * costs half of what a subselect a row does.
 */
const guarded = (cell: string, jsonType: string, sqlType: string): string => `(CASE WHEN jsonb_typeof(${cell}) = '${jsonType}' THEN (${cell} #>> '{}')::${sqlType} END)`;

const dateWithTime = (cell: string): string => `((${cell}->>'date') || coalesce('T' || (${cell}->>'time'), ''))`;

const arrayOrNull = (cell: string): string => `(CASE WHEN jsonb_typeof(${cell}) = 'array' AND ${cell} <> '[]' THEN ${cell} END)`;

function labelsOf(settings: Record<string, unknown>): { labels: ReadonlyMap<string, string>; labelOrder: string[] } {
  const labels = new Map<string, string>();
  const labelOrder: string[] = [];
  for (const label of Array.isArray(settings['labels']) ? (settings['labels'] as unknown[]) : []) {
    if (typeof label !== 'object' || label === null) continue;
    const { id, title } = label as { id?: unknown; title?: unknown };
    if (typeof id !== 'string') continue;
    labelOrder.push(id);
    if (typeof title === 'string' && !labels.has(title)) labels.set(title, id);
  }
  return { labels, labelOrder };
}
