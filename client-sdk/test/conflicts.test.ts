import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { onStatelessPayload } from '@hocuspocus/server';
import { createItem, readItem, updateItem, type ColumnId, type ItemId } from '@sunday/board-model';
import { WebSocket as WsSocket } from 'ws';
import * as Y from 'yjs';
import type { Board, Conflict } from '../src/index.ts';
import { connect, startPlainServer, until, type PlainServer } from './rig.ts';
import { startSunday, tokenFor } from './sunday.ts';

const STATUS = 'status' as ColumnId;
const TODO = { labelId: 'todo' };
const DONE = { labelId: 'done' };
const STEP2 = 1; // of the sync protocol

interface Scene {
  readonly server: PlainServer;
  readonly board: Board;
  readonly item: ItemId;
  /** What the client answered, as it arrived. */
  readonly answers: { id: string; choice: string }[];
  readonly say: (message: object) => void;
  readonly conflict: (id: string) => Conflict;
  readonly write: (labelId: string) => void;
}

/** A board whose item somebody set to "done"; the server is a plain one that says what the test wants said. */
async function scene(t: { after(fn: () => Promise<void>): void }, greet: () => readonly Conflict[] = () => []): Promise<Scene> {
  const answers: Scene['answers'] = [];
  const server = await startPlainServer({
    onStateless: ({ payload, connection }: onStatelessPayload) => {
      const message = JSON.parse(payload) as { sunday: string; id: string; choice: string };
      if (message.sunday === 'hello') for (const conflict of greet()) connection.sendStateless(JSON.stringify({ sunday: 'conflict', conflict }));
      if (message.sunday === 'resolve') answers.push({ id: message.id, choice: message.choice });
      return Promise.resolve();
    }
  });
  t.after(server.stop);
  const board = connect(t, server.url).open('b1');
  await board.ready;
  const document = server.hocuspocus.documents.get('b1');
  assert.ok(document);
  const item = createItem(document, { name: 'one', values: { [STATUS]: DONE } }, { userId: 'other' });
  await until('the item is here', () => board.items.get(item) !== undefined);
  return {
    server, board, item, answers,
    say: (message) => { for (const connection of document.getConnections()) connection.sendStateless(JSON.stringify(message)); },
    conflict: (id) => ({
      id, itemId: item, columnId: STATUS, policy: 'later_write',
      kept: { value: DONE, userId: 'other', at: 2_000 }, lost: { value: TODO, userId: 'u1', at: 1_000 }
    }),
    write: (labelId) => updateItem(document, item, { values: { [STATUS]: { labelId } } }, { userId: 'other' })
  };
}

const ids = (board: Board): string[] => board.conflicts.current.map(({ id }) => id);

