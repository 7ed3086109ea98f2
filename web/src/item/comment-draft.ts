/**
 * The words of a comment that is not sent yet, kept in this tab: closing the item, opening another one or a reload takes nothing.
 * Kept apart by user, board and item; gone once they are sent or given up, and with the tab.
 */
import { useState } from 'react';
import { useScope } from '../board/context.ts';

function read(key: string): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Where the browser keeps nothing (it is full, or forbidden to), the words live as long as their input. */
function keep(key: string, text: string | null): void {
  try {
    if (text === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, text);
  } catch {
    // nothing to be done about it, and nothing lost yet
  }
}

/** `commentId`: of the comment that is edited; a new one has none. */
export function useDraftKey(itemId: string, commentId = ''): string {
  const { board, user } = useScope();
  return `sunday.comment.${user.id}.${board.id}.${itemId}.${commentId}`;
}

export const hasDraft = (key: string): boolean => read(key) !== null;

/** Back at `initial` there is no draft. */
export function useDraft(key: string, initial: string): [text: string, put: (text: string) => void] {
  const [text, setText] = useState(() => read(key) ?? initial);
  const put = (next: string) => {
    setText(next);
    keep(key, next === initial ? null : next);
  };
  return [text, put];
}
