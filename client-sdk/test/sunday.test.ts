/** The SDK against the real server and a real Postgres: what "saved" is worth, and what a refusal leaves. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { listItems, updateItem } from '@sunday/board-model';
import type { Board, Client } from '../src/index.ts';
import { connect, until } from './rig.ts';
import { startSunday, tokenFor, type Sunday } from './sunday.ts';

type TestContext = Parameters<typeof startSunday>[0];

const clientOf = (t: TestContext, sunday: Sunday, userId: string): Client => connect(t, sunday.url, { token: () => tokenFor(userId), user: { id: userId } });

const committed = async (sunday: Sunday, boardId: string): Promise<Map<string, { name: string; size: unknown }>> => {
  const rows = await sunday.database.database.query<{ item_id: string; name: string; item_values: { size?: unknown } }>(
    'SELECT item_id, name, item_values FROM items WHERE board_id = $1', [boardId]);
  return new Map(rows.map(({ item_id: id, name, item_values: values }) => [id, { name, size: values.size }]));
};

/** Fails the moment the board says `saved` while `broken` says why it cannot be. */
function watchHonesty(board: Board, broken: () => string | null): () => string[] {
  const lies: string[] = [];
  board.on('status', () => {
    const why = broken();
    if (board.status.sync === 'saved' && why !== null) lies.push(why);
  });
  return () => lies;
}

