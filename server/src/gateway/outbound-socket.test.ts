/** A reader that stops: what is kept for it costs what is counted, and comes whole and in order once it reads again. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { WebSocket } from 'ws';
import { socketPair, type SocketPair } from '../../test/socket-pair.ts';
import { OutboundSocket } from './outbound-socket.ts';

const MIB = 1024 * 1024;
const BOUND = 64 * MIB;
const FRAME_BYTES = 200;
/** Neither of one size, nor ever the same twice. */
const frame = (number: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length).fill(number);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
};

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
const COLLECTIONS = 5;

/** Bytes of array buffers that are still in use. A thread of V8 frees the others some time after a collection. */
async function keptBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let collection = 0; collection < COLLECTIONS; collection += 1) {
    gc();
    await delay(20);
    least = Math.min(least, process.memoryUsage().arrayBuffers);
  }
  return least;
}

interface Pair extends SocketPair {
  readonly outbound: OutboundSocket;
}

async function pair(t: TestContext): Promise<Pair> {
  const sockets = await socketPair(t);
  return { ...sockets, outbound: new OutboundSocket(sockets.websocket, sockets.stream, BOUND, () => { assert.fail('over the bound'); }) };
}

/** Sends until the network takes nothing more. Returns how many frames that was. */
async function fill({ client, outbound }: Pick<Pair, 'client' | 'outbound'>): Promise<number> {
  client.pause();
  let sent = 0;
  for (let quiet = 0; quiet < 20; quiet = outbound.bufferedAmount > MIB ? quiet + 1 : 0) {
    if (outbound.bufferedAmount <= MIB) outbound.send(frame(sent++, 64 * 1024));
    await turn();
  }
  return sent;
}

function numbersOf(client: WebSocket): number[] {
  const numbers: number[] = [];
  client.on('message', (data: Buffer) => {
    const number = data.readUInt32BE(0);
    assert(data.subarray(4).every((byte) => byte === number % 256), 'whole');
    numbers.push(number);
  });
  return numbers;
}

test('small frames that wait for a slow reader keep no memory but their own', async (t) => {
  const { client, outbound } = await pair(t);
  await fill({ client, outbound });
  const before = { waiting: outbound.bufferedAmount, memory: await keptBytes() };
  for (let sent = 0; sent < 5000; sent += 1) {
    outbound.send(frame(sent, FRAME_BYTES));
    // what others are sent meanwhile
    for (let other = 0; other < 4; other += 1) Buffer.allocUnsafe(3000).fill(other);
    await turn();
  }
  const waiting = outbound.bufferedAmount - before.waiting;
  const kept = await keptBytes() - before.memory;
  assert(waiting >= 5000 * FRAME_BYTES, `${waiting} bytes wait`);
  assert(kept < 2 * waiting, `${kept} bytes are kept for ${waiting}`);
});

test('frames of all sizes come whole and in order to a reader that stopped and reads again, what was sent before a close included', async (t) => {
  const { client, outbound } = await pair(t);
  const numbers = numbersOf(client);
  let sent = await fill({ client, outbound });
  for (let round = 0; round < 400; round += 1) {
    for (const length of [FRAME_BYTES, 5, 3900, 6000, 20_000].slice(0, 1 + (round % 5))) outbound.send(frame(sent++, length));
    if (round % 50 === 0) outbound.ping();
    // some of them while the client reads
    if (round === 200) client.resume();
    await turn();
  }
  outbound.close(4503, 'draining');
  const [code] = await once(client, 'close') as [number];
  assert.equal(code, 4503);
  assert.deepEqual(numbers, Array.from({ length: sent }, (_, number) => number));
  assert.equal(outbound.bufferedAmount, 0);
});

test('nothing is written behind a goodbye that the WebSocket says by itself', async (t) => {
  const { client, websocket, stream, outbound } = await pair(t);
  await fill({ client, outbound });
  for (let sent = 0; sent < 3; sent += 1) {
    outbound.send(frame(sent, FRAME_BYTES));
    await turn();
  }
  assert(outbound.bufferedAmount > stream.writableLength, 'some of it is not with the stream');
  websocket.close(1009);
  const written = stream.writableLength;
  outbound.ping();
  outbound.close(4503, 'draining');
  assert.equal(stream.writableLength, written);
});
