/** The quiet sign on a cell whose value somebody wrote at the same time as oneself; opened, it says who and what, and asks. */
import type { Conflict } from '@sunday/client';
import { GitCompareArrows, X } from 'lucide-react';
import { useRef, useState } from 'react';
import { cellText } from '../board/cell-text.ts';
import { useScope } from '../board/context.ts';
import { nameOf } from '../board/model.ts';
import type { ColumnView } from '../board/model.ts';
import { usePeople } from '../board/people.ts';
import { Popover } from '../ui/Popover.tsx';
import { putOffConflict, useCellConflict } from './cell-conflicts.ts';
import { ConflictCard } from './ConflictCard.tsx';

interface ChipProps {
  itemId: string;
  column: ColumnView;
  /** In the table only the chip of the cell the keyboard is on is a stop of Tab. */
  tabIndex?: 0 | -1;
}

export function ConflictChip({ itemId, column, tabIndex = 0 }: ChipProps) {
  const conflict = useCellConflict(itemId, column.id);
  return conflict && <Chip key={conflict.id} conflict={conflict} column={column} tabIndex={tabIndex} />;
}

function Chip({ conflict, column, tabIndex }: { conflict: Conflict; column: ColumnView; tabIndex: 0 | -1 }) {
  const { board } = useScope();
  const people = usePeople();
  const anchor = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const who = conflict.kept.userId === null ? 'Somebody' : people.get(conflict.kept.userId).name;
  const value = cellText(column, conflict.kept.value ?? undefined, people, (id) => nameOf(board.items.get(id) ?? { name: '' }));
  const words = value === '' ? `${who} emptied this at the same time` : `${who} set ${value} at the same time`;
  return (
    <>
      <button
        ref={anchor}
        type="button"
        className="conflict-chip"
        data-act="conflict"
        data-conflict={conflict.id}
        tabIndex={tabIndex}
        aria-label={`${words}: choose`}
        title={words}
        aria-haspopup="dialog"
        aria-expanded={open}
        onPointerDown={(event) => event.stopPropagation()}
        onKeyDown={(event) => {
          if (event.key === 'Enter' || event.key === ' ') event.stopPropagation(); // a card would be opened, or lifted
        }}
        onClick={(event) => {
          if (event.currentTarget.closest('.card')) event.stopPropagation();
          setOpen((was) => !was);
        }}
      >
        <GitCompareArrows aria-hidden />
      </button>
      {open && (
        <Popover anchor={anchor} onClose={() => setOpen(false)} label={words} width={300} align="end" className="conflict-popover">
          <header className="row">
            <strong className="grow">{words}</strong>
            <button
              type="button"
              className="btn btn-ghost btn-icon btn-sm"
              aria-label="Decide later"
              title="Decide later: it stays in the list at the top"
              onClick={() => putOffConflict(conflict.id)}
            >
              <X aria-hidden />
            </button>
          </header>
          <ConflictCard conflict={conflict} column={column} onDone={() => setOpen(false)} />
        </Popover>
      )}
    </>
  );
}
