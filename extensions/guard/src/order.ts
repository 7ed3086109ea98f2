/**
 * The order in which Yjs will integrate an update's structs, as its integration does it: a struct waits until what it refers to is there.
 *
 * Guarantees: visits exactly the structs that are new to the document, each after all it refers to; tells whether any has to wait for
 * something that neither the document nor the update has. Linear in the number of structs.
 */
import { sameId } from '@sunday/board-model';
import * as Y from 'yjs';
import type { Decoded, Section, Struct } from './decode.ts';

interface Cursor {
  readonly section: Section;
  at: number;
  /** Clocks below are there: in the document, or visited. */
  state: number;
  /** It is on the stack. */
  waits: boolean;
}

/** `false`: something is missing, and what was visited before is not all. */
export function visitInOrder(store: Y.Doc['store'], { sections }: Decoded, visit: (struct: Struct) => void): boolean {
  const cursors = new Map<number, Cursor>();
  for (const section of sections.values()) cursors.set(section.client, { section, at: 0, state: Y.getState(store, section.client), waits: false });
  const has = ({ client, clock }: Y.ID): boolean => clock < (cursors.get(client)?.state ?? Y.getState(store, client));
  /** Clients whose next struct waits for the one above it. */
  const stack: Cursor[] = [];
  for (const start of cursors.values()) {
    push(stack, start);
    for (let cursor = stack.at(-1); cursor !== undefined; cursor = stack.at(-1)) {
      const struct = cursor.section.structs[cursor.at];
      if (struct === undefined) {
        pop(stack);
        continue;
      }
      const end = struct.id.clock + struct.length;
      if (struct.id.clock > cursor.state) return false;
      // Asked of known structs, too: Yjs would park even those.
      const missing = missingOf(struct, has);
      if (missing !== null) {
        const next = cursors.get(missing);
        // two that wait for each other wait for ever
        if (next === undefined || next.waits || next.at >= next.section.structs.length) return false;
        push(stack, next);
        continue;
      }
      if (end > cursor.state) {
        visit(struct);
        cursor.state = end;
      }
      cursor.at += 1;
      // Whoever waits is asked again after each one: further on, this client may wait for just that one.
      if (stack.length > 1) pop(stack);
    }
  }
  return true;
}

function push(stack: Cursor[], cursor: Cursor): void {
  cursor.waits = true;
  stack.push(cursor);
}

function pop(stack: Cursor[]): void {
  const cursor = stack.pop();
  if (cursor !== undefined) cursor.waits = false;
}

function missingOf(struct: Struct, has: (id: Y.ID) => boolean): number | null {
  if (!(struct instanceof Y.Item)) return null;
  for (const reference of [struct.origin, struct.rightOrigin, struct.parent]) {
    if (reference instanceof Y.ID && !has(reference)) return reference.client;
  }
  return null;
}

/**
 * Whether Yjs places a new value of a key after the one that is there, and so shows it. Values of a key form a tree by what each followed on (`origin`); of two
 * that followed on the same, the one of the higher client id comes after the other and all that follows on that (`Item.integrate`). A value
 * that follows on another new one is not looked at: that one is. `step` is called for each value that is looked at.
 */
export function comesAfter({ store }: Y.Doc, { id: { client }, origin, rightOrigin }: Y.Item, there: Y.Item, step: () => void): boolean {
  if (rightOrigin !== null) return false;
  if (sameId(origin, there.lastId)) return true;
  for (let ancestor = there; ; step()) {
    if (sameId(ancestor.origin, origin)) return client > ancestor.id.client;
    if (ancestor.origin === null) return false;
    const before: unknown = Y.getItem(store, ancestor.origin);
    if (!(before instanceof Y.Item)) return false;
    // Yjs merges what one client wrote in a row: what follows on a part of it is the next part.
    if (origin !== null && origin.client === before.id.client && origin.clock >= before.id.clock && origin.clock < ancestor.origin.clock) return client > origin.client;
    ancestor = before;
  }
}
