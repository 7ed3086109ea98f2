/** A board as plain objects, made from nothing but its events: what a consumer would hold. Checks each `before` against what it holds. */
import assert from 'node:assert/strict';

export interface StoredEvent {
  readonly version: number;
  readonly id: string;
  readonly type: string;
  readonly aggregateId: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly userId: string | null;
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

export class FoldedBoard {
  readonly board: Fields = {};
  readonly columns = new Map<string, Fields>();
  readonly groups = new Map<string, Fields>();
  readonly items = new Map<string, FoldedItem>();
  readonly ids = new Set<string>();
  version = 0;

  apply(event: StoredEvent): void {
    assert.equal(event.version, this.version + 1, 'versions have no gap');
    assert(!this.ids.has(event.id), `${event.type} of ${event.aggregateId} is told twice`);
    this.version = event.version;
    this.ids.add(event.id);
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

  private entry(entries: Map<string, Fields>, idField: string, { type, data }: StoredEvent): void {
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

  private item({ type, aggregateId: id, data }: StoredEvent): void {
    if (type === 'ItemCreated') {
      assert(!this.items.has(id), `${id} is created once`);
      const { groupId, values, createdAt } = fieldsOf(data['itemData']);
      this.items.set(id, { name: data['name'], createdBy: data['createdBy'], position: data['position'], groupId, createdAt, deletedAt: null, values: { ...fieldsOf(values) } });
      return;
    }
    if (type === 'ItemAssigned' || type === 'CommentAdded' || type === 'ConflictDetected') return;
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
