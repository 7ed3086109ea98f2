/**
 * The key grammar of SPEC.md in code: root types, item keys, cell keys. Nothing else in the package spells a key.
 * Guarantees: looking up never creates a root type, and anything that is not of the expected Yjs type counts as absent.
 */
import * as Y from 'yjs';
import { BoardModelError } from './errors.ts';
import { isId } from './ids.ts';

export type Store = Y.Map<unknown>;
/** What reading a record needs; a change reader offers the same over a record's earlier state. */
export interface Cells {
  get(key: string): unknown;
  forEach(visit: (value: unknown, key: string) => void): void;
}

const checked = (doc: Y.Doc): Y.Doc => {
  if (doc instanceof Y.Doc) return doc;
  throw new BoardModelError('two_copies_of_yjs', 'Two copies of yjs: install one');
};

export const boardMap = (doc: Y.Doc): Store => checked(doc).getMap('board');
export const columnsMap = (doc: Y.Doc): Store => checked(doc).getMap('columns');
export const groupsMap = (doc: Y.Doc): Store => checked(doc).getMap('groups');
export const itemsMap = (doc: Y.Doc): Store => checked(doc).getMap('items');
/** Yjs client id (decimal) → user id: who wrote the registers that carry no author of their own. */
export const authorsMap = (doc: Y.Doc): Store => checked(doc).getMap('authors');

/** Gives the roots their classes. Yjs puts another object in a root's place when it is first asked for by class: not in the middle of a transaction. */
export const openRoots = (doc: Y.Doc): void => {
  for (const root of [boardMap, columnsMap, groupsMap, itemsMap, authorsMap]) root(doc);
};

export const textRoot = (itemId: string, columnId: string): string => `text:${itemId}:${columnId}`;
export const commentsRoot = (itemId: string): string => `comments:${itemId}`;

/** The record under `id`, when there is a well-formed one. */
export const child = (map: Store, id: string): Store | undefined => {
  const found = isId(id) ? map.get(id) : undefined;
  return found instanceof Y.Map ? (found as Store) : undefined;
};

/** Every well-formed record of a map of records. */
export const forEachChild = (map: Store, visit: (record: Store, id: string) => void): void => {
  map.forEach((value, id) => {
    if (value instanceof Y.Map && isId(id)) visit(value as Store, id);
  });
};

/** A root text, without creating it and whatever else stands under its name. */
export const existingText = (doc: Y.Doc, root: string): Y.Text | undefined => {
  const found = doc.share.get(root);
  if (found === undefined) return undefined;
  if (found instanceof Y.Text) return found;
  // A root that only remote updates have named so far has no class yet; asking for it as a text gives it one.
  return found.constructor === Y.AbstractType ? doc.getText(root) : undefined;
};

/** `c:{columnId}` is a register cell; `c:{columnId}:{element}` one element of a set, one client's count, or one client's maximum. */
export const cellKey = (columnId: string): string => `c:${columnId}`;
export const partKey = (columnId: string, element: string | number): string => `c:${columnId}:${element}`;

export interface CellKey { columnId: string; element: string | null }

/** What a cell's key says; null: it is no cell's. */
export const cellOf = (key: string): CellKey | null => {
  if (!key.startsWith('c:')) return null;
  const end = key.indexOf(':', 2);
  const columnId = end < 0 ? key.slice(2) : key.slice(2, end);
  if (!isId(columnId)) return null;
  return { columnId, element: end < 0 ? null : key.slice(end + 1) };
};

/** Elements of a multi-part cell: everything under `c:{columnId}:`. */
export const forEachPart = (item: Cells, columnId: string, visit: (value: unknown, element: string) => void): void => {
  const prefix = partKey(columnId, '');
  item.forEach((value, key) => {
    if (key.startsWith(prefix)) visit(value, key.slice(prefix.length));
  });
};

/** Root names of the item an update of this root concerns: `text:{itemId}:{columnId}` and `comments:{itemId}`. */
export const parseRoot = (name: string): { kind: 'text' | 'comments'; itemId: string; columnId: string } | null => {
  if (name.startsWith('text:')) {
    const end = name.indexOf(':', 5);
    return end < 0 ? null : { kind: 'text', itemId: name.slice(5, end), columnId: name.slice(end + 1) };
  }
  return name.startsWith('comments:') ? { kind: 'comments', itemId: name.slice(9), columnId: '' } : null;
};

/** The first `max` characters of a text, without joining the whole of it. Embedded objects count for nothing. */
export const textStart = (text: Y.Text, max: number): string => {
  let start = '';
  for (let part = text._start; part !== null && start.length < max; part = part.right) {
    if (!part.deleted && part.content instanceof Y.ContentString) start += part.content.str;
  }
  const cut = start.slice(0, max);
  return cut.isWellFormed() ? cut : cut.slice(0, -1); // not half a character
};
