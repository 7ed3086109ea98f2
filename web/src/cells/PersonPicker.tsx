/** People of a cell: members, placeholders of an import, and mapping a placeholder to a member on the whole board. */
import { Check, UserRoundCheck } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';
import { attempt, setCell, useScope } from '../board/context.ts';
import { countItems } from '../board/model.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { placeholdersOf, usePeople } from '../board/people.ts';
import type { Person } from '../board/people.ts';
import type { Board } from '@sunday/client';
import { toastUndo } from '../board/undo.ts';
import { Avatar } from '../ui/Avatar.tsx';
import { stepIn } from './listbox.ts';

export function PersonPicker({ column, item }: { column: ColumnView; item: ItemView }) {
  const { board, user } = useScope();
  const people = usePeople();
  const [words, setWords] = useState('');
  const list = useRef<HTMLDivElement>(null);
  const value = item.values[column.id];
  const chosen = useMemo(() => (Array.isArray(value) ? value : []), [value]);
  const term = words.trim().toLowerCase();

  const choices = useMemo(() => {
    const all = [...people.choicesFor(column)];
    for (const id of chosen) if (!all.some((person) => person.id === id)) all.push(people.get(id));
    const found = term === '' ? all : all.filter((person) => person.name.toLowerCase().includes(term));
    const rank = (person: Person) => (chosen.includes(person.id) ? 0 : person.id === user.id ? 1 : person.kind === 'member' ? 2 : 3);
    return found.sort((a, b) => rank(a) - rank(b));
  }, [people, column, chosen, term, user.id]);

  const toggle = (id: string) => setCell(board, item.id, column.id, chosen.includes(id) ? chosen.filter((each) => each !== id) : [...chosen, id]);

  const onKeyDown = (event: KeyboardEvent) => {
    const first = choices[0];
    if (event.key === 'Enter' && event.target instanceof HTMLInputElement && first) {
      event.preventDefault();
      toggle(first.id);
      setWords('');
    } else stepIn(event, list.current);
  };

  return (
    <div className="picker" onKeyDown={onKeyDown}>
      <input
        className="input"
        data-autofocus
        aria-label="Find a person"
        placeholder="Find a person…"
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      <div ref={list} role="listbox" aria-label={column.title} aria-multiselectable className="picker-scroll">
        {choices.map((person) => (
          <button
            key={person.id}
            type="button"
            role="option"
            aria-selected={chosen.includes(person.id)}
            className="menu-item"
            onClick={() => toggle(person.id)}
          >
            <Avatar id={person.id} name={person.name} picture={person.picture} placeholder={person.kind !== 'member'} size={22} />
            <span className="grow truncate">
              {person.name}
              {person.id === user.id && <span className="muted"> (you)</span>}
            </span>
            {person.kind === 'placeholder' && <span className="badge">imported</span>}
            {chosen.includes(person.id) && <Check className="check" aria-hidden />}
          </button>
        ))}
        {choices.length === 0 && <p className="picker-empty">Nobody by that name. Add people under Share.</p>}
      </div>
    </div>
  );
}

/** Imported names of a person column, each with a choice of the member it stands for. */
export function PlaceholderMapping({ column }: { column: ColumnView }) {
  const { board } = useScope();
  const people = usePeople();
  const names = placeholdersOf(column);
  if (names.length === 0) return null;
  return (
    <section className="stack">
      <h3 className="label">Imported people</h3>
      <p className="muted">These names came with an import. Say who they are, and every cell that names them follows.</p>
      {names.map((placeholder) => (
        <div key={placeholder.id} className="row">
          <Avatar id={placeholder.id} name={placeholder.name} placeholder size={24} />
          <span className="grow truncate">{placeholder.name}</span>
          <UserRoundCheck size={16} aria-hidden className="muted" />
          <select
            className="input map-select"
            aria-label={`${placeholder.name} is`}
            value=""
            onChange={(event) => {
              const userId = event.target.value;
              const count = attempt(() => mapPlaceholder(board, column, placeholder.id, userId));
              if (count !== undefined) toastUndo(board, `${placeholder.name} is now ${people.get(userId).name} in ${countItems(count)}`);
            }}
          >
            <option value="" disabled>
              Is which member?
            </option>
            {people.members.map((member) => (
              <option key={member.id} value={member.id}>
                {member.name}
              </option>
            ))}
          </select>
        </div>
      ))}
    </section>
  );
}

/** One undoable step: every cell of the column that names the placeholder names the user instead. Answers how many. */
export function mapPlaceholder(board: Board, column: ColumnView, placeholderId: string, userId: string): number {
  return board.batch(() => {
    let count = 0;
    for (const item of [...board.items.all, ...board.items.deleted]) {
      const value = item.values[column.id];
      if (!Array.isArray(value) || !value.includes(placeholderId)) continue;
      const next = [...new Set(value.map((id) => (id === placeholderId ? userId : id)))];
      board.items.update(item.id, { values: { [column.id]: next } });
      count++;
    }
    board.columns.update(column.id, { settings: { placeholders: placeholdersOf(column).filter(({ id }) => id !== placeholderId) } });
    return count;
  });
}
