/** Status and dropdown: pick a label with keyboard or pointer, and edit the column's labels and their colours. */
import { Check, Pencil, Plus, Trash2 } from 'lucide-react';
import { newId } from '@sunday/board-model';
import { useEffect, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';
import { labelOf } from '../board/cell-text.ts';
import { attempt, setCell, useScope } from '../board/context.ts';
import { countItems, inkOn, labelsOf, paint, PALETTE } from '../board/model.ts';
import type { ColumnView, Label } from '../board/model.ts';
import { Popover } from '../ui/Popover.tsx';
import { stepIn } from './listbox.ts';

interface LabelPickerProps {
  column: ColumnView;
  chosen: string | null;
  typed: string | null;
  onPick: (labelId: string | null) => void;
}

export function LabelPicker({ column, chosen, typed, onPick }: LabelPickerProps) {
  const { board, canWrite } = useScope();
  const [editing, setEditing] = useState(false);
  const [words, setWords] = useState(typed ?? '');
  const labels = labelsOf(column);
  const term = words.trim().toLowerCase();
  const found = term === '' ? labels : labels.filter((label) => label.title.toLowerCase().includes(term));
  const exact = labels.some((label) => label.title.toLowerCase() === term);
  const list = useRef<HTMLDivElement>(null);

  if (editing) return <LabelsEditor column={column} autoFocus onDone={() => setEditing(false)} />;

  const addAndPick = () => {
    const id = newId(8);
    const color = PALETTE[labels.length % PALETTE.length] ?? PALETTE[0];
    attempt(() => {
      board.batch(() => board.columns.update(column.id, { settings: { labels: [...labels, { id, title: words.trim(), color }] } }));
      onPick(id);
    });
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && event.target instanceof HTMLInputElement) {
      event.preventDefault();
      const first = found[0];
      if (first && term !== '') onPick(first.id);
      else if (term !== '' && !exact) addAndPick();
    } else stepIn(event, list.current);
  };

  return (
    <div onKeyDown={onKeyDown} className="picker">
      <input
        className="input"
        data-autofocus
        autoFocus // when it comes back from the labels: the popover has long been open
        aria-label={`Find or add a label of ${column.title}`}
        placeholder="Find or add…"
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      <div ref={list} role="listbox" aria-label={column.title} className={column.type === 'status' ? 'label-list is-solid' : 'label-list'}>
        {found.map((label) => (
          <LabelOption
            key={label.id}
            label={label}
            solid={column.type === 'status'}
            selected={label.id === chosen}
            onPick={() => onPick(label.id === chosen ? null : label.id)}
          />
        ))}
        {term !== '' && !exact && canWrite && (
          <button type="button" role="option" aria-selected={false} className="menu-item" onClick={addAndPick}>
            <Plus aria-hidden /> Add “{words.trim()}”
          </button>
        )}
        {labels.length === 0 && term === '' && <p className="picker-empty">No labels yet. Type one to add it.</p>}
      </div>
      <div className="menu-sep" />
      <div className="row">
        {chosen !== null && (
          <button type="button" className="btn btn-ghost btn-sm" onClick={() => onPick(null)}>
            Clear
          </button>
        )}
        <span className="grow" />
        <button type="button" className="btn btn-ghost btn-sm" onClick={() => setEditing(true)} disabled={!canWrite}>
          <Pencil aria-hidden /> Edit labels
        </button>
      </div>
    </div>
  );
}

function LabelOption({ label, solid, selected, onPick }: { label: Label; solid: boolean; selected: boolean; onPick: () => void }) {
  const color = paint(label.color, label.id);
  return (
    <button
      type="button"
      role="option"
      aria-selected={selected}
      className={solid ? 'label-option' : 'menu-item'}
      style={{ '--c': color, '--on': inkOn(color) }}
      onClick={onPick}
    >
      {solid ? <span className="grow truncate">{label.title || ' '}</span> : <span className="chip">{label.title || ' '}</span>}
      {selected && <Check className="check" aria-hidden />}
    </button>
  );
}

interface LabelsEditorProps {
  column: ColumnView;
  /** Begin in the first title. */
  autoFocus?: boolean;
  onDone: () => void;
}

