/** A plain Hocuspocus server with the journal, as the README shows it, and stock providers to talk to it. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { Hocuspocus } from '@hocuspocus/server';
import { untilWithin } from '@sunday/board-model/testing/until';
import { DatabaseUnavailable, type Database } from '@sunday/database';
import { initBoard } from '@sunday/board-model';
import { WebSocketServer } from 'ws';
import * as Y from 'yjs';
import { Journal, PostgresStore, type JournalOptions, type JournalStore } from '../src/index.ts';

export const until = untilWithin(10_000);

export const USER = 'u_tester';

export interface TestNode {
  readonly journal: Journal;
  readonly hocuspocus: Hocuspocus;
  readonly url: string;
  stop(): Promise<void>;
}

export async function startNode(database: Database, options: Partial<JournalOptions> & { wrap?: (store: JournalStore) => JournalStore } = {}): Promise<TestNode> {
  const store = new PostgresStore(database, randomUUID());
  const journal = new Journal({
    store: options.wrap?.(store) ?? store,
    isUnavailable: (error) => error instanceof DatabaseUnavailable,
    ...options,
  });
  const hocuspocus = new Hocuspocus({ extensions: [journal.extension], quiet: true });
  const http = createServer();
  const sockets = new WebSocketServer({ server: http, path: '/' });
  sockets.on('connection', (websocket) => {
    const connection = hocuspocus.handleConnection(websocket, new Request('http://localhost/'), { userId: USER });
    websocket.on('message', (data: Buffer) => { connection.handleMessage(data); });
    websocket.on('close', (code, reason) => { connection.handleClose({ code, reason: reason.toString() }); });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  return {
    journal,
    hocuspocus,
    url: `ws://127.0.0.1:${port}`,
    async stop() {
      for (const client of sockets.clients) client.terminate();
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
      await journal.drain();
      await journal.close();
    },
  };
}

/** A board in the database, made as the server makes one. */
export async function createBoard(journal: Journal): Promise<string> {
  const boardId = randomUUID();
  const doc = new Y.Doc();
  initBoard(doc, { name: 'Test board' }, { userId: USER });
  await journal.create({
    boardId, workspaceId: null, createdBy: USER, state: Y.encodeStateAsUpdate(doc), items: [],
    board: { name: 'Test board', description: '', columns: [], groups: [] },
  });
  return boardId;
}

export interface StockClient {
  readonly doc: Y.Doc;
  readonly provider: HocuspocusProvider;
  readonly socket: HocuspocusProviderWebsocket;
  /** Every value the provider's counter had, in order. */
  readonly counts: number[];
  close(): void;
}

export function connect(url: string, boardId: string, doc = new Y.Doc()): StockClient {
  const socket = new HocuspocusProviderWebsocket({ url, delay: 50, minDelay: 50, maxDelay: 500 });
  const counts: number[] = [];
  const provider = new HocuspocusProvider({
    websocketProvider: socket, name: boardId, document: doc, token: 'any',
    onUnsyncedChanges: ({ number }) => { counts.push(number); },
  });
  provider.attach();
  return { doc, provider, socket, counts, close: () => { provider.destroy(); socket.destroy(); } };
}