suite('writes that lost to somebody\'s of the same time', () => {
  test('are told with both values; "mine" writes one\'s own back, as a step to undo, and is told to the server', async (t) => {
    const { board, item, server, say, conflict, answers } = await scene(t);
    let told = 0;
    board.conflicts.subscribe(() => { told += 1; });
    assert.equal(board.conflicts.current, board.conflicts.current, 'the same reference until it changes');
    say({ sunday: 'conflict', conflict: conflict('c1') });
    await until('the conflict is here', () => told === 1);
    assert.deepEqual(board.conflicts.current, [conflict('c1')]);
    const before = board.conflicts.current;
    say({ sunday: 'conflict', conflict: conflict('c1') });
    say({ sunday: 'conflict_closed', id: 'another one' });
    say({ sunday: 'volatile', on: true });
    await until('all of it has arrived', () => board.status.sync === 'volatile');
    board.items.update(item, { name: 'renamed' });
    assert.equal(board.conflicts.current, before);

    board.conflicts.keepMine('c1');
    assert.deepEqual(board.items.get(item)?.values['status'], TODO);
    assert.deepEqual(ids(board), []);
    await until('the server was told', () => answers.length > 0);
    assert.deepEqual(answers, [{ id: 'c1', choice: 'mine' }]);
    const document = server.hocuspocus.documents.get('b1');
    assert.ok(document);
    assert.deepEqual(readItem(document, item)?.values['status'], TODO, 'the write went before the word');
    board.undo();
    assert.deepEqual(board.items.get(item)?.values['status'], DONE);
    assert.deepEqual(ids(board), [], 'an answered one does not come back');
  });

  test('"theirs" writes nothing; what the server closes goes; what is not open is not written', async (t) => {
    const { board, item, say, conflict, answers } = await scene(t);
    say({ sunday: 'conflict', conflict: conflict('c1') });
    say({ sunday: 'conflict', conflict: conflict('c2') });
    await until('both are here', () => ids(board).length === 2);
    board.conflicts.keepTheirs('c1');
    assert.deepEqual(ids(board), ['c2']);
    await until('the server was told', () => answers.some(({ id, choice }) => id === 'c1' && choice === 'theirs'));
    say({ sunday: 'conflict_closed', id: 'c2' });
    await until('the other is closed', () => ids(board).length === 0);
    board.conflicts.keepMine('c2');
    assert.deepEqual(board.items.get(item)?.values['status'], DONE);
    assert.equal(board.history.canUndo, false);
  });

  test('several kept in a batch are one step to undo; a value that emptied the cell is one too', async (t) => {
    const { board, item, say, conflict, answers } = await scene(t);
    say({ sunday: 'conflict', conflict: conflict('c1') });
    say({ sunday: 'conflict', conflict: { ...conflict('c2'), columnId: 'size', kept: { value: null, userId: 'other', at: 2_000 }, lost: { value: 5, userId: 'u1', at: 1_000 } } });
    await until('both are here', () => ids(board).length === 2);
    board.batch(() => { for (const { id } of board.conflicts.current) board.conflicts.keepMine(id); });
    assert.deepEqual([board.items.get(item)?.values['status'], board.items.get(item)?.values['size'], ids(board)], [TODO, 5, []]);
    await until('the server was told of both', () => answers.length === 2);
    board.undo();
    assert.deepEqual([board.items.get(item)?.values['status'], board.items.get(item)?.values['size']], [DONE, undefined]);
    assert.equal(board.history.canUndo, false);
  });

  test('are settled by whoever writes the cell again, and by its item going to the trash', async (t) => {
    const { board, item, say, conflict, write } = await scene(t);
    say({ sunday: 'conflict', conflict: conflict('c1') });
    await until('the conflict is here', () => ids(board).length === 1);
    write('todo');
    await until('it went', () => ids(board).length === 0);
    board.conflicts.keepMine('c1');
    assert.equal(board.history.canUndo, false, 'a later value is not written over');
    write('done');
    await until('what was kept stands again', () => ids(board).length === 1);
    board.items.delete(item);
    assert.deepEqual(ids(board), []);
    board.undo();
    assert.deepEqual(ids(board), ['c1']);
  });

  test('told before the board\'s content are shown with it, after a reconnect anew, and an answer given offline is told then', async (t) => {
    const open: Conflict[] = [];
    const { board, item, server, conflict, answers, say } = await scene(t, () => open);
    say({ sunday: 'conflict', conflict: conflict('closed while away') });
    open.push(conflict('c1'), { ...conflict('c2'), itemId: 'elsewhere' }, conflict('c3'));
    await until('the conflict is here', () => ids(board).length === 1);
    server.cut();
    await until('the greeting named those that are open', () => ids(board).join() === 'c1,c3');
    const late = connect(t, server.url).open('b1');
    await late.ready;
    await until('also a fresh copy shows them', () => ids(late).join() === 'c1,c3');
    late.close();

    server.cut();
    await until('offline', () => board.status.sync === 'offline');
    board.conflicts.keepTheirs('c3');
    await until('the answer has arrived', () => answers.some(({ id, choice }) => id === 'c3' && choice === 'theirs'));
    assert.deepEqual(ids(board), ['c1']);
    assert.deepEqual(board.items.get(item)?.values['status'], DONE);
  });
});

