import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import * as Y from 'yjs';
import {
  addComment, applyRestoration, archiveColumn, asColumnId, asItemId, BoardModelError, createGroup, createItem, deleteItem, diffImages, imageOfItem, initBoard, isEmptyRestoration, listItems,
  moveItem, readBoard, readComments, readImage, readItem, restorationOf, restorationOfItem, restorationParts, updateBoard, updateColumn, updateItem, type ColumnType,
} from '../src/index.ts';
import { columnIdOf, edits, GROUPS, ITEMS, labels, mess, TYPES, type Step } from './edits.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 120);
console.log(`board-model versions: FUZZ_SEED=${SEED} FUZZ_RUNS=${RUNS}`);

const asUser = { userId: 'ada' };

const boardOfAllTypes = (): Y.Doc => {
  const doc = new Y.Doc();
  initBoard(doc, { name: 'Board', columns: TYPES.map((type) => ({ id: columnIdOf(type), type, title: type, settings: { labels } })), groups: GROUPS.slice(0, 2).map((id) => ({ id, title: id })) }, asUser);
  for (const id of ITEMS.slice(0, 4)) createItem(doc, { id, name: id }, asUser);
  return doc;
};

const apply = (doc: Y.Doc, steps: readonly Step[], userId = 'bob'): void => {
  for (const step of steps) {
    try {
      step(doc, userId);
    } catch (error) {
      if (!(error instanceof BoardModelError)) throw error; // ids are drawn blindly: what does not exist yet is refused
    }
  }
};

const copyOf = (doc: Y.Doc): Y.Doc => {
  const copy = new Y.Doc();
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc));
  return copy;
};

/** What people see, without who touched it last and when. */
const visible = (doc: Y.Doc): unknown => {
  // What schema a document is of is no content, and nothing a restore changes.
  const changing = new Set(['schemaVersion', 'updatedAt', 'updatedBy', ...['updated_at', 'updated_by'].flatMap((type) => [`col_${type}`, `late_${type}`])]);
  return JSON.parse(JSON.stringify({ ...readBoard(doc), items: listItems(doc) }, (key, value: unknown) => (changing.has(key) ? undefined : value)));
};

const comments = (doc: Y.Doc): unknown => ITEMS.map((id) => readComments(doc, id));

/** What a stock client may nest into a cell comes back as JSON, not as itself. */
const holdsSharedCells = (doc: Y.Doc): boolean => {
  for (const item of doc.getMap('items').values()) {
    if (item instanceof Y.Map) for (const cell of (item as Y.Map<unknown>).values()) if (cell instanceof Y.AbstractType) return true;
  }
  return false;
};

const restoring = (before: fc.Arbitrary<Step>, after: fc.Arbitrary<Step>): void => {
  fc.assert(fc.property(fc.array(before, { maxLength: 25 }), fc.array(after, { maxLength: 25 }), fc.integer({ min: 1, max: 4 }), (first, then, itemsEach) => {
    const doc = boardOfAllTypes();
    apply(doc, first);
    const version = copyOf(doc);
    apply(doc, then, 'cleo');
    fc.pre(!holdsSharedCells(version) && !holdsSharedCells(doc));
    const said = comments(doc);
    const before = readImage(doc);
    const wanted = readImage(version);
    const restoration = restorationOf(before, wanted);
    for (const part of restorationParts(structuredClone(restoration), itemsEach)) applyRestoration(doc, part, asUser);
    assert.deepEqual(visible(doc), visible(version), 'the board reads like the version');
    const now = readImage(doc);
    const known = new Set<string>(wanted.columns.map(({ id }) => id));
    for (const item of wanted.items) {
      const { values, stored, ...rest } = imageOfItem(now, item.id) ?? assert.fail();
      const cells = (of: object | undefined) => Object.fromEntries(Object.entries(of ?? {}).filter(([id]) => known.has(id)));
      assert.deepEqual({ ...rest, values: cells(values), stored: cells(stored) }, { stored: {}, ...item });
    }
    for (const column of wanted.columns) assert.deepEqual(now.columns.find(({ id }) => id === column.id), column);
    assert.deepEqual(comments(doc), said, 'comments are as they were');
    assert.ok(isEmptyRestoration(restorationOf(now, wanted)), 'nothing is left to restore');
    const { board, columns, groups, items } = diffImages(wanted, now);
    assert.deepEqual([board, columns, groups, items], [{}, { added: [], removed: [], changed: [] }, { added: [], removed: [], changed: [] }, { added: [], removed: [], changed: [] }]);
    // undone by restoring what was just before
    for (const part of restorationParts(restorationOf(now, before), 1000)) applyRestoration(doc, part, asUser);
    const left = restorationOf(readImage(doc), before);
    assert.ok(isEmptyRestoration(left), `and back again: ${JSON.stringify(left)}`);
  }), { seed: SEED, numRuns: RUNS });
};

