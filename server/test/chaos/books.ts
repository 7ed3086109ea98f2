/** The books of one person: every edit, when it was made and during what, and when it was acknowledged, if it was. */
import type * as Y from 'yjs';
import { mergeUpdates } from 'yjs';

export interface Edit {
  /** performance.now() */
  readonly at: number;
  readonly update: Uint8Array;
  /** What was going on when it was made. */
  readonly during: readonly string[];
  /** When its author was told that it is saved; null: not yet. */
  ackedAt: number | null;
}

export class Books {
  readonly edits: Edit[] = [];
  private readonly doc: Y.Doc;
  private readonly unacked = new Set<Edit>();

  constructor(doc: Y.Doc) {
    this.doc = doc;
  }

  get settled(): boolean {
    return this.unacked.size === 0;
  }

  /** Does it, and enters what it changed; null if that was nothing. */
  enter(work: () => void, during: readonly string[]): Edit | null {
    const updates: Uint8Array[] = [];
    const listen = (update: Uint8Array): void => { updates.push(update); };
    const at = performance.now();
    this.doc.on('update', listen);
    try {
      work();
    } finally {
      this.doc.off('update', listen);
    }
    if (updates.length === 0) return null;
    const edit: Edit = { at, update: mergeUpdates(updates), during, ackedAt: null };
    this.edits.push(edit);
    this.unacked.add(edit);
    return edit;
  }

  /** The person was shown "saved" (for all, or that this one is). */
  acknowledged(edits: Iterable<Edit> = this.unacked): void {
    const now = performance.now();
    for (const edit of edits) {
      edit.ackedAt ??= now;
      this.unacked.delete(edit);
    }
  }
}
