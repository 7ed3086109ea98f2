/** The comments of items, read when somebody asks and then kept: the list keeps its reference until a comment of the item changes. */
import { addComment, asCommentId, asItemId, deleteComment, editComment, readComments, type CommentId, type CommentView, type ItemId } from '@sunday/board-model';
import { KeyedListeners } from './listeners.ts';
import { compare } from './changes.ts';
import type { Change, CommentReads, Listener, NewComment, Unsubscribe } from './types.ts';
import type { Writes } from './writes.ts';

export class Comments implements CommentReads {
  readonly #writes: Writes;
  readonly #lists = new Map<string, readonly CommentView[]>();
  readonly #listeners = new KeyedListeners();

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

  subscribe(itemId: string, fn: Listener): Unsubscribe { return this.#listeners.add(itemId, fn); }

  add(itemId: string, comment: NewComment): CommentId {
    this.of(itemId);
    return this.#writes.write((doc, ctx) => addComment(doc, asItemId(itemId), comment, ctx), true);
  }

  edit(itemId: string, commentId: string, body: string): void {
    this.of(itemId);
    this.#writes.write((doc, ctx) => editComment(doc, asItemId(itemId), asCommentId(commentId), { body }, ctx), true);
  }

  delete(itemId: string, commentId: string): void {
    this.of(itemId);
    this.#writes.write((doc, ctx) => deleteComment(doc, asItemId(itemId), asCommentId(commentId), ctx), true);
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
    this.#listeners.emit(itemIds);
  }

  reset(): void {
    this.#lists.clear();
    this.#listeners.emit();
  }
}
