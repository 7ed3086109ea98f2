import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import * as Y from 'yjs';
import { itemOrder } from '../src/item-order.ts';
import {
  addComment, BoardModelError, readComments, asColumnId, asGroupId, asItemId, createColumn, createItem, deleteItem, exportJson, importJson, initBoard, listItems, longText, moveItem, projectItem, readBoard, readItem, restoreItem,
  touchedBy, updateColumn, updateItem, type ColumnType, type ColumnValue,
} from '../src/index.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`board-model merge: FUZZ_SEED=${SEED}`);
const ctx = { userId: 'anna' };
const item = asItemId('i');
const column = asColumnId('c');

const sync = (...docs: Y.Doc[]): void => {
  for (const from of docs) for (const to of docs) if (from !== to) Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)));
};

/** Two clients with one board that has one item and one column. */
const pair = (type: ColumnType): [Y.Doc, Y.Doc] => {
  const a = new Y.Doc();
  const b = new Y.Doc();
  initBoard(a, { name: 'x', columns: [{ id: column, type, title: 'c', settings: { labels: [{ id: 'l', title: 'L', color: '' }] } }] }, ctx);
  createItem(a, { id: item, name: 'i' }, ctx);
  sync(a, b);
  return [a, b];
};
const set = (doc: Y.Doc, value: ColumnValue | null, at?: number): void => updateItem(doc, item, { values: { [column]: value } }, { userId: 'anna', ...(at === undefined ? {} : { at }) });
const get = (doc: Y.Doc): ColumnValue | undefined => readItem(doc, item)?.values[column];

test('a register holds [value, at], and a later write always has a later at, whatever the wall clock says', () => {
  const [a, b] = pair('text');
  const stored = (doc: Y.Doc): [unknown, number] => (doc.getMap('items').get(item) as Y.Map<[unknown, number]>).get(`c:${column}`) ?? [null, 0];
  set(a, 'one', Date.now() + 5000); // a clock that is ahead
  sync(a, b);
  set(b, 'two');
  assert.equal(stored(b)[0], 'two');
  assert.ok(stored(b)[1] > stored(a)[1]);
  sync(a, b);
  assert.equal(get(a), 'two');
  // a clock that is broken is not followed
  (a.getMap('items').get(item) as Y.Map<unknown>).set(`c:${column}`, ['junk', 1e300]);
  set(a, 'three');
  assert.ok(stored(a)[1] < Date.now() + 60_000);
});

test('a plain value of a stock client reads as the value', () => {
  const [a] = pair('status');
  (a.getMap('items').get(item) as Y.Map<unknown>).set(`c:${column}`, { labelId: 'l' });
  assert.deepEqual(get(a), { labelId: 'l' });
  (a.getMap('items').get(item) as Y.Map<unknown>).set(`c:${column}`, 17);
  assert.equal(get(a), undefined);
  assert.deepEqual(readItem(a, item)?.invalid, { [column]: '17' });
});

test('sets: adding wins over a concurrent removal, and both additions stay', () => {
  const [a, b] = pair('person');
  set(a, ['x', 'y']);
  sync(a, b);
  set(a, ['x', 'y', 'z']);
  set(b, ['y', 'w']);
  sync(a, b);
  assert.deepEqual(get(a), get(b));
  assert.deepEqual([...(get(a) as string[])].sort(), ['w', 'y', 'z']);
  set(a, ['z', 'w', 'y']);
  assert.deepEqual(get(a), ['z', 'w', 'y']);
});

test('counters: every concurrent addition counts', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(1), fc.integer({ min: -3, max: 5 }), fc.boolean()), { maxLength: 20 }), (steps) => {
    const docs = pair('counter');
    let sum = 0;
    for (const [who, delta, synced] of steps) {
      const doc = docs[who] ?? docs[0];
      set(doc, Number(get(doc) ?? 0) + delta);
      sum += delta;
      if (synced) sync(...docs);
    }
    sync(...docs);
    for (const doc of docs) assert.equal(get(doc) ?? 0, sum);
  }), { seed: SEED, numRuns: 100 });
});

test('maximum: the greatest value wins, whoever wrote it last', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(1), fc.integer(), fc.boolean()), { minLength: 1, maxLength: 20 }), (steps) => {
    const docs = pair('maximum');
    for (const [who, value, synced] of steps) {
      set(docs[who] ?? docs[0], value);
      if (synced) sync(...docs);
    }
    sync(...docs);
    for (const doc of docs) assert.equal(get(doc), Math.max(...steps.map(([, value]) => value)));
  }), { seed: SEED, numRuns: 100 });
});

test('long text: two who start writing at once keep both texts, and a whole-body write replaces only what differs', () => {
  const [a, b] = pair('long_text');
  longText(a, item, column).insert(0, 'from a. ');
  longText(b, item, column).insert(0, 'from b. ');
  sync(a, b);
  assert.equal(get(a), get(b));
  assert.equal(String(get(a)).length, 16);
  set(a, 'one two three 🔥');
  sync(a, b);
  set(a, 'one 2 three 🔥');
  set(b, 'one two three 🎉 four');
  sync(a, b);
  assert.equal(get(a), 'one 2 three 🎉 four');
});

