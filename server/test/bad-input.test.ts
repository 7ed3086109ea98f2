/** What no honest client sends: each gets a clear answer with its stable code, the server lives, and the other people on the board go on. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { FRAME } from '@sunday/extension-journal';
import { WebSocket } from 'ws';
import * as Y from 'yjs';
import { startTestServer, type Api, type TestServer } from './rest-support.ts';
import { authFrame, bare, committed, frameOf, makeBoard, seeded, stock, textOf, until, updateFrame, type BareSocket, type Cell, type StockClient } from './stock-clients.ts';

const MAX_FRAME_BYTES = 64 * 1024;
const FUZZ_FRAMES = 3000;

let server: TestServer;
let owner: Api;
let cell: Cell;
let witness: StockClient;
before(async () => {
  server = await startTestServer({ SUNDAY_MAX_FRAME_BYTES: String(MAX_FRAME_BYTES), SUNDAY_MAX_FRAMES_PER_SECOND: '100000', SUNDAY_MAX_USER_FRAMES_PER_SECOND: '100000', SUNDAY_MAX_REFUSALS_PER_MINUTE: '100000', SUNDAY_ALLOWED_ORIGINS: 'https://boards.example' });
  owner = await server.as('olga');
  cell = await makeBoard(owner, ['mallory', 'wendy']);
  witness = stock(server.url, cell.boardId, await server.tokenOf('wendy'));
  await until('the witness is in', () => witness.provider.synced);
});
after(async () => {
  witness.close();
  await server.close();
});

let marker = 0;
/** Somebody else on the board still edits, is acknowledged, and the database holds it. */
async function othersGoOn(): Promise<void> {
  marker += 1;
  textOf(witness.doc, cell).insert(0, `<${marker}>`);
  await until('the witness is saved', () => !witness.provider.hasUnsyncedChanges && witness.provider.synced);
  assert(textOf(await committed(server.database, cell.boardId), cell).toString().includes(`<${marker}>`));
  assert.deepEqual(witness.closes, []);
  assert.deepEqual(witness.denied, []);
}

async function admitted(board = cell.boardId): Promise<BareSocket> {
  const socket = await bare(server.url);
  socket.websocket.send(authFrame(board, await server.tokenOf('mallory')));
  await until('let in', () => socket.authenticated(board));
  return socket;
}

const update = (write: (doc: Y.Doc) => void): Uint8Array => {
  const doc = new Y.Doc();
  write(doc);
  return Y.encodeStateAsUpdate(doc);
};

test('updates that cannot be read: the board is refused in-band, the socket stays for other boards', async () => {
  const whole = update((doc) => { doc.getText('x').insert(0, 'some words'); });
  const other = await makeBoard(owner, ['mallory']);
  for (const junk of [whole.subarray(0, whole.length - 4), new Uint8Array([1, 1, 255, 255, 255]), new Uint8Array(0), new Uint8Array(64).fill(200)]) {
    const socket = await admitted();
    socket.websocket.send(updateFrame(cell.boardId, junk));
    await until('refused', () => socket.deniedFor(cell.boardId).length > 0);
    assert.deepEqual(socket.deniedFor(cell.boardId), ['malformed_update']);
    socket.websocket.send(authFrame(other.boardId, await server.tokenOf('mallory')));
    await until('another board opens on the same socket', () => socket.authenticated(other.boardId));
    socket.websocket.close();
  }
  await othersGoOn();
});

test('a text frame, and bytes that name no board, end the socket with 4422', async () => {
  for (const junk of ['hello', Buffer.from([255, 255, 255, 255, 255, 255, 255, 255, 255])]) {
    const socket = await bare(server.url);
    socket.websocket.send(junk);
    assert.deepEqual(await socket.closed, { code: 4422, reason: 'malformed_update' });
  }
  await othersGoOn();
});

test('names that are no board are refused with board_not_found', async () => {
  const token = await server.tokenOf('mallory');
  for (const name of ['constructor', '__proto__', 'toString', '', '../../etc/passwd', 'x'.repeat(5000), randomUUID()]) {
    const socket = await bare(server.url);
    socket.websocket.send(authFrame(name, token));
    await until(`refused: ${name.slice(0, 30)}`, () => socket.deniedFor(name).length > 0);
    assert.deepEqual(socket.deniedFor(name), ['board_not_found']);
    assert.equal(socket.websocket.readyState, WebSocket.OPEN);
    socket.websocket.close();
  }
  for (const name of ['constructor', randomUUID()]) {
    const socket = await bare(server.url, `/yjs/${name}?token=${token}`);
    assert.deepEqual(await socket.closed, { code: 4404, reason: 'board_not_found' });
  }
  await othersGoOn();
});

test('wrong, foreign, expired and revoked tokens are told apart', async () => {
  const revoked = await server.tokenOf('rita', { issuedAt: Math.floor(Date.now() / 1000) - 60 });
  const rita = await server.as('rita');
  await rita.call('POST', '/users/rita/sessions/revoke');
  const cases: [string, string, number][] = [
    ['', 'unauthenticated', 4401],
    ['not.a.token', 'unauthenticated', 4401],
    [await server.tokenOf('wendy', { secret: 'some other secret of at least thirty-two bytes' }), 'unauthenticated', 4401],
    [await server.tokenOf('wendy', { expiresAt: Math.floor(Date.now() / 1000) - 3600 }), 'token_expired', 4401],
    [revoked, 'token_revoked', 4401],
    [await server.tokenOf('nobody'), 'forbidden', 4403],
  ];
  for (const [token, code, closeCode] of cases) {
    const socket = await bare(server.url);
    socket.websocket.send(authFrame(cell.boardId, token));
    await until(`refused with ${code}`, () => socket.deniedFor(cell.boardId).length > 0);
    assert.deepEqual(socket.deniedFor(cell.boardId), [code]);
    socket.websocket.close();
    const other = await bare(server.url, `/yjs/${cell.boardId}?token=${encodeURIComponent(token)}`);
    assert.deepEqual(await other.closed, { code: closeCode, reason: code });
  }
  await othersGoOn();
});

