/** Deleted items, latest first, each to be looked at or put back. Nothing here is ever lost by itself. */
import { useItems } from '@sunday/client/react';
import { RotateCcw, Trash2 } from 'lucide-react';
import { useMemo } from 'react';
import { ago } from '../boards/BoardTile.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { attempt, useScope } from './context.ts';
import { nameOf } from './model.ts';

const SHOWN = 200; // rows a dialog shows; the latest are what people look for

export function TrashDialog({ onClose }: { onClose: () => void }) {
  const { board, canWrite, openItem } = useScope();
  const deleted = useItems(board, DELETED);
  const latest = useMemo(() => [...deleted].sort((a, b) => (b.deletedAt ?? 0) - (a.deletedAt ?? 0)), [deleted]);
  return (
    <Dialog title="Trash" onClose={onClose}>
      {latest.length === 0 ? (
        <div className="empty trash-empty">
          <Trash2 size={28} aria-hidden />
          <h3>The trash is empty</h3>
          <p>Items that are deleted wait here until somebody restores them.</p>
        </div>
      ) : (
        <ul className="trash">
          {latest.slice(0, SHOWN).map((item) => (
            <li key={item.id} className="row">
              <button
                type="button"
                className="grow truncate trash-name"
                onClick={() => {
                  onClose();
                  openItem(item.id);
                }}
              >
                {nameOf(item)}
                <small className="muted">{item.deletedAt !== null && ` ${ago(new Date(item.deletedAt).toISOString())}`}</small>
              </button>
              {canWrite && (
                <button type="button" className="btn btn-outline btn-sm" onClick={() => attempt(() => board.items.restore(item.id))}>
                  <RotateCcw aria-hidden /> Restore
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {latest.length > SHOWN && <p className="muted">and {latest.length - SHOWN} older ones</p>}
    </Dialog>
  );
}

const DELETED = { deleted: true } as const;
