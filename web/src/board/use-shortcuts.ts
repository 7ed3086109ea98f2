/** Undo and redo from the keyboard anywhere on the board but in a text being typed, which has its own. `/` goes to the search. */
import type { Board } from '@sunday/client';
import { useEffect } from 'react';
import { undoStep } from './undo.ts';

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    (target instanceof HTMLInputElement && !['checkbox', 'radio', 'button'].includes(target.type)));

export function useShortcuts(board: Board): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const mod = event.ctrlKey || event.metaKey;
      const key = event.key.toLowerCase();
      if (isTyping(event.target)) return;
      if (mod && (key === 'z' || key === 'y')) {
        event.preventDefault();
        undoStep(board, key === 'y' || event.shiftKey ? 'redo' : 'undo');
      } else if (key === '/' && !mod && !event.altKey) {
        event.preventDefault();
        document.querySelector<HTMLInputElement>('#board-search')?.focus();
      }
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [board]);
}
