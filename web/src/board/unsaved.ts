/** Words that could not be saved stay on the screen, to be copied, until they are put away: what one types is never just gone. */
import { useEffect, useRef } from 'react';
import type { RefObject } from 'react';
import { toast } from '../ui/toast.tsx';

export function keepUnsaved(words: string): void {
  const copy = { label: 'Copy', run: () => void navigator.clipboard.writeText(words).catch(() => keepUnsaved(words)) };
  // over plain http there is no clipboard to write to: then they are selected by hand
  toast(`Not saved: ${words}`, { tone: 'error', stays: true, ...('clipboard' in navigator ? { action: copy } : {}) });
}

/** Keeps what is in an input that goes while one types: the board was closed to one, the item or its column is gone. null: nothing to keep. */
export function useKeepUnsaved(input: RefObject<HTMLElement | null>, unsaved: () => string | null): void {
  const latest = useRef(unsaved);
  latest.current = unsaved;
  useEffect(() => {
    const el = input.current;
    return () => {
      const words = latest.current();
      if (words !== null && !el?.isConnected) keepUnsaved(words); // StrictMode only pretends
    };
  }, [input]);
}
