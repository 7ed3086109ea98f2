import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import * as Y from 'yjs';
import { itemOrder } from '../src/item-order.ts';
import {
  addComment, applyInverse, archiveColumn, archiveGroup, asColumnId, asCommentId, asGroupId, asItemId, BoardModelError, COLUMN_TYPES, createColumn, createGroup, createItem,
  deleteComment, deleteItem, editComment, exportJson, exportTable, importJson, initBoard, listItems, longText, moveColumn, moveItem, projectBoard, projectItem, readBoard, readChanges, readComments,
  readItem, restoreColumn, restoreGroup, restoreItem, touchedBy, updateBoard, updateColumn, updateGroup, updateItem,
  type BoardChange, type ColumnId, type ColumnType, type ColumnValue, type ItemId, type ItemProjection,
} from '../src/index.ts';
import { PlainBoard } from './fold.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 150);
console.log(`board-model properties: FUZZ_SEED=${SEED} FUZZ_RUNS=${RUNS}`);

const TYPES = COLUMN_TYPES;
const columnIdOf = (type: string): ColumnId => asColumnId(`col_${type}`);
const ITEMS = ['i0', 'i1', 'i2', 'i3', 'i4', 'i5'].map(asItemId);
const GROUPS = ['g0', 'g1', 'g2'].map(asGroupId);
const labels = [{ id: 'a', title: 'A', color: '' }, { id: 'b', title: 'B', color: '' }];

const value = (type: string): fc.Arbitrary<ColumnValue | null> => {
  const text = fc.string({ unit: 'binary', maxLength: 8 });
  const ids = fc.array(fc.constantFrom('u1', 'u2', 'u3', 'u:4', '🔥'), { maxLength: 4 });
  const day = fc.constantFrom('2024-01-01', '2024-02-29', '2025-12-31');
  switch (type) {
    case 'number': return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'counter': case 'maximum': return fc.integer({ min: -5, max: 20 });
    case 'checkbox': return fc.boolean();
    case 'rating': return fc.integer({ min: 0, max: 5 });
    case 'link': return fc.constantFrom({ url: 'https://example.com' }, { url: 'mailto:a@example.com', text: 'x' });
    case 'email': return fc.constant('a@example.com');
    case 'location': return fc.constantFrom({ address: 'Bern' }, { lat: 1, lng: 2 });
    case 'status': case 'dropdown': return fc.constantFrom({ labelId: 'a' }, { labelId: 'b' });
    case 'date': return day.map((date) => ({ date }));
    case 'timeline': return day.map((from) => ({ from, to: '2026-01-01' }));
    case 'person': case 'tags': case 'relation': case 'files': return ids;
    case 'long_text': return fc.string({ maxLength: 8 }); // an editor's position must not fall inside a character
    default: return text;
  }
};

/** Anything Yjs can hold. */
const junk = fc.oneof(fc.anything({ maxDepth: 2, withBigInt: false, values: [fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null)] }).filter((it) => it !== undefined && JSON.stringify(it) !== undefined),
  fc.tuple(fc.oneof(fc.string(), fc.constant(null), fc.integer()), fc.oneof(fc.double(), fc.integer(), fc.string())),
  fc.constantFrom('map', 'array', 'text').map((kind) => ({ shared: kind })));

const toShared = (it: unknown): unknown => {
  const kind = (it as { shared?: unknown } | null)?.shared;
  return kind === 'map' ? new Y.Map([['x', 1]]) : kind === 'array' ? Y.Array.from([1]) : kind === 'text' ? new Y.Text('t') : JSON.parse(JSON.stringify(it)) as unknown;
};

const item = fc.constantFrom(...ITEMS);
const group = fc.constantFrom(...GROUPS);
const type = fc.constantFrom(...TYPES);
/** Columns that are made during the run, so that cells may arrive before their column does. */
const lateIdOf = (of: string): ColumnId => asColumnId(`late_${of}`);
const cell = fc.tuple(type, fc.boolean()).chain(([it, late]) => value(it).map((filled) => ({ column: late ? lateIdOf(it) : columnIdOf(it), value: filled })));
const oddKey = fc.constantFrom('name', 'place', 'createdAt', 'createdBy', 'deletedAt', 'touched', 'type', 'title', 'settings', 'position', 'archivedAt', 'label:a', 'label:', 'body', 'mentions', 'author', '__proto__', 'constructor', 'c:', 'c::', ...TYPES.flatMap((it) => [`c:col_${it}`, `c:col_${it}:u1`, `c:late_${it}`, `c:late_${it}:7`]));

