/** The comments of items, read when somebody asks and then kept: the list keeps its reference until a comment of the item changes. */
import { addComment, asCommentId, asItemId, deleteComment, editComment, readComments, type CommentId, type CommentView, type ItemId } from '@sunday/board-model';
import { Listeners } from './listeners.ts';
import { compare } from './changes.ts';
import type { Change, CommentReads, Listener, NewComment, Unsubscribe } from './types.ts';
import type { Writes } from './writes.ts';

export class Comments implements CommentReads {
  readonly #writes: Writes;
  readonly #lists = new Map<string, readonly CommentView[]>();
  readonly #listeners = new Map<string, Listeners>();

  constructor(writes: Writes) {
    this.#writes = writes;
  }

  of(itemId: string): readonly CommentView[] {
    const known = this.#lists.get(itemId);
    if (known) return known;
    const list = readComments(this.#writes.doc(), itemId as ItemId);
    this.#lists.set(itemId, list);
    return list;
  }

  subscribe(itemId: string, fn: Listener): Unsubscribe {
    const listeners = this.#listeners.get(itemId) ?? new Listeners();
    this.#listeners.set(itemId, listeners);
    const remove = listeners.add(fn);
    return () => {
      remove();
      if (listeners.size === 0 && this.#listeners.get(itemId) === listeners) this.#listeners.delete(itemId);
    };
  }

  add(itemId: string, comment: NewComment): CommentId {
    this.of(itemId);
    return this.#writes.write((doc, ctx) => addComment(doc, asItemId(itemId), comment, ctx));
  }

  edit(itemId: string, commentId: string, body: string): void {
    this.of(itemId);
    this.#writes.write((doc, ctx) => editComment(doc, asItemId(itemId), asCommentId(commentId), { body }, ctx));
  }

  delete(itemId: string, commentId: string): void {
    this.of(itemId);
    this.#writes.write((doc, ctx) => deleteComment(doc, asItemId(itemId), asCommentId(commentId), ctx));
  }

  /** Reads again what somebody read before; says what differs. `announce` tells the listeners. */
  refresh(itemIds: Iterable<ItemId>): Change[] {
    const changes: Change[] = [];
    for (const itemId of itemIds) {
      const known = this.#lists.get(itemId);
      this.#lists.delete(itemId);
      if (known) compare(known, this.of(itemId), (id, before, after) => changes.push({ kind: 'comment', itemId, id, before, after }));
    }
    return changes;
  }

  announce(itemIds: Iterable<ItemId>): void {
    for (const id of itemIds) this.#listeners.get(id)?.emit();
  }

  reset(): void {
    this.#lists.clear();
    for (const listeners of Array.from(this.#listeners.values())) listeners.emit();
  }
}
