/** What one read of the network brings is handed on when it is its turn, in order, however it is paused. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { Reading } from './reading.ts';

const FRAMES = 300;

interface Pair {
  readonly client: WebSocket;
  readonly reading: Reading;
  readonly taken: number[];
}

/** A client, and the reading side of its socket; `onFrame` sees each frame as it is taken. */
async function pair(t: TestContext, onFrame: (reading: Reading, taken: number) => void): Promise<Pair> {
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new WebSocketServer({ server: http });
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const taken: number[] = [];
  const [socket] = await once(server, 'connection') as [WebSocket];
  const reading: Reading = new Reading(socket, (frame) => {
    taken.push(new DataView(frame.buffer, frame.byteOffset).getUint16(0));
    onFrame(reading, taken.length);
  });
  socket.on('message', (data: Buffer) => { reading.receive(data); });
  if (client.readyState !== WebSocket.OPEN) await once(client, 'open');
  t.after(() => {
    reading.close();
    client.terminate();
    server.close();
    http.close();
  });
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