test('a write that lost while offline reaches the server with its value: applied too early, the other one would have taken it', async (t) => {
  const answers: Uint8Array[] = [];
  const server = await startPlainServer({
    beforeSync: ({ type, payload }) => {
      if (type === STEP2) answers.push(payload);
      return Promise.resolve();
    }
  });
  t.after(server.stop);
  const cable = network();
  const board = connect(t, server.url, { WebSocket: cable.Socket }).open('b1');
  await board.ready;
  await connect(t, server.url, { user: { id: 'u2' } }).open('b1').ready; // the plain server forgets a board nobody has open
  const item = board.items.create({ name: 'one', values: { [STATUS]: TODO } });
  const document = server.hocuspocus.documents.get('b1');
  assert.ok(document);
  await until('the server has the item', () => readItem(document, item));
  cable.off();
  await until('offline', () => board.status.sync === 'offline');
  board.items.update(item, { values: { [STATUS]: DONE } });
  const other = new Y.Doc();
  other.clientID = 2 ** 32 - 1; // the greater id wins in Yjs
  Y.applyUpdate(other, Y.encodeStateAsUpdate(document));
  updateItem(other, item, { values: { [STATUS]: null } }, { userId: 'other' });
  Y.applyUpdate(document, Y.encodeStateAsUpdate(other));
  answers.length = 0;
  cable.on();
  await until('the client has both', () => board.items.get(item)?.values['status'] === undefined);
  await until('and has answered', () => answers.length > 0);
  assert.ok(answers.some((update) => Buffer.from(update).includes('done')), 'what was lost can be read in what arrived');
});

/** Sockets that a test can take the network from. */
function network(): { readonly Socket: new (url: string) => WsSocket; readonly on: () => void; readonly off: () => void } {
  let there = true;
  const sockets = new Set<WsSocket>();
  class Socket extends WsSocket {
    constructor(url: string) {
      if (!there) throw new Error('no network');
      super(url);
      sockets.add(this);
    }
  }
  return {
    Socket,
    on: () => { there = true; },
    off: () => {
      there = false;
      for (const socket of sockets) socket.terminate();
      sockets.clear();
    }
  };
}

const CLOCK_TOLERANCE_MS = 1_000; // the server's: writes closer than this are of the same moment

test('two people, one of them offline, set one status: both see the later one, the other is asked, and "mine" wins on both and can be undone', async (t) => {
  const sunday = await startSunday(t);
  const labels = ['todo', 'stuck', 'done'].map((id) => ({ id, title: id, color: '#888888' }));
  const { id: boardId } = await sunday.call<{ id: string }>('POST', '/boards', 'ada', { name: 'Plan', columns: [{ id: 'status', type: 'status', title: 'Status', settings: { labels } }] });
  await sunday.call('POST', `/boards/${boardId}/members`, 'ada', { userId: 'bob', role: 'editor' });
  const cable = network();
  const ada = connect(t, sunday.url, { user: { id: 'ada' }, token: tokenFor('ada'), WebSocket: cable.Socket }).open(boardId);
  const bob = connect(t, sunday.url, { user: { id: 'bob' }, token: tokenFor('bob') }).open(boardId);
  await Promise.all([ada.ready, bob.ready]);
  const item = ada.items.create({ name: 'Ship it', values: { status: TODO } });
  const status = (board: Board): unknown => board.items.get(item)?.values['status'];
  await until('bob has the item', () => status(bob));

  cable.off();
  await until('ada is offline', () => ada.status.sync === 'offline');
  ada.items.update(item, { values: { status: { labelId: 'stuck' } } });
  const written = Date.now();
  await until('clocks cannot be that far off', () => Date.now() > written + CLOCK_TOLERANCE_MS + 200);
  bob.items.update(item, { values: { status: DONE } });
  await bob.saved();
  cable.on();

  await until('ada is told', () => ada.conflicts.current.length === 1);
  const [conflict] = ada.conflicts.current;
  assert.ok(conflict);
  assert.deepEqual([conflict.itemId, conflict.columnId, conflict.policy], [item, 'status', 'later_write']);
  assert.deepEqual([conflict.kept.value, conflict.kept.userId, conflict.lost.value, conflict.lost.userId], [DONE, 'bob', { labelId: 'stuck' }, 'ada']);
  assert.deepEqual([status(ada), status(bob)], [DONE, DONE]);
  assert.deepEqual(bob.conflicts.current, [], 'who was kept is not asked');

  ada.conflicts.keepMine(conflict.id);
  await until('bob has hers', () => JSON.stringify(status(bob)) === '{"labelId":"stuck"}');
  await ada.saved();
  await until('the server has it resolved', async () => {
    const { data } = await sunday.call<{ data: { id: string; resolution: string | null }[] }>('GET', `/boards/${boardId}/conflicts`, 'ada');
    return data.length === 1 && data[0]?.resolution === 'mine';
  });
  ada.undo();
  await until('bob has his own again', () => JSON.stringify(status(bob)) === JSON.stringify(DONE));
  assert.deepEqual(ada.conflicts.current, []);
});
