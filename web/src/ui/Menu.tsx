/** A button that opens a menu; arrow keys, Home, End and typing move inside it, Escape closes it. */
import { Check } from 'lucide-react';
import { useRef, useState } from 'react';
import type { KeyboardEvent, ReactNode } from 'react';
import { Popover } from './Popover.tsx';

export type MenuEntry =
  | { kind: 'item'; label: string; icon?: ReactNode; onSelect: () => void; danger?: boolean; disabled?: boolean; checked?: boolean; hint?: string }
  | { kind: 'separator' }
  | { kind: 'title'; label: string };

interface MenuButtonProps {
  label: string;
  className?: string;
  children: ReactNode;
  entries: () => MenuEntry[];
  align?: 'start' | 'end';
  tabIndex?: number;
  disabled?: boolean;
}

export function MenuButton({ label, className, children, entries, align, tabIndex, disabled }: MenuButtonProps) {
  const anchor = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        ref={anchor}
        type="button"
        className={className ?? 'btn btn-ghost btn-icon'}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        tabIndex={tabIndex}
        disabled={disabled}
        onClick={(event) => {
          event.stopPropagation();
          setOpen((was) => !was);
        }}
      >
        {children}
      </button>
      {open && (
        <Popover anchor={anchor} onClose={() => setOpen(false)} label={label} role="menu" {...(align ? { align } : {})}>
          <MenuList entries={entries()} onDone={() => setOpen(false)} />
        </Popover>
      )}
    </>
  );
}

export function MenuList({ entries, onDone }: { entries: MenuEntry[]; onDone: () => void }) {
  const list = useRef<HTMLDivElement>(null);
  return (
    <div ref={list} onKeyDown={(event) => moveInMenu(event, list.current)}>
      {entries.map((entry, index) => {
        const key = `${index}`;
        switch (entry.kind) {
          case 'separator':
            return <div key={key} className="menu-sep" role="separator" />;
          case 'title':
            return (
              <div key={key} className="menu-title">
                {entry.label}
              </div>
            );
          case 'item':
            return (
              <button
                key={key}
                type="button"
                role={entry.checked === undefined ? 'menuitem' : 'menuitemradio'}
                aria-checked={entry.checked}
                disabled={entry.disabled}
                className={`menu-item ${entry.danger ? 'is-danger' : ''}`}
                onClick={() => {
                  onDone();
                  entry.onSelect();
                }}
              >
                {entry.icon}
                <span className="grow truncate">{entry.label}</span>
                {entry.hint && <span className="kbd">{entry.hint}</span>}
                {entry.checked && <Check className="check" aria-hidden />}
              </button>
            );
        }
      })}
    </div>
  );
}

function moveInMenu(event: KeyboardEvent, list: HTMLElement | null): void {
  const items = [...(list?.querySelectorAll<HTMLElement>('button:not([disabled])') ?? [])];
  const at = items.findIndex((el) => el === document.activeElement);
  const step = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (step !== undefined) {
    event.preventDefault();
    items[(step + items.length) % items.length]?.focus();
    return;
  }
  if (event.key.length === 1 && !event.ctrlKey && !event.metaKey) {
    const hit = items.find((el) => el.textContent.toLowerCase().startsWith(event.key.toLowerCase()));
    hit?.focus();
  }
}
