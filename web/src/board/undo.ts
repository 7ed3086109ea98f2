/** Undo and redo with what a person has to be told of it. */
import type { Board } from '@sunday/client';
import { toast } from '../ui/toast.tsx';
import { attempt } from './context.ts';

export function undoStep(board: Board, how: 'undo' | 'redo'): void {
  const result = attempt(() => (how === 'undo' ? board.undo() : board.redo()));
  if (!result) return;
  const kept = result.skipped.filter((change) => change.reason === 'overwritten').length;
  if (kept > 0) toast(kept === 1 ? 'Somebody has changed this since: their value stays' : `${kept} cells were changed by others since: their values stay`);
}

/** Says what was just done, and offers to undo it. It goes as soon as another step is the last one: it must never undo that. */
export function toastUndo(board: Board, text: string): void {
  const dismiss = toast(text, { action: { label: 'Undo', run: () => undoStep(board, 'undo') } });
  const stop = board.history.subscribe(() => {
    stop();
    dismiss();
  });
}
