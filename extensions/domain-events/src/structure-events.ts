/** The board's own fields, its columns and its groups: the difference between what is committed and what is about to be. */
import { sameValue, structUnder, type BoardProjection, type ColumnView, type GroupView, type KeyWrites } from '@sunday/board-model';
import type { Doc } from 'yjs';
import { marked, NOBODY, type Draft } from './draft.ts';
import type { NotedStructure } from './noted.ts';

type View = ColumnView | GroupView;

interface Kind {
  readonly root: 'columns' | 'groups';
  readonly idField: string;
  readonly types: { readonly added: string; readonly updated: string; readonly removed: string };
}

const COLUMNS: Kind = { root: 'columns', idField: 'columnId', types: { added: 'ColumnAdded', updated: 'ColumnUpdated', removed: 'ColumnRemoved' } };
const GROUPS: Kind = { root: 'groups', idField: 'groupId', types: { added: 'GroupAdded', updated: 'GroupUpdated', removed: 'GroupRemoved' } };

/** What an event says of a column or group that is new: all of it but its id and whether it is archived. */
export const described = ({ id: _id, archivedAt: _archivedAt, ...fields }: View): Record<string, unknown> => fields;

const changesOf = (before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> | null => {
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((field) => !sameValue(before[field], after[field]));
  return changed.length === 0 ? null : Object.fromEntries(changed.map((field) => [field, { before: before[field] ?? null, after: after[field] ?? null }]));
};

export function structureEvents(document: Doc, boardId: string, noted: NotedStructure, after: BoardProjection): Draft[] {
  const { before, records } = noted;

  const draft = (type: string, root: KeyWrites['root'], record: string | null, data: (userId: string | null) => Record<string, unknown>): Draft => {
    const known = records.get(`${root}/${record ?? ''}`) ?? records.get(`${root}/`);
    const actor = known?.actor ?? NOBODY;
    const structs = [...(known?.keys ?? [])].toSorted().map((key) => marked(key, structUnder(document, root, record, key) ?? structUnder(document, root, null, key)));
    return { type, aggregateType: 'board', aggregateId: boardId, actor, fingerprint: `${record ?? ''} ${structs.join(' ')}`, data: data(actor.userId) };
  };

  const entryEvents = ({ root, idField, types }: Kind, was: View | undefined, is: View | undefined): Draft[] => {
    const id = is?.id ?? was?.id ?? '';
    const gone = (view: View, archivedAt: number | null): Draft =>
      draft(types.removed, root, id, (removedBy) => ({ [idField]: id, title: view.title, archivedAt, removedBy }));
    if (is === undefined) return was === undefined ? [] : [gone(was, null)];
    if (was === undefined) {
      const added = draft(types.added, root, id, (addedBy) => ({ [idField]: id, ...described(is), addedBy }));
      return is.archivedAt === null ? [added] : [added, gone(is, is.archivedAt)];
    }
    const drafts: Draft[] = [];
    const changes = changesOf(described(was), described(is));
    if (changes !== null) drafts.push(draft(types.updated, root, id, (updatedBy) => ({ [idField]: id, changes, updatedBy })));
    if (was.archivedAt === is.archivedAt) return drafts;
    drafts.push(is.archivedAt === null
      ? draft(types.added, root, id, (addedBy) => ({ [idField]: id, ...described(is), addedBy, restored: true }))
      : gone(was, is.archivedAt));
    return drafts;
  };

  const listEvents = (kind: Kind, was: readonly View[], is: readonly View[]): Draft[] => {
    const earlier = new Map<string, View>(was.map((view) => [view.id, view]));
    const later = new Map<string, View>(is.map((view) => [view.id, view]));
    return [...new Set([...earlier.keys(), ...later.keys()])].flatMap((id) => entryEvents(kind, earlier.get(id), later.get(id)));
  };

  const own = changesOf({ name: before.name, description: before.description }, { name: after.name, description: after.description });
  return [
    ...(own === null ? [] : [draft('BoardUpdated', 'board', null, (updatedBy) => ({ changes: own, updatedBy }))]),
    ...listEvents(COLUMNS, before.columns, after.columns),
    ...listEvents(GROUPS, before.groups, after.groups),
  ];
}
