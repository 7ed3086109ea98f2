/** Cells with a small form: link, location, rating. */
import { Star } from 'lucide-react';
import { useState } from 'react';
import type { FormEvent, KeyboardEvent } from 'react';
import { setCell, useScope } from '../board/context.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { parseUrl } from './kind.ts';

interface EditorProps {
  column: ColumnView;
  item: ItemView;
  typed: string | null;
  onDone: () => void;
}

export function LinkEditor({ column, item, typed, onDone }: EditorProps) {
  const { board } = useScope();
  const raw = item.values[column.id];
  const value = typeof raw === 'object' && 'url' in raw ? raw : null;
  const [url, setUrl] = useState(typed ?? value?.url ?? item.invalid?.[column.id] ?? '');
  const [text, setText] = useState(value?.text ?? '');
  const [wrong, setWrong] = useState(false);

  const save = (event: FormEvent) => {
    event.preventDefault();
    if (url.trim() === '') {
      setCell(board, item.id, column.id, null);
      return onDone();
    }
    const address = parseUrl(url);
    if (address === null) return setWrong(true);
    setCell(board, item.id, column.id, text.trim() ? { url: address, text: text.trim() } : { url: address });
    onDone();
  };

  return (
    <form className="picker" onSubmit={save}>
      <label className="field">
        <span>Address</span>
        <input
          className="input"
          data-autofocus
          value={url}
          aria-invalid={wrong}
          placeholder="example.org/page"
          onChange={(event) => {
            setUrl(event.target.value);
            setWrong(false);
          }}
        />
      </label>
      {wrong && (
        <p className="field-error" role="alert">
          That is not a web or mail address.
        </p>
      )}
      <label className="field">
        <span>Text to show (optional)</span>
        <input className="input" value={text} onChange={(event) => setText(event.target.value)} />
      </label>
      <Buttons
        clear={
          value
            ? () => {
                setCell(board, item.id, column.id, null);
                onDone();
              }
            : null
        }
      />
    </form>
  );
}

export function LocationEditor({ column, item, typed, onDone }: EditorProps) {
  const { board } = useScope();
  const raw = item.values[column.id];
  const value = typeof raw === 'object' && ('address' in raw || 'lat' in raw) ? raw : null;
  const [address, setAddress] = useState(typed ?? value?.address ?? '');
  const [point, setPoint] = useState(value?.lat === undefined ? '' : `${value.lat}, ${value.lng}`);
  const [wrong, setWrong] = useState(false);

  const save = (event: FormEvent) => {
    event.preventDefault();
    const [lat, lng, more] = point
      .split(/[,;\s]+/)
      .filter(Boolean)
      .map(Number);
    const placed = lat !== undefined && lng !== undefined && more === undefined && Math.abs(lat) <= 90 && Math.abs(lng) <= 180;
    if (point.trim() !== '' && !placed) return setWrong(true);
    const words = address.trim();
    if (!words && !placed) setCell(board, item.id, column.id, null);
    else setCell(board, item.id, column.id, { ...(words ? { address: words } : {}), ...(placed ? { lat, lng } : {}) });
    onDone();
  };

  return (
    <form className="picker" onSubmit={save}>
      <label className="field">
        <span>Address</span>
        <input className="input" data-autofocus value={address} onChange={(event) => setAddress(event.target.value)} />
      </label>
      <label className="field">
        <span>Latitude, longitude (optional)</span>
        <input
          className="input"
          value={point}
          aria-invalid={wrong}
          placeholder="52.52, 13.40"
          onChange={(event) => {
            setPoint(event.target.value);
            setWrong(false);
          }}
        />
      </label>
      {wrong && (
        <p className="field-error" role="alert">
          Two numbers: −90 to 90, then −180 to 180.
        </p>
      )}
      <Buttons
        clear={
          value
            ? () => {
                setCell(board, item.id, column.id, null);
                onDone();
              }
            : null
        }
      />
    </form>
  );
}

function Buttons({ clear }: { clear: (() => void) | null }) {
  return (
    <div className="row">
      {clear && (
        <button type="button" className="btn btn-ghost btn-sm" onClick={clear}>
          Clear
        </button>
      )}
      <span className="grow" />
      <button type="submit" className="btn btn-primary btn-sm">
        Save
      </button>
    </div>
  );
}

export function RatingEditor({ column, item, typed, onDone }: EditorProps) {
  const { board } = useScope();
  const max = column.settings.max ?? 5;
  const raw = item.values[column.id];
  const value = typeof raw === 'number' ? raw : 0;
  const first = typed !== null && /^\d$/.test(typed) ? Math.min(Number(typed), max) : value;
  const [hover, setHover] = useState(first);

  const save = (next: number) => {
    setCell(board, item.id, column.id, next === 0 ? null : next);
    onDone();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const next = { ArrowRight: hover + 1, ArrowUp: hover + 1, ArrowLeft: hover - 1, ArrowDown: hover - 1, Home: 0, End: max }[event.key];
    if (next !== undefined) setHover(Math.max(0, Math.min(max, next)));
    else if (/^\d$/.test(event.key)) setHover(Math.min(Number(event.key), max));
    else if (event.key === 'Enter' || event.key === ' ') save(hover);
    else return;
    event.preventDefault();
  };

  return (
    <div
      className="rating-editor"
      role="slider"
      tabIndex={0}
      data-autofocus
      aria-label={column.title}
      aria-valuemin={0}
      aria-valuemax={max}
      aria-valuenow={hover}
      onKeyDown={onKeyDown}
      onMouseLeave={() => setHover(value)}
    >
      {Array.from({ length: max }, (_, index) => (
        <button
          key={index}
          type="button"
          tabIndex={-1}
          aria-label={`${index + 1} of ${max}`}
          onMouseEnter={() => setHover(index + 1)}
          onClick={() => save(index + 1 === value ? 0 : index + 1)}
        >
          <Star className={`star ${index < hover ? 'is-on' : ''}`} aria-hidden />
        </button>
      ))}
    </div>
  );
}
