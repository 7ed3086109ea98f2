import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createItem, newId } from '@sunday/board-model';
import type { ItemId } from '@sunday/board-model';
import { BoardModelError } from '../src/index.ts';
import { connect, startPlainServer, until } from './rig.ts';

suite('reads and history', () => {
  test('references are kept until their content changes, listeners hear of their own item only', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const board = connect(t, server.url).open('b1');
    await board.ready;
    const [a, b] = [board.items.create({ name: 'a' }), board.items.create({ name: 'b' })];
    const [all, viewA, viewB, columns] = [board.items.all, board.items.get(a), board.items.get(b), board.columns.all];
    assert.equal(board.items.all, all);
    const heard: string[] = [];
    board.items.subscribe(a, () => heard.push('a'));
    board.items.subscribe(b, () => heard.push('b'));
    board.items.subscribe(() => heard.push('any'));
    board.columns.subscribe(() => heard.push('columns'));
    board.items.update(a, { values: { size: 1 } });
    assert.deepEqual(heard, ['a', 'any']);
    assert.notEqual(board.items.all, all);
    assert.notEqual(board.items.get(a), viewA);
    assert.equal(board.items.get(b), viewB);
    assert.equal(board.columns.all, columns);
    const size = board.columns.get('size');
    board.columns.update('votes', { title: 'Likes' });
    assert.equal(board.columns.get('size'), size);
    assert.equal(board.columns.get('votes')?.title, 'Likes');
    // A title is nothing items hold: they keep their references.
    assert.equal(board.items.get(b), viewB);
    board.items.update(a, { values: { size: 1 } });
    assert.deepEqual(heard, ['a', 'any', 'columns'], 'a write of the same value is no change');
  });

  test('moves, deletes, restores and groups show in the lists at once and as a fresh reading has them', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const board = connect(t, server.url).open('b1');
    await board.ready;
    const second = board.groups.create({ title: 'Doing' });
    const first = board.groups.all[0]?.id ?? null;
    const ids = ['a', 'b', 'c', 'd'].map((name) => board.items.create({ name, groupId: first }));
    const [a, b, c, d] = ids as [ItemId, ItemId, ItemId, ItemId];
    const names = (list: readonly { name: string }[]): string => list.map(({ name }) => name).join('');
    assert.equal(names(board.items.all), 'abcd');
    board.items.move(d, { before: a });
    board.items.move(b, { groupId: second });
    assert.equal(names(board.items.all), 'dacb');
    assert.equal(names(board.items.inGroup(second)), 'b');
    board.items.delete(c);
    assert.equal(names(board.items.all), 'dab');
    assert.equal(names(board.items.deleted), 'c');
    board.groups.move(second, { before: first ?? '' });
    assert.equal(names(board.items.all), 'bda');
    board.groups.remove(second);
    assert.equal(names(board.items.inGroup(null)), 'b');
    assert.equal(names(board.items.all), 'dab');
    board.items.restore(c);
    assert.equal(names(board.items.inGroup(first)), 'dac');
    const other = connect(t, server.url).open('b1');
    await other.ready;
    await until('the same elsewhere', () => names(other.items.all) === names(board.items.all));
  });

  test('a batch is one notification, one undo step, and reads its own writes', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const board = connect(t, server.url).open('b1');
    await board.ready;
    let calls = 0;
    board.items.subscribe(() => { calls += 1; });
    const ids = board.batch(() => {
      const made = Array.from({ length: 50 }, (_, i) => board.items.create({ name: `i${i}` }));
      const [first] = made;
      assert.ok(first);
      assert.equal(board.items.get(first)?.name, 'i0');
      board.items.update(first, { values: { size: 9 } });
      return made;
    });
    assert.equal(calls, 1);
    assert.equal(board.items.all.length, 50);
    assert.equal(board.items.get(ids[0] ?? '')?.values['size'], 9);
    board.undo();
    assert.equal(board.items.all.length, 0);
    assert.equal(board.history.canUndo, false);
    board.redo();
    assert.equal(board.items.all.length, 50);
  });

  test('undo takes back one\'s own steps only, and never what somebody wrote since', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const mine = connect(t, server.url).open('b1');
    const theirs = connect(t, server.url, { user: { id: 'u2' } }).open('b1');
    await Promise.all([mine.ready, theirs.ready]);
    const id = mine.items.create({ name: 'x', values: { size: 1, status: { labelId: 'todo' } } });
    mine.items.update(id, { values: { size: 2 } });
    mine.items.update(id, { values: { status: { labelId: 'done' } } });
    await until('they have it', () => theirs.items.get(id)?.values['size'] === 2);
    theirs.items.update(id, { name: 'their name', values: { size: 50 } });
    await until('I have theirs', () => mine.items.get(id)?.values['size'] === 50);
    assert.equal(theirs.history.canUndo, true);

    assert.deepEqual(mine.undo(), { applied: 1, skipped: [] });
    assert.deepEqual(mine.items.get(id)?.values['status'], { labelId: 'todo' });
    const { applied, skipped } = mine.undo();
    assert.deepEqual([applied, skipped.length, skipped[0]?.reason, skipped[0]?.field], [0, 1, 'overwritten', 'size']);
    assert.equal(mine.items.get(id)?.values['size'], 50);
    assert.equal(mine.undo().skipped[0]?.reason, 'overwritten', 'an item with others\' work is not deleted');
    assert.equal(mine.items.get(id)?.deletedAt, null);
    assert.equal(mine.history.canUndo, false);
    assert.equal(mine.redo().applied, 1);
    assert.deepEqual(mine.items.get(id)?.values['status'], { labelId: 'done' });
    theirs.undo();
    await until('their undo came', () => mine.items.get(id)?.name === 'x' && mine.items.get(id)?.values['size'] === 2);
  });

  test('undo takes its own part out of sets, counters and texts others changed too', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const mine = connect(t, server.url).open('b1');
    const theirs = connect(t, server.url, { user: { id: 'u2' } }).open('b1');
    await Promise.all([mine.ready, theirs.ready]);
    const id = mine.items.create({ name: 'x', values: { tags: ['a'], votes: 5, notes: 'one two three' } });
    const value = (key: string): unknown => mine.items.get(id)?.values[key];
    mine.items.update(id, { values: { tags: ['a', 'mine'] } });
    mine.items.update(id, { values: { votes: 7 } });
    mine.setLongText(id, 'notes', 'one TWO three');
    await until('they have it', () => theirs.items.get(id)?.values['notes'] === 'one TWO three');
    theirs.items.update(id, { values: { tags: ['a', 'mine', 'theirs'], votes: 17 } });
    theirs.setLongText(id, 'notes', 'one TWO three four');
    await until('I have theirs', () => value('votes') === 17 && value('notes') === 'one TWO three four');
    mine.undo();
    assert.equal(value('notes'), 'one two three four');
    mine.undo();
    assert.equal(value('votes'), 15);
    mine.undo();
    assert.deepEqual(value('tags'), ['a', 'theirs']);
    mine.redo();
    mine.redo();
    mine.redo();
    assert.deepEqual([value('tags'), value('votes'), value('notes')], [['a', 'mine', 'theirs'], 17, 'one TWO three four']);
  });

  test('undo covers moves, names, columns, groups and the board; keystrokes into one text are one step', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const board = connect(t, server.url).open('b1');
    await board.ready;
    const [a, b, c] = ['a', 'b', 'c'].map((name) => board.items.create({ name })) as [ItemId, ItemId, ItemId];
    const order = (): string => board.items.all.map(({ name }) => name).join('');
    board.items.move(c, { before: a });
    board.undo();
    assert.equal(order(), 'abc');
    board.redo();
    assert.equal(order(), 'cab');
    board.items.delete(b);
    board.undo();
    assert.equal(order(), 'cab');
    const column = board.columns.create({ title: 'New', type: 'text' });
    board.items.update(a, { values: { [column]: 'kept' } });
    board.columns.remove(column);
    assert.equal(board.items.get(a)?.values[column], undefined);
    board.undo();
    assert.equal(board.items.get(a)?.values[column], 'kept');
    board.info.update({ name: 'Other' });
    board.undo();
    assert.equal(board.info.current.name, 'Plan');
    for (const text of ['h', 'he', 'hel', 'hell', 'hello']) board.setLongText(a, 'notes', text);
    board.undo();
    assert.equal(board.items.get(a)?.values['notes'], undefined);
    board.redo();
    assert.equal(board.longText(a, 'notes').toString(), 'hello');
  });

  test('a wrong value is refused with its code and changes nothing', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const board = connect(t, server.url).open('b1');
    await board.ready;
    const before = board.items.all;
    assert.throws(() => board.items.create({ name: 'x', values: { size: 'many' } }), (error) => error instanceof BoardModelError && error.code === 'invalid_value');
    assert.equal(board.items.all, before);
    assert.equal(board.history.canUndo, false);
  });

  test('an edit on a board of 10 000 items reads one item, not all', async (t) => {
    const server = await startPlainServer({
      onLoadDocument: ({ document }) => {
        document.transact(() => {
          for (let i = 0; i < 10_000; i++) createItem(document, { id: `i${i}` as ItemId, name: `Item ${i}` }, { userId: 'owner' });
        });
        return Promise.resolve(document);
      }
    });
    t.after(server.stop);
    const board = connect(t, server.url).open('big');
    await board.ready;
    const started = performance.now();
    assert.equal(board.items.all.length, 10_000);
    const first = performance.now() - started;
    const kept = new Set(board.items.all);
    const EDITS = 200;
    const before = performance.now();
    for (let i = 0; i < EDITS; i++) {
      board.items.update(`i${i * 7}`, { name: newId() });
      assert.equal(board.items.all.length, 10_000);
    }
    const each = (performance.now() - before) / EDITS;
    t.diagnostic(`first reading ${first.toFixed(0)} ms, edit and list ${each.toFixed(2)} ms`);
    assert.equal(board.items.all.filter((view) => !kept.has(view)).length, EDITS);
    assert.ok(each < 16, `an edit takes less than a frame: ${each.toFixed(2)} ms`);
  });
});
