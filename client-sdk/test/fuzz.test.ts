/** Whatever happens on a board, the cached reads are what a fresh reading of the document says, and undo never throws. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as check, constantFrom, nat, option, property, record } from 'fast-check';
import * as Y from 'yjs';
import {
  archiveGroup, BoardModelError, createGroup, createItem, deleteItem, listItems, moveItem, readBoard, readComments, readGroups, restoreItem, updateColumn, updateItem
} from '@sunday/board-model';
import type { ItemId } from '@sunday/board-model';
import type { Board } from '../src/index.ts';
import { connect, startPlainServer } from './rig.ts';

const STEPS = [
  'create', 'name', 'size', 'tags', 'votes', 'notes', 'move', 'group', 'delete', 'restore', 'new group', 'move group', 'remove group', 'rename column', 'drop column',
  'comment', 'batch', 'undo', 'undo', 'redo', 'their create', 'their edit', 'their move', 'their delete', 'their restore', 'their group', 'their ungroup', 'their column'
] as const;

const step = record({ what: constantFrom(...STEPS), a: nat(30), b: nat(30), flag: option(nat(1)) });

function mine(board: Board, { what, a, b, flag }: { what: (typeof STEPS)[number]; a: number; b: number; flag: number | null }): void {
  const items = [...board.items.all, ...board.items.deleted];
  const id = items[a % Math.max(1, items.length)]?.id ?? 'none';
  const other = items[b % Math.max(1, items.length)]?.id;
  const group = board.groups.all[b % Math.max(1, board.groups.all.length)]?.id ?? null;
  switch (what) {
    case 'create': board.items.create({ name: `n${b}`, groupId: flag === null ? null : group, values: { size: b } }); return;
    case 'name': board.items.update(id, { name: `n${b}` }); return;
    case 'size': board.items.update(id, { values: { size: flag === null ? null : b } }); return;
    case 'tags': board.items.update(id, { values: { tags: ['x', 'y', 'z'].slice(a % 3, a % 3 + b % 3) } }); return;
    case 'votes': board.items.update(id, { values: { votes: b } }); return;
    case 'notes': board.setLongText(id, 'notes', 'lorem ipsum'.slice(a % 5, b % 11)); return;
    case 'move': if (other) board.items.move(id, flag === null ? { before: other } : { after: other }); return;
    case 'group': board.items.move(id, { groupId: group }); return;
    case 'delete': board.items.delete(id); return;
    case 'restore': board.items.restore(id); return;
    case 'new group': board.groups.create({ title: `g${b}` }); return;
    case 'move group': if (group) board.groups.move(group, { before: board.groups.all[a % board.groups.all.length]?.id ?? group }); return;
    case 'remove group': if (group && board.groups.all.length > 1) board.groups.remove(group); return;
    case 'rename column': board.columns.update('size', { title: `t${b}` }); return;
    case 'drop column': board.columns.remove('size'); board.undo(); return;
    case 'comment': board.comments.add(id, { body: `c${b}` }); return;
    case 'batch': board.batch(() => { mine(board, { what: 'create', a, b, flag }); mine(board, { what: 'size', a, b, flag }); mine(board, { what: 'move', a, b, flag }); }); return;
    case 'undo': board.undo(); return;
    case 'redo': board.redo(); return;
    default: theirs(board, what, a, b);
  }
}

/** The same by somebody else, who did not see our latest: applied to a fork, which comes in as one update. */
function theirs(board: Board, what: string, a: number, b: number): void {
  const fork = new Y.Doc();
  Y.applyUpdate(fork, Y.encodeStateAsUpdate(board.doc));
  const before = Y.encodeStateVector(fork);
  const ctx = { userId: 'other' };
  const items = [...listItems(fork), ...listItems(fork, { deleted: true })];
  const id = items[a % Math.max(1, items.length)]?.id ?? ('none' as ItemId);
  const group = readGroups(fork)[b % Math.max(1, readGroups(fork).length)];
  try {
    if (what === 'their create') createItem(fork, { name: `t${b}` }, ctx);
    if (what === 'their edit') updateItem(fork, id, { name: `t${a}`, values: { size: b, votes: b, tags: ['x'], notes: 'lorem' } }, ctx);
    if (what === 'their move') moveItem(fork, id, { groupId: group?.id ?? null }, ctx);
    if (what === 'their delete') deleteItem(fork, id, ctx);
    if (what === 'their restore') restoreItem(fork, id, ctx);
    if (what === 'their group') createGroup(fork, { title: `tg${b}` }, ctx);
    if (what === 'their ungroup' && group && readGroups(fork).length > 1) archiveGroup(fork, group.id, ctx);
    const [column] = readBoard(fork).columns;
    if (what === 'their column' && column) updateColumn(fork, column.id, { settings: { labels: [{ id: `l${b}`, title: 'L', color: '#000000' }] } }, ctx);
  } finally {
    Y.applyUpdate(board.doc, Y.encodeStateAsUpdate(fork, before), 'theirs');
    fork.destroy();
  }
}