type Step = (doc: Y.Doc, userId: string) => void;
const step = (arbitrary: fc.Arbitrary<Step>): fc.Arbitrary<Step> => arbitrary;

const edits: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: step(fc.tuple(item, group, fc.option(cell), fc.boolean()).map(([id, groupId, filled, grouped]) => (doc, userId) => createItem(doc, { id, name: id, groupId: grouped ? groupId : null, ...(filled === null ? {} : { values: { [filled.column]: filled.value } }) }, { userId }))) },
  { weight: 8, arbitrary: step(fc.tuple(item, cell).map(([id, filled]) => (doc, userId) => updateItem(doc, id, { values: { [filled.column]: filled.value } }, { userId }))) },
  { weight: 2, arbitrary: step(fc.tuple(item, type).map(([id, of]) => (doc, userId) => updateItem(doc, id, { values: { [columnIdOf(of)]: null } }, { userId }))) },
  { weight: 2, arbitrary: step(fc.tuple(item, fc.string({ maxLength: 5 })).map(([id, name]) => (doc, userId) => updateItem(doc, id, { name }, { userId }))) },
  { weight: 5, arbitrary: step(fc.tuple(item, item, group, fc.constantFrom('before', 'after', 'end')).map(([id, other, groupId, where]) => (doc, userId) => moveItem(doc, id, where === 'end' ? { groupId } : { [where]: other }, { userId }))) },
  { weight: 2, arbitrary: step(item.map((id) => (doc, userId) => deleteItem(doc, id, { userId }))) },
  { weight: 2, arbitrary: step(item.map((id) => (doc, userId) => restoreItem(doc, id, { userId }))) },
  { weight: 2, arbitrary: step(type.map((of) => (doc, userId) => createColumn(doc, { id: lateIdOf(of), type: of, title: of, settings: { labels } }, { userId }))) },
  { weight: 1, arbitrary: step(type.map((of) => (doc, userId) => archiveColumn(doc, columnIdOf(of), { userId }))) },
  { weight: 1, arbitrary: step(type.map((of) => (doc, userId) => restoreColumn(doc, columnIdOf(of), { userId }))) },
  { weight: 1, arbitrary: step(fc.tuple(type, type).map(([of, other]) => (doc, userId) => moveColumn(doc, columnIdOf(of), { before: columnIdOf(other) }, { userId }))) },
  { weight: 1, arbitrary: step(fc.tuple(type, fc.constantFrom('c', 'd')).map(([of, id]) => (doc, userId) => updateColumn(doc, columnIdOf(of), { title: id, settings: { labels: [...labels, { id, title: id, color: '' }], unit: id } }, { userId }))) },
  { weight: 2, arbitrary: step(group.map((id) => (doc, userId) => createGroup(doc, { id, title: id }, { userId }))) },
  { weight: 1, arbitrary: step(group.map((id) => (doc, userId) => archiveGroup(doc, id, { userId }))) },
  { weight: 1, arbitrary: step(group.map((id) => (doc, userId) => restoreGroup(doc, id, { userId }))) },
  { weight: 1, arbitrary: step(group.map((id) => (doc, userId) => updateGroup(doc, id, { title: userId, color: 'red' }, { userId }))) },
  { weight: 1, arbitrary: step(fc.string({ maxLength: 4 }).map((name) => (doc, userId) => updateBoard(doc, { name }, { userId }))) },
  { weight: 2, arbitrary: step(fc.tuple(item, fc.nat(20), fc.string({ maxLength: 4 })).map(([id, at, body]) => (doc) => {
    const text = longText(doc, id, columnIdOf('long_text'));
    text.insert(Math.min(at, text.length), body);
    if (at % 3 === 0) text.delete(0, Math.min(2, text.length));
  })) },
  { weight: 1, arbitrary: step(fc.tuple(item, fc.constantFrom('c1', 'c2').map(asCommentId)).map(([id, commentId]) => (doc, userId) => addComment(doc, id, { id: commentId, body: `by ${userId}`, mentions: ['u1'] }, { userId, at: 1000 }))) },
  { weight: 1, arbitrary: step(fc.tuple(item, fc.constantFrom('c1', 'c2').map(asCommentId)).map(([id, commentId]) => (doc, userId) => editComment(doc, id, commentId, { body: 'edited', mentions: [] }, { userId }))) },
  { weight: 1, arbitrary: step(fc.tuple(item, fc.constantFrom('c1', 'c2').map(asCommentId)).map(([id, commentId]) => (doc, userId) => deleteComment(doc, id, commentId, { userId }))) },
);

