/** The focus of a panel beside the page: it goes in when the panel opens, and back to where it was when it closes. */
import { useLayoutEffect, useRef } from 'react';
import type { RefObject } from 'react';

interface Ends {
  /** Where to begin; null: at the panel itself. */
  first?: (panel: HTMLElement) => HTMLElement | null;
  /** Where to go when the place from before is gone, or there was none. */
  otherwise?: () => HTMLElement | null;
}

export function useFocusInside(panel: RefObject<HTMLElement | null>, ends: Ends = {}): void {
  const latest = useRef(ends);
  latest.current = ends;
  useLayoutEffect(() => {
    const el = panel.current;
    if (!el) return undefined;
    const before = document.activeElement;
    (latest.current.first?.(el) ?? el).focus({ preventScroll: true });
    return () => {
      const active = document.activeElement;
      if (active !== document.body && !el.contains(active)) return; // it has gone elsewhere by itself
      const known = before instanceof HTMLElement && before !== document.body && before.isConnected;
      (known ? before : latest.current.otherwise?.())?.focus({ preventScroll: true });
    };
  }, [panel]);
}
