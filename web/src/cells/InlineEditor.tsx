/** The input in a cell: text, numbers, email, phone. Enter saves and goes down, Tab saves and goes on, Escape leaves it as it was; what cannot be saved stays. */
import { useEffect, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';
import { setCell, useScope } from '../board/context.ts';
import type { ColumnView, ItemView } from '../board/model.ts';
import { keepUnsaved, useKeepUnsaved } from '../board/unsaved.ts';
import { toast } from '../ui/toast.tsx';
import { parseTyped } from './kind.ts';

/** Where the keyboard goes when an edit ends. */
export type Leave = 'stay' | 'down' | 'next' | 'previous';

interface LineProps {
  label: string;
  initial: string;
  typed: string | null;
  inputMode?: 'text' | 'decimal' | 'email' | 'tel';
  /** False: refused, the input stays open. */
  save: (text: string) => boolean;
  onDone: (leave: Leave) => void;
}

export function LineInput({ label, initial, typed, inputMode = 'text', save, onDone }: LineProps) {
  const [text, setText] = useState(typed ?? initial);
  const [before] = useState(initial); // others may write the cell meanwhile: what was not typed is not written over it
  const input = useRef<HTMLInputElement>(null);
  const closed = useRef(false);
  useKeepUnsaved(input, () => (closed.current || text === before ? null : text));

  useEffect(() => {
    input.current?.focus();
    if (typed === null) input.current?.select();
  }, [typed]);

  const finish = (leave: Leave, keep: boolean) => {
    if (closed.current) return;
    if (keep && text !== before && !save(text)) return;
    closed.current = true;
    onDone(leave);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Escape') finish('stay', false);
    else if (event.key === 'Enter') finish('down', true);
    else if (event.key === 'Tab') finish(event.shiftKey ? 'previous' : 'next', true);
    else return;
    event.preventDefault();
  };

  return (
    <input
      ref={input}
      className="cell-input"
      dir="auto"
      aria-label={label}
      inputMode={inputMode}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onKeyDown={onKeyDown}
      onBlur={() => {
        if (closed.current) return;
        closed.current = true;
        if (text !== before && !save(text)) keepUnsaved(text);
        onDone('stay');
      }}
    />
  );
}

interface InlineProps {
  column: ColumnView;
  item: ItemView;
  typed: string | null;
  onDone: (leave: Leave) => void;
}

export function InlineEditor({ column, item, typed, onDone }: InlineProps) {
  const { board } = useScope();
  const value = item.values[column.id];
  const initial = typeof value === 'string' || typeof value === 'number' ? String(value) : (item.invalid?.[column.id] ?? '');
  const mode = column.type === 'number' || column.type === 'maximum' ? 'decimal' : column.type === 'email' ? 'email' : column.type === 'phone' ? 'tel' : 'text';
  return (
    <LineInput
      label={`${column.title} of ${item.name}`}
      initial={initial}
      typed={typed}
      inputMode={mode}
      onDone={onDone}
      save={(text) => {
        const parsed = parseTyped(column.type, text);
        if (parsed.ok) return setCell(board, item.id, column.id, parsed.value);
        toast(parsed.why, { tone: 'error' });
        return false;
      }}
    />
  );
}