const strayId = fc.oneof(item as fc.Arbitrary<string>, group as fc.Arbitrary<string>, type.map((it): string => columnIdOf(it)), fc.constantFrom('__proto__', 'constructor', 'x'.repeat(5000), 'name', 'schemaVersion', 'c1'));
const root = fc.oneof(fc.constantFrom('board', 'columns', 'groups', 'items', 'authors'), item.map((id) => `comments:${id}`));
const mess: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: step(fc.tuple(root, strayId, oddKey, junk).map(([name, id, key, it]) => (doc) => {
    const record = doc.getMap(name).get(id);
    if (record instanceof Y.Map) record.set(key, toShared(it));
    else doc.getMap(name).set(id, new Y.Map([[key, toShared(it)]]));
  })) },
  { weight: 1, arbitrary: step(fc.tuple(root, strayId, junk).map(([name, id, it]) => (doc) => void doc.getMap(name).set(id, toShared(it)))) },
  { weight: 1, arbitrary: step(fc.tuple(root, strayId).map(([name, id]) => (doc) => doc.getMap(name).delete(id))) },
  { weight: 1, arbitrary: step(fc.tuple(root, strayId, oddKey).map(([name, id, key]) => (doc) => {
    const record = doc.getMap(name).get(id);
    if (record instanceof Y.Map) record.delete(key);
  })) },
);

type Event = { kind: 'edit'; client: number; step: Step } | { kind: 'deliver'; from: number; to: number; count: number };
const clientIndex = fc.nat(2);
const events = (steps: fc.Arbitrary<Step>): fc.Arbitrary<Event[]> => fc.array(fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('edit' as const), client: clientIndex, step: steps }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deliver' as const), from: clientIndex, to: clientIndex, count: fc.integer({ min: 1, max: 6 }) }) },
), { minLength: 5, maxLength: 60 });

/** A client with its inboxes, the fold of everything it saw, and its rows: projections kept by touchedBy alone. */
class Client {
  readonly doc = new Y.Doc();
  readonly plain = new PlainBoard();
  readonly rows = new Map<string, ItemProjection>();
  readonly inbox: Uint8Array[][] = [[], [], []];

  constructor() {
    this.doc.on('afterTransaction', (transaction: Y.Transaction) => {
      for (const change of readChanges(transaction)) this.plain.apply(change);
      for (const id of touchedBy(transaction).items) {
        const row = projectItem(this.doc, id);
        if (row === undefined) this.rows.delete(id);
        else this.rows.set(id, row);
      }
    });
  }
}

const edit = (client: Client, index: number, work: Step): void => {
  try {
    work(client.doc, `user${index}`);
  } catch (error) {
    if (!(error instanceof BoardModelError)) throw error; // ids are drawn blindly: what does not exist yet is refused
  }
};

const readEverything = (doc: Y.Doc): unknown => ({
  board: readBoard(doc),
  all: projectBoard(doc),
  items: listItems(doc),
  deleted: listItems(doc, { deleted: true, archivedColumns: true }),
  each: ITEMS.map((id) => [readItem(doc, id), projectItem(doc, id), readComments(doc, id)]),
});

