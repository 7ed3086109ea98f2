/** What one read of the network brings is handed on when it is its turn, in order, however it is paused. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { FRAME, frameWithBody } from '@sunday/extension-journal';
import type { WebSocket } from 'ws';
import { socketPair } from '../../test/socket-pair.ts';
import { awarenessFrame, moverOf } from './protocols.ts';
import { Reading } from './reading.ts';
import { Turns } from './turns.ts';

const FRAMES = 300;

interface Pair {
  readonly client: WebSocket;
  readonly reading: Reading;
  readonly taken: number[];
}

/** A client, and the reading side of its socket; `onFrame` sees each frame as it is taken. */
async function pair(t: TestContext, onFrame: (reading: Reading, taken: number) => void): Promise<Pair> {
  const { client, websocket } = await socketPair(t);
  const taken: number[] = [];
  const reading: Reading = new Reading(websocket, new Turns(), {
    take: (frame) => {
      taken.push(new DataView(frame.buffer, frame.byteOffset).getUint16(0));
      onFrame(reading, taken.length);
    },
  });
  websocket.on('message', (data: Buffer) => { reading.receive(data); });
  t.after(() => { reading.close(); });
  return { client, reading, taken };
}

function sendAll(client: WebSocket): void {
  for (let n = 0; n < FRAMES; n += 1) {
    const frame = new Uint8Array(2);
    new DataView(frame.buffer).setUint16(0, n);
    client.send(frame);
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => { setTimeout(resolve, 1); });
}

test('frames in one piece: a pause begins with the frame that asks for it, and what waits comes in order', async (t) => {
  const pauses: number[] = [];
  const { client, taken } = await pair(t, (reading, count) => {
    if (count % 100 !== 0) return;
    assert(reading.slowDown(1));
    const at = count;
    setImmediate(() => { pauses.push(taken.length - at); });
  });
  sendAll(client);
  await until(() => taken.length === FRAMES && pauses.length === FRAMES / 100);
  assert.deepEqual(taken, Array.from({ length: FRAMES }, (_, n) => n));
  assert.deepEqual(pauses, [0, 0, 0]);
});

test('paused for two reasons, it is read when both are gone', async (t) => {
  const { client, reading, taken } = await pair(t, () => undefined);
  reading.pause('pressure');
  reading.pause('admission');
  sendAll(client);
  reading.resume('pressure');
  await new Promise((resolve) => { setTimeout(resolve, 50); }); // for something not to happen
  assert.deepEqual(taken, []);
  reading.resume('admission');
  await until(() => taken.length === FRAMES);
  assert.deepEqual(taken, Array.from({ length: FRAMES }, (_, n) => n));
});

test('of a socket that has closed nothing is taken any more', async (t) => {
  const { client, reading, taken } = await pair(t, (own, count) => { if (count === 10) own.pause('pressure'); });
  sendAll(client);
  await until(() => taken.length === 10);
  reading.close();
  reading.resume('pressure');
  await new Promise((resolve) => { setTimeout(resolve, 50); }); // for something not to happen
  assert.equal(taken.length, 10);
});

test('what many send at once does not keep the process from everything else, and nobody has to wait for all of another', async () => {
  const turns = new Turns();
  const pauses: string[] = [];
  const order: number[] = [];
  const sockets = Array.from({ length: 20 }, (_, socket) => {
    const websocket = { pause: () => { pauses.push(`${socket} pauses`); }, resume: () => { pauses.push(`${socket} resumes`); } };
    return new Reading(websocket, turns, {
      take: () => {
        order.push(socket);
        for (const until = performance.now() + 1; performance.now() < until;); // the work of a frame
      },
    });
  });
  let atTimer = 0;
  setTimeout(() => { atTimer = order.length; }, 0);
  const each = 40;
  for (const reading of sockets) for (let n = 0; n < each; n += 1) reading.receive(new Uint8Array(1));
  await until(() => order.length === sockets.length * each);
  assert(atTimer > 0 && atTimer < order.length / 2, `the timer came after ${atTimer} frames`);
  const last = order.slice(-sockets.length / 2);
  assert.equal(new Set(last).size, last.length, 'in the end those who still have something go in turn');
  assert.equal(pauses.filter((what) => what.endsWith('pauses')).length, pauses.filter((what) => what.endsWith('resumes')).length);
  assert(pauses.length > 0, 'who sends too much ahead is not read meanwhile');
});

test('of the moves that wait only the last of each client is taken, in its place among the other frames', async () => {
  const taken: Uint8Array[] = [];
  const reading = new Reading({ pause: () => undefined, resume: () => undefined }, new Turns(), { take: (frame) => { taken.push(frame); }, kindOf: moverOf });
  const move = (board: string, client: number, clock: number): Uint8Array => awarenessFrame(board, new Uint8Array([1, client, clock, 2, 0x7b, 0x7d]));
  const edit = frameWithBody('a', [FRAME.sync, 2], new Uint8Array([0, 0]));
  const both = awarenessFrame('a', new Uint8Array([2, 1, 9, 2, 0x7b, 0x7d, 2, 9, 2, 0x7b, 0x7d]));
  const frames = [move('a', 1, 1), edit, move('a', 1, 2), move('a', 2, 1), move('b', 1, 1), both, edit, move('a', 1, 3)];
  const first = move('a', 7, 1);
  reading.receive(first); // opens the turn
  for (const until = performance.now() + 20; performance.now() < until;);
  for (const frame of frames) reading.receive(frame);
  await until(() => taken.length === 7);
  assert.deepEqual(taken, [first, move('a', 1, 3), edit, move('a', 2, 1), move('b', 1, 1), both, edit]);
});

test('a socket that begins to wait while a turn ends has its turn, too; one that has closed is not read again', async () => {
  const turns = new Turns();
  const taken: string[] = [];
  const waiter = (name: string, more: () => void = () => undefined) => ({ takeNext: () => { taken.push(name); more(); return false; } });
  // Nine wait for three steps; the last of them brings another, before the steps are over, and so does an immediate between two steps.
  for (let n = 0; n < 8; n += 1) turns.enqueue(waiter('first'));
  turns.enqueue(waiter('last', () => { turns.enqueue(waiter('another')); }));
  setImmediate(() => { turns.enqueue(waiter('between')); });
  await until(() => taken.length === 11);
  setImmediate(() => { turns.enqueue(waiter('after')); });
  await until(() => taken.includes('after'));

  let resumed = 0;
  const reading = new Reading({ pause: () => undefined, resume: () => { resumed += 1; } }, turns, { take: () => { reading.close(); } });
  reading.pause('pressure');
  reading.receive(new Uint8Array(1));
  reading.resume('pressure');
  await new Promise((resolve) => { setTimeout(resolve, 20); }); // for something not to happen
  assert.equal(resumed, 0);
});
