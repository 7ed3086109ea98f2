/** How the parts of a board write: the one gate that checks permission, attributes, and makes undo steps. */
import type { WriteContext } from '@sunday/board-model';
import type * as Y from 'yjs';

export interface Writes {
  /** The board's document as it is now (a fresh start replaces it). */
  doc(): Y.Doc;
  /** A batch is open: the document is ahead of what was announced. */
  batching(): boolean;
  /** `comment`: it writes comments only, which a commenter may. @throws ClientError when nothing may be written; BoardModelError from `work` for a wrong value, then nothing was changed. */
  write<T>(work: (doc: Y.Doc, context: WriteContext) => T, comment?: boolean): T;
}
