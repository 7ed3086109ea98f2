/**
 * What is different between two states of a board, as people see it: what is archived or deleted counts as gone. Cells are compared in
 * the columns that both states have; long texts by their whole, shown by their beginning.
 */
import type { FieldChange } from './changes.ts';
import type { ColumnId, GroupId, ItemId } from './ids.ts';
import type { BoardImage, ItemImage } from './image.ts';
import { EXCERPT_LENGTH } from './projection.ts';
import { sameValue } from './register.ts';
import type { ColumnValue, ColumnView, GroupView } from './types.ts';
import { describeValue } from './values.ts';

export interface ShownPlace { groupId: GroupId | null; position: string }

export interface ItemSummary { id: ItemId; name: string; groupId: GroupId | null }

export interface ItemDifference {
  id: ItemId;
  /** As it is afterwards. */
  name: string;
  renamed?: FieldChange<string>;
  moved?: FieldChange<ShownPlace>;
  /** By column id; null: an empty cell. */
  values: Record<string, FieldChange<ColumnValue | null>>;
}

export interface EntryDifference { id: ColumnId | GroupId; title: string; changes: Record<string, FieldChange> }
export interface EntriesDiff<View> { added: View[]; removed: View[]; changed: EntryDifference[] }

export interface BoardDiff {
  board: { name?: FieldChange<string>; description?: FieldChange<string> };
  columns: EntriesDiff<ColumnView>;
  groups: EntriesDiff<GroupView>;
  items: { added: ItemSummary[]; removed: ItemSummary[]; changed: ItemDifference[] };
}

const live = <View extends ColumnView | GroupView>(views: readonly View[]): Map<string, View> =>
  new Map(views.filter(({ archivedAt }) => archivedAt === null).map((view) => [view.id, view]));

const fieldChanges = <T extends object>(before: T, after: T, fields: readonly (keyof T & string)[]): Record<string, FieldChange> =>
  Object.fromEntries(fields.filter((field) => !sameValue(before[field], after[field])).map((field) => [field, { before: before[field], after: after[field] }]));

const diffEntries = <View extends ColumnView | GroupView>(before: ReadonlyMap<string, View>, after: ReadonlyMap<string, View>, fields: readonly (keyof View & string)[]): EntriesDiff<View> => {
  const changed: EntryDifference[] = [];
  for (const [id, view] of after) {
    const was = before.get(id);
    const changes = was === undefined ? {} : fieldChanges(was, view, fields);
    if (Object.keys(changes).length > 0) changed.push({ id: view.id, title: view.title, changes });
  }
  return {
    added: [...after.values()].filter(({ id }) => !before.has(id)),
    removed: [...before.values()].filter(({ id }) => !after.has(id)),
    changed,
  };
};

const start = (value: ColumnValue | null): ColumnValue | null =>
  typeof value === 'string' && value.length > EXCERPT_LENGTH ? `${value.slice(0, EXCERPT_LENGTH).toWellFormed()}…` : value;

/** What a person sees in a cell: its value, or what stands there instead as a text. */
const shown = (item: ItemImage, columnId: string): ColumnValue | null => {
  const stored = item.stored?.[columnId];
  return item.values[columnId] ?? (stored === undefined ? null : describeValue(stored));
};

const diffItem = (before: ItemImage, after: ItemImage, columns: readonly string[], placeOf: (item: ItemImage, when: 'before' | 'after') => ShownPlace): ItemDifference | undefined => {
  const difference: ItemDifference = { id: after.id, name: after.name, values: {} };
  if (before.name !== after.name) difference.renamed = { before: before.name, after: after.name };
  const moved = { before: placeOf(before, 'before'), after: placeOf(after, 'after') };
  if (!sameValue(moved.before, moved.after)) difference.moved = moved;
  for (const id of columns) {
    const was = shown(before, id);
    const is = shown(after, id);
    if (!sameValue(was, is)) difference.values[id] = { before: start(was), after: start(is) };
  }
  return difference.renamed === undefined && difference.moved === undefined && Object.keys(difference.values).length === 0 ? undefined : difference;
};

export const diffImages = (before: BoardImage, after: BoardImage): BoardDiff => {
  const columns = { before: live(before.columns), after: live(after.columns) };
  const groups = { before: live(before.groups), after: live(after.groups) };
  const items = { before: new Map<string, ItemImage>(), after: new Map<string, ItemImage>() };
  for (const when of ['before', 'after'] as const) {
    for (const item of (when === 'before' ? before : after).items) if (item.deletedAt === null) items[when].set(item.id, item);
  }
  const groupOf = ({ groupId }: ItemImage, when: 'before' | 'after'): GroupId | null => (groupId !== null && groups[when].has(groupId) ? groupId : null);
  const summary = (item: ItemImage, when: 'before' | 'after'): ItemSummary => ({ id: item.id, name: item.name, groupId: groupOf(item, when) });
  const shared = [...columns.after.keys()].filter((id) => columns.before.has(id));
  const changed = [...items.after.values()].flatMap((item) => {
    const was = items.before.get(item.id);
    const difference = was === undefined ? undefined : diffItem(was, item, shared, (one, when) => ({ groupId: groupOf(one, when), position: one.position }));
    return difference === undefined ? [] : [difference];
  });
  return {
    board: fieldChanges(before, after, ['name', 'description']),
    columns: diffEntries(columns.before, columns.after, ['type', 'title', 'settings', 'position']),
    groups: diffEntries(groups.before, groups.after, ['title', 'color', 'position']),
    items: {
      added: [...items.after.values()].filter(({ id }) => !items.before.has(id)).map((item) => summary(item, 'after')),
      removed: [...items.before.values()].filter(({ id }) => !items.after.has(id)).map((item) => summary(item, 'before')),
      changed,
    },
  };
};
