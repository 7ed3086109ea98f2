/**
 * What a refused draft would change on the board as it is now: the draft applied to a copy of it, read before and after. So it holds the
 * edits of earlier sessions too, and nothing that others did.
 */
import { asItemId, listItems, readBoard, readComments, type CommentView, type ItemId, type ItemView } from '@sunday/board-model';
import * as Y from 'yjs';
import { compare } from './changes.ts';
import type { BoardInfo, Change } from './types.ts';

interface Reading {
  readonly info: BoardInfo;
  readonly board: ReturnType<typeof readBoard>;
  readonly items: readonly ItemView[];
  readonly comments: ReadonlyMap<ItemId, readonly CommentView[]>;
}

export function draftChanges(draft: Uint8Array, current: Y.Doc): Change[] {
  const copy = new Y.Doc();
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(current));
  const before = read(copy);
  Y.applyUpdate(copy, draft);
  const after = read(copy);
  copy.destroy();
  const changes: Change[] = [];
  if (before.info.name !== after.info.name || before.info.description !== after.info.description) {
    changes.push({ kind: 'board', id: '', before: before.info, after: after.info });
  }
  compare(before.board.columns, after.board.columns, (id, old, now) => changes.push({ kind: 'column', id, before: old, after: now }));
  compare(before.board.groups, after.board.groups, (id, old, now) => changes.push({ kind: 'group', id, before: old, after: now }));
  compare(before.items, after.items, (id, old, now) => changes.push({ kind: 'item', id, before: old, after: now }));
  for (const [itemId, comments] of after.comments) {
    compare(before.comments.get(itemId) ?? [], comments, (id, old, now) => changes.push({ kind: 'comment', itemId, id, before: old, after: now }));
  }
  return changes;
}

function read(doc: Y.Doc): Reading {
  const board = readBoard(doc);
  const { name, description, schemaVersion } = board;
  const comments = new Map<ItemId, readonly CommentView[]>();
  for (const root of doc.share.keys()) {
    if (!root.startsWith('comments:')) continue;
    const itemId = root.slice('comments:'.length);
    try {
      comments.set(asItemId(itemId), readComments(doc, asItemId(itemId)));
    } catch {
      // A root that only looks like an item's comments.
    }
  }
  return { info: { name, description, schemaVersion }, board, items: [...listItems(doc), ...listItems(doc, { deleted: true })], comments };
}
