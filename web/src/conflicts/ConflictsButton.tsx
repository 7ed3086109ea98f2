/** In the header while edits of one's own wait for an answer: how many, and the way to all of them. After long offline it says so once. */
import { GitCompareArrows } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { useScope } from '../board/context.ts';
import { toast } from '../ui/toast.tsx';
import { useOpenConflicts } from './cell-conflicts.ts';

export function ConflictsButton() {
  const { openDialog } = useScope();
  const count = useOpenConflicts().length;
  const said = useRef(0);
  useEffect(() => {
    if (count > 1 && said.current <= 1) {
      toast(`${count} of your changes met those of others`, { action: { label: 'Review', run: () => openDialog({ kind: 'conflicts' }) } });
    }
    said.current = count;
  }, [count, openDialog]);
  const words = count === 1 ? '1 change of yours met somebody else’s' : `${count} changes of yours met those of others`;
  return (
    <span role="status">
      {count > 0 && (
        <button type="button" className="btn btn-ghost conflicts-button" aria-label={`${words}: review`} title={words} onClick={() => openDialog({ kind: 'conflicts' })}>
          <GitCompareArrows aria-hidden /> {count}
        </button>
      )}
    </span>
  );
}
