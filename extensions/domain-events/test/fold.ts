/**
 * A board as plain objects, made from nothing but its events: what a consumer would hold. Checks each `before` against what it holds.
 * Long text is left out: events tell of typing, not of what was typed.
 */
import assert from 'node:assert/strict';
import { projectBoard, projectItem, type ItemId } from '@sunday/board-model';
import * as Y from 'yjs';

/** What of an event the fold goes by: of a row of the log, and of what the bus delivers. */
export interface ToldEvent {
  readonly version: number;
  readonly id: string;
  readonly type: string;
  readonly aggregateId: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A board in the words of its events: columns, groups and items by their ids. */
export interface ShownBoard {
  readonly board: Fields;
  readonly columns: Readonly<Record<string, Fields>>;
  readonly groups: Readonly<Record<string, Fields>>;
  readonly items: Readonly<Record<string, FoldedItem>>;
}

export interface FoldedItem {
  name: unknown;
  groupId: unknown;
  position: unknown;
  createdBy: unknown;
  createdAt: unknown;
  deletedAt: unknown;
  values: Record<string, unknown>;
}

interface FieldChange { readonly before: unknown; readonly after: unknown }
type Changes = Readonly<Record<string, FieldChange & { readonly text?: unknown }>>;
type Fields = Record<string, unknown>;

const fieldsOf = (value: unknown): Fields => value as Fields;
/** As it is after a way through JSON: what is undefined is not there. */
const plain = (shown: ShownBoard): ShownBoard => JSON.parse(JSON.stringify(shown)) as ShownBoard;

export class FoldedBoard {
  readonly board: Fields = {};
  readonly columns = new Map<string, Fields>();
  readonly groups = new Map<string, Fields>();
  readonly items = new Map<string, FoldedItem>();
  readonly told = new Map<string, ToldEvent>();
  version = 0;

  static of(events: Iterable<ToldEvent>): FoldedBoard {
    const fold = new FoldedBoard();
    for (const event of events) fold.apply(event);
    return fold;
  }

  get shown(): ShownBoard {
    return plain({ board: this.board, columns: Object.fromEntries(this.columns), groups: Object.fromEntries(this.groups), items: Object.fromEntries(this.items) });
  }

  apply(event: ToldEvent): void {
    assert.equal(event.version, this.version + 1, 'versions have no gap');
    const told = this.told.get(event.id);
    assert(told === undefined, `told twice: ${JSON.stringify(told)} and ${JSON.stringify(event)}`);
    this.version = event.version;
    this.told.set(event.id, event);
    const { type, data } = event;
    switch (type) {
      case 'BoardCreated':
        Object.assign(this.board, { name: data['name'], description: data['description'] });
        return;
      case 'BoardUpdated':
        this.change(this.board, data['changes'] as Changes, '');
        return;
      case 'ColumnAdded':
      case 'ColumnUpdated':
      case 'ColumnRemoved':
        this.entry(this.columns, 'columnId', event);
        return;
      case 'GroupAdded':
      case 'GroupUpdated':
      case 'GroupRemoved':
        this.entry(this.groups, 'groupId', event);
        return;
      case 'BoardMemberAdded':
      case 'BoardMemberRoleChanged':
      case 'BoardMemberRemoved':
      case 'BoardDeleted':
      case 'CommentAdded':
      case 'ConflictDetected':
      case 'ConflictResolved':
        return; // of what is no part of the projection
      default:
        this.item(event);
    }
  }

  private change(target: Fields, changes: Changes, where: string): void {
    for (const [field, { before, after }] of Object.entries(changes)) {
      assert.deepEqual(target[field] ?? null, before, `${where} ${field}: before is not what was there`);
      assert.notDeepEqual(before, after, `${where} ${field}: nothing has changed`);
      if (after === null) delete target[field];
      else target[field] = after;
    }
  }

