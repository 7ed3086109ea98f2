/** Comments of an item. They are in the document only, so reading them loads the board. */
import { addComment, isId, readComments, readItem, type CommentId, type CommentView, type ItemId } from '@sunday/board-model';
import type * as Y from 'yjs';
import { SundayError } from '../errors.ts';
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts';
import { RANDOM_IDS } from './derived-ids.ts';
import { noSuchItem } from './item-queries.ts';
import { byRest, requireRole, type BoardsParts, type WriteOptions } from './parts.ts';
import type { Actor, Page } from './resources.ts';

export type CommentResource = {
  id: string; itemId: string; author: string; body: string; mentions: string[]; createdAt: string; editedAt: string | null; deletedAt: string | null;
};

export type Comments = {
  listComments(actor: Actor, boardId: string, itemId: string, listing: { limit: number; cursor?: string | undefined }): Promise<Page<CommentResource>>;
  addComment(actor: Actor, boardId: string, itemId: string, input: { id?: string | undefined; body: string; mentions?: readonly string[] | undefined }, options?: WriteOptions): Promise<CommentResource>;
};

export function comments(parts: BoardsParts): Comments {
  const { engine } = parts;
  return {
    async listComments(actor, boardId, itemId, { limit, cursor }) {
      await requireRole(parts, actor, boardId, 'viewer');
      const list = ['comments', boardId, itemId];
      const [at, id] = decodeCursor(list, cursor, 2) ?? [];
      const { value: all } = await engine.read(boardId, (doc) => {
        requireItem(doc, itemId);
        return readComments(doc, itemId as ItemId);
      });
      const rest = typeof at === 'string' && typeof id === 'string' ? all.filter((comment) => isAfter(comment, Number(at), id)) : all;
      return pageOf(rest, limit, (comment) => commentResource(itemId, comment), (last) => encodeCursor(list, [String(last.createdAt), last.id]));
    },

    async addComment(actor, boardId, itemId, input, { ids = RANDOM_IDS } = {}) {
      await requireRole(parts, actor, boardId, 'commenter');
      const { value } = await engine.write(boardId, byRest(actor), (doc) => {
        requireItem(doc, itemId);
        const id = input.id ?? ids.id('comment');
        const there = (): CommentView | undefined => readComments(doc, itemId as ItemId).find((comment) => comment.id === id);
        if (!ids.repeatable && there() !== undefined) throw new SundayError('already_exists', 'The item has a comment with this id', { field: 'id' });
        addComment(doc, itemId as ItemId, { id: id as CommentId, body: input.body, ...(input.mentions === undefined ? {} : { mentions: [...input.mentions] }) }, actor);
        return there();
      });
      if (value === undefined) throw new SundayError('internal', 'a comment vanished within its own transaction');
      return commentResource(itemId, value);
    },
  };
}

function requireItem(doc: Y.Doc, itemId: string): void {
  const item = isId(itemId) ? readItem(doc, itemId as ItemId) : undefined;
  if (item === undefined || item.deletedAt !== null) throw noSuchItem();
}

const isAfter = (comment: CommentView, at: number, id: string): boolean => comment.createdAt > at || (comment.createdAt === at && comment.id > id);

const time = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString());

const commentResource = (itemId: string, comment: CommentView): CommentResource => ({
  id: comment.id,
  itemId,
  author: comment.author,
  body: comment.body,
  mentions: comment.mentions,
  createdAt: new Date(comment.createdAt).toISOString(),
  editedAt: time(comment.editedAt),
  deletedAt: time(comment.deletedAt),
});
