/** A board as plain objects, made from nothing but changes: what the fold property compares with the document. */
import { type BoardChange, type ColumnValue, type CommentView, type TextStep } from '../src/index.ts';

export interface PlainItem {
  name: string;
  groupId: string | null;
  position: string;
  values: Record<string, ColumnValue>;
  deletedAt: number | null;
}

export class PlainBoard {
  name = '';
  description = '';
  readonly columns = new Map<string, object>();
  readonly groups = new Map<string, object>();
  readonly items = new Map<string, PlainItem>();
  readonly texts = new Map<string, string>();
  readonly comments = new Map<string, CommentView>();

  apply(change: BoardChange): void {
    switch (change.kind) {
      case 'board_updated':
        this.name = change.changes.name?.after ?? this.name;
        this.description = change.changes.description?.after ?? this.description;
        return;
      case 'column_added':
      case 'column_restored':
        this.columns.set(change.columnId, change.column);
        return;
      case 'column_updated':
        this.columns.set(change.columnId, change.column);
        return;
      case 'column_removed':
        if (change.archivedAt === null) this.columns.delete(change.columnId);
        else this.columns.set(change.columnId, { ...this.columns.get(change.columnId), archivedAt: change.archivedAt });
        return;
      case 'group_added':
      case 'group_updated':
      case 'group_restored':
        this.groups.set(change.groupId, change.group);
        return;
      case 'group_removed':
        if (change.archivedAt === null) this.groups.delete(change.groupId);
        else this.groups.set(change.groupId, { ...this.groups.get(change.groupId), archivedAt: change.archivedAt });
        return;
      case 'item_created': {
        const { name, groupId, position, values, deletedAt } = change.item;
        this.items.set(change.itemId, { name, groupId, position, values: { ...values }, deletedAt });
        return;
      }
      case 'item_updated': {
        const item = this.item(change.itemId);
        item.name = change.name?.after ?? item.name;
        for (const [columnId, { before, after }] of Object.entries(change.values)) {
          if (JSON.stringify(item.values[columnId] ?? null) !== JSON.stringify(before)) throw new Error(`before of ${columnId} is not what was there`);
          if (after === null) delete item.values[columnId];
          else item.values[columnId] = after;
        }
        return;
      }
      case 'item_moved': {
        const item = this.item(change.itemId);
        if (item.groupId !== change.from.groupId || item.position !== change.from.position) throw new Error('moved from where it was not');
        Object.assign(item, change.to);
        return;
      }
      case 'item_deleted':
        this.item(change.itemId).deletedAt = change.deletedAt;
        return;
      case 'item_restored':
        this.item(change.itemId).deletedAt = null;
        return;
      case 'item_erased':
        this.items.delete(change.itemId);
        return;
      case 'text_changed': {
        const key = `${change.itemId}:${change.columnId}`;
        this.texts.set(key, applySteps(this.texts.get(key) ?? '', change.steps));
        return;
      }
      case 'comment_added':
      case 'comment_restored':
        this.comments.set(`${change.itemId}:${change.commentId}`, change.comment);
        return;
      case 'comment_updated':
        this.comments.set(`${change.itemId}:${change.commentId}`, change.after);
        return;
      case 'comment_deleted':
        this.comments.delete(`${change.itemId}:${change.commentId}`);
    }
  }

  private item(id: string): PlainItem {
    const item = this.items.get(id);
    if (item === undefined) throw new Error(`a change of item ${id}, which no change created`);
    return item;
  }
}

const applySteps = (text: string, steps: TextStep[]): string => {
  let at = 0;
  let result = '';
  for (const step of steps) {
    if ('retain' in step) {
      result += text.slice(at, at + step.retain);
      at += step.retain;
    } else if ('delete' in step) at += step.delete;
    else result += step.insert;
  }
  return result + text.slice(at);
};