test('an excerpt never ends in half a character', () => {
  const [a] = pair('long_text');
  set(a, `${'x'.repeat(499)}🔥 and more`);
  assert.equal(projectItem(a, item)?.values[column], 'x'.repeat(499));
});

test('two people who add labels at once keep both', () => {
  const [a, b] = pair('status');
  const label = (id: string) => ({ id, title: id, color: '' });
  updateColumn(a, column, { settings: { labels: [label('l'), label('from-a')] } }, ctx);
  updateColumn(b, column, { settings: { labels: [label('l'), label('from-b')] } }, ctx);
  sync(a, b);
  assert.deepEqual(readBoard(a).columns[0]?.settings.labels?.map(({ id }) => id), ['l', 'from-a', 'from-b']);
  updateColumn(a, column, { settings: { labels: [label('from-b')] } }, ctx);
  assert.deepEqual(readBoard(a).columns[0]?.settings.labels?.map(({ id }) => id), ['from-b']);
});

test('an edit survives a concurrent delete of its item', () => {
  const [a, b] = pair('text');
  updateItem(b, item, { values: { [column]: 'kept' } }, ctx);
  deleteItem(a, item, ctx);
  sync(a, b);
  assert.deepEqual(listItems(a), []);
  restoreItem(b, item, ctx);
  sync(a, b);
  assert.equal(get(a), 'kept');
});

test('who wrote what is known from the document, also where one client writes for several people', () => {
  const [a, b] = pair('text');
  updateItem(a, item, { name: 'by ben' }, { userId: 'ben' });
  sync(a, b);
  assert.equal(readItem(b, item)?.updatedBy, 'ben');
  updateItem(b, item, { name: 'by cleo' }, { userId: 'cleo' });
  assert.equal(readItem(b, item)?.updatedBy, 'cleo');
  assert.equal(readItem(b, item)?.createdBy, 'anna');
});

const names = (doc: Y.Doc): string => listItems(doc).map(({ name }) => name).join(' ');

test('order: inserting 5000 times into one gap keeps the order right and every key short', () => {
  const doc = new Y.Doc();
  initBoard(doc, { name: 'x' }, ctx);
  const first = createItem(doc, { name: 'first' }, ctx);
  const last = createItem(doc, { name: 'last' }, ctx);
  const ids: string[] = [];
  for (let i = 0; i < 5000; i++) ids.push(createItem(doc, i % 2 === 0 ? { name: String(i), before: last } : { name: String(i), after: first }, ctx));
  const listed = listItems(doc);
  assert.deepEqual(listed.map(({ name }) => name), ['first', ...ids.map((_, i) => i).filter((i) => i % 2 === 1).reverse().map(String), ...ids.map((_, i) => i).filter((i) => i % 2 === 0).map(String), 'last']);
  const longest = Math.max(...listed.map(({ position }) => position.length));
  assert.ok(longest <= 32, `longest key ${longest}`);
});

test('order: moves land where they were put, whatever keys stock clients left there', () => {
  const places = fc.array(fc.constantFrom('a0', 'a0', 'a1', '', 'zz', '!!', 'a00', 'A', 'x'.repeat(900), 'a0V', 'Zz', 'a'), { minLength: 2, maxLength: 60 });
  fc.assert(fc.property(places, fc.nat(), fc.nat(), fc.boolean(), (positions, from, to, before) => {
    const doc = new Y.Doc();
    initBoard(doc, { name: 'x' }, ctx);
    positions.forEach((position, i) => doc.getMap('items').set(`n${i}`, new Y.Map<unknown>([['name', `n${i}`], ['place', [null, position]]])));
    const order = (): string[] => listItems(doc).map(({ name }) => name);
    const was = order();
    const moved = asItemId(was[from % was.length]);
    const beside = asItemId(was[to % was.length]);
    moveItem(doc, moved, before ? { before: beside } : { after: beside }, ctx);
    const expected = was.filter((name) => name !== moved);
    if (moved !== beside) expected.splice(expected.indexOf(beside) + (before ? 0 : 1), 0, moved);
    assert.deepEqual(order(), moved === beside ? was : expected);
  }), { seed: SEED, numRuns: 300 });
});

