/**
 * What the tests share: a plain Hocuspocus server on a random port (for what needs no Sunday acknowledgements), conditions to wait for,
 * tokens, and a client whose closing is not forgotten.
 */
import { once } from 'node:events';
import type { IncomingMessage as HttpRequest } from 'node:http';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Hocuspocus, type Configuration } from '@hocuspocus/server';
import { initBoard } from '@sunday/board-model';
import { untilWithin } from '@sunday/board-model/testing/until';
import { WebSocketServer, type WebSocket as ServerSocket } from 'ws';
import { createClient, type Client, type ClientOptions } from '../src/index.ts';

export const until = untilWithin(15_000);

export interface PlainServer {
  readonly url: string;
  readonly port: number;
  readonly hocuspocus: Hocuspocus;
  readonly sockets: Set<ServerSocket>;
  /** Cuts every connection without a word, as a killed process does. */
  readonly cut: () => void;
  readonly stop: () => Promise<void>;
}

/** A board named and with a group, so that it can be written to. */
export async function startPlainServer(configuration: Partial<Configuration> = {}, port = 0): Promise<PlainServer> {
  const hocuspocus = new Hocuspocus({
    quiet: true, debounce: 50,
    onLoadDocument: ({ document }) => {
      if (document.getMap('board').size === 0) initBoard(document, { name: 'Plan', columns: COLUMNS, groups: [{ title: 'To do' }] }, { userId: 'owner' });
      return Promise.resolve(document);
    },
    ...configuration
  });
  const http: Server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>test</title><div id="root"></div>');
  });
  const websockets = new WebSocketServer({ server: http });
  const sockets = new Set<ServerSocket>();
  websockets.on('connection', (socket: ServerSocket, request: HttpRequest) => {
    sockets.add(socket);
    const connection = hocuspocus.handleConnection(socket, new Request(`http://localhost${request.url ?? '/'}`));
    socket.on('message', (data: Buffer) => connection.handleMessage(new Uint8Array(data)));
    socket.on('close', (code) => {
      sockets.delete(socket);
      connection.handleClose({ code, reason: '' });
    });
  });
  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  const bound = (http.address() as AddressInfo).port;
  const cut = (): void => { for (const socket of sockets) socket.terminate(); };
  return {
    hocuspocus, sockets, cut, port: bound, url: `http://127.0.0.1:${bound}`,
    stop: async () => {
      cut();
      http.closeAllConnections();
      await new Promise((resolve) => { http.close(resolve); });
    }
  };
}

export const COLUMNS = [
  { id: 'status', title: 'Status', type: 'status', settings: { labels: [{ id: 'todo', title: 'To do', color: '#888888' }, { id: 'done', title: 'Done', color: '#00aa00' }] } },
  { id: 'votes', title: 'Votes', type: 'counter' },
  { id: 'tags', title: 'Tags', type: 'tags' },
  { id: 'size', title: 'Size', type: 'number' },
  { id: 'notes', title: 'Notes', type: 'long_text' }
] as unknown as NonNullable<Parameters<typeof initBoard>[1]['columns']>;

/** A client that the test's end destroys. */
export function connect(t: { after(fn: () => Promise<void>): void }, url: string, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({ url, token: 'any', user: { id: 'u1' }, persistence: false, ...options });
  t.after(() => client.destroy());
  return client;
}
