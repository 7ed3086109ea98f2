/** Two states of a board, compared: what is different for a person, or what to write to get from one to the other. Runs in a worker for large boards. */
import { diffImages, imageOfItem, readImage, restorationOf, restorationOfItem, type BoardDiff, type ItemId, type Restoration } from '@sunday/board-model';
import * as Y from 'yjs';
import { SundayError } from '../errors.ts';

export type DiffJob = { readonly kind: 'diff'; readonly before: Uint8Array; readonly after: Uint8Array; /** Most items named of each kind. */ readonly limit: number };
/** `current` is not looked at where one item is to be restored. */
export type RestoreJob = { readonly kind: 'restore'; readonly current: Uint8Array; readonly wanted: Uint8Array; readonly itemId: string | undefined };

export type ItemCounts = { added: number; removed: number; changed: number };
export type CountedDiff = { readonly diff: BoardDiff; readonly counts: ItemCounts };

export function diffOf({ before, after, limit }: DiffJob): CountedDiff {
  const diff = diffImages(imageOf(before), imageOf(after));
  const { added, removed, changed } = diff.items;
  return {
    counts: { added: added.length, removed: removed.length, changed: changed.length },
    diff: { ...diff, items: { added: added.slice(0, limit), removed: removed.slice(0, limit), changed: changed.slice(0, limit) } },
  };
}

/** @throws SundayError not_found where the version has no such item */
export function restorationFor({ current, wanted, itemId }: RestoreJob): Restoration {
  const image = imageOf(wanted);
  if (itemId === undefined) return restorationOf(imageOf(current), image);
  const item = imageOfItem(image, itemId as ItemId);
  if (item === undefined) throw new SundayError('not_found', 'The version has no such item', { field: 'itemId' });
  return restorationOfItem(item, image);
}

function imageOf(update: Uint8Array): ReturnType<typeof readImage> {
  const doc = new Y.Doc();
  try {
    Y.applyUpdate(doc, update);
    return readImage(doc);
  } finally {
    doc.destroy();
  }
}
