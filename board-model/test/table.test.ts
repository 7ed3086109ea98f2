import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import * as Y from 'yjs';
import {
  asItemId, BoardModelError, createColumn, createItem, exportTable, importTable, importTableSteps, initBoard, listItems, mapPlaceholder, readBoard, updateColumn,
  type ColumnType,
} from '../src/index.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`board-model tables: FUZZ_SEED=${SEED}`);
const ctx = { userId: 'anna' };
const roadmap = (): string[][] => parse(readFileSync(new URL('fixtures/product-roadmap.csv', import.meta.url)), { relax_column_count: true });

/** What another client has after syncing. */
const synced = (doc: Y.Doc): Y.Doc => {
  const copy = new Y.Doc();
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc));
  return copy;
};

test('a real roadmap becomes a board in one import, and comes out again string-equal', () => {
  const rows = roadmap();
  const doc = new Y.Doc();
  const progress: number[] = [];
  const summary = importTable(doc, { name: 'Roadmap', rows }, ctx, ({ done }) => progress.push(done));
  assert.equal(summary.itemCount, 291);
  assert.deepEqual(progress, [250, 291]);
  const types = Object.fromEntries(summary.columns.map(({ title, type }) => [title, type]));
  assert.deepEqual(types, {
    Status: 'status', Owner: 'person', 'Target release': 'dropdown', 'Estimated days': 'text', Epic: 'dropdown', Priority: 'dropdown', 'Sub priority': 'number',
    'Target release date': 'date', 'Design Status': 'status', 'Date Created': 'date', 'Needs PM': 'checkbox', 'GitHub issue': 'link', Description: 'long_text',
  } satisfies Record<string, ColumnType>);
  const copy = synced(doc);
  assert.deepEqual(exportTable(copy), rows);
  const board = readBoard(copy);
  const created = board.columns.find(({ title }) => title === 'Date Created');
  const owner = board.columns.find(({ title }) => title === 'Owner');
  const second = listItems(copy)[1];
  assert.ok(created !== undefined && owner !== undefined && second !== undefined);
  assert.equal(second.name, 'Focalboard Plugin');
  assert.deepEqual(second.values[created.id], { date: '2021-04-29', time: '20:59:33.517000Z' });
  const [person] = second.values[owner.id] as string[];
  assert.equal(owner.settings.placeholders?.find(({ id }) => id === person)?.name, 'Person 01');
});

test('a placeholder person can be mapped to a user, everywhere at once', () => {
  const doc = new Y.Doc();
  importTable(doc, { name: 'x', rows: [['Name', 'Owner'], ['a', 'Bo'], ['b', 'Cy'], ['c', 'Bo']] }, ctx);
  const owner = readBoard(doc).columns[0];
  const bo = owner?.settings.placeholders?.find(({ name }) => name === 'Bo')?.id;
  assert.ok(owner !== undefined && bo !== undefined);
  assert.equal(mapPlaceholder(doc, owner.id, bo, 'user-7', ctx), 2);
  assert.equal(mapPlaceholder(doc, owner.id, bo, 'user-7', ctx), 0);
  assert.throws(() => mapPlaceholder(doc, owner.id, 'nobody', 'user-7', ctx), (error) => error instanceof BoardModelError && error.code === 'invalid_value');
  assert.deepEqual(listItems(doc).map(({ values }) => (values[owner.id] as string[])[0]).filter((id) => id === 'user-7').length, 2);
  const userName = (id: string): string | undefined => (id === 'user-7' ? 'Bo Berg' : undefined);
  assert.deepEqual(exportTable(doc, { userName }), [['Name', 'Owner'], ['a', 'Bo Berg'], ['b', 'Cy'], ['c', 'Bo Berg']]);
});

test('column types are inferred only where every cell survives exactly', () => {
  const cases: [ColumnType, string, string[]][] = [
    ['number', 'n', ['1', '-2.5', '', '1000000']], ['number', 'n', ['1.50', '2.00']], ['text', 'zip', ['007', '1']], ['text', 'n', ['1,000', '2']], ['text', 'n', ['1e3', '5']], ['text', 'n', ['-0']],
    ['checkbox', 'b', ['true', '', 'false']], ['checkbox', 'b', ['Yes', 'No']], ['text', 'b', ['true', 'No']],
    ['date', 'd', ['2024-02-29', '2024-01-01T10:00Z']], ['date', 'd', ['2024-02-29 10:00:00']], ['text', 'd', ['2023-02-29']], ['date', 'd', ['31.12.2024']], ['date', 'd', ['Mar 5, 2021', 'May 15, 2022']],
    ['date', 'd', ['12/31/2024', '01/02/2024']], ['text', 'd', ['01/02/2024']], ['date', 'd', ['02/02/2024']], ['timeline', 't', ['2024-01-01/2024-02-01']],
    ['link', 'l', ['https://example.com/a?b#c']], ['text', 'l', ['javascript:alert(1)']], ['text', 'l', ['https://example.com', 'n/a']], ['email', 'e', ['a@example.com']], ['phone', 'Phone', ['+41 44 123']],
    ['status', 'Status', ['Done ', 'Open']], ['person', 'Assignee', ['A', 'B']], ['dropdown', 'Size', ['L', 'L', 'S', 'S']], ['text', 'Size', ['L', 'S']],
    ['long_text', 'Text', ['a\nb']], ['long_text', 'Text', ['x'.repeat(300)]], ['text', 'f', ['=1+1', '@x']],
  ];
  for (const [type, header, cells] of cases) {
    const doc = new Y.Doc();
    const rows = [['Name', header], ...cells.map((cell, i) => [`item ${i}`, cell])];
    const { columns } = importTable(doc, { name: 'x', rows }, ctx);
    assert.equal(columns[0]?.type, type, `${header}: ${cells.join(' | ').slice(0, 80)}`);
    assert.deepEqual(exportTable(synced(doc)), rows);
  }
});

