/**
 * The shapes every API answers with, and how rows and live documents become them.
 *
 * One function makes an item's resource from an SQL row and one from the live document; both go through `ItemFacts`, so that the ETag of
 * a row and of the document it was projected from are the same string.
 */
import {
  projectItem, readBoard, readColumns, readGroups, longText, type ColumnView, type GroupView, type ItemId, type ColumnId,
} from '@sunday/board-model';
import type * as Y from 'yjs';

export const ROLES = ['viewer', 'commenter', 'editor', 'owner'] as const;
/** Each role may do what the ones before it may. */
export type Role = (typeof ROLES)[number];

/** Who asks; `correlationId`: the request it is part of, which events name. */
export type Actor = { readonly userId: string; readonly correlationId?: string | undefined };

export type Page<T> = { data: T[]; nextCursor: string | null };

export type ColumnResource = { id: string; title: string; type: string; settings: Record<string, unknown>; position: string };
export type GroupResource = { id: string; title: string; color: string; position: string };

export type BoardResource = {
  id: string;
  name: string;
  description: string;
  workspaceId: string | null;
  columns: ColumnResource[];
  groups: GroupResource[];
  createdAt: string;
  updatedAt: string;
  /** Sequence number of the last committed batch. */
  version: number;
  /** What the caller may do here. */
  role: Role;
};

export type ItemResource = {
  id: string;
  boardId: string;
  groupId: string | null;
  name: string;
  values: Record<string, unknown>;
  position: string;
  createdAt: string;
  createdBy: string | null;
  updatedAt: string;
  updatedBy: string | null;
  deletedAt: string | null;
};

/** An item as both the projection and the live document know it. */
export type ItemFacts = Omit<ItemResource, 'boardId'>;

export type ItemRow = {
  item_id: string;
  group_id: string | null;
  name: string;
  position: string;
  item_values: Record<string, unknown>;
  created_at: Date;
  created_by: string | null;
  updated_at: Date;
  updated_by: string | null;
  deleted_at: Date | null;
};

export type BoardRow = {
  id: string;
  workspace_id: string | null;
  name: string;
  description: string;
  columns: ColumnView[];
  groups: GroupView[];
  created_at: Date;
  updated_at: Date;
  seq: string | number;
};

export const columnResource = ({ id, title, type, settings, position }: ColumnView): ColumnResource => ({ id, title, type, settings, position });

export const groupResource = ({ id, title, color, position }: GroupView): GroupResource => ({ id, title, color, position });

const live = <T extends { archivedAt?: number | null }>(entries: readonly T[]): T[] => entries.filter((entry) => (entry.archivedAt ?? null) === null);

export function boardFromRow(row: BoardRow, role: Role): BoardResource {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    workspaceId: row.workspace_id,
    columns: live(row.columns).map(columnResource),
    groups: live(row.groups).map(groupResource),
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    version: Number(row.seq),
    role,
  };
}

/** The part of a board its document holds; what the board's ETag covers. */
export type BoardFacts = Pick<BoardResource, 'name' | 'description' | 'columns' | 'groups'>;

export function boardFactsOf(doc: Y.Doc): BoardFacts {
  const { name, description, columns, groups } = readBoard(doc);
  return { name, description, columns: columns.map(columnResource), groups: groups.map(groupResource) };
}

/** What of a board an item is read through: archived columns hide cells, archived groups leave items ungrouped. */
export type Structure = { readonly columns: ReadonlyMap<string, string>; readonly groups: ReadonlySet<string> };

export const structureOf = (board: { readonly columns: readonly ColumnView[]; readonly groups: readonly GroupView[] }): Structure => ({
  columns: new Map(live(board.columns).map((column) => [column.id, column.type])),
  groups: new Set(live(board.groups).map((group) => group.id)),
});

export const structureOfDoc = (doc: Y.Doc): Structure => structureOf({ columns: readColumns(doc), groups: readGroups(doc) });

const iso = (at: number | Date): string => new Date(at).toISOString();

export function itemFactsFromRow(row: ItemRow, structure: Structure): ItemFacts {
  return factsOf(structure, row.item_values, {
    id: row.item_id,
    groupId: row.group_id,
    name: row.name,
    position: row.position,
    createdAt: iso(row.created_at),
    createdBy: row.created_by,
    updatedAt: iso(row.updated_at),
    updatedBy: row.updated_by,
    deletedAt: row.deleted_at === null ? null : iso(row.deleted_at),
  });
}

export function itemFactsFromDoc(doc: Y.Doc, itemId: string, structure: Structure = structureOfDoc(doc)): ItemFacts | undefined {
  const item = projectItem(doc, itemId as ItemId);
  if (item === undefined) return undefined;
  return factsOf(structure, item.values, {
    id: item.id,
    groupId: item.groupId,
    name: item.name,
    position: item.position,
    createdAt: iso(item.createdAt),
    createdBy: item.createdBy,
    updatedAt: iso(item.updatedAt),
    updatedBy: item.updatedBy,
    deletedAt: item.deletedAt === null ? null : iso(item.deletedAt),
  });
}

/** Rows are as old as their last change; the structure is applied when they are read, so that both sources give the same facts. */
function factsOf(structure: Structure, stored: Readonly<Record<string, unknown>>, fields: Omit<ItemFacts, 'values'>): ItemFacts {
  const values: Record<string, unknown> = {};
  for (const [id, type] of structure.columns) {
    const value = computedValue(type, fields) ?? (Object.hasOwn(stored, id) ? stored[id] : undefined);
    if (value !== undefined && value !== null) values[id] = value;
  }
  return { ...fields, groupId: fields.groupId !== null && structure.groups.has(fields.groupId) ? fields.groupId : null, values };
}

function computedValue(type: string, fields: Omit<ItemFacts, 'values'>): string | null {
  switch (type) {
    case 'created_at':
      return fields.createdAt;
    case 'created_by':
      return fields.createdBy;
    case 'updated_at':
      return fields.updatedAt;
    case 'updated_by':
      return fields.updatedBy;
    default:
      return null;
  }
}

/** What the ETag of an item covers. Not who wrote it, which the server may learn after the write. */
export function taggedFacts({ createdBy: _createdBy, updatedBy: _updatedBy, ...facts }: ItemFacts, structure: Structure): object {
  const values = Object.fromEntries(Object.entries(facts.values).filter(([id]) => !COMPUTED.has(structure.columns.get(id) ?? '')));
  return { ...facts, values };
}

const COMPUTED = new Set(['created_at', 'created_by', 'updated_at', 'updated_by']);

/** Projected long text is an excerpt of at most this many characters. */
export const EXCERPT_CHARACTERS = 500;

/** Long text columns in which a projected item may hold less than its document. */
export const excerptsOf = (values: Record<string, unknown>, structure: Structure): string[] =>
  Object.entries(values)
    .filter(([id, value]) => structure.columns.get(id) === 'long_text' && typeof value === 'string' && value.length >= EXCERPT_CHARACTERS - 1)
    .map(([id]) => id);

/** The item's values with every long text in full. */
export function withFullText(doc: Y.Doc, facts: ItemFacts, structure: Structure): ItemFacts {
  const columns = excerptsOf(facts.values, structure);
  if (columns.length === 0) return facts;
  const values = { ...facts.values };
  for (const id of columns) values[id] = longText(doc, facts.id as ItemId, id as ColumnId).toString();
  return { ...facts, values };
}

export const itemResource = (boardId: string, { id, ...facts }: ItemFacts): ItemResource => ({ id, boardId, ...facts });
