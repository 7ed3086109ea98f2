/**
 * One client who floods: each way of it is slowed, paused or refused with its documented code and counted, and somebody else on the same
 * board goes on editing and is acknowledged all the while. What a flood costs is measured by load-tests (`flood`).
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { FRAME } from '@sunday/extension-journal';
import * as Y from 'yjs';
import { startTestServer, type TestServer } from './rest-support.ts';
import { authFrame, bare, committed, frameOf, makeBoard, stock, textOf, until, updateFrame, type BareSocket, type Cell, type StockClient } from './stock-clients.ts';

const REFUSALS_PER_MINUTE = 6;
const SIGN_INS_PER_MINUTE = 30;
const FRAMES_PER_SECOND = 100;
const AUTH_TIMEOUT_MS = 3000;
/** The witness writes this often, and must be acknowledged within the other: far more than a busy machine needs, far less than a pause takes. */
const EDIT_EVERY_MS = 50;
const ACK_WITHIN_MS = 15_000;

let server: TestServer;
let cell: Cell;
let floods = 0;
let mallory = '';
let token = '';
let witness: Witness;

before(async () => {
  server = await startTestServer({
    SUNDAY_MAX_REFUSALS_PER_MINUTE: String(REFUSALS_PER_MINUTE), SUNDAY_MAX_SIGN_INS_PER_MINUTE: String(SIGN_INS_PER_MINUTE),
    SUNDAY_MAX_FRAMES_PER_SECOND: String(FRAMES_PER_SECOND), SUNDAY_AUTH_TIMEOUT_MS: String(AUTH_TIMEOUT_MS), SUNDAY_MAX_SOCKETS_PER_USER: '40',
  });
  const owner = await server.as('olga');
  cell = await makeBoard(owner, ['wendy']);
});
after(async () => { await server.close(); });
beforeEach(async () => {
  // Each flood by somebody new: what one owes is not the next one's.
  mallory = `mallory-${(floods += 1)}`;
  await (await server.as('olga')).expect(201, 'POST', `/boards/${cell.boardId}/members`, { body: { userId: mallory, role: 'editor' } });
  token = await server.tokenOf(mallory);
  witness = await edits('wendy');
});
afterEach(async () => { await witness.stop(); });

interface Witness {
  /** Edits acknowledged so far. */
  readonly saved: () => number;
  /** Fails if an edit was not acknowledged in time, or its client was cut off. */
  stop(): Promise<void>;
}

/** Writes letter after letter, each when the one before is acknowledged. */
async function edits(userId: string): Promise<Witness> {
  const client: StockClient = stock(server.url, cell.boardId, await server.tokenOf(userId));
  await until('the witness is in', () => client.provider.synced && !client.provider.hasUnsyncedChanges);
  let saved = 0;
  const stopping = new AbortController();
  const work = (async () => {
    while (!stopping.signal.aborted) {
      textOf(client.doc, cell).insert(0, 'w');
      await until(`edit ${saved} of the witness is acknowledged`, () => !client.provider.hasUnsyncedChanges, ACK_WITHIN_MS);
      saved += 1;
      await new Promise((resolve) => { setTimeout(resolve, EDIT_EVERY_MS); });
    }
  })();
  work.catch(() => { /* told by stop */ });
  return {
    saved: () => saved,
    async stop() {
      stopping.abort();
      await work;
      assert.deepEqual([client.denied, client.closes], [[], []]);
      client.close();
    },
  };
}

/** The witness gets edits through from now on, too. */
async function othersGoOn(): Promise<void> {
  const from = witness.saved();
  await until('others edit', () => witness.saved() >= from + 3);
}

