/** The events of a board that comes to be whole: made from a template, imported or copied. Its rows are told of as if they were made one by one. */
import type { ColumnView, GroupView } from '@sunday/board-model';
import type { EventRow, NewBoard } from '@sunday/extension-journal';
import { eventRow, NOBODY, type Draft } from './draft.ts';
import { described } from './structure-events.ts';

export interface MadeBoard extends Pick<NewBoard, 'boardId' | 'workspaceId' | 'createdBy' | 'items'> {
  readonly board: { readonly name: string; readonly description: string; readonly columns: readonly ColumnView[]; readonly groups: readonly GroupView[] };
  readonly source: string;
}

export function newBoardEvents({ boardId, workspaceId, createdBy, items, board, source }: MadeBoard): EventRow[] {
  const actor = { ...NOBODY, userId: createdBy, source };
  const about = (type: string, subject: string, data: Record<string, unknown>): Draft => ({ type, aggregateType: 'board', aggregateId: boardId, actor, fingerprint: subject, data });
  const texts = new Set<string>(board.columns.filter((column) => column.type === 'long_text').map((column) => column.id));
  const drafts: Draft[] = [about('BoardCreated', '', { name: board.name, description: board.description, workspaceId, createdBy, settings: {} })];
  for (const column of board.columns) {
    drafts.push(about('ColumnAdded', column.id, { columnId: column.id, ...described(column), addedBy: createdBy }));
    if (column.archivedAt !== null) drafts.push(about('ColumnRemoved', column.id, { columnId: column.id, title: column.title, archivedAt: column.archivedAt, removedBy: createdBy }));
  }
  for (const group of board.groups) {
    drafts.push(about('GroupAdded', group.id, { groupId: group.id, ...described(group), addedBy: createdBy }));
    if (group.archivedAt !== null) drafts.push(about('GroupRemoved', group.id, { groupId: group.id, title: group.title, archivedAt: group.archivedAt, removedBy: createdBy }));
  }
  for (const item of items) {
    const values = Object.fromEntries(Object.entries(item.values).filter(([columnId]) => !texts.has(columnId)));
    const { name, position, groupId, createdAt, deletedAt } = item;
    const on = { aggregateType: 'item', aggregateId: item.id, actor, fingerprint: '' } as const;
    drafts.push({ ...on, type: 'ItemCreated', data: { name, createdBy: item.createdBy, position, itemData: { groupId, values, createdAt } } });
    if (deletedAt !== null) drafts.push({ ...on, type: 'ItemDeleted', data: { deletedBy: createdBy, deletedAt } });
  }
  return drafts.map((draft) => eventRow(boardId, null, draft));
}