test('cached reads always equal a fresh reading; listeners heard of every change', async (t) => {
  const server = await startPlainServer();
  t.after(server.stop);
  const client = connect(t, server.url);
  let n = 0;
  for (let round = 0; round < 4; round++) {
    const board = client.open(`fuzz${round}`);
    await board.ready;
    let heard = 0;
    board.items.subscribe(() => { heard += 1; });
    check(property(array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      for (const one of steps) {
        const [all, before] = [board.items.all, heard];
        try {
          mine(board, one);
        } catch (error) {
          if (!(error instanceof BoardModelError)) throw error;
        }
        assert.deepEqual(board.items.all, listItems(board.doc), one.what);
        assert.deepEqual(new Set(board.items.deleted), new Set(listItems(board.doc, { deleted: true })), one.what);
        const { columns, groups, name } = readBoard(board.doc);
        assert.deepEqual([board.columns.all, board.groups.all, board.info.current.name], [columns, groups, name], one.what);
        for (const item of board.items.all) {
          assert.equal(board.items.get(item.id), item);
          assert.ok(board.items.inGroup(item.groupId).includes(item));
        }
        const [first] = board.items.all;
        if (first) assert.deepEqual(board.comments.of(first.id), readComments(board.doc, first.id));
        if (board.items.all !== all) assert.ok(heard > before, `${one.what}: told`);
        n += 1;
      }
    }), { numRuns: 100 });
  }
  t.diagnostic(`${n} steps, ${client.peek('fuzz0')?.items.all.length} items, ${client.peek('fuzz0')?.groups.all.length} groups`);
});

// Without 'remove group': an item moved out of "Ungrouped" comes back there, not to the archived group it still belonged to.
const OWN = STEPS.filter((what) => !what.startsWith('their') && !['undo', 'redo', 'drop column', 'comment', 'remove group'].includes(what));
const ownStep = record({ what: constantFrom(...OWN), a: nat(30), b: nat(30), flag: option(nat(1)) });

/** What a person sees. */
const seen = (board: Board): unknown => ({
  items: board.items.all.map(({ id, name, groupId, values }) => ({ id, name, groupId, values })),
  groups: board.groups.all.map(({ id, title, color }) => ({ id, title, color })),
  columns: board.columns.all.map(({ id, title, settings }) => ({ id, title, settings }))
});

test('undoing every step of one\'s own leads back to where it began, redoing every one to the end', async (t) => {
  const server = await startPlainServer();
  t.after(server.stop);
  const client = connect(t, server.url);
  const board = client.open('undo');
  await board.ready;
  for (let i = 0; i < 8; i++) board.items.create({ name: `start ${i}`, values: { size: i, tags: ['x'], votes: i } });
  check(property(array(ownStep, { minLength: 1, maxLength: 15 }), (steps) => {
    board.history.clear();
    const start = seen(board);
    for (const one of steps) {
      try {
        mine(board, one);
      } catch (error) {
        if (!(error instanceof BoardModelError)) throw error;
      }
    }
    const end = seen(board);
    while (board.history.canUndo) assert.deepEqual(board.undo().skipped, []);
    assert.deepEqual(seen(board), start);
    while (board.history.canRedo) assert.deepEqual(board.redo().skipped, []);
    assert.deepEqual(seen(board), end);
  }), { numRuns: 200 });
});
