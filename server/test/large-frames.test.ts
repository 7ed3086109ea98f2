/** The bound of a socket's queue is for slow readers, not for large boards. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { OutboundSocket } from '../src/gateway/outbound-socket.ts';

const BOUND = 64 * 1024;

test('a frame larger than the bound arrives; a second one before it has gone out is too much', async () => {
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new WebSocketServer({ noServer: true });
  let overflows = 0;
  const accepted = new Promise<OutboundSocket>((resolve) => {
    http.on('upgrade', (request, stream, head) => {
      server.handleUpgrade(request, stream, head, (websocket) => { resolve(new OutboundSocket(websocket, stream, BOUND, () => { overflows += 1; })); });
    });
  });
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const outbound = await accepted;
  const sizes: number[] = [];
  client.on('message', (data: Buffer) => { sizes.push(data.length); });
  await once(client, 'open');
  outbound.send(new Uint8Array(100));
  outbound.send(new Uint8Array(10 * BOUND));
  outbound.send(new Uint8Array(200));
  assert.equal(overflows, 0);
  outbound.send(new Uint8Array(10 * BOUND));
  assert.equal(overflows, 1);
  while (sizes.length < 3) await once(client, 'message');
  assert.deepEqual(sizes, [100, 10 * BOUND, 200]);
  client.terminate();
  http.close();
  await once(http, 'close');
});
