import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { WebSocket as WsSocket } from 'ws';
import { ClientError, type Board } from '../src/index.ts';
import { connect, startPlainServer, until } from './rig.ts';

const names = (board: Board): string[] => board.items.all.map(({ name }) => name);

suite('boards over a socket', () => {
  test('two clients see each other\'s items, columns and comments', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const [a, b] = [connect(t, server.url).open('b1'), connect(t, server.url, { user: { id: 'u2' } }).open('b1')];
    await Promise.all([a.ready, b.ready]);
    assert.equal(b.info.current.name, 'Plan');
    const id = a.items.create({ name: 'First', values: { size: 3 } });
    await until('b has the item', () => b.items.get(id)?.values['size'] === 3);
    b.items.update(id, { name: 'Renamed', values: { status: { labelId: 'done' } } });
    b.comments.add(id, { body: 'Looks good' });
    await until('a has the edit', () => a.items.get(id)?.name === 'Renamed' && a.comments.of(id).length === 1);
    assert.deepEqual(a.items.get(id)?.values['status'], { labelId: 'done' });
    a.columns.update('size', { title: 'Points' });
    await until('b has the column title', () => b.columns.get('size')?.title === 'Points');
  });

  test('a bare write to a shared text counts as unsaved, also without an offline copy', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const board = connect(t, server.url, { persistence: false }).open('b1');
    await board.ready;
    // A fresh board: the plain server acknowledges nothing in Sunday's way, so nothing may turn to saved by itself.
    assert.equal(board.status.unsaved, false);
    board.doc.getText('text:typed:notes').insert(0, 'by an editor binding');
    assert.equal(board.status.unsaved, true);
    assert.equal(board.status.sync, 'saving');
  });

  test('any socket of the browser\'s shape will do', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const board = connect(t, server.url, { WebSocket: WsSocket }).open('b1');
    await board.ready;
    server.cut();
    await until('offline', () => board.status.sync === 'offline');
    board.items.create({ name: 'x' });
    await until('the server has it', () => server.hocuspocus.documents.get('b1')?.getMap('items').size === 1);
  });

  test('many boards share one socket, and stay apart', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const client = connect(t, server.url);
    const boards = Array.from({ length: 20 }, (_, i) => client.open(`b${i}`));
    await Promise.all(boards.map(({ ready }) => ready));
    assert.equal(server.sockets.size, 1);
    boards.forEach((board, i) => board.items.create({ name: `on ${i}` }));
    boards.forEach((board, i) => assert.deepEqual(names(board), [`on ${i}`]));
    await until('the server has each', () => boards.every((_, i) => server.hocuspocus.documents.get(`b${i}`)?.getMap('items').size === 1));
  });

  test('a cut connection is made again, edits of both sides meanwhile are kept', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const [clientA, clientB] = [connect(t, server.url), connect(t, server.url, { user: { id: 'u2' } })];
    const [a, b] = [clientA.open('b1'), clientB.open('b1')];
    await Promise.all([a.ready, b.ready]);
    for (let round = 0; round < 5; round++) {
      const seen: string[] = [];
      const off = a.on('status', () => seen.push(a.status.sync));
      server.cut();
      a.items.create({ name: `a${round}` });
      b.items.create({ name: `b${round}` });
      await until('both have both', () => names(a).length === 2 * (round + 1) && names(b).length === 2 * (round + 1));
      off();
      assert.ok(seen.includes('offline'), `the loss was shown: ${seen.join()}`);
    }
    assert.deepEqual(names(a), names(b));
  });

  test('a board closed and opened again at once works, also on a socket others use', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const client = connect(t, server.url);
    const other = client.open('other');
    await other.ready;
    for (let round = 0; round < 3; round++) {
      const board = client.open('b1');
      await board.ready;
      assert.equal(board.info.current.name, 'Plan');
      board.close();
      // Past the grace: really closed.
      await until('closed', () => client.peek('b1') === null);
    }
    assert.equal(server.sockets.size, 1);
  });

  test('the last board closed gives the socket back', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const client = connect(t, server.url);
    const [first, second] = [client.open('b1'), client.open('b1')];
    assert.equal(first, second);
    await first.ready;
    first.close();
    first.close();
    await until('no sockets', () => server.sockets.size === 0);
    await assert.rejects(first.saved(), (error) => error instanceof ClientError && error.code === 'destroyed');
  });

  test('a refused board keeps its draft and leaves the others alone; a reason from the server is passed on', async (t) => {
    const server = await startPlainServer({
      onAuthenticate: ({ documentName }) => (documentName === 'secret' ? Promise.reject(Object.assign(new Error('no'), { reason: 'forbidden' })) : Promise.resolve({}))
    });
    t.after(server.stop);
    const client = connect(t, server.url);
    const [open, secret] = [client.open('open'), client.open('secret')];
    let told = 0;
    secret.on('status', () => { if (secret.status.refused) told += 1; });
    await open.ready;
    await assert.rejects(secret.ready, (error) => error instanceof ClientError && error.reason === 'forbidden');
    assert.equal(secret.status.refused?.code, 'forbidden');
    assert.equal(told, 1);
    assert.throws(() => secret.items.create({ name: 'x' }), (error) => error instanceof ClientError && error.code === 'refused');
    open.items.create({ name: 'still works' });
    await until('the server has it', () => server.hocuspocus.documents.get('open')?.getMap('items').size === 1);
  });

  test('a board detached in-band for a passing reason comes back by itself', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const board = connect(t, server.url).open('b1');
    await board.ready;
    for (let round = 0; round < 3; round++) {
      for (const connection of server.hocuspocus.documents.get('b1')?.getConnections() ?? []) connection.close({ code: 4205, reason: 'database_unavailable' });
      await until('noticed', () => board.status.sync === 'offline');
      board.items.create({ name: `r${round}` });
      await until('back, with the edit', () => board.status.sync !== 'offline' && server.hocuspocus.documents.get('b1')?.getMap('items').size === round + 1);
    }
  });

  test('a permanent close code ends the trying until reconnect()', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const client = connect(t, server.url);
    const board = client.open('b1');
    await board.ready;
    for (const socket of server.sockets) socket.close(4403, 'forbidden');
    await until('refused', () => board.status.refused?.code === 'forbidden');
    assert.equal(client.connection, 'offline');
    assert.equal(client.refusedCode, 'forbidden');
    await until('the server has no socket left', () => server.sockets.size === 0);
    client.reconnect();
    await until('back', () => board.status.refused === null && board.status.loaded && board.status.sync !== 'offline');
    board.items.create({ name: 'after' });
    await until('the server has it', () => server.hocuspocus.documents.get('b1')?.getMap('items').size === 1);
  });

  test('the token is fetched at each connect, once for all boards, and again when it expired', async (t) => {
    let fetched = 0;
    let oldest = 1;
    const server = await startPlainServer({
      onAuthenticate: ({ token }) => (Number(token.slice(6)) >= oldest ? Promise.resolve({}) : Promise.reject(Object.assign(new Error('no'), { reason: 'token_expired' })))
    });
    t.after(server.stop);
    const client = connect(t, server.url, { token: () => Promise.resolve(`token-${++fetched}`) });
    const [a, b] = [client.open('b1'), client.open('b2')];
    await Promise.all([a.ready, b.ready]);
    assert.equal(fetched, 1);
    oldest = 3; // what is fetched first after the cut is refused as expired
    server.cut();
    await until('both signed in with newer tokens', () => [a, b].every(({ status }) => status.sync !== 'offline') && fetched >= 3);
    oldest = 1000;
    server.cut();
    await until('after one renewal it is a refusal', () => [a, b].every(({ status }) => status.refused?.code === 'token_expired'));
    assert.ok(fetched < 10, `${fetched} fetches`);
  });

  test('a server that is not there yet is waited for', async (t) => {
    const probe = await startPlainServer();
    await probe.stop();
    const client = connect(t, probe.url);
    const board = client.open('b1');
    await until('offline is said', () => board.status.sync === 'offline' && client.connection === 'offline');
    const server = await startPlainServer({}, probe.port);
    t.after(server.stop);
    await board.ready;
    assert.equal(client.connection, 'connected');
  });

  test('the server\'s word on read-only is obeyed', async (t) => {
    const server = await startPlainServer({
      onAuthenticate: ({ connectionConfig }) => {
        connectionConfig.readOnly = true;
        return Promise.resolve({});
      }
    });
    t.after(server.stop);
    const board = connect(t, server.url).open('b1');
    await board.ready;
    assert.equal(board.status.readOnly, 'read_only');
    assert.throws(() => board.items.create({ name: 'x' }), (error) => error instanceof ClientError && error.code === 'read_only');
    for (const connection of server.hocuspocus.documents.get('b1')?.getConnections() ?? []) connection.sendStateless('{"sunday":"read_only","reason":"schema_too_old"}');
    await until('the reason is passed on', () => board.status.readOnly === 'schema_too_old');
  });
});
