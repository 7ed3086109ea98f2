/**
 * What may be written costs about what it is long: not its square, nor the number of columns, labels or texts for each of it. The bound is far
 * above what is needed, and far below what a square would take; it is of processor time, so that a busy machine changes nothing.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as Y from 'yjs';
import {
  asColumnId, asItemId, computeColumns, createColumn, createItem, exportTable, itemProjector, listItems, readColumns, readItem, readKeyWrites, touchedBy, updateColumn, updateItem,
  type ItemId,
} from '../src/index.ts';
import { costOf } from './cost.ts';
import { board, ctx, ITEM, record } from './small-board.ts';

/** ms of a processor */
const BOUND = 1500;

const timed = <T>(work: () => T): T => {
  let result: { readonly of: T } | null = null;
  const cost = costOf(() => { result = { of: work() }; });
  assert(cost < BOUND, `took ${Math.round(cost)} ms`);
  assert(result !== null);
  return (result as { readonly of: T }).of;
};

/** `true`, as lib0 writes it. */
const TRUE = 120;

/** An update in the encoding of Yjs (v1), struct by struct. */
class Bytes {
  private readonly bytes: number[] = [];

  /** Flags of one byte. */
  byte(value: number): this {
    this.bytes.push(value);
    return this;
  }

  numbers(...values: readonly number[]): this {
    for (let value of values) {
      for (; value > 127; value = Math.floor(value / 128)) this.bytes.push(128 | (value % 128));
      this.bytes.push(value);
    }
    return this;
  }

  text(value: string): this {
    return this.numbers(value.length, ...Buffer.from(value));
  }

  get done(): Uint8Array {
    return new Uint8Array(this.bytes);
  }
}

test('formulas look at the labels of a column once, and failures do not copy each other', () => {
  const labels = Array.from({ length: 5000 }, (_, i) => ({ id: `l${i}`, title: `L${i}`, color: '' }));
  const doc = board({ id: 's', type: 'status', settings: { labels } }, { id: 'f', type: 'formula', settings: { formula: Array.from({ length: 100 }, () => '{s}').join('&') } });
  doc.transact(() => { for (let i = 0; i < 100; i += 1) createItem(doc, { name: 'x', values: { s: { labelId: 'l7' } } }, ctx); });
  const items = listItems(doc);
  assert.equal(timed(() => computeColumns(doc, items)).at(-1)?.values['f'], 'L7'.repeat(100));

  const failing = board();
  const columns = failing.getMap('columns');
  failing.transact(() => { for (let i = 0; i < 3000; i += 1) columns.set(`f${i}`, new Y.Map<unknown>([['type', 'formula'], ['settings', { formula: '1/0' }]])); });
  assert.equal(Object.keys(timed(() => computeColumns(failing, listItems(failing)))[0]?.invalid ?? {}).length, 3000);
});

test('a word in the settings is in every cell of a table: one of many pages is in none', () => {
  const page = 'M'.repeat(200_000);
  const doc = board({ id: 'c', type: 'checkbox', settings: { trueText: page } }, { id: 'd', type: 'date', settings: { dateFormat: page } }, { id: 'p', type: 'person', settings: { placeholders: [{ id: 'x', name: page }] } });
  updateItem(doc, ITEM, { values: { c: true, d: { date: '2026-01-02' }, p: ['x'] } }, ctx);
  assert.deepEqual(exportTable(doc)[1], ['Item', 'true', '2026-01-02', 'M'.repeat(255)]);
});

test('thousands who write over the end of one chain are judged in time', () => {
  const doc = board({ id: 't', type: 'text' });
  const { id: item } = record(doc, 'items', ITEM)._item ?? assert.fail('a record');
  const N = 8000;
  const ME = 4242;
  // By hand: a chain of N writes, and N more that each follow on its end without knowing of each other, as one client says.
  const update = new Bytes().numbers(1, 2 * N, ME, 0);
  update.byte(0x28).numbers(0, item.client, item.clock).text('c:t').numbers(1).byte(TRUE);
  for (let i = 1; i < 2 * N; i += 1) update.byte(0x88).numbers(ME, Math.min(i, N) - 1, 1).byte(TRUE);
  const heads: number[] = [];
  doc.on('afterTransaction', (transaction: Y.Transaction) => { heads.push(timed(() => readKeyWrites(transaction))[0]?.heads.length ?? 0); });
  Y.applyUpdate(doc, update.numbers(0).done);
  assert.deepEqual(heads, [N]);
});

test('thousands of columns on a board full of cells, and of texts, are looked at once', () => {
  const doc = board();
  doc.transact(() => {
    for (let i = 0; i < 1000; i += 1) doc.getMap('items').set(`i${i}`, new Y.Map<unknown>(Array.from({ length: 12 }, (_, c) => [`c:kept${c}`, 1])));
  });
  doc.on('afterTransaction', (transaction: Y.Transaction) => { timed(() => touchedBy(transaction)); });
  doc.transact(() => { for (let i = 0; i < 20_000; i += 1) doc.getMap('columns').set(`n${i}`, new Y.Map<unknown>([['type', 'long_text']])); });
  updateItem(doc, ITEM, { values: { n7: 'text' } }, ctx);
  const project = itemProjector(doc);
  const items = timed(() => [...doc.getMap('items').keys()].map((id) => project(id as ItemId)));
  assert.deepEqual(items.find((item) => item?.id === ITEM)?.values, { n7: 'text' });
  createColumn(doc, { id: asColumnId('kept7'), type: 'number', title: 'x' }, ctx);
  assert.equal(readItem(doc, asItemId('i5'))?.values['kept7'], 1);
});

test('of a column of thousands of labels most are removed in time', () => {
  const labels = Array.from({ length: 50_000 }, (_, i) => ({ id: `l${i}`, title: 'x', color: '' }));
  const doc = board();
  const column = createColumn(doc, { type: 'status', title: 's' }, ctx);
  doc.transact(() => { for (const { id, ...label } of labels) record(doc, 'columns', column).set(`label:${id}`, label); });
  timed(() => { updateColumn(doc, column, { settings: { labels: labels.slice(0, 12_000) } }, ctx); });
  assert.equal(readColumns(doc)[0]?.settings.labels?.length, 12_000);
});