  private entry(entries: Map<string, Fields>, idField: string, { type, data }: ToldEvent): void {
    const id = String(data[idField]);
    if (type.endsWith('Removed')) {
      if (data['archivedAt'] === null) entries.delete(id);
      else fieldsOf(entries.get(id))['archivedAt'] = data['archivedAt'];
      return;
    }
    if (type.endsWith('Updated')) {
      this.change(fieldsOf(entries.get(id)), data['changes'] as Changes, id);
      return;
    }
    const { addedBy: _by, restored, [idField]: _id, ...fields } = data;
    assert.equal(entries.has(id), restored === true, `${id} is added once`);
    entries.set(id, { ...fields, archivedAt: null });
  }

  private item({ type, aggregateId: id, data }: ToldEvent): void {
    if (type === 'ItemCreated') {
      assert(!this.items.has(id), `${id} is created once`);
      const { groupId, values, createdAt } = fieldsOf(data['itemData']);
      this.items.set(id, { name: data['name'], createdBy: data['createdBy'], position: data['position'], groupId, createdAt, deletedAt: null, values: { ...fieldsOf(values) } });
      return;
    }
    const item = this.items.get(id);
    assert(item !== undefined, `${type} of ${id}, which is not there`);
    switch (type) {
      case 'ItemUpdated': {
        const changes = Object.entries(data['changes'] as Changes).filter(([, { text }]) => text === undefined);
        this.change(item.values, Object.fromEntries(changes), id);
        const name = data['name'] as FieldChange | undefined;
        if (name === undefined) return;
        assert.equal(item.name, name.before);
        item.name = name.after;
        return;
      }
      case 'ItemAssigned': {
        const assigned = item.values[String(data['columnId'])];
        assert(Array.isArray(assigned) && assigned.includes(data['assigneeId']), `${id} is assigned to whom its cell does not name`);
        return;
      }
      case 'ItemMoved':
        assert.deepEqual([item.groupId, item.position], [data['fromGroup'], data['fromPosition']]);
        item.groupId = data['toGroup'];
        item.position = data['toPosition'];
        return;
      case 'ItemDeleted':
        if (data['erased'] === true) this.items.delete(id);
        else item.deletedAt = data['deletedAt'];
        return;
      case 'ItemRestored':
        assert.notEqual(item.deletedAt, null);
        item.deletedAt = null;
        return;
      default:
        assert.fail(`an event of type ${type}`);
    }
  }
}

/** What a document comes to. */
export function shownBy(doc: Y.Doc): ShownBoard {
  const { name, description, columns, groups } = projectBoard(doc);
  const items: Record<string, FoldedItem> = {};
  doc.getMap('items').forEach((record, id) => {
    const row = record instanceof Y.Map ? projectItem(doc, id as ItemId) : undefined;
    if (row !== undefined) items[id] = { name: row.name, groupId: row.groupId, position: row.position, createdBy: row.createdBy, createdAt: row.createdAt, deletedAt: row.deletedAt, values: row.values };
  });
  return plain({ board: { name, description }, columns: byId(columns), groups: byId(groups), items });
}

type Entry = { readonly id: string } & Fields;

export interface StoredFields {
  readonly name: string;
  readonly description: string;
  readonly columns: readonly Entry[];
  readonly groups: readonly Entry[];
}

/** What the rows of a board and its items come to. */
export const shownByRows = ({ name, description, columns, groups }: StoredFields, items: readonly (FoldedItem & { readonly id: string })[]): ShownBoard =>
  plain({ board: { name, description }, columns: byId(columns), groups: byId(groups), items: byId(items) });

/** As the fold has it: rows and documents have an excerpt of each long text. */
export function withoutLongText(shown: ShownBoard): ShownBoard {
  const isText = (columnId: string): boolean => shown.columns[columnId]?.['type'] === 'long_text';
  const items = Object.entries(shown.items).map(([id, item]) => [id, { ...item, values: Object.fromEntries(Object.entries(item.values).filter(([columnId]) => !isText(columnId))) }] as const);
  return { ...shown, items: Object.fromEntries(items) };
}

const byId = <T extends object>(entries: readonly (T & { readonly id: string })[]): Record<string, Omit<T, 'id'>> => Object.fromEntries(entries.map(({ id, ...fields }) => [id, fields]));
