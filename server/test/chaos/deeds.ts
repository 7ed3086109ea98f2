/** What people do on a board, by the seed: the same deeds through the board model (stock clients) and through the SDK. */
import {
  createItem, deleteItem, listItems, longText, moveItem, readGroups, restoreItem, updateItem, asColumnId, type ColumnValue, type GroupId, type ItemId, type ItemView,
} from '@sunday/board-model';
import type { Board } from '@sunday/client';
import type * as Y from 'yjs';
import { pick } from '../random.ts';

/** What every board of the suite starts with. */
export const COLUMNS = [
  { id: 'n', type: 'number', title: 'N' },
  { id: 's', type: 'text', title: 'S' },
  { id: 'done', type: 'status', title: 'Done', settings: { labels: ['a', 'b', 'c'].map((id) => ({ id, title: id, color: '#335577' })) } },
  { id: 'who', type: 'tags', title: 'Tags' },
  { id: 'votes', type: 'counter', title: 'Votes' },
  { id: 'notes', type: 'long_text', title: 'Notes' },
] as const;
export const NOTES = 'notes';
/** Fewer are not deleted, more are not made: deeds meet each other on the same items. */
const MIN_ITEMS = 5;
const MAX_ITEMS = 30;

export type Deed = 'cell' | 'name' | 'move' | 'create' | 'delete' | 'restore' | 'type' | 'undo';

/** Relative frequencies. */
const DEEDS: readonly Deed[] = [
  'cell', 'cell', 'cell', 'cell', 'cell', 'cell', 'name', 'move', 'move', 'move', 'create', 'delete', 'restore', 'type', 'type', 'type', 'type', 'undo', 'undo',
];

/** A board in somebody's hands. */
export interface Hands {
  items(): readonly ItemView[];
  deleted(): readonly ItemView[];
  groups(): readonly GroupId[];
  create(name: string, groupId: GroupId | null): void;
  update(id: ItemId, patch: { name?: string; values?: Record<string, ColumnValue | null> }): void;
  move(id: ItemId, place: { groupId: GroupId | null } | { before: ItemId } | { after: ItemId }): void;
  delete(id: ItemId): void;
  restore(id: ItemId): void;
  text(id: ItemId): Y.Text;
  undo(): void;
}

export function handsOfModel(doc: Y.Doc, userId: string): Hands {
  const ctx = { userId };
  return {
    items: () => listItems(doc),
    deleted: () => listItems(doc, { deleted: true }),
    groups: () => readGroups(doc).map(({ id }) => id),
    create(name, groupId) { createItem(doc, { name, groupId }, ctx); },
    update(id, patch) { updateItem(doc, id, patch, ctx); },
    move(id, place) { moveItem(doc, id, place, ctx); },
    delete(id) { deleteItem(doc, id, ctx); },
    restore(id) { restoreItem(doc, id, ctx); },
    text: (id) => longText(doc, id, asColumnId(NOTES)),
    undo: () => undefined, // a stock client has none
  };
}

export function handsOfBoard(board: Board): Hands {
  return {
    items: () => board.items.all,
    deleted: () => board.items.deleted,
    groups: () => board.groups.all.map(({ id }) => id),
    create(name, groupId) { board.items.create({ name, groupId }); },
    update(id, patch) { board.items.update(id, patch); },
    move(id, place) { board.items.move(id, place); },
    delete(id) { board.items.delete(id); },
    restore(id) { board.items.restore(id); },
    text: (id) => board.longText(id, NOTES),
    undo() { if (board.history.canUndo) board.undo(); },
  };
}

/** Does something. `mark` is unique to this deed; a typed text holds it, and nobody deletes what was typed. */
export function act(hands: Hands, mark: string, next: () => number): void {
  const items = hands.items();
  if (items.length === 0) {
    hands.create(mark, null);
    return;
  }
  const { id } = pick(items, next);
  const deed = pick(DEEDS, next);
  switch (deed) {
    case 'cell': hands.update(id, { values: cell(mark, next) }); return;
    case 'name': hands.update(id, { name: mark }); return;
    case 'move': move(hands, id, items, next); return;
    case 'create':
      if (items.length < MAX_ITEMS) hands.create(mark, pick([null, ...hands.groups()], next));
      return;
    case 'delete':
      if (items.length > MIN_ITEMS) hands.delete(id);
      return;
    case 'restore': {
      const trash = hands.deleted();
      if (trash.length > 0) hands.restore(pick(trash, next).id);
      return;
    }
    case 'type': type(hands.text(id), mark, next); return;
    case 'undo': hands.undo();
  }
}

function cell(mark: string, next: () => number): Record<string, ColumnValue | null> {
  const number = Math.floor(next() * 1000);
  return pick<Record<string, ColumnValue | null>>([
    { n: number },
    { n: null },
    { s: mark },
    { done: { labelId: pick(['a', 'b', 'c'], next) } },
    { who: ['x', 'y', 'z'].filter(() => next() < 0.5) },
    { votes: number },
    { n: number, s: mark, done: null },
  ], next);
}

function move(hands: Hands, id: ItemId, items: readonly ItemView[], next: () => number): void {
  const other = pick(items, next).id;
  const groups = hands.groups();
  if (other === id || next() < 0.3) hands.move(id, { groupId: pick([null, ...groups], next) });
  else hands.move(id, next() < 0.5 ? { before: other } : { after: other });
}

/** At an end of the text, so that marks stay whole; now and then a paragraph. */
function type(text: Y.Text, mark: string, next: () => number): void {
  text.insert(next() < 0.5 ? 0 : text.length, `<${mark}>${next() < 0.1 ? 'Lorem ipsum dolor sit amet. '.repeat(Math.ceil(next() * 40)) : ''}`);
}
