/** Date (with a time of day if wanted) and timeline (two days). Every pick is saved at once; Escape only closes. */
import { useState } from 'react';
import { setCell, useScope } from '../board/context.ts';
import { formatDay } from '../board/cell-text.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { Calendar } from './Calendar.tsx';

interface EditorProps {
  column: ColumnView;
  item: ItemView;
  onDone: () => void;
}

const pad = (value: number) => String(value).padStart(2, '0');

/** An instant (…Z) as the reader's own day and time; others as they are. */
function localParts(value: { date: string; time?: string }): { date: string; time: string } {
  if (!value.time?.endsWith('Z')) return { date: value.date, time: value.time?.slice(0, 5) ?? '' };
  const at = new Date(`${value.date}T${value.time}`);
  return { date: `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`, time: `${pad(at.getHours())}:${pad(at.getMinutes())}` };
}

export function DateEditor({ column, item, onDone }: EditorProps) {
  const { board } = useScope();
  const raw = item.values[column.id];
  const value = typeof raw === 'object' && 'date' in raw ? raw : null;
  const shown = value ? localParts(value) : null;

  const save = (date: string, time: string) => {
    if (!value?.time?.endsWith('Z')) return setCell(board, item.id, column.id, time ? { date, time } : { date });
    if (!time) return setCell(board, item.id, column.id, { date });
    const instant = new Date(`${date}T${time}:00`).toISOString(); // stays an instant: kept in UTC
    setCell(board, item.id, column.id, { date: instant.slice(0, 10), time: `${instant.slice(11, 19)}Z` });
  };

  return (
    <div className="picker">
      <Calendar
        from={shown?.date ?? null}
        to={null}
        onPick={(day) => {
          save(day, shown?.time ?? '');
          if (!shown?.time) onDone();
        }}
      />
      <div className="row">
        <label className="row grow">
          <span className="label">Time</span>
          <input
            className="input"
            type="time"
            value={shown?.time ?? ''}
            disabled={!shown}
            onChange={(event) => shown && save(shown.date, event.target.value)}
          />
        </label>
        <button type="button" className="btn btn-ghost btn-sm" disabled={!value} onClick={() => setCell(board, item.id, column.id, null)}>
          Clear
        </button>
      </div>
    </div>
  );
}

export function TimelineEditor({ column, item, onDone }: EditorProps) {
  const { board } = useScope();
  const raw = item.values[column.id];
  const value = typeof raw === 'object' && 'from' in raw ? raw : null;
  const [start, setStart] = useState<string | null>(null);

  const pick = (day: string) => {
    if (start === null) {
      setStart(day);
      return;
    }
    const [from, to] = day < start ? [day, start] : [start, day];
    setCell(board, item.id, column.id, { from, to });
    setStart(null);
    onDone();
  };

  return (
    <div className="picker">
      <p className="picker-note" aria-live="polite">
        {start === null ? (value ? `${formatDay(value.from)} – ${formatDay(value.to)}` : 'Pick the first day') : `From ${formatDay(start)}: pick the last day`}
      </p>
      <Calendar from={start ?? value?.from ?? null} to={start === null ? (value?.to ?? null) : null} onPick={pick} />
      <div className="row">
        <span className="grow" />
        <button type="button" className="btn btn-ghost btn-sm" disabled={!value} onClick={() => setCell(board, item.id, column.id, null)}>
          Clear
        </button>
      </div>
    </div>
  );
}