const check = (client: Client): void => {
  const { doc, plain } = client;
  readEverything(doc);
  const board = projectBoard(doc);
  assert.equal(plain.name, board.name);
  assert.deepEqual([...plain.columns.values()].length, board.columns.length);
  for (const column of board.columns) assert.deepEqual({ ...plain.columns.get(column.id), unknownType: 0 }, { ...column, unknownType: 0 });
  for (const known of board.groups) assert.deepEqual(plain.groups.get(known.id), known);
  const ids = new Set<ItemId>();
  doc.getMap('items').forEach((record, id) => {
    if (record instanceof Y.Map && projectItem(doc, id as ItemId) !== undefined) ids.add(id as ItemId);
  });
  assert.deepEqual([...plain.items.keys()].sort(), [...ids].sort());
  const texts = board.columns.filter((column) => column.type === 'long_text');
  for (const id of ids) {
    const row = projectItem(doc, id);
    assert.ok(row !== undefined);
    // updatedAt/By may be another's once authors become known; the rest of a row follows its item's own changes
    const { updatedBy: _by, ...kept } = client.rows.get(id) ?? row;
    const { updatedBy: _by2, ...live } = row;
    assert.ok(client.rows.has(id));
    assert.deepEqual(kept, live, 'the row kept by touchedBy is the item');
    assert.doesNotMatch(JSON.stringify(row), /\\u0000|\\ud[89a-f]/, 'a row is text that Postgres keeps');
    const values = { ...row.values };
    for (const column of texts) {
      assert.equal(plain.texts.get(`${id}:${column.id}`) ?? '', values[column.id] ?? '');
      delete values[column.id];
    }
    const { name, groupId, position, deletedAt } = row;
    assert.deepEqual(plain.items.get(id), { name, groupId, position, deletedAt, values }, 'the fold is the item');
    for (const comment of readComments(doc, id)) if (comment.deletedAt === undefined) assert.deepEqual(plain.comments.get(`${id}:${comment.id}`), comment);
  }
  // the kept order is what a scan of the board would give
  const order = itemOrder(doc);
  for (const id of ids) {
    const row = projectItem(doc, id);
    assert.deepEqual(order.place(id), { group: row?.groupId, position: row?.position });
  }
};

const play = (sequence: Event[]): void => {
  const clients = [new Client(), new Client(), new Client()];
  clients.forEach((client, from) => client.doc.on('update', (update: Uint8Array, origin: unknown) => {
    if (origin !== 'remote') clients.forEach((other, to) => to !== from && other.inbox[from]?.push(update));
  }));
  const first = clients[0];
  assert.ok(first !== undefined);
  initBoard(first.doc, { name: 'Board', columns: TYPES.map((of) => ({ id: columnIdOf(of), type: of, title: of, settings: { labels } })), groups: GROUPS.slice(0, 2).map((id) => ({ id, title: id })) }, { userId: 'user0' });
  for (const id of ITEMS.slice(0, 4)) createItem(first.doc, { id, name: id }, { userId: 'user0' });
  const deliver = (from: number, to: number, count: number): void => {
    const target = clients[to];
    for (const update of target?.inbox[from]?.splice(0, count) ?? []) if (target !== undefined) Y.applyUpdate(target.doc, update, 'remote');
  };
  deliver(0, 1, Infinity);
  deliver(0, 2, Infinity);
  for (const event of sequence) {
    const client = clients[event.kind === 'edit' ? event.client : event.to];
    if (client === undefined) continue;
    if (event.kind === 'edit') edit(client, event.client, event.step);
    else deliver(event.from, event.to, event.count);
    check(client);
  }
  for (let from = 0; from < 3; from++) for (let to = 0; to < 3; to++) deliver(from, to, Infinity);
  for (const client of clients) {
    check(client);
    assert.deepEqual(readEverything(client.doc), readEverything(first.doc), 'all clients read the same board');
  }
  const copy = new Y.Doc();
  importJson(copy, JSON.parse(JSON.stringify(exportJson(first.doc))), { userId: 'user0' });
  const cells = (doc: Y.Doc): unknown => listItems(doc).map(({ id, name, groupId, values }) => {
    for (const stamp of ['updated_at', 'updated_by'] as const) for (const column of [columnIdOf(stamp), lateIdOf(stamp)]) delete values[column];
    // what was no text, and was exported as the text a person saw, is now that text
    for (const [column, shown] of Object.entries(readItem(first.doc, id)?.invalid ?? {})) if (values[column] === shown) delete values[column];
    return { id, name, groupId, values };
  });
  assert.deepEqual(cells(copy), cells(first.doc), 'an export imports as the same board');
  exportTable(first.doc);
};

