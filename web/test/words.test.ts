/** The pure parts, without a browser: what typing does to a shared text, what keys and drops mean, what a view shows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as always, nat, property, string } from 'fast-check';
import { lanePlace, lanesOf, laneSource, NO_LABEL } from '../src/kanban/lanes.ts';
import { parseDate, parseSpan } from '../src/cells/dates.ts';
import { parseTyped, parseUrl } from '../src/cells/kind.ts';
import { changeBetween, shiftOffset } from '../src/item/text-binding.ts';
import { inkOn, paint } from '../src/board/model.ts';
import type { ColumnView, GroupView, ItemView } from '../src/board/model.ts';
import type { People } from '../src/board/people.ts';
import { queryItems, tableRows } from '../src/board/query.ts';
import { gridAction } from '../src/table/keyboard.ts';
import { placeOf } from '../src/table/row-drag.ts';

const group = (id: string): GroupView => ({ id: id as GroupView['id'], title: id.toUpperCase(), color: 'blue', position: id, archivedAt: null });
const item = (id: string, groupId: string | null, values: ItemView['values'] = {}): ItemView => ({
  id: id as ItemView['id'],
  groupId: groupId as ItemView['groupId'],
  name: `Item ${id}`,
  values,
  position: id,
  createdAt: 0,
  createdBy: null,
  updatedAt: 0,
  updatedBy: null,
  deletedAt: null,
});
const status: ColumnView = {
  id: 's' as ColumnView['id'],
  type: 'status',
  title: 'Status',
  position: 'a',
  archivedAt: null,
  settings: {
    labels: [
      { id: 'open', title: 'Open', color: '' },
      { id: 'done', title: 'Done', color: '' },
    ],
  },
};
const nobody: People = { members: [], get: (id) => ({ id, name: id, picture: null, kind: 'unknown' }), choicesFor: () => [] };
const scope = { columns: [status], people: nobody, nameOfItem: (id: string) => id };

test('a change between two texts, applied, gives the second; with the caret at its end it is where the typing was', () => {
  always(
    property(string(), nat(), nat(), string(), (before, from, length, typed) => {
      const at = before.length === 0 ? 0 : from % (before.length + 1);
      const end = Math.min(before.length, at + (length % 5));
      const after = before.slice(0, at) + typed + before.slice(end);
      const change = changeBetween(before, after, at + typed.length);
      assert.equal(before.slice(0, change.at) + change.insert + before.slice(change.at + change.remove), after);
      assert.ok(change.at <= at + typed.length);
    }),
  );
  assert.deepEqual(changeBetween('hello', 'helllo', 3), { at: 2, remove: 0, insert: 'l' });
});

test('a caret moves with the text around it', () => {
  assert.equal(shiftOffset(5, [{ insert: 'ab' }]), 7);
  assert.equal(shiftOffset(5, [{ retain: 5 }, { insert: 'ab' }]), 5, 'what is written at the caret comes after it');
  assert.equal(shiftOffset(5, [{ retain: 2 }, { delete: 10 }]), 2);
  assert.equal(shiftOffset(5, [{ retain: 8 }, { delete: 1 }]), 5);
});

test('typed numbers and addresses are understood, and dangerous ones are not', () => {
  assert.deepEqual(parseTyped('number', ' 1,234.5 '), { ok: true, value: 1234.5 });
  assert.deepEqual(parseTyped('number', '1,5'), { ok: true, value: 1.5 });
  assert.deepEqual(parseTyped('number', ''), { ok: true, value: null });
  assert.equal(parseTyped('number', 'ten').ok, false);
  assert.equal(parseUrl('example.org/a b'), null);
  assert.equal(parseUrl('example.org/a'), 'https://example.org/a');
  assert.equal(parseUrl('ada@example.org'), 'mailto:ada@example.org');
  for (const bad of ['javascript:alert(1)', 'data:text/html,x', 'JaVaScRiPt:x', ' vbscript:x']) assert.equal(parseUrl(bad), null);
});

test('a date is read as people write it, and only if there is such a day', () => {
  const year = new Date().getFullYear();
  for (const words of ['2026-12-24', ' 2026/12/24', '2026.12.24', '24.12.2026', '24.12.26', '24 Dec 2026', '24. december 2026', 'Dec 24, 2026']) {
    assert.deepEqual(parseDate(words), { date: '2026-12-24' }, words);
  }
  assert.deepEqual(parseDate('2026-1-5 9:05'), { date: '2026-01-05', time: '09:05' });
  assert.deepEqual(parseDate('5 Jan 2026, 14:30'), { date: '2026-01-05', time: '14:30' }, 'as a cell shows it');
  assert.deepEqual(parseDate('Jan 5, 2026, 12:30 am'), { date: '2026-01-05', time: '00:30' });
  assert.deepEqual(parseDate('24.12.'), { date: `${year}-12-24` });
  for (const words of ['', 'soon', '2026-02-30', '2026-13-01', '24', '24 Foo 2026', '26-12-24-1', '2026-12-24 25:00', 'Dec 2026']) assert.equal(parseDate(words), null, words);
  assert.deepEqual(parseSpan('1 Mar 2026 – 8 Mar 2026'), { from: '2026-03-01', to: '2026-03-08' });
  assert.equal(parseSpan('8 Mar 2026 – 1 Mar 2026'), null);
});

test('rows come group by group, folded ones without their items, strays under a group of their own', () => {
  const items = [item('1', 'a'), item('2', 'a'), item('3', 'b'), item('4', 'gone')];
  const rows = tableRows(items, [group('a'), group('b')], ['b'], false);
  assert.deepEqual(
    rows.map((row) => row.key),
    ['g:a', 'i:1', 'i:2', 'a:a', 'g:b', 'g:@ungrouped', 'i:4', 'a:@ungrouped'],
  );
  assert.deepEqual(
    tableRows([item('3', 'b')], [group('a'), group('b')], [], true).map((row) => row.key),
    ['g:b', 'i:3', 'a:b'],
  );
});

test('filters and search must all hold, and sorting by a status follows its labels with empty cells last', () => {
  const items = [item('1', 'a', { s: { labelId: 'done' } }), item('2', 'a'), item('3', 'a', { s: { labelId: 'open' } })];
  const ids = (found: readonly ItemView[]) => found.map(({ id }) => id).join();
  const rule = { id: 'r', columnId: 's', operator: 'any_of' as const, text: '', ids: ['done'] };
  assert.equal(ids(queryItems(items, { search: '', filters: [rule], sort: null }, scope)), '1');
  assert.equal(ids(queryItems(items, { search: 'item open', filters: [], sort: null }, scope)), '3');
  assert.equal(ids(queryItems(items, { search: '', filters: [{ ...rule, ids: [] }], sort: null }, scope)), '1,2,3', 'half a rule filters nothing');
  assert.equal(ids(queryItems(items, { search: '', filters: [], sort: { columnId: 's', direction: 'up' } }, scope)), '3,1,2');
  assert.equal(ids(queryItems(items, { search: '', filters: [], sort: { columnId: 's', direction: 'down' } }, scope)), '1,3,2');
});

test('a drop says before or after whom, and one that changes nothing is none', () => {
  const rows = tableRows([item('1', 'a'), item('2', 'a'), item('3', 'b')], [group('a'), group('b')], [], false);
  assert.deepEqual(placeOf(rows, { key: 'i:3', side: 'before' }, '1'), { groupId: 'b', before: '3' });
  assert.deepEqual(placeOf(rows, { key: 'a:b', side: 'before' }, '1'), { groupId: 'b' });
  assert.deepEqual(placeOf(rows, { key: 'g:b', side: 'after' }, '1'), { groupId: 'b', before: '3' });
  assert.deepEqual(placeOf(rows, { key: 'g:b', side: 'before' }, '3'), { groupId: 'a' });
  assert.equal(placeOf(rows, { key: 'i:1', side: 'after' }, '1'), null);
  assert.equal(placeOf(rows, { key: 'i:2', side: 'before' }, '1'), null);
});

test('a card keeps its group when its status changes, and stands beside the nearest card of that group', () => {
  const items = [item('1', 'a'), item('2', 'b', { s: { labelId: 'open' } }), item('3', 'a', { s: { labelId: 'open' } })];
  const source = laneSource(null, [status]);
  const lanes = lanesOf(source, items, [group('a'), group('b')]);
  assert.deepEqual(
    lanes.map((lane) => [lane.id, lane.items.length]),
    [
      [NO_LABEL, 1],
      ['open', 2],
      ['done', 0],
    ],
  );
  const [none, open, done] = lanes;
  assert.ok(none && open && done && items[0]);
  assert.deepEqual(lanePlace(source, open, 0, items[0]), { groupId: 'a', before: '3' });
  assert.deepEqual(lanePlace(source, open, 2, items[0]), { groupId: 'a', after: '3' });
  assert.equal(lanePlace(source, done, 0, items[0]), null);
});

test('arrows stay inside the grid, letters begin an edit, combinations are left to the browser', () => {
  const rows = tableRows([item('1', 'a'), item('2', 'a')], [group('a')], [], false);
  const columns = ['@handle', '@name', 's'];
  const press = (key: string, row = 'i:1', column = '@name', mods = {}) =>
    gridAction({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...mods }, { row, column, editing: false, typed: null }, rows, columns);
  assert.deepEqual(press('ArrowDown'), { kind: 'move', row: 'i:2', column: '@name' });
  assert.deepEqual(press('ArrowRight'), { kind: 'move', row: 'i:1', column: 's' });
  assert.equal(press('ArrowRight', 'i:1', 's'), null);
  assert.deepEqual(press('ArrowUp', 'g:a'), { kind: 'move', row: 'g:a', column: '@name' });
  assert.deepEqual(press('x'), { kind: 'edit', typed: 'x' });
  assert.equal(press('x', 'i:1', '@name', { ctrlKey: true }), null);
  assert.equal(press('/'), null, 'the search’s');
  assert.equal(press(' ', 'i:1', '@handle'), null, 'Space on the handle is the drag’s');
  assert.deepEqual(press('End', 'i:1', '@name', { ctrlKey: true }), { kind: 'move', row: 'a:a', column: '@name' });
});

test('any colour a document holds is shown as one, with ink that can be read on it', () => {
  always(
    property(string(), string(), (color, id) => {
      assert.match(paint(color, id), /^#[0-9a-f]{3}([0-9a-f]{3})?$/i);
    }),
  );
  for (const odd of ['__proto__', 'constructor', 'toString']) assert.match(paint(odd, 'id'), /^#[0-9a-f]{6}$/);
  // white on #767676 is the last grey with 4.5:1 (4.54), on #777 it has 4.48
  assert.deepEqual(['#000', '#767676', '#777', '#2f9e62', '#ffffff'].map(inkOn), ['#ffffff', '#ffffff', '#000000', '#000000', '#000000']);
});
