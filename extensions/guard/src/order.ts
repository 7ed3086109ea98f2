/**
 * The order in which Yjs will integrate an update's structs, as its integration does it: a struct waits until what it refers to is there.
 *
 * Guarantees: visits exactly the structs that are new to the document, each after all it refers to; tells whether any has to wait for
 * something that neither the document nor the update has. Linear in the number of structs.
 */
import * as Y from 'yjs';
import type { Decoded, Section, Struct } from './decode.ts';

interface Cursor {
  readonly section: Section;
  at: number;
  /** Clocks below are there: in the document, or visited. */
  state: number;
}

/** `false`: something is missing, and what was visited before is not all. */
export function visitInOrder(store: Y.Doc['store'], { sections }: Decoded, visit: (struct: Struct) => void): boolean {
  const cursors = new Map<number, Cursor>();
  for (const section of sections.values()) cursors.set(section.client, { section, at: 0, state: Y.getState(store, section.client) });
  const has = ({ client, clock }: Y.ID): boolean => clock < (cursors.get(client)?.state ?? Y.getState(store, client));
  /** Clients whose next struct waits for the one above it. */
  const stack: Cursor[] = [];
  for (const start of cursors.values()) {
    stack.push(start);
    for (let cursor = stack.at(-1); cursor !== undefined; cursor = stack.at(-1)) {
      const struct = cursor.section.structs[cursor.at];
      if (struct === undefined) {
        stack.pop();
        continue;
      }
      const end = struct.id.clock + struct.length;
      if (struct.id.clock > cursor.state) return false;
      // Asked of known structs, too: Yjs would park even those.
      const missing = missingOf(struct, has);
      if (missing !== null) {
        const next = cursors.get(missing);
        // two that wait for each other wait for ever
        if (next === undefined || stack.includes(next) || next.at >= next.section.structs.length) return false;
        stack.push(next);
        continue;
      }
      if (end > cursor.state) {
        visit(struct);
        cursor.state = end;
      }
      cursor.at += 1;
    }
  }
  return true;
}

function missingOf(struct: Struct, has: (id: Y.ID) => boolean): number | null {
  if (!(struct instanceof Y.Item)) return null;
  for (const reference of [struct.origin, struct.rightOrigin, struct.parent]) {
    if (reference instanceof Y.ID && !has(reference)) return reference.client;
  }
  return null;
}
