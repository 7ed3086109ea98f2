/** A cell as it is read: display only, one component for table, cards and the item panel. Keeps nothing, writes nothing. */
import { Check, FileText, MapPin, Minus, Paperclip, Star, ThumbsUp } from 'lucide-react';
import { memo } from 'react';
import { formatDate, formatDay, formatInstant, formatNumber, labelOf } from '../board/cell-text.ts';
import { inkOn, nameOf, paint } from '../board/model.ts';
import type { ColumnValue, ColumnView } from '../board/model.ts';
import { usePeople } from '../board/people.ts';
import { useScope } from '../board/context.ts';
import { Avatar, tintOf } from '../ui/Avatar.tsx';
import { isSafeUrl } from '@sunday/board-model';

interface CellViewProps {
  column: ColumnView;
  value: ColumnValue | undefined;
  /** What the document holds instead of a value of the column's type. */
  invalid?: string | undefined;
  /** Cards show less: no empty placeholders, small people. */
  compact?: boolean;
}

export const CellView = memo(function CellView({ column, value, invalid, compact }: CellViewProps) {
  if (invalid !== undefined) {
    return (
      <span className="cell-invalid truncate" title={`Not a value for this column: ${invalid}`}>
        {invalid}
      </span>
    );
  }
  switch (column.type) {
    case 'status':
      return <Status column={column} value={value} compact={compact ?? false} />;
    case 'dropdown':
      return <Dropdown column={column} value={value} />;
    case 'person':
      return Array.isArray(value) && value.length > 0 ? <Persons ids={value} compact={compact ?? false} /> : null;
    case 'created_by':
    case 'updated_by':
      return typeof value === 'string' ? <Persons ids={[value]} compact={compact ?? false} /> : null;
    case 'tags':
      return Array.isArray(value) ? <Tags tags={value} /> : null;
    case 'relation':
      return Array.isArray(value) ? <Relations ids={value} /> : null;
    case 'files':
      return Array.isArray(value) && value.length > 0 ? <Files files={value} /> : null;
    case 'checkbox':
      return compact && value !== true ? null : (
        <span className={`tick ${value === true ? 'is-on' : ''}`} aria-hidden>
          {value === true && <Check />}
        </span>
      );
    case 'rating':
      return <Stars value={typeof value === 'number' ? value : 0} max={column.settings.max ?? 5} />;
    case 'counter':
      return compact && !value ? null : (
        <span className="votes">
          <ThumbsUp aria-hidden /> {typeof value === 'number' ? formatNumber(value) : 0}
        </span>
      );
    case 'number':
    case 'maximum':
    case 'auto_number':
      return typeof value === 'number' ? <span className="cell-number">{formatNumber(value, column.settings.unit)}</span> : null;
    case 'formula':
      return value === undefined ? null : (
        <span className="cell-number">{typeof value === 'number' ? formatNumber(value, column.settings.unit) : String(value)}</span>
      );
    case 'long_text':
      return typeof value === 'string' && value !== '' ? <Excerpt text={value} compact={compact ?? false} /> : null;
    case 'created_at':
    case 'updated_at':
      return typeof value === 'string' || typeof value === 'number' ? <span className="truncate muted">{formatInstant(value)}</span> : null;
    default:
      return <Simple column={column} value={value} compact={compact ?? false} />;
  }
});

function Simple({ column, value, compact }: { column: ColumnView; value: ColumnValue | undefined; compact: boolean }) {
  if (value === undefined) return null;
  if (typeof value === 'string') {
    if (column.type === 'email') return <Follow href={`mailto:${value}`} text={value} />;
    if (column.type === 'phone') return <Follow href={`tel:${value.replaceAll(/[^\d+]/g, '')}`} text={value} />;
    return <span className="truncate">{value}</span>;
  }
  if (typeof value !== 'object' || Array.isArray(value)) return <span className="truncate">{String(value)}</span>;
  if ('url' in value)
    return isSafeUrl(value.url) ? <Follow href={value.url} text={value.text ?? value.url.replace(/^https?:\/\/(www\.)?/, '').replace(/\/$/, '')} /> : null;
  if ('date' in value) return <span className="truncate">{compact ? formatDay(value.date) : formatDate(value)}</span>;
  if ('from' in value) return <Timeline from={value.from} to={value.to} />;
  if ('labelId' in value) return null;
  return (
    <span className="row truncate place">
      <MapPin aria-hidden />
      <span className="truncate">{value.address ?? `${value.lat}, ${value.lng}`}</span>
    </span>
  );
}

