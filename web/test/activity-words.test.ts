/** Events in words, without a browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BoardEvent } from '../src/api/history.ts';
import { tell, tellAll } from '../src/history/words.ts';
import type { Names } from '../src/history/words.ts';

const names: Names = {
  item: (id) => `item ${id}`,
  group: (id) => id ?? 'Ungrouped',
  column: (id) => id.toUpperCase(),
  person: (id) => id,
  value: (_column, value) => (value === null || value === undefined ? '' : String(value)),
};

const event = (version: number, type: string, data: Record<string, unknown>, { item = 'one', user = 'ada', second = version } = {}): BoardEvent => ({
  id: `e${version}`, type, aggregateId: item, aggregateType: type.startsWith('Item') ? 'item' : 'board', version, data,
  metadata: { userId: user }, timestamp: new Date(Date.UTC(2026, 10, 26, 12, 0, second)).toISOString(),
});

test('a change of cells says before and after, typing how much, a move where to', () => {
  const changed = tell(event(1, 'ItemUpdated', { changes: { n: { before: 1, after: 2 }, t: { text: { from: 0, to: 9, inserted: 9, deleted: 2 } } }, name: { before: 'a', after: 'b' } }), names);
  assert.deepEqual(changed?.changes, [
    { label: 'Name', before: 'a', after: 'b' },
    { label: 'N', before: '1', after: '2' },
    { label: 'T', before: '', after: '+9 −2 characters' },
  ]);
  const moved = (data: Record<string, unknown>) => {
    const told = tell(event(2, 'ItemMoved', data), names);
    return `${told?.does} ${told?.tail}`.trim();
  };
  assert.equal(moved({ fromGroup: 'now', toGroup: 'later' }), 'moved to later');
  assert.equal(moved({ fromGroup: 'now', toGroup: 'now' }), 'reordered');
  assert.equal(moved({ fromGroup: 'now', toGroup: 'now', laneColumnId: 's', fromColumn: null, toColumn: 'done' }), 'moved to done');
});

test('a type that this version does not know is told in its own words, and odd data breaks nothing', () => {
  assert.equal(tell(event(1, 'BoardPaintedBlue', {}), names)?.does, 'board painted blue');
  for (const type of ['ItemUpdated', 'ItemMoved', 'BoardUpdated', 'CommentAdded', 'ColumnAdded', 'BoardMemberAdded']) {
    for (const data of [{}, { changes: null, name: 3 }, { changes: { n: 'x' }, title: {} }]) assert.ok(tell(event(1, type, data), names));
  }
});

test('many alike by one person within a minute are one line; others keep theirs', () => {
  const restore = Array.from({ length: 40 }, (_, i) => event(50 - i, 'ItemUpdated', { changes: {} }, { item: `i${i}` }));
  const lines = tellAll([...restore, event(5, 'ItemUpdated', { changes: {} }, { user: 'grace' }), event(4, 'ItemAssigned', {}), event(3, 'ItemCreated', {}, { item: 'x' })], names);
  assert.deepEqual(lines.map(({ does, userId, count }) => [does, userId, count]), [['changed 40 items', 'ada', 40], ['changed', 'grace', 1], ['added', 'ada', 1]]);
  const apart = Array.from({ length: 5 }, (_, i) => event(50 - i, 'ItemUpdated', { changes: {} }, { item: `i${i}`, second: (5 - i) * 600 }));
  assert.equal(tellAll(apart, names).length, 5);
});
