/** Comments that are new in a batch. Whether one is, its struct tells: no other node has committed it. */
import { asCommentId, asItemId, readComment } from '@sunday/board-model';
import type { BoardBooks } from '@sunday/extension-journal';
import * as Y from 'yjs';
import type { Actor, Draft } from './draft.ts';

/** Characters of a comment that its event carries: enough for a notification. */
const EXCERPT_LENGTH = 500;

export function commentEvents(document: Y.Doc, books: BoardBooks, comments: ReadonlyMap<string, Actor>): Draft[] {
  const drafts: Draft[] = [];
  for (const [name, actor] of comments) {
    const [itemId = '', commentId = ''] = name.split('/');
    const struct = document.getMap(`comments:${itemId}`)._map.get(commentId);
    if (struct === undefined || struct.deleted || struct.id.clock < books.committedUpTo(struct.id.client)) continue;
    const comment = readComment(document, asItemId(itemId), asCommentId(commentId));
    if (comment === undefined) continue;
    const owner = struct.id.client === document.clientID ? undefined : books.ownerOf(struct.id.client);
    const userId = owner ?? actor.userId;
    const { author, createdAt, mentions } = comment;
    drafts.push({
      type: 'CommentAdded', aggregateType: 'item', aggregateId: itemId, actor: { ...actor, userId }, fingerprint: `${commentId}@${struct.id.client}:${struct.id.clock}`,
      data: { commentId, author, createdAt, mentions, excerpt: comment.body.slice(0, EXCERPT_LENGTH).toWellFormed() },
    });
  }
  return drafts;
}
