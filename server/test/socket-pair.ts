/** A WebSocket and its other end, in one process. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';

export interface SocketPair {
  readonly client: WebSocket;
  /** The server's end, and the connection below it. */
  readonly websocket: WebSocket;
  readonly stream: Duplex;
}

/** Open; ends with the test. */
export async function socketPair(t: TestContext): Promise<SocketPair> {
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const server = new WebSocketServer({ noServer: true });
  const accepted = new Promise<Omit<SocketPair, 'client'>>((resolve) => {
    http.on('upgrade', (request, stream: Duplex, head) => {
      server.handleUpgrade(request, stream, head, (websocket) => { resolve({ websocket, stream }); });
    });
  });
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const serverSide = await accepted;
  if (client.readyState !== WebSocket.OPEN) await once(client, 'open');
  t.after(() => {
    client.terminate();
    server.close();
    http.close();
  });
  return { client, ...serverSide };
}
