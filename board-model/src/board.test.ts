import assert from 'node:assert/strict';
import test from 'node:test';
import * as Y from 'yjs';
import {
  addComment, archiveColumn, archiveGroup, asGroupId, asItemId, BoardModelError, createColumn, createGroup, createItem, deleteItem,
  initBoard, listItems, longText, moveItem, projectBoard, projectItem, readBoard, readColumns, readComments, readItem, restoreColumn, restoreGroup,
  restoreItem, touchedBy, updateItem, type BoardModelErrorCode, type ColumnType, type ColumnValue, type Touched,
} from './index.ts';

const ctx = { userId: 'anna' };
const code = (expected: BoardModelErrorCode) => (error: unknown): boolean => error instanceof BoardModelError && error.code === expected;
const labels = [{ id: 'todo', title: 'To do', color: 'red' }, { id: 'done', title: 'Done', color: 'green' }];

const board = (): Y.Doc => {
  const doc = new Y.Doc();
  initBoard(doc, { name: 'Plan', groups: [{ id: asGroupId('g1'), title: 'One' }, { id: asGroupId('g2'), title: 'Two' }] }, ctx);
  return doc;
};

const GOOD: [ColumnType, ColumnValue][] = [
  ['text', 'hi 🔥'], ['number', -1.5], ['checkbox', false], ['rating', 5], ['link', { url: 'https://example.com/?a=1', text: 'x' }],
  ['link', { url: 'mailto:a@example.com' }], ['email', 'a@example.com'], ['phone', '+1 23'], ['location', { address: 'Bern', lat: 46.9, lng: 7.4 }],
  ['status', { labelId: 'done' }], ['dropdown', { labelId: 'todo' }], ['date', { date: '2024-02-29' }], ['date', { date: '2021-04-29', time: '20:57:44.808000Z' }],
  ['timeline', { from: '2024-01-01', to: '2024-01-02' }], ['person', ['u2', 'u1']], ['tags', ['b', 'a']], ['relation', ['i1']], ['files', ['f1']],
  ['long_text', 'line\nline'], ['counter', 3], ['maximum', 7],
];

test('every writable column type gives back what was written, and is empty again after null', () => {
  const doc = board();
  for (const [type, value] of GOOD) {
    const column = createColumn(doc, { type, title: type, settings: { labels } }, ctx);
    const item = createItem(doc, { name: 'x', values: { [column]: value } }, ctx);
    assert.deepEqual(readItem(doc, item)?.values[column], value, type);
    assert.deepEqual(projectItem(doc, item)?.values[column], value, type);
    updateItem(doc, item, { values: { [column]: null } }, ctx);
    assert.equal(readItem(doc, item)?.values[column] ?? 0, 0, type);
  }
});

const BAD: [ColumnType, unknown, BoardModelErrorCode][] = [
  ['text', 5, 'invalid_value'], ['text', 'x'.repeat(10_001), 'invalid_value'], ['number', Number.NaN, 'invalid_value'], ['number', '5', 'invalid_value'], ['checkbox', 'true', 'invalid_value'],
  ['rating', 6, 'invalid_value'], ['rating', 1.5, 'invalid_value'], ['link', { url: 'javascript:alert(1)' }, 'invalid_link'], ['link', { url: ' JaVaScRiPt:alert(1)' }, 'invalid_link'],
  ['link', { url: 'java\nscript:alert(1)' }, 'invalid_link'], ['link', { url: 'data:text/html,x' }, 'invalid_link'], ['link', 'https://example.com', 'invalid_value'], ['link', { url: '/relative' }, 'invalid_link'],
  ['email', 'nobody', 'invalid_value'], ['location', {}, 'invalid_value'], ['location', { lat: 91, lng: 0 }, 'invalid_value'], ['status', { labelId: 'nope' }, 'unknown_label'], ['status', 'done', 'invalid_value'],
  ['status', { labelId: '__proto__' }, 'invalid_value'], ['date', { date: '2023-02-29' }, 'invalid_value'], ['date', { date: '2023-02-28', time: '25:00' }, 'invalid_value'],
  ['timeline', { from: '2024-01-02', to: '2024-01-01' }, 'invalid_value'], ['person', 'u1', 'invalid_value'], ['person', [''], 'invalid_value'], ['counter', Infinity, 'invalid_value'],
  ['created_at', 1, 'computed_column'], ['formula', 1, 'computed_column'], ['auto_number', 1, 'computed_column'],
];

test('a bad value is refused with a clear code and changes nothing', () => {
  const doc = board();
  for (const [type, value, expected] of BAD) {
    const column = createColumn(doc, { type, title: type, settings: { labels } }, ctx);
    const item = createItem(doc, { name: 'x' }, ctx);
    const before = Y.encodeStateVector(doc);
    assert.throws(() => updateItem(doc, item, { name: 'changed', values: { [column]: value as ColumnValue } }, ctx), code(expected), `${type} ${JSON.stringify(value)}`);
    assert.deepEqual(Y.encodeStateVector(doc), before);
  }
});