test('any interleaving of edits with partial syncs converges, reads without throwing, and equals the fold of its changes', () => {
  fc.assert(fc.property(events(edits), play), { seed: SEED, numRuns: RUNS });
});

test('the same holds when stock clients write junk anywhere', () => {
  fc.assert(fc.property(events(fc.oneof({ weight: 2, arbitrary: edits }, { weight: 1, arbitrary: mess })), play), { seed: SEED, numRuns: RUNS });
});

/** What a person sees of a board, without who touched it last and when. */
const visible = (doc: Y.Doc): unknown =>
  JSON.parse(JSON.stringify({ ...readBoard(doc), items: listItems(doc), comments: ITEMS.map((id) => readComments(doc, id).filter(({ deletedAt }) => deletedAt === undefined)) }, (key, it: unknown) =>
    ['updatedAt', 'updatedBy', 'editedAt', 'col_updated_at', 'col_updated_by', 'late_updated_at', 'late_updated_by'].includes(key) ? undefined : it));

test('every edit can be undone and done again as fresh writes', () => {
  fc.assert(fc.property(fc.array(edits, { maxLength: 15 }), (steps) => {
    const doc = new Y.Doc();
    initBoard(doc, { name: 'Board', columns: TYPES.filter((of) => of !== 'long_text').map((of) => ({ id: columnIdOf(of), type: of, title: of, settings: { labels } })), groups: GROUPS.slice(0, 2).map((id) => ({ id, title: id })) }, { userId: 'u' });
    for (const id of ITEMS.slice(0, 4)) createItem(doc, { id, name: id }, { userId: 'u' });
    let log: BoardChange[] = [];
    doc.on('afterTransaction', (transaction: Y.Transaction) => log.push(...readChanges(transaction)));
    const recorded = (work: () => void): BoardChange[] => {
      log = [];
      work();
      return log;
    };
    const undos: { before: unknown; changes: BoardChange[] }[] = [];
    for (const step of steps) {
      const before = visible(doc);
      undos.push({ before, changes: recorded(() => {
        try {
          step(doc, 'u');
        } catch (error) {
          if (!(error instanceof BoardModelError)) throw error;
        }
      }) });
    }
    for (const { before, changes } of undos.reverse()) {
      if (changes.some(({ kind }) => kind === 'text_changed')) return; // long texts have the editor's undo
      const after = visible(doc);
      const redo = recorded(() => applyInverse(doc, changes, { userId: 'u' }));
      assert.deepEqual(visible(doc), before, `undo of ${JSON.stringify(changes)}`);
      const again = recorded(() => applyInverse(doc, redo, { userId: 'u' }));
      assert.deepEqual(visible(doc), after, `redo of ${JSON.stringify(changes)}`);
      applyInverse(doc, again, { userId: 'u' });
    }
  }), { seed: SEED, numRuns: RUNS });
});

test('undo leaves alone what somebody else changed since', () => {
  const doc = new Y.Doc();
  initBoard(doc, { name: 'Board', columns: ['text', 'counter', 'person'].map((of) => ({ id: asColumnId(of), type: of as ColumnType, title: of })) }, { userId: 'u' });
  const id = createItem(doc, { name: 'i', values: { text: 'a', counter: 1, person: ['x'] } }, { userId: 'u' });
  let mine: BoardChange[] = [];
  doc.on('afterTransaction', (transaction: Y.Transaction) => {
    if (transaction.origin === 'mine') mine = readChanges(transaction);
  });
  updateItem(doc, id, { name: 'mine', values: { text: 'mine', counter: 4, person: ['x', 'y'] } }, { userId: 'u', origin: 'mine' });
  updateItem(doc, id, { values: { text: 'theirs', counter: 14, person: ['y', 'z'] } }, { userId: 'other' });
  applyInverse(doc, mine, { userId: 'u' });
  assert.equal(readItem(doc, id)?.name, 'i');
  assert.deepEqual(readItem(doc, id)?.values, { text: 'theirs', counter: 11, person: ['z'] });
});
