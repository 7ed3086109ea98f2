/** Cells that hold several ids: tags (the word is the id), relations to other items, links to files. */
import { Check, Paperclip, Plus, X } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';
import { setCell, useScope } from '../board/context.ts';
import { nameOf } from '../board/model.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { tintOf } from '../ui/Avatar.tsx';
import { isSafeUrl } from '@sunday/board-model';
import { stepIn } from './listbox.ts';

interface EditorProps {
  column: ColumnView;
  item: ItemView;
}

function useIds({ column, item }: EditorProps) {
  const { board } = useScope();
  const value = item.values[column.id];
  const ids: readonly string[] = Array.isArray(value) ? value : [];
  return {
    ids,
    add: (id: string) => !ids.includes(id) && setCell(board, item.id, column.id, [...ids, id]),
    remove: (id: string) =>
      setCell(
        board,
        item.id,
        column.id,
        ids.filter((each) => each !== id),
      ),
  };
}

const SHOWN = 50; // options a list shows at once; typing narrows it

export function TagsEditor(props: EditorProps) {
  const { board } = useScope();
  const { ids, add, remove } = useIds(props);
  const [words, setWords] = useState('');
  const list = useRef<HTMLDivElement>(null);
  const known = useMemo(() => {
    const all = new Set<string>();
    for (const item of board.items.all) {
      const value = item.values[props.column.id];
      if (Array.isArray(value)) for (const tag of value) all.add(tag);
    }
    return [...all].sort((a, b) => a.localeCompare(b));
  }, [board, props.column.id]);
  const term = words.trim();
  const found = known.filter((tag) => !ids.includes(tag) && tag.toLowerCase().includes(term.toLowerCase())).slice(0, SHOWN);

  const take = (tag: string) => {
    add(tag);
    setWords('');
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLInputElement && (event.key === 'Enter' || event.key === ',') && term !== '') {
      event.preventDefault();
      take(term);
    } else if (event.key === 'Backspace' && words === '' && event.target instanceof HTMLInputElement) {
      const last = ids.at(-1);
      if (last !== undefined) remove(last);
    } else stepIn(event, list.current);
  };

  return (
    <div className="picker" onKeyDown={onKeyDown}>
      <Chosen ids={ids} nameOf={(id) => id} onRemove={remove} />
      <input
        className="input"
        data-autofocus
        aria-label="Add a tag"
        placeholder="Add a tag…"
        maxLength={120}
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      <div ref={list} role="listbox" aria-label="Known tags" className="picker-scroll">
        {found.map((tag) => (
          <button key={tag} type="button" role="option" aria-selected={false} className="menu-item" onClick={() => take(tag)}>
            <span className="chip" style={{ '--c': tintOf(tag) }}>
              {tag}
            </span>
          </button>
        ))}
        {term !== '' && !known.includes(term) && (
          <button type="button" role="option" aria-selected={false} className="menu-item" onClick={() => take(term)}>
            <Plus aria-hidden /> Add “{term}”
          </button>
        )}
      </div>
    </div>
  );
}

function Chosen({ ids, nameOf, onRemove }: { ids: readonly string[]; nameOf: (id: string) => string; onRemove: (id: string) => void }) {
  if (ids.length === 0) return null;
  return (
    <div className="tags is-wrapping">
      {ids.map((id) => (
        <span key={id} className="chip" style={{ '--c': tintOf(id) }}>
          <span className="truncate">{nameOf(id)}</span>
          <button type="button" className="chip-x" aria-label={`Remove ${nameOf(id)}`} onClick={() => onRemove(id)}>
            <X aria-hidden />
          </button>
        </span>
      ))}
    </div>
  );
}

export function RelationEditor(props: EditorProps) {
  const { board } = useScope();
  const { ids, add, remove } = useIds(props);
  const [words, setWords] = useState('');
  const list = useRef<HTMLDivElement>(null);
  const term = words.trim().toLowerCase();
  const found = useMemo(
    () => board.items.all.filter((other) => other.id !== props.item.id && nameOf(other).toLowerCase().includes(term)).slice(0, SHOWN),
    [board, props.item.id, term],
  );
  const title = (id: string) => {
    const item = board.items.get(id);
    return item ? nameOf(item) : 'Missing item';
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const first = found[0];
    if (event.key === 'Enter' && event.target instanceof HTMLInputElement && first) {
      event.preventDefault();
      if (ids.includes(first.id)) remove(first.id);
      else add(first.id);
    } else stepIn(event, list.current);
  };
  return (
    <div className="picker" onKeyDown={onKeyDown}>
      <Chosen ids={ids} nameOf={title} onRemove={remove} />
      <input
        className="input"
        data-autofocus
        aria-label="Find an item"
        placeholder="Find an item…"
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      <div ref={list} role="listbox" aria-label="Items" aria-multiselectable className="picker-scroll">
        {found.map((other) => (
          <button
            key={other.id}
            type="button"
            role="option"
            aria-selected={ids.includes(other.id)}
            className="menu-item"
            onClick={() => (ids.includes(other.id) ? remove(other.id) : add(other.id))}
          >
            <span className="grow truncate">{nameOf(other)}</span>
            {ids.includes(other.id) && <Check className="check" aria-hidden />}
          </button>
        ))}
      </div>
    </div>
  );
}

export function FilesEditor(props: EditorProps) {
  const { ids, add, remove } = useIds(props);
  const [words, setWords] = useState('');
  return (
    <div className="picker">
      {ids.length === 0 && <p className="picker-empty">No files yet. Paste the address of one.</p>}
      {ids.map((id) => (
        <div key={id} className="row file-row">
          <Paperclip size={15} aria-hidden />
          {isSafeUrl(id) ? (
            <a className="grow truncate" href={id} target="_blank" rel="noopener noreferrer nofollow">
              {id.replace(/^https?:\/\//, '')}
            </a>
          ) : (
            <span className="grow truncate">{id}</span>
          )}
          <button type="button" className="btn btn-ghost btn-icon btn-sm" aria-label={`Remove ${id}`} onClick={() => remove(id)}>
            <X aria-hidden />
          </button>
        </div>
      ))}
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (words.trim() === '') return;
          add(words.trim());
          setWords('');
        }}
      >
        <input
          className="input"
          data-autofocus
          aria-label="Address of a file"
          placeholder="https://…"
          maxLength={255}
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
        <button type="submit" className="btn btn-outline" disabled={words.trim() === ''}>
          Add
        </button>
      </form>
    </div>
  );
}
