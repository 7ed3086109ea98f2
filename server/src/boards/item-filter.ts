/**
 * Filters of item lists: `filter[field][op]=value`, all of them must hold. Builds SQL conditions over `items`.
 *
 * Ops: eq ne in · contains startsWith (text) · lt lte gt gte (numbers, dates, instants; text by code point) · contains (members of
 * person, tags, relation, files) · empty=true|false. `ne` also finds empty cells. Labels are named by id or by exact title.
 */
import { fieldOf, invalidFilter, SqlParams, type Field, type FilterableColumn } from './item-fields.ts';

export const FILTER_OPS = ['eq', 'ne', 'in', 'contains', 'startsWith', 'lt', 'lte', 'gt', 'gte', 'empty'] as const;
export type FilterOp = (typeof FILTER_OPS)[number];

export type Filter = { readonly field: string; readonly op: FilterOp; readonly value: string };

/** Conditions cost a row each; no page of a board app needs more. */
export const MAX_FILTERS = 20;
const MAX_IN = 200;

const COMPARE = { lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;

/** @throws SundayError invalid_filter */
export function filterSql(filters: readonly Filter[], columns: readonly FilterableColumn[], params: SqlParams): string[] {
  if (filters.length > MAX_FILTERS) throw invalidFilter('filter', `At most ${MAX_FILTERS} filters`);
  return filters.map((filter) => conditionOf(filter, fieldOf(filter.field, columns), params));
}

function conditionOf(filter: Filter, field: Field, params: SqlParams): string {
  const { op, value } = filter;
  const unfit = (): never => {
    throw invalidFilter(filter.field, `"${op}" does not fit "${filter.field.slice(0, 80)}"`);
  };
  if (op === 'empty') {
    if (value !== 'true' && value !== 'false') throw invalidFilter(filter.field, 'empty takes true or false');
    const empty = field.kind === 'boolean' ? `${field.sql(params)} = false` : `coalesce(${field.sql(params)}::text, '') = ''`;
    return value === 'true' ? empty : `NOT (${empty})`;
  }
  if (field.kind === 'set') return setCondition(filter, field, params, unfit);
  if (field.kind === 'date' && value.length === DATE_LENGTH) {
    // a day without time compares with the day, whatever the time
    return compare(op, `left(${field.sql(params)}, ${DATE_LENGTH})`, { ...field, kind: 'id' }, filter, params, unfit);
  }
  return compare(op, field.sql(params), field, filter, params, unfit);
}

const DATE_LENGTH = 'YYYY-MM-DD'.length;

function compare(op: Exclude<FilterOp, 'empty'>, sql: string, field: Field, filter: Filter, params: SqlParams, unfit: () => never): string {
  const one = (text: string): string => operand(text, field, filter, params);
  switch (op) {
    case 'eq':
      return `${sql} = ${one(filter.value)}`;
    case 'ne':
      return `${sql} IS DISTINCT FROM ${one(filter.value)}`;
    case 'in':
      return `${sql} IN (${listOf(filter).map(one).join(', ')})`;
    case 'contains':
    case 'startsWith':
      if (field.kind !== 'text') return unfit();
      return `${sql} ILIKE ${params.add(`${op === 'contains' ? '%' : ''}${filter.value.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`, 'text')}`;
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      if (field.kind === 'boolean' || field.kind === 'label') return unfit();
      return `${sql}${isTextual(field) ? ' COLLATE "C"' : ''} ${COMPARE[op]} ${one(filter.value)}`;
    default:
      return unfit();
  }
}

const isTextual = (field: Field): boolean => field.kind === 'text' || field.kind === 'id' || field.kind === 'date';

function operand(text: string, field: Field, filter: Filter, params: SqlParams): string {
  switch (field.kind) {
    case 'number':
      if (!/^-?\d{1,300}(\.\d{1,300})?(e[+-]?\d{1,3})?$/i.test(text)) throw invalidFilter(filter.field, 'The value must be a number');
      return params.add(text, 'numeric');
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw invalidFilter(filter.field, 'The value must be true or false');
      return params.add(text, 'boolean');
    case 'instant': {
      const at = new Date(text);
      if (!/^\d{4}-/.test(text) || Number.isNaN(at.getTime())) throw invalidFilter(filter.field, 'The value must be a time like 2026-01-31T12:00:00Z');
      return params.add(at.toISOString(), 'timestamptz');
    }
    case 'label':
      return params.add(field.labels?.get(text) ?? text, 'text');
    case 'text':
    case 'id':
    case 'date':
    case 'set':
      return params.add(text, 'text');
    default:
      return field.kind satisfies never;
  }
}

function setCondition(filter: Filter, field: Field, params: SqlParams, unfit: () => never): string {
  const has = (ids: string[]): string => `coalesce(${field.sql(params)} ?| ${params.add(ids, 'text[]')}, false)`;
  switch (filter.op) {
    case 'contains':
    case 'eq':
      return has([filter.value]);
    case 'in':
      return has(listOf(filter));
    case 'ne':
      return `NOT ${has([filter.value])}`;
    default:
      return unfit();
  }
}

function listOf(filter: Filter): string[] {
  const values = filter.value.split(',').map((part) => part.trim());
  if (values.length > MAX_IN) throw invalidFilter(filter.field, `At most ${MAX_IN} values`);
  return values;
}
