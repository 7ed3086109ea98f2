/**
 * What somebody could write who means harm, from before there was a guard that refuses it, or within what it lets pass: everybody still reads
 * the same, and nothing throws.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as Y from 'yjs';
import {
  computeColumns, exportJson, exportTable, listItems, projectBoard, projectItem, readBoard, readChanges, readColumns, readImage,
  readItem, updateItem,
} from '../src/index.ts';
import { board, ctx, ITEM, record } from './small-board.ts';

const copyOf = (doc: Y.Doc, clientId?: number): Y.Doc => {
  const copy = new Y.Doc();
  if (clientId !== undefined) copy.clientID = clientId;
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc));
  return copy;
};

/** What a client writes that knows no more than the document. */
const writtenBy = (doc: Y.Doc, clientId: number, write: (copy: Y.Doc) => void): Uint8Array => {
  const copy = copyOf(doc, clientId);
  copy.transact(() => { write(copy); });
  return Y.encodeStateAsUpdate(copy, Y.encodeStateVector(doc));
};

const ORDERS = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] as const;

test('a counter comes to the same on every copy, in whatever order its parts arrived, and to a number or nothing', () => {
  const doc = board({ id: 'v', type: 'counter' });
  const inEveryOrder = (counts: readonly number[]): unknown => {
    const parts = counts.map((count, i) => writtenBy(doc, 11 + i, (copy) => record(copy, 'items', ITEM).set(`c:v:${11 + i}`, count)));
    const read = ORDERS.map((order) => {
      const copy = copyOf(doc);
      const changes: unknown[] = [];
      copy.on('afterTransaction', (transaction: Y.Transaction) => changes.push(...readChanges(transaction).map((change) => change.kind === 'item_updated' && change.values['v']?.after)));
      for (const i of order) Y.applyUpdate(copy, parts[i] ?? new Uint8Array([0, 0]));
      const value = readItem(copy, ITEM)?.values['v'];
      for (const same of [projectItem(copy, ITEM)?.values['v'], readImage(copy).items[0]?.values['v'], changes.at(-1)]) assert.equal(same ?? null, value ?? null);
      return value;
    });
    for (const value of read) assert.equal(value, read[0]);
    return read[0];
  };
  assert.equal(inEveryOrder([0.1, 0.2, 0.3, 0.4]), 1);
  for (const huge of [[1e308, 1e308, -1e308, -1e308], [1e308, 1e308, 1e308, 1e308], [-1e308, -1e308, 1, 1]]) assert.equal(inEveryOrder(huge), undefined, 'no number says that');
});

test('labels stand in one order, whatever number somebody has given one', () => {
  const doc = board({ id: 's', type: 'status' });
  const parts = ([['zz', 1], ['mm', Number.NaN], ['aa', 2], ['bb', Infinity]] as const).map(([id, order], i) =>
    writtenBy(doc, 21 + i, (copy) => record(copy, 'columns', 's').set(`label:${id}`, { title: id, color: '', order })));
  const seen = new Set(ORDERS.map((order) => {
    const copy = copyOf(doc);
    for (const i of order) Y.applyUpdate(copy, parts[i] ?? new Uint8Array([0, 0]));
    return readColumns(copy)[0]?.settings.labels?.map(({ id }) => id).join(' ');
  }));
  assert.deepEqual([...seen], ['bb mm zz aa']);
});

test('a board that holds what JSON cannot say is exported, shown and kept as rows', () => {
  const doc = board({ id: 's', type: 'status' }, { id: 'x', type: 'text' });
  const item = record(doc, 'items', ITEM);
  item.set('c:s', [{ labelId: 'a', x: 1n }, 1e300]);
  item.set('c:x', [{ a: 1n, b: new Uint8Array(2) }, -1e300]);
  const root = doc.getMap('board');
  for (const table of [{ nameTitle: 10n }, { nameTitle: 'x', nameIndex: Number.NaN }, { nameTitle: 'x', nameIndex: 1, more: 1n }, new Uint8Array(2)]) {
    root.set('table', table);
    root.set('schemaVersion', Number.NaN);
    record(doc, 'columns', 's').set('settings', { a: 1n, b: Number.NaN, c: [undefined] });
    for (const read of [exportJson(doc), projectBoard(doc), projectItem(doc, ITEM), readImage(doc).table, readBoard(doc), exportTable(doc)]) {
      assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(structuredClone(read))));
    }
    assert(Number.isInteger(readBoard(doc).schemaVersion));
  }
  assert.equal(new Date(readItem(doc, ITEM)?.updatedAt ?? 0).getUTCFullYear(), 9999);
});

test('a formula over a long text that names it a thousand times fails in its cell, and nobody fails with it', () => {
  const doc = board({ id: 'n', type: 'long_text' }, { id: 'f', type: 'formula', settings: { formula: Array.from({ length: 1249 }, () => '{n}').join('&') } });
  updateItem(doc, ITEM, { values: { n: 'x'.repeat(450_000) } }, ctx);
  const [item] = computeColumns(doc, listItems(doc));
  assert.match(item?.invalid?.['f'] ?? '', /longer than 10000 characters/);
  assert.match(exportTable(doc)[1]?.at(-1) ?? '', /longer/);
});