suite('the SDK on a real Sunday', () => {
  test('saved() resolves when the edit is in Postgres, for items, texts, deletions in texts and structure', async (t) => {
    const sunday = await startSunday(t);
    const boardId = await sunday.board('ada');
    const board = clientOf(t, sunday, 'ada').open(boardId);
    await board.ready;
    assert.equal(board.status.sync, 'saved');
    for (let i = 0; i < 20; i++) {
      const id = board.items.create({ name: `item ${i}`, values: { size: i } });
      assert.equal(board.status.sync, 'saving');
      await board.saved();
      assert.equal(board.status.sync, 'saved');
      assert.deepEqual((await committed(sunday, boardId)).get(id), { name: `item ${i}`, size: i });
    }
    const [item] = board.items.all;
    assert.ok(item);
    for (const text of ['hello world', 'hello', '', 'again']) {
      board.setLongText(item.id, 'notes', text);
      await board.saved();
    }
    board.info.update({ name: 'Renamed' });
    await board.saved();
    assert.equal((await sunday.call<{ name: string }>('GET', `/boards/${boardId}`, 'ada')).name, 'Renamed');
  });

  test('while the commit cannot happen nothing says saved, through lost connections too; then everything is', async (t) => {
    const sunday = await startSunday(t);
    const boardId = await sunday.board('ada');
    const board = clientOf(t, sunday, 'ada').open(boardId);
    await board.ready;
    const id = board.items.create({ name: 'before' });
    await board.saved();

    const release = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const lock = sunday.database.another().transaction(async (tx) => {
      await tx.query('LOCK TABLE board_updates IN EXCLUSIVE MODE');
      locked.resolve();
      await release.promise;
    });
    await locked.promise;
    let held = true;
    const lies = watchHonesty(board, () => (held ? 'the commit was held' : null));
    board.items.update(id, { name: 'held' });
    assert.equal(board.status.sync, 'saving');
    await sunday.kill();
    await until('offline', () => board.status.sync === 'offline' && board.status.unsaved);
    board.items.update(id, { values: { size: 7 } });
    await sunday.start();
    await until('connected again', () => board.status.sync !== 'offline');
    board.items.update(id, { name: 'held again' });
    await until('the server holds it in memory', () => ['saving', 'volatile'].includes(board.status.sync));
    assert.equal((await committed(sunday, boardId)).get(id)?.name, 'before');
    held = false;
    release.resolve();
    await lock;
    await board.saved();
    assert.deepEqual(lies(), []);
    assert.deepEqual((await committed(sunday, boardId)).get(id), { name: 'held again', size: 7 });
  });

  test('kill -9 in the middle of edits by several clients: nothing saved is lost, all converge', { timeout: 120_000 }, async (t) => {
    const sunday = await startSunday(t);
    const users = ['ada', 'grace', 'edsger', 'barbara'];
    const boardId = await sunday.board('ada', users.slice(1));
    const boards = users.map((user) => clientOf(t, sunday, user).open(boardId));
    await Promise.all(boards.map(({ ready }) => ready));
    const saved = new Map<string, number>(); // item → the last size that was acknowledged
    const seen = new Map<string, number>(); // item → the last size that somebody else was shown
    boards.forEach((board, who) => board.items.subscribe(() => {
      for (const { id, name, values } of board.items.all) {
        if (name !== `of ${users[who]}`) seen.set(id, Math.max(seen.get(id) ?? 0, Number(values['size'] ?? 0)));
      }
    }));
    const editing = new AbortController();
    const own: string[] = [];
    const editors = boards.map(async (board, who) => {
      const id = board.items.create({ name: `of ${users[who]}`, values: { size: 0 } });
      own.push(id);
      for (let size = 1; !editing.signal.aborted; size++) {
        board.items.update(id, { values: { size } });
        const neighbour = own[(who + 1) % own.length] ?? id;
        if (size % 5 === 0 && board.items.get(neighbour) !== undefined) board.items.update(neighbour, { values: { votes: size } }); // once it has arrived here
        const sofar = size;
        void board.saved().then(() => saved.set(id, Math.max(saved.get(id) ?? 0, sofar)));
        await new Promise((resolve) => { setTimeout(resolve, 3 + Math.random() * 10); });
      }
    });
    for (let round = 0; round < 4; round++) {
      const before = saved.size === 0 ? 0 : Math.min(...saved.values());
      await until('edits are saved', () => saved.size === users.length && Math.min(...saved.values()) > before, 30_000);
      await sunday.kill();
      const atDeath = new Map(saved);
      const shown = new Map(seen);
      const rows = await committed(sunday, boardId);
      for (const [id, size] of atDeath) assert.ok(Number(rows.get(id)?.size) >= size, `round ${round}: ${id} was saved at ${size}, Postgres has ${String(rows.get(id)?.size)}`);
      for (const [id, size] of shown) assert.ok(Number(rows.get(id)?.size) >= size, `round ${round}: ${id} was seen at ${size}, Postgres has ${String(rows.get(id)?.size)}`);
      await sunday.start();
    }
    editing.abort();
    await Promise.all(editors);
    await Promise.all(boards.map((board) => board.saved()));
    const states = boards.map((board) => JSON.stringify(board.items.all.map(({ id, name, values }) => ({ id, name, values }))));
    await until('all converge', () => {
      states.splice(0, states.length, ...boards.map((board) => JSON.stringify(board.items.all.map(({ id, name, values }) => ({ id, name, values })))));
      return new Set(states).size === 1;
    });
    const rows = await committed(sunday, boardId);
    for (const item of boards[0]?.items.all ?? []) assert.equal(rows.get(item.id)?.size, item.values['size']);
  });

  test('a member removed is refused within a second and keeps the draft; let in again, the draft arrives', async (t) => {
    const sunday = await startSunday(t);
    const boardId = await sunday.board('ada', ['grace']);
    const client = clientOf(t, sunday, 'grace');
    const board = client.open(boardId);
    const adas = clientOf(t, sunday, 'ada').open(boardId);
    await Promise.all([board.ready, adas.ready]);
    await sunday.call('DELETE', `/boards/${boardId}/members/grace`, 'ada');
    await until('refused', () => board.status.refused !== null, 1_500);
    assert.equal(board.status.refused?.code, 'forbidden');
    assert.throws(() => board.items.create({ name: 'no' }));
    await sunday.call('POST', `/boards/${boardId}/members`, 'ada', { userId: 'grace', role: 'editor' });
    client.reconnect();
    await until('back', () => board.status.refused === null && board.status.loaded && board.status.sync === 'saved');
    const id = board.items.create({ name: 'welcome back' });
    await board.saved();
    await until('ada sees it', () => adas.items.get(id)?.name === 'welcome back');
  });

  test('a viewer cannot write and is told; promoted, can; demoted in the middle, keeps the edit until let again', async (t) => {
    const sunday = await startSunday(t);
    const boardId = await sunday.board('ada', ['grace']);
    await sunday.call('PATCH', `/boards/${boardId}/members/grace`, 'ada', { role: 'viewer' });
    const board = clientOf(t, sunday, 'grace').open(boardId);
    await board.ready;
    await until('told', () => board.status.readOnly !== null);
    assert.throws(() => board.items.create({ name: 'no' }), { code: 'read_only' });
    await sunday.call('PATCH', `/boards/${boardId}/members/grace`, 'ada', { role: 'editor' });
    await until('may write', () => board.status.readOnly === null);
    const id = board.items.create({ name: 'yes' });
    await board.saved();
    await sunday.call('PATCH', `/boards/${boardId}/members/grace`, 'ada', { role: 'viewer' });
    if (board.status.readOnly === null) board.items.update(id, { name: 'just too late' });
    await until('told again', () => board.status.readOnly !== null);
    await sunday.call('PATCH', `/boards/${boardId}/members/grace`, 'ada', { role: 'editor' });
    await until('may write again', () => board.status.readOnly === null);
    board.items.update(id, { values: { size: 1 } });
    await board.saved();
    assert.deepEqual((await committed(sunday, boardId)).get(id), { name: board.items.get(id)?.name, size: 1 });
  });

  test('an expiring token is renewed without a break', async (t) => {
    const sunday = await startSunday(t);
    const boardId = await sunday.board('ada');
    let fetched = 0;
    const client = connect(t, sunday.url, { user: { id: 'ada' }, token: () => tokenFor('ada', ++fetched === 1 ? 3 : 3600) });
    const board = client.open(boardId);
    await board.ready;
    const seen = new Set<string>();
    board.on('status', () => seen.add(board.status.sync));
    await until('renewed', () => fetched === 2, 10_000);
    const wait = Date.now() + 4_000; // past the first token's end
    await until('the first token is over', () => Date.now() > wait);
    board.items.create({ name: 'still here' });
    await board.saved();
    assert.equal(seen.has('offline'), false);
    assert.equal(board.status.refused, null);
  });

  test('unknown boards and wrong tokens are refused with their codes', async (t) => {
    const sunday = await startSunday(t);
    const boardId = await sunday.board('ada');
    const client = clientOf(t, sunday, 'grace');
    for (const [id, code] of [['01890a5d-ac96-774b-bcce-b302099a8057', 'board_not_found'], ['__proto__', 'board_not_found'], [boardId, 'forbidden']] as const) {
      const board = client.open(id);
      await assert.rejects(board.ready, { reason: code });
    }
    const stranger = connect(t, sunday.url, { token: 'not a token' }).open(boardId);
    await assert.rejects(stranger.ready, { reason: 'unauthenticated' });
  });

  test('a frame over the limit is refused with the draft; the draft is written again in parts; other boards go on', async (t) => {
    const sunday = await startSunday(t, { env: { SUNDAY_MAX_FRAME_BYTES: '65536' } });
    const [boardId, otherId] = [await sunday.board('ada'), await sunday.board('ada')];
    const client = clientOf(t, sunday, 'ada');
    const [board, other] = [client.open(boardId), client.open(otherId)];
    await Promise.all([board.ready, other.ready]);
    for (const items of [1_200, 20_000]) { // in one frame: over the limit, and over what the socket itself takes
      board.batch(() => { for (let i = 0; i < items; i++) board.items.create({ name: `item ${i} of ${items}` }); });
      await until('refused', () => board.status.refused?.code === 'too_large');
      await until('the other works', () => other.status.sync !== 'offline');
      other.items.create({ name: 'meanwhile' });
      await other.saved();
      const { applied, skipped } = await board.startFresh({ replay: true });
      assert.deepEqual([applied, skipped], [items, []]);
      await board.saved();
    }
    assert.equal((await committed(sunday, boardId)).size, 21_200);
  });

  test('a token that takes its time is waited for', async (t) => {
    const sunday = await startSunday(t, { env: { SUNDAY_AUTH_TIMEOUT_MS: '1000' } });
    const boardId = await sunday.board('ada');
    let fetched = 0;
    const slow = connect(t, sunday.url, {
      user: { id: 'ada' },
      token: async () => {
        if (++fetched === 1) await new Promise((resolve) => { setTimeout(resolve, 2_500); });
        return tokenFor('ada');
      }
    });
    const board = slow.open(boardId);
    await board.ready;
    assert.equal(board.status.refused, null);
  });

  test('the quick-start example runs as it stands', async (t) => {
    const sunday = await startSunday(t, { devSignIn: true });
    const example = fileURLToPath(new URL('../examples/quick-start.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=sunday-source', example, sunday.url], { timeout: 20_000 });
    assert.match(stdout, /Ada: saved, which means committed/);
    assert.match(stdout, /Grace sees: Ship it, Write the announcement/);
    assert.match(stdout, /Ada sees after undo: Ship it$/m);
  });

  test('edits one board together with a stock provider', async (t) => {
    const sunday = await startSunday(t);
    const boardId = await sunday.board('ada', ['grace']);
    const board = clientOf(t, sunday, 'ada').open(boardId);
    await board.ready;
    const websocketProvider = new HocuspocusProviderWebsocket({ url: `${sunday.url.replace('http', 'ws')}/sync` });
    const provider = new HocuspocusProvider({ websocketProvider, name: boardId, token: tokenFor('grace') });
    provider.attach();
    t.after(() => {
      provider.destroy();
      websocketProvider.destroy();
      return Promise.resolve();
    });
    await until('synced', () => provider.isSynced);
    const id = board.items.create({ name: 'from the SDK' });
    await until('the stock provider has it', () => listItems(provider.document).some((item) => item.id === id));
    updateItem(provider.document, id, { name: 'from the stock provider' }, { userId: 'grace' });
    await until('the SDK has it', () => board.items.get(id)?.name === 'from the stock provider');
    board.presence.set({ cell: { itemId: id, columnId: 'size' } });
    await until('presence goes over', () => [...(provider.awareness?.getStates().values() ?? [])].some((state) => (state as { user?: { id?: string } }).user?.id === 'ada'));
    provider.awareness?.setLocalStateField('cell', { itemId: id, columnId: 'notes' });
    await until('and comes back', () => board.presence.peers.some((peer) => peer.user.id === 'grace' && peer.state.cell?.columnId === 'notes'));
  });
});