test('ids like constructor, __proto__ and 5000 characters are refused on write and harmless on read', () => {
  const doc = board();
  for (const id of ['constructor', '__proto__', 'x'.repeat(5000), '', 'a:b']) {
    assert.throws(() => asItemId(id), code('invalid_id'));
    assert.throws(() => createItem(doc, { id: id as never, name: 'x' }, ctx), code('invalid_id'));
    assert.equal(readItem(doc, id as never), undefined);
    assert.throws(() => updateItem(doc, id as never, { name: 'x' }, ctx), code('unknown_item'));
    assert.throws(() => moveItem(doc, id as never, { groupId: null }, ctx), code('unknown_item'));
    const item = createItem(doc, { name: 'x' }, ctx);
    assert.throws(() => updateItem(doc, item, { values: Object.fromEntries([[id, 1]]) }, ctx), code('unknown_column'));
    // a stock client may write anything
    doc.getMap('items').set(id, new Y.Map([['name', 'junk']]));
    doc.getMap('columns').set(id, new Y.Map([['type', 'text']]));
    assert.equal(readColumns(doc).length, 0);
  }
  assert.equal(listItems(doc).length, 5);
});

test('an item is created, edited, moved, deleted and restored, and the same id is not created twice', () => {
  const doc = board();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => createItem(doc, { id: asItemId(name), name, groupId: asGroupId('g1') }, ctx));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const names = (): string => listItems(doc).map((item) => item.name).join('');
  assert.equal(createItem(doc, { id: a, name: 'again' }, ctx), a);
  assert.equal(names(), 'abc');
  moveItem(doc, c, { before: a }, ctx);
  assert.equal(names(), 'cab');
  moveItem(doc, c, { after: a }, ctx);
  assert.equal(names(), 'acb');
  moveItem(doc, a, { groupId: asGroupId('g2') }, ctx);
  assert.equal(names(), 'cba');
  deleteItem(doc, b, { userId: 'ben' });
  assert.equal(names(), 'ca');
  assert.equal(listItems(doc, { deleted: true })[0]?.name, 'b');
  updateItem(doc, b, { name: 'B' }, ctx);
  restoreItem(doc, b, ctx);
  assert.equal(names(), 'cBa');
  assert.equal(readItem(doc, a)?.createdBy, 'anna');
});

test('items of an archived group show as ungrouped and return with it; cells of an archived column likewise', () => {
  const doc = board();
  const column = createColumn(doc, { type: 'text', title: 'Note' }, ctx);
  const item = createItem(doc, { name: 'x', groupId: asGroupId('g1'), values: { [column]: 'kept' } }, ctx);
  archiveGroup(doc, asGroupId('g1'), ctx);
  archiveColumn(doc, column, ctx);
  assert.equal(readItem(doc, item)?.groupId, null);
  assert.deepEqual(readItem(doc, item)?.values, {});
  assert.equal(listItems(doc, { groupId: null }).length, 1);
  const row = projectItem(doc, item);
  assert.equal(row?.groupId, 'g1');
  assert.deepEqual(row?.values, { [column]: 'kept' });
  restoreGroup(doc, asGroupId('g1'), ctx);
  restoreColumn(doc, column, ctx);
  assert.equal(readItem(doc, item)?.groupId, 'g1');
  assert.deepEqual(readItem(doc, item)?.values, { [column]: 'kept' });
});

test('touchedBy names the items and the structure that a transaction touched', () => {
  const doc = board();
  const column = createColumn(doc, { type: 'long_text', title: 'Note' }, ctx);
  const item = createItem(doc, { name: 'x' }, ctx);
  const seen: Touched[] = [];
  doc.on('afterTransaction', (transaction: Y.Transaction) => seen.push(touchedBy(transaction)));
  const last = (work: () => void): Touched | undefined => {
    work();
    return seen.at(-1);
  };
  const touched = (items: string[], comments: string[], structure: boolean): Touched => ({ items: new Set(items.map(asItemId)), comments: new Set(comments.map(asItemId)), structure });
  assert.deepEqual(last(() => updateItem(doc, item, { name: 'y' }, ctx)), touched([item], [], false));
  assert.deepEqual(last(() => createItem(doc, { id: asItemId('n'), name: 'y' }, ctx)), touched(['n'], [], false));
  assert.deepEqual(last(() => longText(doc, item, column).insert(0, 'hi')), touched([item], [], false));
  assert.deepEqual(last(() => addComment(doc, item, { body: 'hi' }, ctx)), touched([], [item], false));
  assert.deepEqual(last(() => createGroup(doc, { title: 'g' }, ctx)), touched([], [], true));
  assert.deepEqual(last(() => archiveColumn(doc, column, ctx)), touched([], [], true));
});

test('the board and its projection agree, with archived columns only in the projection', () => {
  const doc = board();
  const column = createColumn(doc, { type: 'status', title: 'State', settings: { labels } }, ctx);
  assert.deepEqual(readBoard(doc).columns[0]?.settings, { labels });
  archiveColumn(doc, column, ctx);
  assert.deepEqual(readBoard(doc).columns, []);
  assert.equal(projectBoard(doc).columns[0]?.id, column);
  assert.equal(readBoard(doc).name, 'Plan');
});

test('comments are read in order, and an item without any has none', () => {
  const doc = board();
  const item = createItem(doc, { name: 'x' }, ctx);
  assert.deepEqual(readComments(doc, item), []);
  addComment(doc, item, { body: 'two', mentions: ['ben'] }, { userId: 'ben', at: 2000 });
  addComment(doc, item, { body: 'one' }, { ...ctx, at: 1000 });
  assert.deepEqual(readComments(doc, item).map(({ author, body, mentions, createdAt }) => ({ author, body, mentions, createdAt })), [
    { author: 'anna', body: 'one', mentions: [], createdAt: 1000 },
    { author: 'ben', body: 'two', mentions: ['ben'], createdAt: 2000 },
  ]);
});