test('order: two who insert into one gap at once, and then a third between them', () => {
  const a = new Y.Doc();
  const b = new Y.Doc();
  initBoard(a, { name: 'x', groups: [{ id: asGroupId('g'), title: 'g' }] }, ctx);
  createItem(a, { id: asItemId('x'), name: 'x' }, ctx);
  createItem(a, { id: asItemId('y'), name: 'y' }, ctx);
  sync(a, b);
  // equal keys, as if the jitter had met
  for (const [doc, id] of [[a, 'p'], [b, 'q']] as const) doc.getMap('items').set(id, new Y.Map<unknown>([['name', id], ['place', [['g', 'a0V'], 1]]]));
  sync(a, b);
  const third = createItem(a, { name: 'between', after: asItemId('p') }, ctx);
  sync(a, b);
  assert.equal(names(a), names(b));
  assert.match(names(a), /p between q/);
  assert.equal(itemOrder(a).place(third)?.group, 'g');
});

test('touchedBy and projectItem take microseconds on a board of 10 000 items', () => {
  const doc = new Y.Doc();
  const types: ColumnType[] = ['text', 'number', 'checkbox', 'status', 'date', 'person', 'link', 'text', 'rating', 'counter', 'text', 'timeline'];
  const labels = Array.from({ length: 20 }, (_, i) => ({ id: `l${i}`, title: `Label ${i}`, color: 'red' }));
  initBoard(doc, { name: 'x', columns: types.map((type, i) => ({ id: asColumnId(`c${i}`), type, title: type, settings: { labels } })) }, ctx);
  const values: Record<string, ColumnValue> = { c0: 'a', c1: 1, c2: true, c3: { labelId: 'l1' }, c4: { date: '2024-01-01' }, c5: ['u1'], c6: { url: 'https://example.com' }, c7: 'b', c8: 3, c9: 1, c10: 'c', c11: { from: '2024-01-01', to: '2024-01-02' } };
  doc.transact(() => {
    for (let i = 0; i < 10_000; i++) createItem(doc, { id: asItemId(`i${i}`), name: `Item ${i}`, values }, ctx);
  });
  const times = { touched: 0, project: 0 };
  doc.on('afterTransaction', (transaction: Y.Transaction) => {
    const start = performance.now();
    const { items } = touchedBy(transaction);
    const middle = performance.now();
    for (const id of items) projectItem(doc, id);
    times.touched += middle - start;
    times.project += performance.now() - middle;
  });
  const edits = 5000;
  const start = performance.now();
  for (let i = 0; i < edits; i++) updateItem(doc, asItemId(`i${i}`), { values: { c1: i + 2 } }, ctx);
  const total = performance.now() - start;
  const micros = (ms: number): number => Math.round((ms / edits) * 1e4) / 10;
  console.log(`per edit: touchedBy ${micros(times.touched)} µs, projectItem ${micros(times.project)} µs, the whole edit ${micros(total)} µs`);
  assert.ok(times.touched / edits < 0.1 && times.project / edits < 0.3);
});

test('a board as JSON and back reads the same', () => {
  const [a] = pair('status');
  createColumn(a, { type: 'counter', title: 'n', id: asColumnId('n') }, ctx);
  updateItem(a, item, { values: { [column]: { labelId: 'l' }, n: 4 } }, ctx);
  deleteItem(a, createItem(a, { name: 'gone' }, ctx), ctx);
  const data: unknown = JSON.parse(JSON.stringify(exportJson(a)));
  const b = new Y.Doc();
  importJson(b, data, { userId: 'other' });
  const plain = (doc: Y.Doc): unknown => JSON.parse(JSON.stringify(exportJson(doc), (key, value: unknown) => (key === 'updatedAt' || key === 'updatedBy' ? 0 : value)));
  assert.deepEqual(plain(b), plain(a));
  importJson(b, data, { userId: 'other' });
  assert.deepEqual(plain(b), plain(a), 'importing twice changes nothing');
});

test('what is no export is refused before anything changes', () => {
  const [a] = pair('status');
  const good = exportJson(a);
  for (const data of [null, 'x', {}, { ...good, format: 'x' }, { ...good, version: 2 }, { ...good, columns: [{ id: '__proto__', type: 'text', title: 'x' }] }, { ...good, columns: [{ id: 'c', type: 'odd' }] },
    { ...good, items: [{ id: 'i', values: { nope: 1 } }] }, { ...good, items: [{ id: 'i', values: { c: { labelId: 5 } } }] }, { ...good, items: [{ id: 'a' }, { id: 'a' }] }, { ...good, items: 'x' }, { ...good, name: 5 }]) {
    const doc = new Y.Doc();
    assert.throws(() => importJson(doc, data, ctx), (error) => error instanceof BoardModelError && error.code === 'invalid_import', JSON.stringify(data)?.slice(0, 80));
    assert.equal(Y.encodeStateAsUpdate(doc).length, 2);
  }
});

test('an import on behalf of somebody does not speak for others', () => {
  const [a] = pair('text');
  addComment(a, item, { body: 'hi' }, { userId: 'boss' });
  const b = new Y.Doc();
  importJson(b, exportJson(a), { userId: 'me' }, undefined, { keepAuthors: false });
  assert.equal(readComments(b, item)[0]?.author, 'me');
  assert.equal(readItem(b, item)?.createdBy, 'me');
});