/** Titles, colours, order and removal of a column's labels; shared by the cell editor and the column settings. */
export function LabelsEditor({ column, autoFocus = false, onDone }: LabelsEditorProps) {
  const { board } = useScope();
  const labels = labelsOf(column);
  const rows = useRef<HTMLDivElement>(null);
  const add = useRef<HTMLButtonElement>(null);
  const removedAt = useRef<number | null>(null);
  useEffect(() => {
    if (autoFocus) (rows.current?.querySelector('input') ?? add.current)?.focus();
  }, [autoFocus]);
  useEffect(() => {
    // the keyboard goes on with the next label, where the removed one was
    const at = removedAt.current;
    if (at === null) return;
    removedAt.current = null;
    const buttons = rows.current?.querySelectorAll<HTMLElement>('[data-remove]');
    (buttons?.[Math.min(at, buttons.length - 1)] ?? add.current)?.focus();
  }, [labels]);
  const save = (next: readonly Label[]) => attempt(() => board.columns.update(column.id, { settings: { labels: [...next] } }));
  return (
    <div className="picker">
      <div ref={rows} className="stack labels-edit">
        {labels.map((label, index) => (
          <LabelRow
            key={label.id}
            label={label}
            countUses={() => board.items.all.filter((item) => labelOf(column, item.values[column.id])?.id === label.id).length}
            onChange={(change) => save(labels.map((each) => (each.id === label.id ? { ...each, ...change } : each)))}
            onMove={(by) => {
              const next = labels.filter((each) => each.id !== label.id);
              next.splice(index + by, 0, label);
              save(next);
            }}
            onRemove={() => {
              removedAt.current = index;
              save(labels.filter((each) => each.id !== label.id));
            }}
          />
        ))}
      </div>
      <div className="row">
        <button
          ref={add}
          type="button"
          className="btn btn-ghost btn-sm"
          onClick={() => save([...labels, { id: newId(8), title: `Label ${labels.length + 1}`, color: PALETTE[labels.length % PALETTE.length] ?? PALETTE[0] }])}
        >
          <Plus aria-hidden /> Add label
        </button>
        <span className="grow" />
        <button type="button" className="btn btn-primary btn-sm" onClick={onDone}>
          Done
        </button>
      </div>
    </div>
  );
}

interface LabelRowProps {
  label: Label;
  /** Items on the board that have it. */
  countUses: () => number;
  onChange: (change: Partial<Label>) => void;
  onMove: (by: number) => void;
  onRemove: () => void;
}

function LabelRow({ label, countUses, onChange, onMove, onRemove }: LabelRowProps) {
  const [title, setTitle] = useState(label.title);
  const swatch = useRef<HTMLButtonElement>(null);
  const [picking, setPicking] = useState(false);
  /** Asked about before a label in use is removed; 0: it was kept. */
  const [uses, setUses] = useState<number | null>(null);
  const color = paint(label.color, label.id);
  if (uses !== null && uses > 0)
    return (
      <div className="row label-row" role="alert">
        <span className="grow">
          {countItems(uses)} {uses === 1 ? 'has' : 'have'} “{label.title}” and would show nothing.
        </span>
        <button type="button" className="btn btn-danger btn-sm" onClick={onRemove}>
          Remove
        </button>
        <button type="button" className="btn btn-ghost btn-sm" autoFocus onClick={() => setUses(0)}>
          Keep
        </button>
      </div>
    );
  return (
    <div className="row label-row">
      <button
        ref={swatch}
        type="button"
        className="swatch"
        style={{ '--c': color }}
        aria-label={`Colour of ${label.title}`}
        onClick={() => setPicking((was) => !was)}
      />
      {picking && (
        <Popover anchor={swatch} onClose={() => setPicking(false)} label={`Colour of ${label.title}`}>
          <Swatches
            value={color}
            onPick={(next) => {
              onChange({ color: next });
              setPicking(false);
            }}
          />
        </Popover>
      )}
      <input
        className="input"
        aria-label="Label title"
        value={title}
        maxLength={120}
        onChange={(event) => setTitle(event.target.value)}
        onBlur={() => title !== label.title && onChange({ title })}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onChange({ title });
          if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
            event.preventDefault();
            onMove(event.key === 'ArrowUp' ? -1 : 1);
          }
        }}
      />
      <button
        type="button"
        className="btn btn-ghost btn-icon btn-sm"
        data-remove
        autoFocus={uses === 0}
        aria-label={`Remove ${label.title}`}
        onClick={() => {
          const count = countUses();
          if (count === 0) onRemove();
          else setUses(count);
        }}
      >
        <Trash2 aria-hidden />
      </button>
    </div>
  );
}

export function Swatches({ value, onPick }: { value: string; onPick: (color: string) => void }) {
  return (
    <div className="swatches">
      {PALETTE.map((color, index) => (
        <button
          key={color}
          type="button"
          className="swatch"
          style={{ '--c': color }}
          aria-label={`Colour ${index + 1}`}
          aria-pressed={color === value}
          onClick={() => onPick(color)}
        >
          {color === value && <Check style={{ color: inkOn(color) }} aria-hidden />}
        </button>
      ))}
    </div>
  );
}

export function pickLabel(scope: ReturnType<typeof useScope>, itemId: string, columnId: string, labelId: string | null): void {
  setCell(scope.board, itemId, columnId, labelId === null ? null : { labelId });
}
