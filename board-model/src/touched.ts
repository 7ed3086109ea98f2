/**
 * Which parts of a board a transaction touched: the cheap question (a few microseconds), asked for every edit. May name an
 * item whose values came out the same; never misses one that changed. Valid at any time after the transaction's changes.
 */
import * as Y from 'yjs';
import { isId, type ItemId } from './ids.ts';
import { parseRoot } from './schema.ts';

export interface Touched {
  items: Set<ItemId>;
  /** Items whose comments changed; they are in `items` only if something else of them did. */
  comments: Set<ItemId>;
  /** The board's name or description, a column, or a group. */
  structure: boolean;
}

/** Finding a root's name means scanning all roots; boards with long texts have thousands. */
const rootNames = new WeakMap<object, string>();

export const rootName = (doc: Y.Doc, type: object): string => {
  const known = rootNames.get(type);
  if (known !== undefined) return known;
  doc.share.forEach((root, name) => rootNames.set(root, name));
  return rootNames.get(type) ?? '';
};

export const touchedBy = (transaction: Y.Transaction): Touched => {
  const touched: Touched = { items: new Set(), comments: new Set(), structure: false };
  for (const [type, keys] of transaction.changed) {
    let root: Y.AbstractType<unknown> = type as Y.AbstractType<unknown>;
    let record: string | null = null;
    while (root._item !== null && root._item.parent instanceof Y.AbstractType) {
      record = root._item.parentSub;
      root = root._item.parent;
    }
    const name = rootName(transaction.doc, root);
    if (name === 'items') {
      for (const id of record === null ? keys : [record]) if (isId(id)) touched.items.add(id as ItemId);
    } else if (name === 'columns' || name === 'groups' || name === 'board') {
      touched.structure = true;
    } else {
      const parsed = parseRoot(name);
      if (parsed !== null && isId(parsed.itemId)) (parsed.kind === 'text' ? touched.items : touched.comments).add(parsed.itemId as ItemId);
    }
  }
  return touched;
};
