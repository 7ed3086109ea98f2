/** Arrow keys between a picker's input and the options of its list. */
import type { KeyboardEvent } from 'react';

export function stepIn(event: KeyboardEvent, list: HTMLElement | null): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const options = [...(list?.querySelectorAll<HTMLElement>('[role="option"]') ?? [])];
  if (options.length === 0) return;
  event.preventDefault();
  const at = options.findIndex((option) => option === document.activeElement);
  const next = event.key === 'ArrowDown' ? at + 1 : at - 1;
  if (next < 0) event.currentTarget.querySelector<HTMLElement>('input')?.focus();
  else options[Math.min(next, options.length - 1)]?.focus();
}
