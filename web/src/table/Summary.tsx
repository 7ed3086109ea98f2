/** What a group comes to, under each column: shares of a status, the sum of numbers, how much is done. */
import { memo } from 'react';
import { formatNumber, labelOf } from '../board/cell-text.ts';
import { labelsOf, paint } from '../board/model.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { useTable } from './table-context.ts';

export const Summary = memo(function Summary({ items }: { items: readonly ItemView[] }) {
  const { columns } = useTable();
  return columns.map((column, index) => (
    <div key={column.id} role="gridcell" aria-colindex={index + 3} className="tsum">
      {items.length > 0 && <Total column={column} items={items} />}
    </div>
  ));
});

function Total({ column, items }: { column: ColumnView; items: readonly ItemView[] }) {
  switch (column.type) {
    case 'status':
      return <Shares column={column} items={items} />;
    case 'number':
    case 'counter': {
      let sum = 0;
      let some = false;
      for (const item of items) {
        const value = item.values[column.id];
        if (typeof value === 'number') {
          sum += value;
          some = true;
        }
      }
      return some ? (
        <span className="tsum-number" title="Sum">
          {formatNumber(sum, column.settings.unit)} <small>sum</small>
        </span>
      ) : null;
    }
    case 'checkbox': {
      const done = items.filter((item) => item.values[column.id] === true).length;
      return done > 0 ? (
        <span className="tsum-number">
          {done}/{items.length}
        </span>
      ) : null;
    }
    default:
      return null;
  }
}

function Shares({ column, items }: { column: ColumnView; items: readonly ItemView[] }) {
  const counts = new Map<string, number>();
  for (const item of items) {
    const label = labelOf(column, item.values[column.id]);
    if (label) counts.set(label.id, (counts.get(label.id) ?? 0) + 1);
  }
  const parts = labelsOf(column).flatMap((label) => {
    const count = counts.get(label.id);
    return count ? [{ label, count }] : [];
  });
  if (parts.length === 0) return null;
  const without = items.length - parts.reduce((sum, part) => sum + part.count, 0);
  const text = parts.map(({ label, count }) => `${label.title}: ${count}`).join(', ');
  return (
    <span className="shares" role="img" aria-label={text} title={text}>
      {parts.map(({ label, count }) => (
        <span key={label.id} style={{ flexGrow: count, background: paint(label.color, label.id) }} />
      ))}
      {without > 0 && <span style={{ flexGrow: without, background: 'var(--surface-3)' }} />}
    </span>
  );
}
