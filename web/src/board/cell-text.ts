/** Any cell as words (search, filter, clipboard, screen readers) and as something that sorts. Pure. */
import { labelsOf, NAME_KEY, nameOf } from './model.ts';
import type { ColumnValue, ColumnView, ItemView } from './model.ts';
import type { People } from './people.ts';

const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const DAY_YEAR = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const INSTANT = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 6 });

export function formatDay(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(date.getTime())) return day;
  return (date.getUTCFullYear() === new Date().getFullYear() ? DAY : DAY_YEAR).format(date);
}

export function formatInstant(instant: string | number): string {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? String(instant) : INSTANT.format(date);
}

export function formatNumber(value: number, unit?: string): string {
  const text = NUMBER.format(value);
  if (!unit) return text;
  return unit.length === 1 && '$€£¥'.includes(unit) ? `${unit}${text}` : `${text} ${unit}`;
}

/** A date cell: its day; with a time of day too, and an instant (…Z) in the reader's own zone. */
export function formatDate(value: { date: string; time?: string }): string {
  if (!value.time) return formatDay(value.date);
  if (value.time.endsWith('Z')) return formatInstant(`${value.date}T${value.time}`);
  return `${formatDay(value.date)}, ${value.time.slice(0, 5)}`;
}

export function labelOf(column: ColumnView, value: ColumnValue | undefined) {
  if (typeof value !== 'object' || !('labelId' in value)) return undefined;
  return labelsOf(column).find((label) => label.id === value.labelId);
}

export function cellText(column: ColumnView, value: ColumnValue | undefined, people: People, nameOfItem: (id: string) => string): string {
  if (value === undefined) return '';
  switch (column.type) {
    case 'status':
    case 'dropdown':
      return labelOf(column, value)?.title ?? '';
    case 'person':
      return Array.isArray(value) ? value.map((id) => people.get(id).name).join(', ') : '';
    case 'created_by':
    case 'updated_by':
      return typeof value === 'string' ? people.get(value).name : '';
    case 'created_at':
    case 'updated_at':
      return typeof value === 'string' || typeof value === 'number' ? formatInstant(value) : '';
    case 'relation':
      return Array.isArray(value) ? value.map(nameOfItem).join(', ') : '';
    case 'number':
      return typeof value === 'number' ? formatNumber(value, column.settings.unit) : '';
    default:
      return plainText(value);
  }
}

function plainText(value: ColumnValue): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return NUMBER.format(value);
  if (typeof value === 'boolean') return value ? 'Yes' : 'No';
  if (Array.isArray(value)) return value.join(', ');
  if ('url' in value) return value.text ?? value.url;
  if ('date' in value) return formatDate(value);
  if ('from' in value) return `${formatDay(value.from)} – ${formatDay(value.to)}`;
  if ('labelId' in value) return value.labelId;
  return value.address ?? (value.lat === undefined ? '' : `${value.lat}, ${value.lng}`);
}

/** Sorts labels in their own order, dates and numbers by size, all else by its words; empty cells come last either way. */
export function sortKey(column: ColumnView | null, item: ItemView, people: People): string | number | null {
  if (!column) return nameOf(item).toLowerCase();
  const value = item.values[column.id];
  if (value === undefined) return null;
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (column.type === 'status' || column.type === 'dropdown') {
    const label = labelOf(column, value);
    return label ? labelsOf(column).indexOf(label) : null;
  }
  if (typeof value === 'object' && 'date' in value) return `${value.date} ${value.time ?? ''}`;
  if (typeof value === 'object' && 'from' in value) return `${value.from} ${value.to}`;
  return cellText(column, value, people, (id) => id).toLowerCase() || null;
}

export const columnTitle = (columns: readonly ColumnView[], id: string): string =>
  id === NAME_KEY ? 'Name' : (columns.find((column) => column.id === id)?.title ?? '');