/** A link inside a cell: the pointer follows it, the keyboard stays with the grid. */
function Follow({ href, text }: { href: string; text: string }) {
  return (
    <a className="truncate" href={href} target="_blank" rel="noopener noreferrer nofollow" tabIndex={-1} onClick={(event) => event.stopPropagation()}>
      {text}
    </a>
  );
}

function Status({ column, value, compact }: { column: ColumnView; value: ColumnValue | undefined; compact: boolean }) {
  const label = labelOf(column, value);
  if (!label) return compact ? null : <span className="status is-empty" />;
  if (compact) return <Dropdown column={column} value={value} />;
  const color = paint(label.color, label.id);
  return (
    <span className="status" style={{ '--c': color, '--on': inkOn(color) }}>
      <span className="truncate">{label.title}</span>
    </span>
  );
}

function Dropdown({ column, value }: { column: ColumnView; value: ColumnValue | undefined }) {
  const label = labelOf(column, value);
  if (!label) return null;
  return (
    <span className="chip" style={{ '--c': paint(label.color, label.id) }}>
      <span className="truncate">{label.title}</span>
    </span>
  );
}

const PEOPLE_SHOWN = 3;

function Persons({ ids, compact }: { ids: readonly string[]; compact: boolean }) {
  const people = usePeople();
  const all = ids.map((id) => people.get(id));
  const only = all.length === 1 ? all[0] : undefined;
  return (
    <span className="row persons">
      <span className="avatar-stack">
        {all.slice(0, PEOPLE_SHOWN).map((person) => (
          <Avatar key={person.id} id={person.id} name={person.name} picture={person.picture} placeholder={person.kind !== 'member'} size={compact ? 22 : 24} />
        ))}
      </span>
      {only && !compact && <span className="truncate">{only.name}</span>}
      {all.length > PEOPLE_SHOWN && <span className="muted">+{all.length - PEOPLE_SHOWN}</span>}
    </span>
  );
}

function Tags({ tags }: { tags: readonly string[] }) {
  return (
    <span className="tags">
      {tags.map((tag) => (
        <span key={tag} className="chip" style={{ '--c': tintOf(tag) }}>
          <span className="truncate">{tag}</span>
        </span>
      ))}
    </span>
  );
}

function Relations({ ids }: { ids: readonly string[] }) {
  const { board, openItem } = useScope();
  return (
    <span className="tags">
      {ids.map((id) => {
        const item = board.items.get(id);
        return (
          <button
            key={id}
            type="button"
            tabIndex={-1}
            className="chip chip-link"
            onClick={(event) => {
              event.stopPropagation();
              openItem(id);
            }}
          >
            <span className="truncate">{item ? nameOf(item) : 'Missing item'}</span>
          </button>
        );
      })}
    </span>
  );
}

function Files({ files }: { files: readonly string[] }) {
  return (
    <span className="row votes">
      <Paperclip aria-hidden /> {files.length === 1 ? '1 file' : `${files.length} files`}
    </span>
  );
}

function Stars({ value, max }: { value: number; max: number }) {
  if (max > 6)
    return (
      <span className="row votes">
        <Star className="star is-on" aria-hidden /> {value} / {max}
      </span>
    );
  return (
    <span className="stars" role="img" aria-label={`${value} of ${max}`}>
      {Array.from({ length: max }, (_, index) => (
        <Star key={index} className={`star ${index < value ? 'is-on' : ''}`} aria-hidden />
      ))}
    </span>
  );
}

function Timeline({ from, to }: { from: string; to: string }) {
  const today = Date.now();
  const start = Date.parse(from);
  const span = Math.max(1, Date.parse(to) - start + 86_400_000);
  const done = Math.max(0, Math.min(1, (today - start) / span));
  return (
    <span className="timeline" style={{ '--done': `${Math.round(done * 100)}%` }}>
      <span className="truncate">
        {from === to ? (
          formatDay(from)
        ) : (
          <>
            {formatDay(from)} <Minus aria-label="to" /> {formatDay(to)}
          </>
        )}
      </span>
    </span>
  );
}

const EXCERPT = 140; // characters: more than fits a cell

function Excerpt({ text, compact }: { text: string; compact: boolean }) {
  if (compact)
    return (
      <span className="votes" role="img" aria-label="Has a description">
        <FileText aria-hidden />
      </span>
    );
  const plain = text
    .slice(0, EXCERPT * 2)
    .replaceAll(/[#*_`>~]+|^\s*[-+]\s(\[[ x]\]\s)?/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return <span className="truncate muted">{plain.slice(0, EXCERPT)}</span>;
}
