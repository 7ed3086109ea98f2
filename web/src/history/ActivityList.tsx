/** What happened, as a list people read: day by day, who did what to which item, with values before and after. */
import { ArrowRight, CirclePlus, MessageSquare, MoveVertical, Pencil, RotateCcw, Settings2, Trash2, UserRound } from 'lucide-react';
import type { LucideIcon } from 'lucide-react';
import { useMemo } from 'react';
import { cellText, columnTitle, formatDay } from '../board/cell-text.ts';
import { useColumnList, useGroupList, useScope } from '../board/context.ts';
import { nameOf } from '../board/model.ts';
import { usePeople } from '../board/people.ts';
import { Avatar } from '../ui/Avatar.tsx';
import type { Activity } from './use-activity.ts';
import { tellAll } from './words.ts';
import type { Change, Names, Sort, Told } from './words.ts';

const ICONS: Record<Sort, LucideIcon> = { add: CirclePlus, edit: Pencil, move: MoveVertical, trash: Trash2, back: RotateCcw, talk: MessageSquare, people: UserRound, shape: Settings2 };
const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const DAY_KEY = new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit' }); // YYYY-MM-DD of the reader's own day
const CHANGES = 4; // cells of one change that are shown

export function useNames(): Names {
  const { board } = useScope();
  const columns = useColumnList();
  const groups = useGroupList();
  const people = usePeople();
  return useMemo<Names>(() => {
    const item = (id: string): string => {
      const found = board.items.get(id);
      return found ? nameOf(found) : 'an item';
    };
    return {
      item,
      group: (id) => (id === null ? 'Ungrouped' : (groups.find((group) => group.id === id)?.title ?? 'a group that is gone')),
      column: (id) => columnTitle(columns, id) || 'a column that is gone',
      person: (id) => people.get(id).name,
      value: (columnId, value) => {
        const column = columns.find((each) => each.id === columnId);
        if (value === null || value === undefined) return '';
        // the shape was checked when it was written; one of another type than the column's reads as words all the same
        return column ? cellText(column, value, people, item) : typeof value === 'object' ? '…' : String(value);
      },
    };
  }, [board, columns, groups, people]);
}

export function ActivityList({ activity, ofItem = false }: { activity: Activity; ofItem?: boolean }) {
  const names = useNames();
  const lines = useMemo(() => tellAll(activity.events ?? [], names), [activity.events, names]);
  if (activity.failed !== null && activity.events === null) return <p className="note">{activity.failed}</p>;
  if (activity.events === null) return <p className="muted history-wait">Looking…</p>;
  if (lines.length === 0) return <p className="muted history-wait">Nothing has happened yet.</p>;
  const days = Map.groupBy(lines, (line) => DAY_KEY.format(new Date(line.at)));
  return (
    <div className="activity">
      {[...days].map(([day, told]) => (
        <section key={day} aria-label={dayTitle(day)}>
          <h3 className="activity-day">{dayTitle(day)}</h3>
          <ol>
            {told.map((line) => (
              <Line key={line.key} line={line} ofItem={ofItem} />
            ))}
          </ol>
        </section>
      ))}
      {activity.more && (
        <button type="button" className="btn btn-outline btn-sm activity-more" onClick={activity.more}>
          Show earlier
        </button>
      )}
    </div>
  );
}

function dayTitle(day: string): string {
  const today = new Date();
  const yesterday = new Date(today);
  yesterday.setDate(today.getDate() - 1);
  return day === DAY_KEY.format(today) ? 'Today' : day === DAY_KEY.format(yesterday) ? 'Yesterday' : formatDay(day);
}

function Line({ line, ofItem }: { line: Told; ofItem: boolean }) {
  const { openItem } = useScope();
  const people = usePeople();
  const person = line.userId === null ? { id: 'sunday', name: 'Sunday', picture: null } : people.get(line.userId);
  const Icon = ICONS[line.sort];
  const { item } = line;
  return (
    <li className="activity-line">
      <span className={`activity-face is-${line.sort}`}>
        <Avatar id={person.id} name={person.name} picture={person.picture} size={28} />
        <Icon aria-hidden />
      </span>
      <div className="grow">
        <p className="activity-words">
          <strong>{person.name}</strong> {line.does}{' '}
          {item &&
            (ofItem ? (
              'this item'
            ) : (
              <button type="button" className="activity-item" onClick={() => openItem(item.id)}>
                {item.name}
              </button>
            ))}{' '}
          {line.tail}
        </p>
        {line.changes.length > 0 && (
          <ul className="activity-changes">
            {line.changes.slice(0, CHANGES).map((change) => (
              <li key={change.label}>
                <ChangeLine change={change} />
              </li>
            ))}
            {line.changes.length > CHANGES && <li className="muted">and {line.changes.length - CHANGES} more</li>}
          </ul>
        )}
      </div>
      <time className="muted" dateTime={line.at}>
        {TIME.format(new Date(line.at))}
      </time>
    </li>
  );
}

export function ChangeLine({ change: { label, before, after } }: { change: Change }) {
  return (
    <>
      {label !== '' && <span className="change-label">{label}</span>}
      <span className="change-values">
        {before !== '' && (
          <>
            <del>{before}</del>
            <ArrowRight aria-label="became" />
          </>
        )}
        {after === '' ? <em className="muted">empty</em> : <ins>{after}</ins>}
      </span>
    </>
  );
}
