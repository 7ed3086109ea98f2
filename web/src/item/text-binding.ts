/**
 * A <textarea> on a Y.Text. Guarantees: what is typed becomes one delete and one insert at the place it happened; a remote edit
 * moves the caret with the text around it; neither side ever writes the whole text. Text composed by an input method goes out when it is done.
 */
import type * as Y from 'yjs';

interface Delta {
  insert?: unknown;
  delete?: number;
  retain?: number;
}

/** Where an offset is after a delta. A caret at the very place of an insert stays before it. */
export function shiftOffset(offset: number, delta: readonly Delta[]): number {
  let at = 0;
  let result = offset;
  for (const part of delta) {
    if (part.retain !== undefined) at += part.retain;
    else if (typeof part.insert === 'string') {
      if (at < result) result += part.insert.length;
      at += part.insert.length;
    } else if (part.delete !== undefined && at < result) {
      result -= Math.min(part.delete, result - at);
    }
  }
  return result;
}

/** The one replaced stretch between two texts, ending at the caret where the change is ambiguous (typing "l" into "hel|o"). */
export function changeBetween(before: string, after: string, caret: number): { at: number; remove: number; insert: string } {
  const grown = after.length - before.length;
  let end = 0;
  const maxEnd = Math.min(before.length, after.length, after.length - Math.min(caret, after.length));
  while (end < maxEnd && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  let at = 0;
  const maxStart = Math.min(before.length, after.length) - end;
  while (at < maxStart && before[at] === after[at]) at++;
  return { at, remove: before.length - end - at, insert: after.slice(at, before.length - end + grown) };
}

export function bindTextArea(area: HTMLTextAreaElement, shared: Y.Text, origin: object): () => void {
  area.value = shared.toJSON();
  let known = area.value;
  let composing = false;

  const push = () => {
    if (composing || area.value === known) return;
    const { at, remove, insert } = changeBetween(known, area.value, area.selectionEnd);
    known = area.value;
    shared.doc?.transact(() => {
      if (remove > 0) shared.delete(at, remove);
      if (insert !== '') shared.insert(at, insert);
    }, origin);
  };

  const pull = (event: Y.YTextEvent, transaction: Y.Transaction) => {
    if (transaction.origin === origin && transaction.local) return;
    const delta: Delta[] = event.delta;
    const start = shiftOffset(area.selectionStart, delta);
    const end = shiftOffset(area.selectionEnd, delta);
    const top = area.scrollTop;
    area.value = shared.toJSON();
    known = area.value;
    if (document.activeElement === area) area.setSelectionRange(start, end);
    area.scrollTop = top;
  };

  const onStart = () => {
    composing = true;
  };
  const onEnd = () => {
    composing = false;
    push();
  };
  area.addEventListener('input', push);
  area.addEventListener('compositionstart', onStart);
  area.addEventListener('compositionend', onEnd);
  shared.observe(pull);
  return () => {
    onEnd();
    area.removeEventListener('input', push);
    area.removeEventListener('compositionstart', onStart);
    area.removeEventListener('compositionend', onEnd);
    shared.unobserve(pull);
  };
}
