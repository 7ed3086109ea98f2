/** Every cell of the board where somebody wrote at the same time as oneself, to be gone through in one place. */
import { CheckCheck } from 'lucide-react';
import { useScope } from '../board/context.ts';
import { nameOf } from '../board/model.ts';
import { Dialog } from '../ui/Dialog.tsx';
import { answer, useOpenConflicts } from './cell-conflicts.ts';
import { ConflictCard } from './ConflictCard.tsx';

export function ConflictsDialog({ onClose }: { onClose: () => void }) {
  const { board, openItem } = useScope();
  const open = useOpenConflicts();
  const all = open.map(({ conflict }) => conflict);
  const footer = open.length > 1 && (
    <>
      <button type="button" className="btn btn-outline" onClick={() => answer(board, all, 'theirs')}>
        Keep all theirs
      </button>
      <button type="button" className="btn btn-outline" onClick={() => answer(board, all, 'mine')}>
        Keep all mine
      </button>
    </>
  );
  return (
    <Dialog title="Written at the same time" onClose={onClose} footer={footer}>
      {open.length === 0 ? (
        <div className="empty conflicts-empty">
          <CheckCheck size={28} aria-hidden />
          <h3>Nothing left to decide</h3>
          <p>Where somebody writes the same cell as you at the same time, it is listed here.</p>
        </div>
      ) : (
        <>
          <p className="muted">The value of the others stands. Yours is kept here until you have chosen.</p>
          <ul className="conflicts">
            {open.map(({ conflict, item, column }) => (
              <li key={conflict.id} data-review={conflict.id}>
                <p className="conflict-where truncate">
                  <button
                    type="button"
                    className="conflict-item"
                    onClick={() => {
                      onClose();
                      openItem(item.id);
                    }}
                  >
                    {nameOf(item)}
                  </button>
                  <span className="muted"> · {column.title}</span>
                </p>
                <ConflictCard conflict={conflict} column={column} />
              </li>
            ))}
          </ul>
        </>
      )}
    </Dialog>
  );
}
