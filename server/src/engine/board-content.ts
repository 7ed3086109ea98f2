/** What a new board is made of: its document as bytes, and the rows of its projection. Plain data, so that a worker thread can make it. */
import { listItems, type BoardProjection } from '@sunday/board-model';
import { projectedRows, type NewBoard } from '@sunday/extension-journal';
import * as Y from 'yjs';
import { SundayError } from '../errors.ts';

export type BoardContent = Pick<NewBoard, 'state' | 'items'> & { readonly board: BoardProjection };

export function boardContent(doc: Y.Doc): BoardContent {
  const all = [...listItems(doc), ...listItems(doc, { deleted: true })];
  const { items, board } = projectedRows(doc, all.map((item) => item.id), true);
  if (board === null) throw new SundayError('internal', 'a new board has no projection');
  return { state: Y.encodeStateAsUpdate(doc), items, board };
}
