/** Choose a type, name it, and it is on the board. */
import { newId } from '@sunday/board-model';
import { useState } from 'react';
import { attempt, useColumnList, useScope } from '../board/context.ts';
import { FAMILIES, TYPES } from '../board/model.ts';
import type { ColumnType } from '../board/model.ts';
import { Dialog } from '../ui/Dialog.tsx';
import type { NewColumn } from '@sunday/client';

const STARTING_LABELS = [
  { title: 'To do', color: '#7d8590' },
  { title: 'Working on it', color: '#ef7f2d' },
  { title: 'Stuck', color: '#dd4f43' },
  { title: 'Done', color: '#2f9e62' },
];

export function NewColumnDialog({ after, onClose }: { after: string | null; onClose: () => void }) {
  const { board, openDialog } = useScope();
  const columns = useColumnList();
  const [search, setSearch] = useState('');
  const term = search.trim().toLowerCase();
  const types = Object.entries(TYPES) as [ColumnType, (typeof TYPES)[ColumnType]][];

  const add = (type: ColumnType) => {
    const title = freeTitle(
      TYPES[type].name,
      columns.map((column) => column.title),
    );
    const settings = type === 'status' ? { labels: STARTING_LABELS.map(({ title, color }) => ({ id: newId(8), title, color })) } : undefined;
    const beside = columns.find((column) => column.id === after);
    const column: NewColumn = { type, title, ...(settings ? { settings } : {}), ...(beside ? { after: beside.id } : {}) };
    const id = attempt(() => board.columns.create(column));
    if (id) openDialog({ kind: 'column', columnId: id });
  };
  return (
    <Dialog title="Add a column" onClose={onClose} wide>
      <input
        className="input"
        data-autofocus
        aria-label="Find a column type"
        placeholder="Find a type…"
        value={search}
        onChange={(event) => setSearch(event.target.value)}
      />
      {FAMILIES.map((family) => {
        const found = types.filter(([, facts]) => facts.family === family && `${facts.name} ${facts.hint}`.toLowerCase().includes(term));
        if (found.length === 0) return null;
        return (
          <section key={family} className="type-family">
            <h3 className="menu-title">{family}</h3>
            <div className="type-grid">
              {found.map(([type, facts]) => {
                const Icon = facts.icon;
                return (
                  <button key={type} type="button" className="type-card" onClick={() => add(type)}>
                    <Icon aria-hidden />
                    <span>
                      <strong>{facts.name}</strong>
                      <span className="muted">{facts.hint}</span>
                    </span>
                  </button>
                );
              })}
            </div>
          </section>
        );
      })}
    </Dialog>
  );
}

function freeTitle(name: string, taken: readonly string[]): string {
  if (!taken.includes(name)) return name;
  let count = 2;
  while (taken.includes(`${name} ${count}`)) count++;
  return `${name} ${count}`;
}
