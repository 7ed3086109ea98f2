/** What a server with a guard refuses because somebody would choke on it later, and what it takes all the same. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { judgeEntry, judgeFormat, type ColumnType, type EntryContext, type EntryFault, type FieldsOf } from './index.ts';

const TYPES: Record<string, ColumnType> = { s: 'status', d: 'date', l: 'link', o: 'location', t: 'text', n: 'number', v: 'counter', p: 'person' };
const context = (author: string | null = 'ann'): EntryContext => ({ author, client: 7, typeOf: (columnId) => TYPES[columnId] });
const judged = (of: FieldsOf, key: string, stored: unknown, author?: string | null): EntryFault | null => judgeEntry(of, key, stored, context(author));

const NOW = Date.UTC(2026, 0, 1);
/** What JSON does not say, or says differently to whoever is sent it. */
const POISON: readonly (readonly [string, unknown])[] = [
  ['a bigint', 1n], ['bytes', new Uint8Array(3)], ['not a number', Number.NaN], ['infinite', Infinity], ['undefined in a list', [undefined]], ['a NUL', 'a\0b'],
  ['half a character', '\ud83d'], ['a key with a NUL', { 'a\0': 1 }], ['a bigint far down', { a: [{ b: 1n }] }], ['very much', 'x'.repeat(600_000)],
];

test('what comes beside a value is judged with it', () => {
  const values: [string, object][] = [
    ['c:s', { labelId: 'a' }], ['c:d', { date: '2026-01-01' }], ['c:l', { url: 'https://example.com' }], ['c:o', { address: 'Bern' }], ['c:unknown', { a: 1 }],
  ];
  for (const [key, value] of values) {
    for (const stored of [value, [value, NOW], { ...value, more: { of: ['a later version', 1, null, true, undefined] .slice(0, 4) } }, { ...value, more: undefined }]) {
      assert.equal(judged('items', key, stored), null, `${key} ${JSON.stringify(stored)}`);
    }
    for (const [what, poison] of POISON) assert.equal(judged('items', key, [{ ...value, x: poison }, NOW]), 'invalid_value', `${key} with ${what}`);
  }
  const label = { title: 'A', color: 'red', order: 1 };
  const table = { nameTitle: 'Task', nameIndex: 2 };
  const settings = { unit: 'kg', more: [1, { a: null }] };
  for (const [of, key, value] of [['columns', 'label:a', label], ['board', 'table', table], ['columns', 'settings', settings]] as const) {
    for (const stored of [value, [value, NOW], { ...value, more: 'of a later version' }]) assert.equal(judged(of, key, stored), null, key);
    for (const [what, poison] of POISON) assert.equal(judged(of, key, { ...value, x: poison }), 'invalid_value', `${key} with ${what}`);
  }
});

test('the longest values that this package writes are taken', () => {
  const long = '\u0001'.repeat(10_000);
  assert.equal(judged('items', 'c:l', [{ url: `https://example.com/${'x'.repeat(9000)}`, text: long }, NOW]), null);
  assert.equal(judged('items', 'c:o', [{ address: long, lat: 1, lng: 2 }, NOW]), null);
  assert.equal(judged('items', 'c:t', [long, NOW]), null);
  assert.equal(judged('board', 'table', [{ nameTitle: long, nameIndex: -1 }, NOW]), null);
  assert.equal(judged('board', 'table', [null, NOW]), null, 'a restored board may come from no table');
  assert.equal(judged('columns', 'label:a', [{ title: long.slice(0, 1000), color: 'x'.repeat(32), order: -1.5 }, NOW]), null);
});

test('a clock may be wrong, and says a time that a timestamp can hold', () => {
  for (const at of [0, -1, 1, 2 ** -10, NOW + 2 ** -10, NOW * 1000, -NOW * 1000, 8.64e15]) assert.equal(judged('items', 'name', ['n', at]), null, String(at));
  for (const [of, key, value] of [['items', 'c:s', { labelId: 'a' }], ['items', 'name', 'n'], ['board', 'name', 'n'], ['items', 'c:v:7', 1], ['items', 'c:unknown', 1]] as const) {
    for (const at of [1e300, -1e300, 8.65e15, -8.65e15]) assert.equal(judged(of, key, [value, at]), 'invalid_value', `${key} ${at}`);
  }
});

test('where nobody knows who writes, a register still names a user, and a part somebody or something', () => {
  for (const author of ['', 'a\0b', 'x'.repeat(256)]) assert.equal(judged('items', 'name', ['n', NOW, author], null), 'invalid_value');
  assert.equal(judged('items', 'name', ['n', NOW, 'bob'], null), null);
  assert.equal(judged('items', 'name', ['n', NOW, 'bob']), 'foreign_author');
  assert.equal(judged('items', `c:unknown:${'x'.repeat(256)}`, 1), 'invalid_value');
  assert.equal(judged('items', 'c:unknown:u:1', 1), null);
});

test('labels, tables, versions and formats have numbers that everybody reads alike', () => {
  for (const order of [Number.NaN, Infinity, -Infinity, '1', null]) assert.equal(judged('columns', 'label:a', { title: 'A', color: '', order }), 'invalid_value');
  assert.equal(judged('columns', 'label:a', { title: 'A' }), null, 'it may have none');
  for (const table of [{}, [], 'x', { nameTitle: 10n, nameIndex: 0 }, { nameTitle: 'x' }, { nameTitle: 'x', nameIndex: 1.5 }, { nameTitle: 'x', nameIndex: -2 }, { nameTitle: 'x', nameIndex: 1e300 }]) {
    assert.equal(judged('board', 'table', table), 'invalid_value');
  }
  assert.equal(judged('board', 'schemaVersion', 1e300), 'invalid_value');
  for (const format of [Infinity, -Infinity, Number.NaN]) assert.equal(judgeFormat('header', format), 'invalid_value');
  assert.equal(judgeFormat('header', 2), null);
});