test('a board restored to any earlier state reads like it, whatever was done since, and can be taken back', () => {
  restoring(edits, edits);
});

test('the same holds where stock clients write junk', () => {
  const any = fc.oneof({ weight: 3, arbitrary: edits }, { weight: 1, arbitrary: mess });
  restoring(any, any);
});

test('a restore changes only what differs, and keeps who wrote what', () => {
  const doc = boardOfAllTypes();
  const wanted = readImage(doc);
  const [first = asItemId('none'), second = asItemId('none')] = ITEMS;
  updateItem(doc, first, { name: 'changed' }, { userId: 'bob' });
  updateItem(doc, second, { values: { [columnIdOf('text')]: 'kept' } }, { userId: 'bob' });
  const restoration = restorationOfItem(imageOfItem(wanted, first) ?? assert.fail(), wanted);
  applyRestoration(doc, restoration, asUser);
  assert.equal(readItem(doc, first)?.name, first);
  assert.equal(readItem(doc, first)?.updatedBy, 'ada');
  assert.equal(readItem(doc, second)?.values[columnIdOf('text')], 'kept');
  assert.equal(readItem(doc, second)?.updatedBy, 'bob');
  const size = Y.encodeStateAsUpdate(doc).length;
  applyRestoration(doc, restoration, asUser);
  assert.equal(Y.encodeStateAsUpdate(doc).length, size, 'a second time writes nothing');
});

test('an edit made elsewhere while a board is restored survives on every copy', () => {
  const doc = boardOfAllTypes();
  const wanted = readImage(doc);
  const [first = asItemId('none'), second = asItemId('none')] = ITEMS;
  updateItem(doc, first, { name: 'changed' }, { userId: 'bob' });
  const elsewhere = copyOf(doc);
  applyRestoration(doc, restorationOf(readImage(doc), wanted), asUser);
  updateItem(elsewhere, second, { name: 'meanwhile' }, { userId: 'cleo' });
  for (const [from, to] of [[doc, elsewhere], [elsewhere, doc]] as const) Y.applyUpdate(to, Y.encodeStateAsUpdate(from));
  assert.deepEqual(visible(doc), visible(elsewhere));
  assert.deepEqual([readItem(doc, first)?.name, readItem(doc, second)?.name], [first, 'meanwhile']);
});

test('a diff says in words of the board what is different', () => {
  const doc = new Y.Doc();
  const column = (id: string, type: ColumnType) => ({ id: asColumnId(id), type, title: id });
  initBoard(doc, { name: 'Plan', columns: [column('n', 'number'), column('old', 'text'), column('long', 'long_text')], groups: [{ id: GROUPS[0] ?? assert.fail(), title: 'Now' }] }, asUser);
  for (const id of ['kept', 'gone', 'moved'].map(asItemId)) createItem(doc, { id, name: id, values: { n: 1 } }, asUser);
  const before = readImage(doc);
  updateBoard(doc, { name: 'Plan B' }, asUser);
  archiveColumn(doc, asColumnId('old'), asUser);
  updateColumn(doc, asColumnId('n'), { title: 'Effort' }, asUser);
  const later = createGroup(doc, { title: 'Later' }, asUser);
  updateItem(doc, asItemId('kept'), { name: 'kept on', values: { n: 2, long: 'x'.repeat(600) } }, asUser);
  addComment(doc, asItemId('kept'), { body: 'not part of a version' }, asUser);
  deleteItem(doc, asItemId('gone'), asUser);
  moveItem(doc, asItemId('moved'), { groupId: later }, asUser);
  createItem(doc, { id: asItemId('new'), name: 'new', groupId: later }, asUser);
  const { board, columns, groups, items } = diffImages(before, readImage(doc));
  assert.deepEqual(board, { name: { before: 'Plan', after: 'Plan B' } });
  assert.deepEqual(columns.removed.map(({ title }) => title), ['old']);
  assert.deepEqual(columns.changed, [{ id: 'n', title: 'Effort', changes: { title: { before: 'n', after: 'Effort' } } }]);
  assert.deepEqual(groups.added.map(({ title }) => title), ['Later']);
  assert.deepEqual(items.added, [{ id: 'new', name: 'new', groupId: later }]);
  assert.deepEqual(items.removed, [{ id: 'gone', name: 'gone', groupId: GROUPS[0] }]);
  assert.deepEqual(items.changed.map(({ id, renamed, moved, values }) => [id, renamed, moved?.after.groupId, values['n']]), [
    ['kept', { before: 'kept', after: 'kept on' }, undefined, { before: 1, after: 2 }],
    ['moved', undefined, later, undefined],
  ]);
  assert.equal(items.changed[0]?.values['long']?.after, `${'x'.repeat(500)}…`, 'a long text by its beginning');
});
