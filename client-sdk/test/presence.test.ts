import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connect, startPlainServer, until, type PlainServer } from './rig.ts';

/** Stamps a user on every state, as Sunday's presence lane does. */
const stamping = (): Promise<PlainServer> => startPlainServer({
  beforeHandleAwareness: ({ states }: { states: Map<number, Record<string, unknown>> }) => {
    for (const [clientId, state] of states) {
      if (state) state['user'] = { id: `user-${clientId}`, name: 'Somebody', picture: null, color: '#123456' };
    }
    return Promise.resolve();
  }
});

suite('presence', () => {
  test('peers see each other with the server\'s word on who they are, keep references, and go when they leave', async (t) => {
    const server = await stamping();
    t.after(server.stop);
    const [clientA, clientB] = [connect(t, server.url), connect(t, server.url, { user: { id: 'u2' } })];
    const [a, b] = [clientA.open('b1'), clientB.open('b1')];
    await Promise.all([a.ready, b.ready]);
    await until('both see one', () => a.presence.peers.length === 1 && b.presence.peers.length === 1);
    let calls = 0;
    b.presence.subscribe(() => { calls += 1; });
    a.presence.set({ cell: { itemId: 'i', columnId: 'c' }, user: { id: 'forged' } });
    await until('b sees the cell', () => b.presence.peers[0]?.state.cell?.itemId === 'i');
    const [peer] = b.presence.peers;
    assert.equal(peer?.user.name, 'Somebody');
    assert.notEqual(peer?.user.id, 'forged');
    assert.equal(b.presence.peers[0], peer);
    a.presence.set({ editing: true });
    await until('merged', () => b.presence.peers[0]?.state.editing === true);
    assert.equal(b.presence.peers[0]?.state.cell?.columnId, 'c');
    a.presence.set({ cell: null });
    await until('taken away', () => b.presence.peers[0]?.state.cell === undefined);
    assert.ok(calls >= 3);
    await clientA.destroy();
    await until('gone', () => b.presence.peers.length === 0);
  });

  test('a lost connection shows nobody; everybody is back with it, moved or not', async (t) => {
    const server = await stamping();
    t.after(server.stop);
    const [a, b] = [connect(t, server.url).open('b1'), connect(t, server.url, { user: { id: 'u2' } }).open('b1')];
    await Promise.all([a.ready, b.ready]);
    a.presence.set({ cell: { itemId: 'i', columnId: 'c' } });
    await until('seen', () => b.presence.peers[0]?.state.cell?.itemId === 'i');
    for (let round = 0; round < 3; round++) {
      server.cut();
      await until('nobody', () => a.presence.peers.length === 0 && b.presence.peers.length === 0);
      await until('back', () => a.presence.peers.length === 1 && b.presence.peers[0]?.state.cell?.itemId === 'i');
    }
  });

  test('a crowd is told as the server says it, and one\'s own state leaves no more often than it is worth', async (t) => {
    const server = await stamping();
    t.after(server.stop);
    const board = connect(t, server.url).open('b1');
    await board.ready;
    assert.equal(board.presence.crowd, null);
    let calls = 0;
    board.presence.subscribe(() => { calls += 1; });
    const say = (crowd: object | null): void => server.hocuspocus.documents.get('b1')?.broadcastStateless(JSON.stringify({ sunday: 'presence', crowd }));
    say({ people: 300, every: 400, others: 1000 });
    await until('a crowd', () => board.presence.crowd?.people === 300);
    assert.equal(calls, 1);
    const states = (): { x?: number }[] => [...(server.hocuspocus.documents.get('b1')?.awareness.getStates().values() ?? [])];
    const at: number[] = [];
    for (let x = 1; x <= 3; x++) {
      board.presence.set({ x });
      await until(`place ${x}`, () => states().some((state) => state.x === x));
      at.push(Date.now());
    }
    assert.ok((at[2] ?? 0) - (at[0] ?? 0) > 600, at.join());
    say(null);
    await until('none any more', () => board.presence.crowd === null);
    say({ people: 300, every: 400, others: 1000 });
    await until('again', () => board.presence.crowd !== null);
    server.cut();
    await until('out of touch, nothing is known of a crowd', () => board.presence.crowd === null);
  });

  test('a mouse moved a thousand times sends at the tick, the last place included', async (t) => {
    let frames = 0;
    const server = await startPlainServer({
      beforeHandleMessage: ({ update }: { update: Uint8Array }) => {
        if (update[3] === 1) frames += 1; // 'b1', then the type: awareness
        return Promise.resolve();
      }
    });
    t.after(server.stop);
    const board = connect(t, server.url).open('b1');
    await board.ready;
    const before = frames;
    const started = Date.now();
    for (let i = 0; i < 1000; i++) {
      board.presence.set({ x: i });
      if (i % 100 === 0) await new Promise((resolve) => { setTimeout(resolve, 10); });
    }
    const states = (): unknown[] => [...(server.hocuspocus.documents.get('b1')?.awareness.getStates().values() ?? [])];
    await until('the last one arrived', () => states().some((state) => (state as { x?: number }).x === 999));
    const most = (Date.now() - started) / 40 + 2;
    assert.ok(frames - before <= most, `${frames - before} frames, at most ${most}`);
  });
});
