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
  const derivation = boardEvents.open(document, { boardId: 'b', isCommitted: () => true, ownerOf: () => 'ann' });
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