const shaped = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).map((cell) => cell.replaceAll('\0', '')), // no database keeps NUL
  fc.constantFrom('', 'true', 'false', 'Yes', 'No', '1', '1.0', '-0', '-0.0', '1.50', '007', '2024-02-29', '2024-02-30', '01/02/2024', '31.1.2024', '2024-01-01T00:00Z', '2024-01-01 10:00',
    'https://example.com', 'HTTPS://EXAMPLE.COM', 'javascript:x', 'a@example.com', '=1+1', '-1', '+1', '@a', 'Done', 'Done ', 'A, B', 'x\ny', 'x\r\ny', '🔥', "'", '2024-01-01/2024-01-02'),
  fc.integer().map(String), fc.double().map(String), fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
);
const header = fc.oneof(fc.constantFrom('Name', 'Status', 'Owner', 'Title', 'Phone', '', 'constructor', '__proto__'), shaped, fc.string({ minLength: 256, maxLength: 300 }));
const table = fc.integer({ min: 1, max: 6 }).chain((width) => fc.tuple(
  fc.array(header, { minLength: width, maxLength: width }),
  // columns with little variety, so that richer types are inferred too
  fc.array(fc.oneof(shaped, fc.constantFrom('true', 'false', ''), fc.constantFrom('1.0', '2.5')), { minLength: 1, maxLength: 5 }).chain((pool) =>
    fc.array(fc.array(fc.constantFrom(...pool), { minLength: width, maxLength: width }), { maxLength: 12 })),
)).map(([first, rows]) => [first].concat(rows));

test('any table of texts comes out as it went in', () => {
  fc.assert(fc.property(table, (rows) => {
    const doc = new Y.Doc();
    importTable(doc, { name: 'x', rows }, ctx);
    assert.deepEqual(exportTable(synced(doc)), rows);
  }), { seed: SEED, numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) });
});

test('names too long for a name keep their cells in a column', () => {
  const rows = [['Name', 'x'], ['n'.repeat(20_000), '1']];
  const doc = new Y.Doc();
  importTable(doc, { name: 'x', rows }, ctx);
  assert.equal(listItems(doc)[0]?.name.length, 255);
  assert.deepEqual(exportTable(doc), rows);
});

test('what is no table is refused before anything changes', () => {
  for (const rows of [[], [[]], [['a'], [5]], 'x', [['a'], 'b'], [['a'], ['x'.repeat(1_000_001)]], [Array.from({ length: 501 }, () => 'x')]]) {
    const doc = new Y.Doc();
    assert.throws(() => importTable(doc, { name: 'x', rows: rows as string[][] }, ctx), (error) => error instanceof BoardModelError && error.code === 'invalid_import');
    assert.equal(Y.encodeStateAsUpdate(doc).length, 2);
  }
});

test('formula-like cells stay exact, and are escaped only on request', () => {
  const doc = new Y.Doc();
  importTable(doc, { name: 'x', rows: [['Name', 'f'], ['=cmd()', '@x']] }, ctx);
  assert.deepEqual(exportTable(doc)[1], ['=cmd()', '@x']);
  assert.deepEqual(exportTable(doc, { escapeFormulas: true })[1], ["'=cmd()", "'@x"]);
});

test('an edited board exports what it now holds', () => {
  const doc = new Y.Doc();
  importTable(doc, { name: 'x', rows: [['Name', ''], ['a', '1']] }, ctx);
  const column = readBoard(doc).columns[0];
  assert.ok(column !== undefined);
  updateColumn(doc, column.id, { title: 'Points' }, ctx);
  createItem(doc, { id: asItemId('b'), name: 'b', values: { [column.id]: 2 } }, ctx);
  assert.deepEqual(exportTable(doc), [['Name', 'Points'], ['a', '1'], ['b', '2']]);
});

test('a board that never was a table exports one, with groups on request', () => {
  const doc = new Y.Doc();
  initBoard(doc, { name: 'x', groups: [{ title: 'G' }] }, ctx);
  const who = createColumn(doc, { type: 'created_by', title: 'By' }, ctx);
  createColumn(doc, { type: 'formula', title: 'Sum', settings: { formula: '1 + 1' } }, ctx);
  createItem(doc, { name: 'a', values: {} }, ctx);
  assert.ok(who.length > 0);
  assert.deepEqual(exportTable(doc, { groups: true, userName: () => 'Anna' }), [['Group', 'Name', 'By', 'Sum'], ['G', 'a', 'Anna', '2']]);
});

test('10 000 rows of 12 columns are imported in steps that let others run', () => {
  const rows = [['Name', 'Status', 'Owner', 'n', 'date', 'link', 'done', 'a', 'b', 'c', 'd', 'e']];
  for (let i = 0; i < 10_000; i++) rows.push([`Item ${i}`, `S${i % 5}`, `P${i % 9}`, String(i), '2024-01-01', `https://example.com/${i}`, i % 2 === 0 ? 'true' : 'false', `a${i}`, `b${i}`, `c${i}`, `d${i}`, `e${i}`]);
  const doc = new Y.Doc();
  let longest = 0;
  let count = 0;
  const start = performance.now();
  let last = start;
  for (const _step of importTableSteps(doc, { name: 'big', rows }, ctx)) {
    if (count++ > 0) longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }
  const total = performance.now() - start;
  console.log(`import of 10 000 × 12: ${Math.round(total)} ms, longest step ${Math.round(longest)} ms, ${Y.encodeStateAsUpdate(doc).length} bytes`);
  assert.equal(count, 40);
  assert.deepEqual(exportTable(doc), rows);
});
