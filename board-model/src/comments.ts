/**
 * Comments of an item, in a root map of their own (`comments:{itemId}`), so that a commenter can be let write there and
 * nowhere else. Ordered by (time, id). Deleting is soft and empties the body for readers. Whether somebody may edit
 * another's comment is the caller's question.
 */
import * as Y from 'yjs';
import { BoardModelError } from './errors.ts';
import { asCommentId, isUserId, newId, type CommentId, type ItemId } from './ids.ts';
import { clean, stringOf, timeOf, valueOf, write } from './register.ts';
import { child, commentsRoot, forEachChild, itemsMap, type Cells, type Store } from './schema.ts';
import type { CommentView, WriteContext } from './types.ts';

export const MAX_BODY_LENGTH = 20_000; // characters
export const MAX_MENTIONS = 100;

/** The comments root without creating it. */
const existingComments = (doc: Y.Doc, itemId: string): Store | undefined => {
  const root = commentsRoot(itemId);
  const found = doc.share.get(root);
  if (found instanceof Y.Map) return found as Store;
  return found?.constructor === Y.AbstractType ? doc.getMap(root) : undefined;
};

export const commentView = (comment: Cells, id: string): CommentView => {
  const mentions = valueOf(comment.get('mentions'));
  const editedAt = timeOf(comment.get('editedAt'));
  const deletedAt = timeOf(comment.get('deletedAt'));
  return {
    id: id as CommentId,
    author: stringOf(comment.get('author')),
    body: deletedAt === null ? stringOf(comment.get('body'), MAX_BODY_LENGTH) : '',
    mentions: Array.isArray(mentions) && deletedAt === null ? mentions.filter(isUserId).slice(0, MAX_MENTIONS) : [],
    createdAt: timeOf(comment.get('createdAt')) ?? 0,
    ...(editedAt === null ? {} : { editedAt }),
    ...(deletedAt === null ? {} : { deletedAt }),
  };
};

/** Oldest first; deleted ones stay, without a body. */
export const readComments = (doc: Y.Doc, itemId: ItemId): CommentView[] => {
  const comments = existingComments(doc, itemId);
  const views: CommentView[] = [];
  if (comments !== undefined) forEachChild(comments, (comment, id) => views.push(commentView(comment, id)));
  return views.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
};

/** undefined: the item has no such comment. A deleted one is read too. */
export const readComment = (doc: Y.Doc, itemId: ItemId, commentId: CommentId): CommentView | undefined => {
  const comments = existingComments(doc, itemId);
  const comment = comments === undefined ? undefined : child(comments, commentId);
  return comment === undefined ? undefined : commentView(comment, commentId);
};

const checkBody = (body: unknown): string => {
  if (typeof body === 'string' && body.trim() !== '' && body.length <= MAX_BODY_LENGTH) return clean(body);
  throw new BoardModelError('invalid_value', `body must be text of 1 to ${MAX_BODY_LENGTH} characters`, 'body');
};

const checkMentions = (mentions: unknown): string[] => {
  if (Array.isArray(mentions) && mentions.length <= MAX_MENTIONS && mentions.every(isUserId)) return [...new Set(mentions)];
  throw new BoardModelError('invalid_value', `mentions must be at most ${MAX_MENTIONS} user ids`, 'mentions');
};

const existing = (doc: Y.Doc, itemId: ItemId, commentId: CommentId): Store => {
  const comments = existingComments(doc, itemId);
  const comment = comments === undefined ? undefined : child(comments, commentId);
  if (comment !== undefined) return comment;
  throw new BoardModelError('unknown_comment', 'The item has no such comment', 'commentId');
};

export interface NewComment {
  id?: CommentId;
  body: string;
  mentions?: string[];
}

/** An id that exists already: returns it unchanged. @throws BoardModelError invalid_value, invalid_id, unknown_item */
export const addComment = (doc: Y.Doc, itemId: ItemId, comment: NewComment, ctx: WriteContext): CommentId => {
  const id = comment.id === undefined ? (newId() as CommentId) : asCommentId(comment.id);
  if (child(itemsMap(doc), itemId) === undefined) throw new BoardModelError('unknown_item', 'The board has no such item', 'itemId');
  const body = checkBody(comment.body);
  const mentions = checkMentions(comment.mentions ?? []);
  return write(doc, ctx, (writer) => {
    const comments: Store = existingComments(doc, itemId) ?? doc.getMap(commentsRoot(itemId));
    if (child(comments, id) !== undefined) return id;
    const record: Store = new Y.Map();
    comments.set(id, record);
    record.set('author', writer.userId);
    record.set('createdAt', Math.floor(ctx.at ?? Date.now()));
    writer.set(record, 'body', body);
    if (mentions.length > 0) writer.set(record, 'mentions', mentions);
    return id;
  });
};

/** @throws BoardModelError invalid_value, unknown_comment */
export const editComment = (doc: Y.Doc, itemId: ItemId, commentId: CommentId, patch: { body?: string; mentions?: string[] }, ctx: WriteContext): void => {
  const record = existing(doc, itemId, commentId);
  const body = patch.body === undefined ? undefined : checkBody(patch.body);
  const mentions = patch.mentions === undefined ? undefined : checkMentions(patch.mentions);
  write(doc, ctx, (writer) => {
    let wrote = body !== undefined && writer.set(record, 'body', body);
    if (mentions !== undefined) wrote = writer.set(record, 'mentions', mentions) || wrote;
    if (wrote) writer.set(record, 'editedAt', Math.floor(writer.stamp()));
  });
};

/** Soft; deleting twice is harmless. @throws BoardModelError unknown_comment */
export const deleteComment = (doc: Y.Doc, itemId: ItemId, commentId: CommentId, ctx: WriteContext): void => {
  const record = existing(doc, itemId, commentId);
  if (timeOf(record.get('deletedAt')) !== null) return;
  write(doc, ctx, (writer) => writer.set(record, 'deletedAt', Math.floor(writer.stamp())));
};

/** @throws BoardModelError unknown_comment */
export const restoreComment = (doc: Y.Doc, itemId: ItemId, commentId: CommentId, ctx: WriteContext): void => {
  const record = existing(doc, itemId, commentId);
  if (timeOf(record.get('deletedAt')) !== null) write(doc, ctx, (writer) => writer.set(record, 'deletedAt', null));
};
