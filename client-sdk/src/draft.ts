/**
 * What a refused draft would change on the board as it is now: the draft applied to a copy of it, read before and after. So it holds the
 * edits of earlier sessions too, and nothing that others did.
 */
import { isId, listItems, readBoard, readComments, type ItemId } from '@sunday/board-model';
import * as Y from 'yjs';
import { compare, differences } from './changes.ts';
import type { Change } from './types.ts';

export function draftChanges(draft: Uint8Array, current: Y.Doc): Change[] {
  const copy = new Y.Doc();
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(current));
  const before = read(copy);
  Y.applyUpdate(copy, draft);
  const after = read(copy);
  copy.destroy();
  const changes = differences(before, after);
  for (const [itemId, comments] of after.comments) {
    compare(before.comments.get(itemId) ?? [], comments, (id, old, now) => changes.push({ kind: 'comment', itemId, id, before: old, after: now }));
  }
  return changes;
}

const COMMENTS = 'comments:'; // root types of the board model: see its SPEC.md

const read = (doc: Y.Doc) => {
  const { columns, groups, ...info } = readBoard(doc);
  const commented = [...doc.share.keys()].map((root) => root.slice(COMMENTS.length) as ItemId).filter((id) => isId(id) && doc.share.has(COMMENTS + id));
  return {
    info, columns, groups, items: [...listItems(doc), ...listItems(doc, { deleted: true })],
    comments: new Map(commented.map((id) => [id, readComments(doc, id)]))
  };
};
