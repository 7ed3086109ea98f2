/** A board of one item, with the columns that a test needs. */
import assert from 'node:assert/strict';
import * as Y from 'yjs';
import { asColumnId, asItemId, createColumn, createItem, initBoard, type ColumnType, type NewColumn } from '../src/index.ts';

export const ctx = { userId: 'ann' };
export const ITEM = asItemId('item');

export const board = (...columns: (Pick<NewColumn, 'settings'> & { id: string; type: ColumnType })[]): Y.Doc => {
  const doc = new Y.Doc();
  initBoard(doc, { name: 'Board' }, ctx);
  for (const { id, ...column } of columns) createColumn(doc, { ...column, id: asColumnId(id), title: id }, ctx);
  createItem(doc, { id: ITEM, name: 'Item' }, ctx);
  return doc;
};

export const record = (doc: Y.Doc, root: string, id: string): Y.Map<unknown> => {
  const found = doc.getMap(root).get(id);
  assert(found instanceof Y.Map);
  return found as Y.Map<unknown>;
};
