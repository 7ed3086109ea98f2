/** Date (with a time of day if wanted) and timeline (two days), typed or picked. Enter and every pick save at once; Escape only closes. */
import { useState } from 'react';
import type { KeyboardEvent } from 'react';
import { setCell, useScope } from '../board/context.ts';
import { formatDay } from '../board/cell-text.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { Calendar } from './Calendar.tsx';
import { parseDate } from './dates.ts';
import type { TypedDate } from './dates.ts';

interface EditorProps {
  column: ColumnView;
  item: ItemView;
  /** What began the edit: the first letter of a date. */
  typed: string | null;
  onDone: () => void;
}

/** Where fingers pick, the keyboard of the screen would cover the calendar: it comes when the input is touched. */
const isTouched = (): boolean => matchMedia('(pointer: coarse)').matches;

const pad = (value: number) => String(value).padStart(2, '0');

/** An instant (…Z) as the reader's own day and time; others as they are. */
function localParts(value: { date: string; time?: string }): { date: string; time: string } {
  if (!value.time?.endsWith('Z')) return { date: value.date, time: value.time?.slice(0, 5) ?? '' };
  const at = new Date(`${value.date}T${value.time}`);
  return { date: `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`, time: `${pad(at.getHours())}:${pad(at.getMinutes())}` };
}

interface DayInputProps {
  label: string;
  initial: string;
  typed: string | null;
  /** null: the words were emptied. */
  onDate: (typed: TypedDate | null) => void;
  /** The words so far, once they read as a date: the calendar turns to it. */
  onReads: (day: string | null) => void;
}

/** A date in words. Enter takes it, or says that it is none; the arrow down goes to the calendar below. */
function DayInput({ label, initial, typed, onDate, onReads }: DayInputProps) {
  const [text, setText] = useState(typed ?? initial);
  const [wrong, setWrong] = useState(false);
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter') {
      const date = parseDate(text);
      if (date === null && text.trim() !== '') setWrong(true);
      else {
        setText(''); // a timeline asks for its other end next
        onDate(date);
      }
    } else if (event.key === 'ArrowDown') event.currentTarget.closest('.picker')?.querySelector<HTMLElement>('[data-day][tabindex="0"]')?.focus();
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        className="input"
        data-autofocus
        aria-label={label}
        aria-invalid={wrong}
        placeholder="2026-12-24"
        value={text}
        onFocus={(event) => typed === null && event.currentTarget.select()}
        onChange={(event) => {
          setText(event.target.value);
          setWrong(false);
          onReads(parseDate(event.target.value)?.date ?? null);
        }}
        onKeyDown={onKeyDown}
      />
      {wrong && (
        <p className="field-error" role="alert">
          “{text.trim()}” is no date. Write it as 2026-12-24.
        </p>
      )}
    </>
  );
}

export function DateEditor({ column, item, typed, onDone }: EditorProps) {
  const { board } = useScope();
  const raw = item.values[column.id];
  const value = typeof raw === 'object' && 'date' in raw ? raw : null;
  const shown = value ? localParts(value) : null;
  const [reads, setReads] = useState<string | null>(null);

  const save = (date: string, time: string) => {
    if (!value?.time?.endsWith('Z')) return setCell(board, item.id, column.id, time ? { date, time } : { date });
    if (!time) return setCell(board, item.id, column.id, { date });
    const instant = new Date(`${date}T${time}:00`).toISOString(); // stays an instant: kept in UTC
    setCell(board, item.id, column.id, { date: instant.slice(0, 10), time: `${instant.slice(11, 19)}Z` });
  };

  return (
    <div className="picker" tabIndex={-1} data-autofocus={isTouched() || undefined}>
      <DayInput
        label="Date"
        initial={shown?.date ?? ''}
        typed={typed}
        onReads={setReads}
        onDate={(next) => {
          if (next) save(next.date, next.time ?? shown?.time ?? '');
          else setCell(board, item.id, column.id, null);
          onDone();
        }}
      />
      <Calendar
        from={reads ?? shown?.date ?? null}
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

export function TimelineEditor({ column, item, typed, onDone }: EditorProps) {
  const { board } = useScope();
  const raw = item.values[column.id];
  const value = typeof raw === 'object' && 'from' in raw ? raw : null;
  const [start, setStart] = useState<string | null>(null);
  const [reads, setReads] = useState<string | null>(null);

  const pick = (day: string) => {
    setReads(null);
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
    <div className="picker" tabIndex={-1} data-autofocus={isTouched() || undefined}>
      <p className="picker-note" aria-live="polite">
        {start === null ? (value ? `${formatDay(value.from)} – ${formatDay(value.to)}` : 'Pick the first day') : `From ${formatDay(start)}: pick the last day`}
      </p>
      <DayInput
        label={start === null ? 'First day' : 'Last day'}
        initial=""
        typed={typed}
        onReads={setReads}
        onDate={(next) => next && pick(next.date)}
      />
      <Calendar from={start ?? reads ?? value?.from ?? null} to={start !== null ? reads : reads === null ? (value?.to ?? null) : null} onPick={pick} />
      <div className="row">
        <span className="grow" />
        <button type="button" className="btn btn-ghost btn-sm" disabled={!value} onClick={() => setCell(board, item.id, column.id, null)}>
          Clear
        </button>
      </div>
    </div>
  );
}