test('a frame over the limit is refused in-band; far over it, the socket ends before it is read', async () => {
  const socket = await admitted();
  socket.websocket.send(updateFrame(cell.boardId, new Uint8Array(MAX_FRAME_BYTES + 10)));
  await until('refused', () => socket.deniedFor(cell.boardId).length > 0);
  assert.deepEqual(socket.deniedFor(cell.boardId), ['too_large']);
  assert.equal(socket.websocket.readyState, WebSocket.OPEN);
  socket.websocket.close();
  const far = await admitted();
  far.websocket.send(updateFrame(cell.boardId, new Uint8Array(3 * MAX_FRAME_BYTES)));
  assert.equal((await far.closed).code, 1009);
  await othersGoOn();
});

test('a sign-in that cannot be read is refused in-band, and a readable one on the same socket gets in', async () => {
  const socket = await bare(server.url);
  socket.websocket.send(frameOf(cell.boardId, FRAME.auth, 0, new Uint8Array([255, 255, 255])));
  await until('refused', () => socket.deniedFor(cell.boardId).length > 0);
  assert.deepEqual(socket.deniedFor(cell.boardId), ['malformed_update']);
  socket.websocket.send(authFrame(cell.boardId, await server.tokenOf('mallory')));
  await until('let in', () => socket.authenticated(cell.boardId));
  socket.websocket.close();
  await othersGoOn();
});

test('a broadcast that only servers may send is refused', async () => {
  const socket = await admitted();
  socket.websocket.send(frameOf(cell.boardId, FRAME.broadcastStateless, 'to all'));
  await until('refused', () => socket.deniedFor(cell.boardId).length > 0);
  assert.deepEqual(socket.deniedFor(cell.boardId), ['malformed_update']);
  socket.websocket.close();
  await othersGoOn();
});

test('a page of another web origin gets no socket', async () => {
  for (const [origin, status] of [['https://evil.example', 403], ['null', 403], ['https://boards.example', 101]] as const) {
    const websocket = new WebSocket(`${server.url.replace('http', 'ws')}/sync`, { origin });
    const seen = await new Promise<number>((resolve) => {
      websocket.on('unexpected-response', (_request, response) => { resolve(response.statusCode ?? 0); });
      websocket.on('open', () => { resolve(101); });
      websocket.on('error', () => { /* what follows is the close */ });
    });
    assert.equal(seen, status, origin);
    websocket.terminate();
  }
});

test('thousands of random frames: nothing they send is applied or takes anything down', { timeout: 90_000 }, async (t) => {
  const random = seeded(t);
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(random() * 256));
  const seedUpdate = update((doc) => { doc.getMap('items').set('x', new Y.Map([['name', 'n']])); doc.getText('t').insert(0, 'abc'); });
  const mutated = (): Uint8Array => {
    const copy = seedUpdate.slice();
    for (let flips = 1 + Math.floor(random() * 4); flips > 0; flips -= 1) copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256);
    return random() < 0.3 ? copy.subarray(0, Math.floor(random() * copy.length)) : copy;
  };
  const fuzzed = await makeBoard(owner, ['mallory', 'wendy']);
  const neighbour = stock(server.url, fuzzed.boardId, await server.tokenOf('wendy'));
  await until('a neighbour is in', () => neighbour.provider.synced);
  const token = await server.tokenOf('mallory');
  const errors: string[] = [];
  const onRejection = (error: unknown): void => { errors.push(String(error)); };
  process.on('unhandledRejection', onRejection);
  try {
    let socket = await admitted(fuzzed.boardId);
    let sockets = 1;
    for (let sent = 0; sent < FUZZ_FRAMES; sent += 1) {
      if (socket.websocket.readyState !== WebSocket.OPEN) {
        socket = await bare(server.url);
        sockets += 1;
        socket.websocket.send(authFrame(fuzzed.boardId, token));
      }
      const roll = random();
      const frame = roll < 0.1 ? bytes(Math.floor(random() * 60))
        : roll < 0.5 ? frameOf(fuzzed.boardId, FRAME.sync, Math.floor(random() * 4), mutated())
          : roll < 0.8 ? frameOf(fuzzed.boardId, Math.floor(random() * 12), ...(random() < 0.5 ? [bytes(Math.floor(random() * 40))] : [Math.floor(random() * 5), bytes(20)]))
            : authFrame(fuzzed.boardId, random() < 0.7 ? token : 'junk');
      socket.websocket.send(frame);
      if (sent % 50 === 0) await new Promise((resolve) => { setImmediate(resolve); });
    }
    socket.websocket.close();
    await socket.closed;
    t.diagnostic(`${FUZZ_FRAMES} frames over ${sockets} sockets`);
    textOf(neighbour.doc, fuzzed).insert(0, 'still here');
    await until('the neighbour is saved', () => !neighbour.provider.hasUnsyncedChanges && neighbour.provider.synced);
    await until('committed', async () => textOf(await committed(server.database, fuzzed.boardId), fuzzed).toString().includes('still here'));
    await owner.expect(200, 'GET', `/boards/${fuzzed.boardId}/items`);
    await othersGoOn();
    assert.deepEqual(errors, []);
  } finally {
    process.off('unhandledRejection', onRejection);
    neighbour.close();
  }
});
