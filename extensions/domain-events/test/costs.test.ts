/**
 * What an update costs to derive from is about what it is long: not its square, nor its length for each column. The bound is far above what is
 * needed, and far below what a square would take. On a document alone.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asColumnId, asItemId, createColumn, createItem, initBoard, openRoots, type ColumnType } from '@sunday/board-model';
import { costOf } from '@sunday/board-model/testing/cost';
import type { Derived, Source } from '@sunday/extension-journal';
import * as Y from 'yjs';
import { boardEvents } from '../src/index.ts';

const EVE: Source = { kind: 'ours', cause: { connection: {}, userId: 'eve', source: 'socket', correlationId: null, causationId: null, traceId: null }, syncedAt: 0 };
const ITEM = asItemId('item');
/** ms of a processor */
const BOUND = 3000;

function openBoard(...types: readonly ColumnType[]) {
  const document = new Y.Doc();
  initBoard(document, { name: 'Board' }, { userId: 'owner' });
  for (const type of types) createColumn(document, { id: asColumnId(type), type, title: type }, { userId: 'owner' });
  createItem(document, { id: ITEM, name: 'Item' }, { userId: 'owner' });
  openRoots(document);
  const derivation = boardEvents.open(document, { boardId: 'b', committedUpTo: () => 0, ownerOf: () => 'eve' });
  document.on('afterTransaction', (transaction: Y.Transaction) => { derivation.note(transaction, EVE); });
  return { document, derivation };
}

const record = (entries: object): Y.Map<unknown> => new Y.Map<unknown>(Object.entries(entries));

/** What an update brings, up to the batch that tells of it. */
function derived({ document, derivation }: ReturnType<typeof openBoard>, write: (copy: Y.Doc) => void): Derived {
  const copy = new Y.Doc();
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(document));
  copy.transact(() => { write(copy); });
  const update = Y.encodeStateAsUpdate(copy, Y.encodeStateVector(document));
  const cuts: Derived[] = [];
  const cost = costOf(() => {
    Y.applyUpdate(document, update);
    derivation.prepare();
    cuts.push(derivation.cut('batch'));
    derivation.confirm();
  });
  assert(cost < BOUND, `took ${Math.round(cost)} ms for ${update.length} bytes`);
  return cuts[0] ?? assert.fail();
}

const count = ({ events }: Derived, type: string): number => events.filter((event) => event.type === type).length;

test('columns, labels and cells of a stock client, which have no time of their own, are restated at once', () => {
  const board = openBoard('status');
  const { document } = board;
  const cut = derived(board, (copy) => {
    const columns = copy.getMap<Y.Map<unknown>>('columns');
    const item = copy.getMap<Y.Map<unknown>>('items').get('item');
    for (let i = 0; i < 2000; i += 1) {
      columns.set(`k${i}`, record({ type: 'text', title: 't', position: 'a5' }));
      columns.get('status')?.set(`label:l${i}`, { title: 't', color: '', order: i });
      item?.set(`c:k${i}`, 'v');
    }
  });
  assert.equal(count(cut, 'ColumnAdded'), 2000);
  assert.equal(count(cut, 'ItemUpdated'), 1);
  const restated = document.getMap<Y.Map<unknown>>('items').get('item')?.get('c:k7');
  assert(Array.isArray(restated));
  const [value, at] = restated as [unknown, number];
  assert.equal(value, 'v');
  assert(Math.abs(at - Date.now()) < 60_000);
});

test('cells under many keys, of columns that are not there and of those that are', () => {
  const board = openBoard();
  derived(board, (copy) => {
    const item = copy.getMap<Y.Map<unknown>>('items').get('item');
    for (let i = 0; i < 20_000; i += 1) item?.set(`c:k${i}:u`, 1);
  });
  const cut = derived(board, (copy) => {
    for (let i = 0; i < 10_000; i += 1) copy.getMap('columns').set(`k${i}`, record({ type: ['person', 'tags'][i % 2], title: 't', position: 'a5' }));
  });
  assert.equal(count(cut, 'ItemUpdated'), 1);
});

test('more are assigned at once than a call may have arguments', () => {
  const board = openBoard();
  board.document.transact(() => {
    for (let i = 0; i < 150; i += 1) board.document.getMap('columns').set(`p${i}`, record({ type: 'person', title: 't', position: 'a5' }));
  });
  board.document.transact(() => {
    const item = board.document.getMap<Y.Map<unknown>>('items').get('item');
    for (let i = 0; i < 150; i += 1) for (let user = 0; user < 1000; user += 1) item?.set(`c:p${i}:${user}`, user);
  });
  assert.equal(count(board.derivation.cut('batch'), 'ItemAssigned'), 150_000);
});

test('comments on one item', () => {
  const cut = derived(openBoard(), (copy) => {
    for (let i = 0; i < 6000; i += 1) copy.getMap('comments:item').set(`k${i}`, record({ author: 'eve', createdAt: 1, body: 'hi' }));
  });
  assert.equal(count(cut, 'CommentAdded'), 6000);
});

test('long texts, and columns of them on a board of many items', () => {
  const board = openBoard('long_text');
  derived(board, (copy) => {
    for (let i = 0; i < 4000; i += 1) {
      copy.getMap('items').set(`i${i}`, record({ name: 'n', createdAt: 1 }));
      copy.getMap('columns').set(`k${i}`, record({ type: 'long_text', title: 't', position: 'a5' }));
    }
  });
  const cut = derived(board, (copy) => { for (let i = 0; i < 4000; i += 1) copy.getText(`text:i${i}:long_text`).insert(0, 'hi'); });
  assert.deepEqual([cut.textRuns.length, cut.textRuns.at(-1)?.inserted], [4000, 2]);
  const gone = derived(board, (copy) => { for (let i = 0; i < 4000; i += 1) copy.getText(`text:i${i}:long_text`).delete(0, 1); });
  assert.deepEqual([gone.textRuns.length, gone.textRuns.at(-1)?.deleted], [4000, 1]);
});

test('of a long text that was taken out whole, another node has committed every other character', () => {
  const { document, derivation } = openBoard('long_text');
  const text = document.getText('text:item:long_text');
  const N = 300_000;
  text.insert(0, 'x'.repeat(N));
  derivation.cut('batch');
  derivation.confirm();
  const { clock } = text._start?.id ?? assert.fail('a text');
  text.delete(0, N);
  // Nothing but deletions of one character each.
  const ranges = Array.from({ length: N / 2 }, (_, i) => [...varUint(clock + 2 * i), 1]).flat();
  const cuts: Derived[] = [];
  const cost = costOf(() => {
    derivation.doubt([new Uint8Array([0, 1, ...varUint(document.clientID), ...varUint(N / 2)].concat(ranges))]);
    cuts.push(derivation.cut('batch'));
  });
  assert(cost < BOUND, `took ${Math.round(cost)} ms`);
  assert.equal(cuts[0]?.textRuns[0]?.deleted, N / 2);
});

function varUint(value: number): number[] {
  return value > 127 ? [128 | (value % 128), ...varUint(Math.floor(value / 128))] : [value];
}
