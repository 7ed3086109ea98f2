/** A month to pick a day or a span from. Arrow keys move by day and week, Page Up and Down by month, Enter picks. Days are YYYY-MM-DD in UTC. */
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';

const DAY_MS = 86_400_000;
const MONTH = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric', timeZone: 'UTC' });
const FULL = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: 'narrow', timeZone: 'UTC' });
const WEEK_STARTS = 1; // Monday, as ISO 8601
const MONDAY_MS = Date.UTC(2024, 0, 1);

const toDate = (day: string): Date => new Date(`${day}T00:00:00Z`);
const toDay = (date: Date): string => date.toISOString().slice(0, 10);
const addDays = (day: string, count: number): string => toDay(new Date(toDate(day).getTime() + count * DAY_MS));

export function today(): string {
  const now = new Date();
  return toDay(new Date(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate())));
}

function addMonths(day: string, count: number): string {
  const date = toDate(day);
  const first = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count, 1));
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  first.setUTCDate(Math.min(date.getUTCDate(), last));
  return toDay(first);
}

interface CalendarProps {
  /** Nothing, a day, or both ends of a span. */
  from: string | null;
  to: string | null;
  onPick: (day: string) => void;
}

export function Calendar({ from, to, onPick }: CalendarProps) {
  const [cursor, setCursor] = useState(from ?? today());
  const grid = useRef<HTMLDivElement>(null);
  const moved = useRef(false);

  useEffect(() => {
    if (from) setCursor(from);
  }, [from]);

  useEffect(() => {
    if (moved.current) grid.current?.querySelector<HTMLElement>(`[data-day="${cursor}"]`)?.focus();
    moved.current = false;
  }, [cursor]);

  const month = cursor.slice(0, 7);
  const first = toDate(`${month}-01`);
  const lead = (first.getUTCDay() - WEEK_STARTS + 7) % 7;
  const start = toDay(new Date(first.getTime() - lead * DAY_MS));
  const days = Array.from({ length: 42 }, (_, index) => addDays(start, index));
  const now = today();

  const onKeyDown = (event: KeyboardEvent) => {
    const next = {
      ArrowLeft: () => addDays(cursor, -1),
      ArrowRight: () => addDays(cursor, 1),
      ArrowUp: () => addDays(cursor, -7),
      ArrowDown: () => addDays(cursor, 7),
      PageUp: () => addMonths(cursor, -1),
      PageDown: () => addMonths(cursor, 1),
    }[event.key];
    if (!next) return;
    event.preventDefault();
    moved.current = true;
    setCursor(next());
  };

  return (
    <div className="calendar">
      <div className="row">
        <span className="grow calendar-month" aria-live="polite">
          {MONTH.format(toDate(cursor))}
        </span>
        <button type="button" className="btn btn-ghost btn-sm" onClick={() => onPick(now)}>
          Today
        </button>
        <button type="button" className="btn btn-ghost btn-icon btn-sm" aria-label="Previous month" onClick={() => setCursor(addMonths(cursor, -1))}>
          <ChevronLeft aria-hidden />
        </button>
        <button type="button" className="btn btn-ghost btn-icon btn-sm" aria-label="Next month" onClick={() => setCursor(addMonths(cursor, 1))}>
          <ChevronRight aria-hidden />
        </button>
      </div>
      <div className="calendar-week" aria-hidden>
        {Array.from({ length: 7 }, (_, index) => (
          <span key={index}>{WEEKDAY.format(new Date(MONDAY_MS + index * DAY_MS))}</span>
        ))}
      </div>
      <div ref={grid} className="calendar-days" role="group" aria-label="Days" onKeyDown={onKeyDown}>
        {days.map((day) => {
          const end = day === from || day === to;
          const within = from !== null && to !== null && day > from && day < to;
          return (
            <button
              key={day}
              type="button"
              data-day={day}
              tabIndex={day === cursor ? 0 : -1}
              className={`day ${day.startsWith(month) ? '' : 'is-out'} ${end ? 'is-end' : ''} ${within ? 'is-within' : ''} ${day === now ? 'is-today' : ''}`}
              aria-label={FULL.format(toDate(day))}
              aria-pressed={end || within}
              onClick={() => onPick(day)}
            >
              {Number(day.slice(8))}
            </button>
          );
        })}
      </div>
    </div>
  );
}
