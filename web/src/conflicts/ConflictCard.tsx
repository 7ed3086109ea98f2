/** Both values of a conflict, who wrote them when, and the two answers. */
import type { Conflict } from '@sunday/client';
import { useScope } from '../board/context.ts';
import { formatInstant } from '../board/cell-text.ts';
import type { ColumnView } from '../board/model.ts';
import { usePeople } from '../board/people.ts';
import { CellView } from '../cells/CellView.tsx';
import { answer } from './cell-conflicts.ts';

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

function when(at: number | null): string {
  if (at === null) return '';
  const date = new Date(at);
  return date.toDateString() === new Date().toDateString() ? CLOCK.format(date) : formatInstant(at);
}

function Side({ column, side, who }: { column: ColumnView; side: Conflict['kept']; who: string }) {
  return (
    <div className="conflict-side">
      <dt className="truncate">{who}</dt>
      <dd className="truncate">{side.value === null ? <span className="muted">Empty</span> : <CellView column={column} value={side.value} compact />}</dd>
      <dd className="muted conflict-when">{when(side.at)}</dd>
    </div>
  );
}

export function ConflictCard({ conflict, column, onDone }: { conflict: Conflict; column: ColumnView; onDone?: () => void }) {
  const { board } = useScope();
  const people = usePeople();
  const other = conflict.kept.userId === null ? 'Somebody' : people.get(conflict.kept.userId).name;
  const choose = (choice: 'mine' | 'theirs') => {
    onDone?.();
    answer(board, [conflict], choice);
  };
  return (
    <div className="conflict-card">
      <dl>
        <Side column={column} side={conflict.kept} who={other} />
        <Side column={column} side={conflict.lost} who="You" />
      </dl>
      <div className="conflict-answers">
        <button type="button" className="btn btn-outline btn-sm" onClick={() => choose('theirs')}>
          Keep theirs
        </button>
        <button type="button" className="btn btn-primary btn-sm" onClick={() => choose('mine')}>
          Keep mine
        </button>
      </div>
    </div>
  );
}
