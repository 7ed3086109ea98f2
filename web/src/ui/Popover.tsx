/**
 * A panel anchored to an element, in the browser's top layer (above dialogs and clipping scrollers).
 * Closes on Escape, on a press outside, and when `onClose` says so; gives the focus back to where it was.
 * Events do not leak to the element it is rendered in, so a grid cell can hold its own editor.
 */
import { useCallback, useEffect, useLayoutEffect, useRef } from 'react';
import type { KeyboardEvent, ReactNode, RefObject, SyntheticEvent } from 'react';

export type Anchor = RefObject<HTMLElement | null>;

interface PopoverProps {
  anchor: Anchor;
  onClose: () => void;
  children: ReactNode;
  label: string;
  role?: 'dialog' | 'menu' | 'listbox';
  width?: number | 'anchor';
  align?: 'start' | 'end';
  className?: string;
  /** Focus the first control on opening (default), or leave that to the content. */
  autoFocus?: boolean;
}

const MARGIN = 8; // px kept free at the window's edge
const GAP = 4; // px between anchor and panel
const FOCUSABLE = 'input:not([disabled]),textarea:not([disabled]),select:not([disabled]),button:not([disabled]),[tabindex="0"]';

const stop = (event: SyntheticEvent) => event.stopPropagation();

export function Popover(props: PopoverProps) {
  const { anchor, onClose, children, label, role = 'dialog', width, align = 'start', className, autoFocus = true } = props;
  const ref = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  close.current = onClose;

  const place = useCallback(() => {
    const el = ref.current;
    const at = anchor.current?.getBoundingClientRect();
    if (!el || !at) return;
    if (width === 'anchor') el.style.width = `${Math.max(at.width, 180)}px`;
    else if (width) el.style.width = `${Math.min(width, window.innerWidth - MARGIN * 2)}px`;
    const box = { width: el.offsetWidth, height: el.offsetHeight };
    const wanted = align === 'end' ? at.right - box.width : at.left;
    const left = Math.max(MARGIN, Math.min(wanted, window.innerWidth - box.width - MARGIN));
    const below = at.bottom + GAP;
    const fits = below + box.height <= window.innerHeight - MARGIN;
    const above = at.top - GAP - box.height;
    const top = fits ? below : above >= MARGIN ? above : Math.max(MARGIN, window.innerHeight - box.height - MARGIN);
    el.style.left = `${left}px`;
    el.style.top = `${top}px`;
  }, [anchor, width, align]);

  useLayoutEffect(() => {
    const el = ref.current;
    if (!el) return;
    const before = document.activeElement;
    if (!el.matches(':popover-open')) el.showPopover();
    place();
    if (autoFocus && !el.contains(document.activeElement)) {
      const first = el.querySelector<HTMLElement>('[data-autofocus]') ?? el.querySelector<HTMLElement>(FOCUSABLE);
      (first ?? el).focus({ preventScroll: true });
    }
    const resize = new ResizeObserver(place);
    resize.observe(el);
    window.addEventListener('resize', place);
    window.addEventListener('scroll', place, true);
    return () => {
      resize.disconnect();
      window.removeEventListener('resize', place);
      window.removeEventListener('scroll', place, true);
      const lost = document.activeElement === document.body || el.contains(document.activeElement);
      if (lost && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, [place, autoFocus]);

  useEffect(() => {
    const onDown = (event: PointerEvent) => {
      const target = event.target;
      if (!(target instanceof Node)) return;
      if (ref.current?.contains(target) || anchor.current?.contains(target)) return;
      close.current();
    };
    document.addEventListener('pointerdown', onDown, true);
    return () => document.removeEventListener('pointerdown', onDown, true);
  }, [anchor]);

  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === 'Escape') {
      event.preventDefault();
      close.current();
    } else if (event.key === 'Tab' && ref.current) {
      cycleFocus(event, ref.current);
    }
  };

  return (
    <div
      ref={ref}
      popover="manual"
      role={role}
      aria-label={label}
      tabIndex={-1}
      className={`popover ${className ?? ''}`}
      onKeyDown={onKeyDown}
      onPointerDown={stop}
      onMouseDown={stop}
      onTouchStart={stop}
      onClick={stop}
      onDoubleClick={stop}
      onFocus={stop}
    >
      {children}
    </div>
  );
}

/** Tab stays inside the panel. */
function cycleFocus(event: KeyboardEvent, panel: HTMLElement): void {
  const all = [...panel.querySelectorAll<HTMLElement>(FOCUSABLE)].filter((el) => el.tabIndex >= 0 && el.offsetParent !== null);
  const first = all[0];
  const last = all.at(-1);
  if (!first || !last) return;
  const active = document.activeElement;
  if (event.shiftKey && (active === first || active === panel)) {
    event.preventDefault();
    last.focus();
  } else if (!event.shiftKey && active === last) {
    event.preventDefault();
    first.focus();
  }
}
