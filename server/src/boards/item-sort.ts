/**
 * Sorting of item lists: `sort=-columnId,name`, a minus for descending. Empty cells come last in both directions, ties are broken by
 * item id, so that the order is total and a keyset cursor can continue it.
 */
import type { CursorKeys } from './cursor.ts';
import { fieldOf, invalidFilter, type Field, type FilterableColumn, type SqlParams } from './item-fields.ts';

export type SortKey = { readonly field: string; readonly descending: boolean };

const MAX_SORT_KEYS = 5;

export function parseSort(text: string | undefined): SortKey[] {
  const keys = (text ?? '').split(',').map((part) => part.trim()).filter((part) => part !== '');
  if (keys.length > MAX_SORT_KEYS) throw invalidFilter('sort', `At most ${MAX_SORT_KEYS} sort keys`);
  return keys.map((key) => ({ field: key.replace(/^[-+]/, ''), descending: key.startsWith('-') }));
}

type SqlSortKey = { readonly sql: string; readonly type: 'text' | 'numeric' | 'boolean' | 'timestamptz' | 'int'; readonly descending: boolean };

export type SortSql = {
  /** `expr::text AS key_0, …`: what the cursor is made of */
  readonly select: string;
  readonly orderBy: string;
  /** Condition for rows after the cursor's. */
  after(keys: CursorKeys): string;
  readonly length: number;
};

/** @throws SundayError invalid_filter */
export function sortSql(sort: readonly SortKey[], columns: readonly FilterableColumn[], params: SqlParams): SortSql {
  const keys = sort.map(({ field, descending }): SqlSortKey => ({ ...expressionOf(field, fieldOf(field, columns), params), descending }));
  return {
    // timestamps in a form that keeps microseconds and does not hang on the session's settings
    select: keys.map((key, index) => `${key.type === 'timestamptz' ? `to_char(${key.sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')` : `(${key.sql})::text`} AS key_${index}`).join(', '),
    orderBy: [...keys.map((key) => `${key.sql} ${key.descending ? 'DESC' : 'ASC'} NULLS LAST`), 'item_id ASC'].join(', '),
    length: keys.length + 1,
    after: (cursor) => afterSql(keys, cursor, params),
  };
}

function expressionOf(name: string, field: Field, params: SqlParams): Pick<SqlSortKey, 'sql' | 'type'> {
  switch (field.kind) {
    case 'text':
      return { sql: `lower(${field.sql(params)}) COLLATE "C"`, type: 'text' };
    case 'id':
    case 'date':
      return { sql: `(${field.sql(params)}) COLLATE "C"`, type: 'text' };
    case 'number':
      return { sql: field.sql(params), type: 'numeric' };
    case 'boolean':
      return { sql: field.sql(params), type: 'boolean' };
    case 'instant':
      return { sql: field.sql(params), type: 'timestamptz' };
    case 'label':
      return { sql: `array_position(${params.add([...(field.labelOrder ?? [])], 'text[]')}, ${field.sql(params)})`, type: 'int' };
    case 'set':
      throw invalidFilter(name, `Items cannot be sorted by "${name.slice(0, 80)}": it holds several values`);
    default:
      return field.kind satisfies never;
  }
}

/** (a, b, id) after (x, y, z): a after x, or a = x and (b after y, or b = y and id > z). Nulls are last and equal to each other. */
function afterSql(keys: readonly SqlSortKey[], cursor: CursorKeys, params: SqlParams): string {
  const id = cursor.at(-1) ?? '';
  let condition = `item_id > ${params.add(id, 'text')}`;
  for (let index = keys.length - 1; index >= 0; index--) {
    const key = keys[index];
    if (key === undefined) continue;
    const value = cursor[index] ?? null;
    if (value === null) {
      condition = `(${key.sql} IS NULL AND ${condition})`;
    } else {
      const given = params.add(value, key.type);
      condition = `(${key.sql} ${key.descending ? '<' : '>'} ${given} OR ${key.sql} IS NULL OR (${key.sql} = ${given} AND ${condition}))`;
    }
  }
  return condition;
}