async function counted(event: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^sunday_socket_events_total\\{event="${event}"\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
}

/** A word where a record belongs. */
function bad(): Uint8Array {
  const doc = new Y.Doc();
  doc.getMap('items').set('x', 'word');
  return updateFrame(cell.boardId, Y.encodeStateAsUpdate(doc));
}
const step2 = (): Uint8Array => frameOf(cell.boardId, FRAME.sync, 1, new Uint8Array([0, 0]));

function attempt({ websocket }: BareSocket): void {
  for (const frame of [authFrame(cell.boardId, token), step2(), bad()]) websocket.send(frame);
}

test('who signs in again after each refusal is read no more after some, and a new socket of theirs ends with 4529', async () => {
  const paused = await counted('refusals_paused');
  const socket = await bare(server.url);
  for (let n = 1; n <= REFUSALS_PER_MINUTE + 1; n += 1) {
    attempt(socket);
    await until(`refusal ${n}`, () => socket.deniedFor(cell.boardId).length === n);
  }
  assert.deepEqual(new Set(socket.deniedFor(cell.boardId)), new Set(['update_wrong_type']));
  assert.equal(await counted('refusals_paused'), paused + 1);
  attempt(socket);
  const other = await bare(server.url);
  attempt(other);
  assert.deepEqual(await other.closed, { code: 4529, reason: 'rate_limited' });
  assert.equal(socket.deniedFor(cell.boardId).length, REFUSALS_PER_MINUTE + 1);
  assert((await counted('sign_in_limited')) > 0);
  await othersGoOn();
  socket.websocket.terminate();
});

test('a new socket for each bad update is no way around it', async () => {
  const closes: number[] = [];
  for (let n = 0; n <= REFUSALS_PER_MINUTE; n += 1) {
    const socket = await bare(server.url);
    attempt(socket);
    await until('refused', () => socket.deniedFor(cell.boardId).length > 0);
    socket.websocket.terminate();
  }
  await Promise.all([1, 2, 3].map(async () => {
    const socket = await bare(server.url);
    attempt(socket);
    closes.push((await socket.closed).code);
    assert.deepEqual(socket.deniedFor(cell.boardId), []);
  }));
  assert.deepEqual(closes, [4529, 4529, 4529]);
  await othersGoOn();
});

test('who is refused on many sockets and goes on sending is read slowly, and none of it is looked at', async () => {
  const [dropped, refused] = [await counted('dropped_after_refusal'), await counted('refused')];
  const sockets = await Promise.all(Array.from({ length: REFUSALS_PER_MINUTE }, () => bare(server.url)));
  for (const socket of sockets) {
    attempt(socket);
    for (let n = 0; n < 5 * FRAMES_PER_SECOND; n += 1) socket.websocket.send(bad());
  }
  await until('all are refused', () => sockets.every((socket) => socket.deniedFor(cell.boardId).length > 0));
  await othersGoOn();
  assert.equal(await counted('refused'), refused + sockets.length);
  assert((await counted('rate_paused')) > 0);
  // What waited behind the first one is forgotten, what came later dropped.
  assert((await counted('dropped_after_refusal')) - dropped < sockets.length * 5 * FRAMES_PER_SECOND);
  for (const { websocket } of sockets) websocket.terminate();
});

test('frames that name nothing are paid for with pauses', async () => {
  const [paused, malformed] = [await counted('refusals_paused'), await counted('malformed')];
  const socket = await bare(server.url);
  socket.websocket.send(authFrame(cell.boardId, token));
  await until('in', () => socket.authenticated(cell.boardId));
  for (let n = 0; n < 80 * REFUSALS_PER_MINUTE; n += 1) socket.websocket.send(frameOf('nothing', FRAME.sync, 2, new Uint8Array([n % 200])));
  await until('paused', async () => (await counted('refusals_paused')) > paused);
  await othersGoOn();
  assert((await counted('malformed')) - malformed < 40 * REFUSALS_PER_MINUTE);
  assert.deepEqual(socket.deniedFor('nothing'), ['board_not_found']);
  socket.websocket.terminate();
});

test('who asks again and again for what they lack is not read for a while: an answer costs what many edits do', async () => {
  const paused = await counted('rate_paused');
  const socket = await bare(server.url);
  socket.websocket.send(authFrame(cell.boardId, token));
  await until('in', () => socket.authenticated(cell.boardId));
  for (let n = 0; n < FRAMES_PER_SECOND / 5; n += 1) socket.websocket.send(frameOf(cell.boardId, FRAME.sync, 0, new Uint8Array([0])));
  await until('paused', async () => (await counted('rate_paused')) > paused);
  await othersGoOn();
  socket.websocket.terminate();
});

test('who brings client ids by the hundred, which a board keeps for ever, is not read for a while; those of one page count for little', async () => {
  const paused = await counted('rate_paused');
  const socket = await bare(server.url);
  socket.websocket.send(authFrame(cell.boardId, token));
  await until('in', () => socket.authenticated(cell.boardId));
  const docs = Array.from({ length: FRAMES_PER_SECOND / 5 }, (_, n) => {
    const doc = new Y.Doc();
    textOf(doc, cell).insert(0, `${n}`);
    return doc;
  });
  const [first, ...others] = docs.map((doc) => Y.encodeStateAsUpdate(doc));
  assert(first !== undefined);
  socket.websocket.send(updateFrame(cell.boardId, first));
  await othersGoOn();
  assert.equal(await counted('rate_paused'), paused);
  socket.websocket.send(updateFrame(cell.boardId, Y.mergeUpdates(others)));
  await until('paused', async () => (await counted('rate_paused')) > paused);
  await othersGoOn();
  assert.deepEqual(socket.deniedFor(cell.boardId), []);
  socket.websocket.terminate();
});

test('who sends what names no board is told at once and closed late, whether they hang up or go on', async () => {
  const malformed = await counted('malformed');
  const polite = await bare(server.url);
  const sent = performance.now();
  polite.websocket.send(Buffer.alloc(9, 255));
  await until('told', () => polite.websocket.readyState === polite.websocket.CLOSING);
  assert.deepEqual(await polite.closed, { code: 4422, reason: 'malformed_update' });
  assert(performance.now() - sent > 900);

  const rude = connect({ port: Number(new URL(server.url).port), host: new URL(server.url).hostname, allowHalfOpen: true });
  rude.on('error', () => { /* what goes on sending is reset */ });
  const ended = new Promise((resolve) => { rude.once('close', resolve); });
  const key = randomBytes(16).toString('base64');
  rude.write(`GET /sync HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`);
  await once(rude, 'data');
  // A masked binary frame of four bytes, again and again.
  const frames = Buffer.concat(Array.from({ length: 5000 }, () => Buffer.from([0x82, 0x84, 0, 0, 0, 0, 255, 255, 255, 255])));
  const pouring = setInterval(() => { if (rude.writable) rude.write(frames); }, 5);
  await ended;
  clearInterval(pouring);
  // Of each only what was read in one piece with the first.
  assert.equal(await counted('malformed'), malformed + 2);
  await othersGoOn();
});

test('valid edits in one piece are taken at the rate that is allowed, and all of them in the end', async () => {
  const edited = stock(server.url, cell.boardId, token);
  await until('in', () => edited.provider.synced);
  const text = textOf(edited.doc, cell);
  for (let n = 0; n < 4 * FRAMES_PER_SECOND; n += 1) text.insert(0, 'm');
  await othersGoOn();
  await until('all is saved', () => !edited.provider.hasUnsyncedChanges);
  const stored = textOf(await committed(server.database, cell.boardId), cell).toString();
  assert.equal(stored.split('m').length - 1, 4 * FRAMES_PER_SECOND);
  assert.deepEqual([edited.denied, edited.closes], [[], []]);
  edited.close();
});

test('who opens boards again and again waits for the next, and is refused with 4529 when that would be too long', async () => {
  const codes = await Promise.all(Array.from({ length: SIGN_INS_PER_MINUTE + 5 }, async () => {
    const socket = await bare(server.url);
    socket.websocket.send(authFrame(cell.boardId, token));
    const closed = socket.closed.then(({ code }) => code);
    await Promise.race([closed, until('let in', () => socket.authenticated(cell.boardId))]);
    const code = socket.authenticated(cell.boardId) ? 'in' : await closed;
    socket.websocket.terminate();
    return code;
  }));
  const limited = codes.filter((code) => code === 4529).length;
  assert(limited >= 3, codes.join());
  assert.equal(codes.filter((code) => code === 'in').length, codes.length - limited);
  await othersGoOn();
});

test('somebody who was refused once is let in again at once', async () => {
  const socket = await bare(server.url);
  attempt(socket);
  await until('refused', () => socket.deniedFor(cell.boardId).length > 0);
  const [delayed, limited] = [await counted('sign_in_delayed'), await counted('sign_in_limited')];
  const again = stock(server.url, cell.boardId, token);
  await until('in', () => again.provider.synced);
  textOf(again.doc, cell).insert(0, 'x');
  await until('saved', () => !again.provider.hasUnsyncedChanges);
  assert.deepEqual([await counted('sign_in_delayed'), await counted('sign_in_limited')], [delayed, limited]);
  again.close();
  socket.websocket.terminate();
});
