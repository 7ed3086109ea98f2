import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import * as Y from 'yjs';
import {
  addComment, archiveColumn, asColumnId, asCommentId, asGroupId, asItemId, BoardModelError, createColumn, createItem, deleteItem, initBoard, longText, moveItem, readBoard, readChanges,
  readItem, updateColumn, updateItem, type BoardChange,
} from './index.ts';

const ctx = { userId: 'anna' };

const recorder = (): { doc: Y.Doc; changes: (work: (doc: Y.Doc) => void) => BoardChange[] } => {
  const doc = new Y.Doc();
  initBoard(doc, { name: 'x', columns: [{ id: asColumnId('n'), type: 'number', title: 'N' }, { id: asColumnId('t'), type: 'long_text', title: 'T' }], groups: [{ id: asGroupId('g'), title: 'G' }] }, ctx);
  createItem(doc, { id: asItemId('a'), name: 'a', values: { n: 1 } }, ctx);
  let log: BoardChange[] = [];
  doc.on('afterTransaction', (transaction: Y.Transaction) => log.push(...readChanges(transaction)));
  return {
    doc,
    changes(work) {
      log = [];
      work(doc);
      return log;
    },
  };
};

test('a change says what it was before and after', () => {
  const { doc, changes } = recorder();
  const a = asItemId('a');
  assert.deepEqual(changes(() => updateItem(doc, a, { name: 'b', values: { n: 2 } }, ctx)), [{ kind: 'item_updated', itemId: a, name: { before: 'a', after: 'b' }, values: { n: { before: 1, after: 2 } } }]);
  assert.deepEqual(changes(() => updateItem(doc, a, { name: 'b', values: { n: 2 } }, ctx)), [], 'what changes nothing is no change');
  const [moved] = changes(() => moveItem(doc, a, { groupId: null }, ctx));
  assert.ok(moved?.kind === 'item_moved' && moved.from.groupId === 'g' && moved.to.groupId === null && !moved.rekeyed);
  assert.deepEqual(changes(() => longText(doc, a, asColumnId('t')).insert(0, 'hi')), [{ kind: 'text_changed', itemId: a, columnId: 't', steps: [{ insert: 'hi' }] }]);
  assert.deepEqual(changes(() => longText(doc, a, asColumnId('t')).delete(1, 1)), [{ kind: 'text_changed', itemId: a, columnId: 't', steps: [{ retain: 1 }, { delete: 1 }] }]);
  assert.deepEqual(changes(() => updateColumn(doc, asColumnId('n'), { title: 'M' }, ctx)).map((change) => change.kind === 'column_updated' && change.changes), [{ title: { before: 'N', after: 'M' } }]);
  assert.deepEqual(changes(() => archiveColumn(doc, asColumnId('n'), ctx)).map(({ kind }) => kind), ['column_removed'], 'archiving a column changes no item');
  assert.deepEqual(changes(() => addComment(doc, a, { id: asCommentId('c'), body: 'hi' }, ctx)).map(({ kind }) => kind), ['comment_added']);
  assert.deepEqual(changes(() => deleteItem(doc, a, { ...ctx, at: 4_000_000_000_000 })), [{ kind: 'item_deleted', itemId: a, deletedAt: 4_000_000_000_000 }]);
  const [created] = changes(() => createItem(doc, { id: asItemId('z'), name: 'z', groupId: null }, { ...ctx, at: 5000 }));
  assert.ok(created?.kind === 'item_created' && created.item.createdBy === 'anna' && created.item.createdAt === 5000);
});

test('items that only made room are told from items that somebody moved', () => {
  const { doc, changes } = recorder();
  for (const id of ['x', 'y']) doc.getMap('items').set(id, new Y.Map<unknown>([['name', id], ['place', [['g', 'a5'], 1000]]]));
  const moves = changes(() => moveItem(doc, asItemId('a'), { before: asItemId('y') }, ctx)).filter((change) => change.kind === 'item_moved');
  assert.ok(moves.some(({ itemId, rekeyed }) => itemId === 'y' && rekeyed));
  assert.deepEqual(moves.filter(({ rekeyed }) => !rekeyed).map(({ itemId }) => itemId), ['a']);
});

test('a write that a concurrent one overruled is no change, and one that overrules is', () => {
  const { doc } = recorder();
  const other = new Y.Doc();
  other.clientID = doc.clientID + 1; // the higher client id wins
  Y.applyUpdate(other, Y.encodeStateAsUpdate(doc));
  const seen = new Map<Y.Doc, BoardChange[]>([[doc, []], [other, []]]);
  updateItem(doc, asItemId('a'), { values: { n: 5 } }, ctx);
  updateItem(other, asItemId('a'), { values: { n: 6 } }, { userId: 'ben' });
  for (const one of [doc, other]) one.on('afterTransaction', (transaction: Y.Transaction) => seen.get(one)?.push(...readChanges(transaction)));
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other));
  Y.applyUpdate(other, Y.encodeStateAsUpdate(doc));
  assert.deepEqual(seen.get(doc), [{ kind: 'item_updated', itemId: 'a', values: { n: { before: 5, after: 6 } } }]);
  assert.deepEqual(seen.get(other), []);
});

test('a column that arrives after its cells brings their values to light', () => {
  const { doc, changes } = recorder();
  (doc.getMap('items').get('a') as Y.Map<unknown>).set('c:late', ['x', 1]);
  const kinds = changes(() => createColumn(doc, { id: asColumnId('late'), type: 'text', title: 'L' }, ctx));
  assert.deepEqual(kinds.map(({ kind }) => kind), ['column_added', 'item_updated']);
  assert.equal(readItem(doc, asItemId('a'))?.values['late'], 'x');
});

test('a document of another copy of yjs is refused with a clear code, not read as empty', () => {
  const copy = createRequire(import.meta.url)('yjs') as typeof Y;
  assert.notEqual(copy.Doc, Y.Doc);
  for (const work of [readBoard, (doc: Y.Doc) => createItem(doc, { name: 'x' }, ctx)]) {
    assert.throws(() => work(new copy.Doc()), (error) => error instanceof BoardModelError && error.code === 'two_copies_of_yjs');
  }
});
