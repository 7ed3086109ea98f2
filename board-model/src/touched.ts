/**
 * Which parts of a board a transaction touched: the cheap question (a few microseconds), asked for every edit. May name an
 * item whose values came out the same; never misses one that changed, nor one whose cells a new column brought to light.
 * Valid from the end of the transaction on.
 */
import * as Y from 'yjs';
import { isId, type ItemId } from './ids.ts';
import { child, forEachChild, itemsMap, parseRoot } from './schema.ts';

export interface Touched {
  items: Set<ItemId>;
  /** Items whose comments changed; they are in `items` only if something else of them did. */
  comments: Set<ItemId>;
  /** The board's name or description, a column, or a group. */
  structure: boolean;
}

type AnyType = Y.AbstractType<unknown>;

/** Finding a root's name means scanning all roots; boards with long texts have thousands. */
const rootNames = new WeakMap<object, string>();

const rootName = (doc: Y.Doc, type: AnyType): string => {
  const known = rootNames.get(type);
  if (known !== undefined) return known;
  doc.share.forEach((root, name) => {
    rootNames.set(root, name);
    // A root gets another object when it is first asked for by class; the two share their map.
    if (root._map === type._map) rootNames.set(type, name);
  });
  return rootNames.get(type) ?? '';
};

export interface ChangedType {
  /** Name of the root it belongs to. */
  root: string;
  type: AnyType;
  keys: ReadonlySet<string | null>;
  /** Key of the record under the root; null for the root itself. */
  record: string | null;
  /** How far below the root: 0 the root, 1 a record, more: something nested that the schema does not know. */
  depth: number;
}

/** Everything a transaction changed, with its place in the document. */
export const forEachChanged = (transaction: Y.Transaction, visit: (changed: ChangedType) => void): void => {
  for (const [type, keys] of transaction.changed) {
    let root = type as AnyType;
    let record: string | null = null;
    let depth = 0;
    while (root._item !== null && root._item.parent instanceof Y.AbstractType) {
      record = root._item.parentSub;
      root = root._item.parent;
      depth++;
    }
    visit({ root: rootName(transaction.doc, root), type: type as AnyType, keys, record, depth });
  }
};

/** Columns that came, went or changed their type: cells that lay there unseen may now be read, or no longer. */
export const retypedColumns = (changed: ChangedType, into: Set<string>): void => {
  if (changed.root !== 'columns') return;
  if (changed.depth === 0) changed.keys.forEach((id) => isId(id) && into.add(id));
  else if (changed.depth === 1 && changed.keys.has('type') && isId(changed.record)) into.add(changed.record);
};

/** Items that hold anything under these columns: for a column just made by this package, none. A scan of the board. */
export const itemsWithCells = (doc: Y.Doc, columns: ReadonlySet<string>): ItemId[] => {
  const found = new Set<ItemId>();
  forEachChild(itemsMap(doc), (item, id) => {
    for (const [key, entry] of item._map) {
      const [kind, columnId = ''] = key.split(':', 2);
      if (entry.deleted || kind !== 'c' || !columns.has(columnId)) continue;
      found.add(id as ItemId);
      return;
    }
  });
  doc.share.forEach((_, name) => {
    const text = name.startsWith('text:') ? parseRoot(name) : null;
    if (text !== null && columns.has(text.columnId) && isId(text.itemId) && child(itemsMap(doc), text.itemId) !== undefined) found.add(text.itemId as ItemId);
  });
  return [...found];
};

export const touchedBy = (transaction: Y.Transaction): Touched => {
  const touched: Touched = { items: new Set(), comments: new Set(), structure: false };
  const retyped = new Set<string>();
  forEachChanged(transaction, (changed) => {
    const { root, record, keys } = changed;
    if (root === 'items') {
      for (const id of record === null ? keys : [record]) if (isId(id)) touched.items.add(id as ItemId);
    } else if (root === 'columns' || root === 'groups' || root === 'board') {
      touched.structure = true;
      retypedColumns(changed, retyped);
    } else {
      const parsed = parseRoot(root);
      if (parsed !== null && isId(parsed.itemId)) (parsed.kind === 'text' ? touched.items : touched.comments).add(parsed.itemId as ItemId);
    }
  });
  if (retyped.size > 0) for (const id of itemsWithCells(transaction.doc, retyped)) touched.items.add(id);
  return touched;
};

