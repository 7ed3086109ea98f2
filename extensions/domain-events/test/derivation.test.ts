/** A derivation on a document alone, with a defect that no client can cause. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createColumn, createItem, updateBoard, updateItem } from '@sunday/board-model';
import type { Source } from '@sunday/extension-journal';
import * as Y from 'yjs';
import { boardEvents } from '../src/index.ts';

const ANN: Source = { kind: 'ours', cause: { connection: null, userId: 'ann', source: 'socket', correlationId: null, causationId: null, traceId: null }, syncedAt: 0 };

test('what cannot be understood as it happens is read from the committed rows, and told of all the same, under ids of its own', () => {
  const document = new Y.Doc();
  const columnId = createColumn(document, { title: 'Text', type: 'text' }, { userId: 'ann' });
  const itemId = createItem(document, { name: 'An item', values: { [columnId]: 'a' } }, { userId: 'ann' });
  let broken = false;
  const derivation = boardEvents.open(document, { boardId: 'b', committedUpTo: () => Infinity, ownerOf: () => 'ann' });
  const errors: unknown[] = [];
  document.on('afterTransaction', (transaction: Y.Transaction) => {
    const source: Source = broken ? { kind: 'ours', get cause(): never { throw new Error('a defect'); }, syncedAt: 0 } : ANN;
    try { derivation.note(transaction, source); } catch (error) { errors.push(error); }
  });
  const ids = new Set<string>();
  const lostTo = (value: string, name: string): readonly unknown[] => {
    // What Postgres has: the rows of the last cut.
    const { items: [row] } = rowsNow();
    const board = boardNow();
    assert.ok(row !== undefined && board !== null);
    broken = true;
    updateItem(document, itemId, { values: { [columnId]: value } }, { userId: 'ann' });
    updateBoard(document, { name }, { userId: 'ann' });
    broken = false;
    const asked = derivation.stale;
    assert.deepEqual(asked, { items: [itemId] });
    derivation.rebase(asked, { head: 1, rows: [], items: [row], board });
    assert.equal(derivation.stale, null);
    const { events, items } = derivation.cut('batch');
    derivation.confirm();
    assert.equal(items[0]?.values[columnId], value);
    for (const { id } of events) { assert.ok(!ids.has(id), 'its own id'); ids.add(id); }
    return events.map(({ type, data, userId }) => ({ type, data, userId }));
  };
  const rowsNow = () => {
    updateItem(document, itemId, { name: `touched ${ids.size}` }, { userId: 'ann' });
    const derived = derivation.cut('batch');
    derivation.confirm();
    return derived;
  };
  const boardNow = () => {
    createColumn(document, { title: `another ${ids.size}`, type: 'text' }, { userId: 'ann' });
    const { board } = derivation.cut('batch');
    derivation.confirm();
    return board;
  };
  for (const [from, to] of [['a', 'b'], ['b', 'a'], ['a', 'b']] as const) {
    const name = `named ${to}`;
    const before = ids.size === 0 ? '' : `named ${from}`;
    const [renamed, changed, ...more] = lostTo(to, name);
    assert.deepEqual(renamed, { type: 'BoardUpdated', data: { changes: { name: { before, after: name } }, updatedBy: null }, userId: null });
    assert.deepEqual(changed, { type: 'ItemUpdated', data: { changes: { [columnId]: { before: from, after: to } }, updatedBy: null }, userId: null });
    assert.deepEqual(more, []);
  }
  assert.equal(errors.length, 6);
});

test('a cell that comes and goes with the type of its column is told of each time, under an id of its own', () => {
  const document = new Y.Doc();
  const columnId = createColumn(document, { title: 'Text', type: 'text' }, { userId: 'ann' });
  createItem(document, { name: 'An item', values: { [columnId]: 'a' } }, { userId: 'ann' });
  const derivation = boardEvents.open(document, { boardId: 'b', committedUpTo: () => Infinity, ownerOf: () => 'ann' });
  document.on('afterTransaction', (transaction: Y.Transaction) => { derivation.note(transaction, ANN); });
  const told = ['number', 'text', 'number', 'text'].map((type) => {
    // No function of the board model does it: a client of its own can.
    document.getMap<Y.Map<unknown>>('columns').get(columnId)?.set('type', type);
    const { events } = derivation.cut('batch');
    derivation.confirm();
    const [changed = assert.fail('nothing told'), ...more] = events.filter(({ aggregateType }) => aggregateType === 'item');
    assert.deepEqual(more, []);
    return changed;
  });
  const gone = { changes: { [columnId]: { before: 'a', after: null } }, updatedBy: 'ann' };
  const back = { changes: { [columnId]: { before: null, after: 'a' } }, updatedBy: 'ann' };
  assert.deepEqual(told.map(({ data }) => data), [gone, back, gone, back]);
  assert.equal(new Set(told.map(({ id }) => id)).size, told.length);
});

test('of typed text, what another node has committed is left out, and what is left is told under another id', () => {
  const origin = new Y.Doc();
  const itemId = createItem(origin, { name: 'An item' }, { userId: 'ann' });
  const root = `text:${itemId}:notes`;
  const typist = new Y.Doc();
  Y.applyUpdate(typist, Y.encodeStateAsUpdate(origin));
  const updates: Uint8Array[] = [];
  typist.on('update', (update: Uint8Array) => { updates.push(update); });
  typist.getText(root).insert(0, 'abc');
  typist.getText(root).insert(3, 'de');
  const typed = typist.store.clients.get(typist.clientID)?.at(0)?.id.clock;
  assert.equal(typed, 0);

  /** A node that had not heard of what `committed` counts when these came. */
  const told = (came: readonly Uint8Array[], committed: number, elsewhere: readonly Uint8Array[] = []) => {
    const document = new Y.Doc();
    Y.applyUpdate(document, Y.encodeStateAsUpdate(origin));
    const derivation = boardEvents.open(document, { boardId: 'b', committedUpTo: (client) => (client === typist.clientID ? committed : 0), ownerOf: () => 'ann' });
    document.on('afterTransaction', (transaction: Y.Transaction) => { derivation.note(transaction, ANN); });
    Y.applyUpdate(document, Y.mergeUpdates([...came]));
    derivation.doubt(elsewhere);
    return derivation.cut('batch').textRuns.map(({ eventId, inserted, deleted }) => ({ eventId, inserted, deleted }));
  };
  const [whole, ...others] = told(updates.slice(0, 1), 0);
  assert.deepEqual([whole?.inserted, others], [3, []]);
  const [rest] = told(updates, 3);
  assert.deepEqual([rest?.inserted, rest?.deleted], [2, 0]);
  assert.notEqual(rest?.eventId, whole?.eventId);
  assert.deepEqual(told(updates, 5), []);

  Y.applyUpdate(origin, Y.encodeStateAsUpdate(typist));
  updates.length = 0;
  typist.getText(root).delete(1, 2);
  const [first = assert.fail('no update')] = updates;
  assert.deepEqual(told([first], 5).map(({ inserted, deleted }) => [inserted, deleted]), [[0, 2]]);
  assert.deepEqual(told([first], 5, [first]), []);
});

test('where events cannot be made, rows are, and what comes next is told from there', () => {
  const document = new Y.Doc();
  const columnId = createColumn(document, { title: 'Text', type: 'text' }, { userId: 'ann' });
  const itemId = createItem(document, { name: 'An item', values: { [columnId]: 'a' } }, { userId: 'ann' });
  const derivation = boardEvents.open(document, { boardId: 'b', committedUpTo: () => Infinity, ownerOf: () => 'ann' });
  document.on('afterTransaction', (transaction: Y.Transaction) => { derivation.note(transaction, ANN); });
  const changes = (value: string, isUntold?: boolean) => {
    updateItem(document, itemId, { values: { [columnId]: value } }, { userId: 'ann' });
    const { events, items } = derivation.cut('batch', isUntold);
    derivation.confirm();
    assert.equal(items[0]?.values[columnId], value);
    return events.map(({ data }) => data['changes']);
  };
  assert.deepEqual(changes('b'), [{ [columnId]: { before: 'a', after: 'b' } }]);
  assert.deepEqual(changes('c', true), []);
  assert.deepEqual(changes('d'), [{ [columnId]: { before: 'c', after: 'd' } }]);
});
