/**
 * People at their boards, each with the client software as it is published and a line of their own to the balancer: the stock Hocuspocus
 * provider, the stock y-websocket provider, and Sunday's SDK. What of theirs was acknowledged is what that client says:
 * the provider's counter at zero after the edit, `saved()` of the SDK; y-websocket says nothing.
 */
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { createClient } from '@sunday/client';
import type { Awareness } from 'y-protocols/awareness';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import type { Line } from '../cable.ts';
import { token } from '../sunday-process.ts';
import { Books } from './books.ts';
import { handsOfBoard, handsOfModel, type Hands } from './deeds.ts';

export const KINDS = ['hocuspocus', 'sdk', 'y-websocket'] as const;
export type Kind = (typeof KINDS)[number];

export interface Person {
  readonly name: string;
  readonly kind: Kind;
  readonly boardId: string;
  readonly doc: Y.Doc;
  readonly books: Books;
  readonly hands: Hands;
  /** To be cut and mended. */
  readonly line: Line;
  /** Whether the software says when an edit is saved. */
  readonly hearsAcks: boolean;
  /** In step with the server, and with nothing unacknowledged. */
  readonly settled: boolean;
  /** What went wrong for good, in the client's words; null: nothing. */
  readonly trouble: string | null;
  write(work: () => void, during: readonly string[]): void;
  /** Shows a cursor. */
  point(place: number): void;
  /** Client ids of the others it sees. */
  sees(): Set<number>;
  state(): string;
  /** What its connection went through lately. */
  readonly diary: Diary;
  close(): Promise<void>;
}

const DIARY_LINES = 40;

export class Diary {
  readonly lines: string[] = [];

  note(line: string): void {
    this.lines.push(`${new Date().toISOString().slice(11, 23)} ${line}`);
    if (this.lines.length > DIARY_LINES) this.lines.shift();
  }
}

export interface Place {
  readonly boardId: string;
  readonly line: Line;
  /** How long the stock Hocuspocus provider waits between tries: its own second and more, or as short as a test likes. */
  readonly patience: 'as published' | 'short';
}

const urlOf = (line: Line): string => `http://127.0.0.1:${line.port}`;
const SHORT = { delay: 200, minDelay: 100, maxDelay: 1000 };

export async function makePerson(kind: Kind, name: string, place: Place): Promise<Person> {
  switch (kind) {
    case 'hocuspocus': return hocuspocus(name, place);
    case 'y-websocket': return yWebsocket(name, place);
    case 'sdk': return sdk(name, place);
  }
}

const othersIn = (awareness: Awareness): Set<number> => new Set([...awareness.getStates().keys()].filter((id) => id !== awareness.clientID));

function hocuspocus(name: string, { boardId, line, patience }: Place): Person {
  const doc = new Y.Doc();
  const books = new Books(doc);
  const diary = new Diary();
  let trouble: string | null = null;
  const socket = new HocuspocusProviderWebsocket({ url: `${urlOf(line).replace('http', 'ws')}/sync`, ...(patience === 'short' ? SHORT : {}) });
  const provider = new HocuspocusProvider({
    websocketProvider: socket, name: boardId, document: doc, token: () => token(name),
    onUnsyncedChanges: ({ number }) => { if (number === 0) books.acknowledged(); },
    onAuthenticationFailed: ({ reason }) => { trouble = `refused: ${reason}`; },
  });
  socket.on('status', ({ status }: { status: string }) => { diary.note(status); });
  socket.on('close', ({ event }: { event: { code: number } }) => { diary.note(`closed with ${event.code}`); });
  provider.on('synced', () => { diary.note('synced'); });
  provider.attach();
  return {
    name, kind: 'hocuspocus', boardId, doc, books, line, diary, hands: handsOfModel(doc, name), hearsAcks: true,
    get settled() { return provider.synced && books.settled && !provider.hasUnsyncedChanges; },
    get trouble() { return trouble; },
    write(work, during) { books.enter(work, during); },
    point(place) { provider.awareness?.setLocalStateField('cursor', place); },
    sees: () => (provider.awareness === null ? new Set() : othersIn(provider.awareness)),
    state: () => `counter ${provider.unsyncedChanges}, synced ${provider.synced}, socket ${socket.status}`,
    close() {
      provider.destroy();
      socket.destroy();
      return Promise.resolve();
    },
  };
}

async function yWebsocket(name: string, { boardId, line }: Place): Promise<Person> {
  const doc = new Y.Doc();
  const books = new Books(doc);
  const diary = new Diary();
  let trouble: string | null = null;
  const provider = new WebsocketProvider(`${urlOf(line).replace('http', 'ws')}/yjs`, boardId, doc, { params: { token: await token(name) }, disableBc: true });
  provider.on('closed', ({ code, reason }) => { trouble = `closed for good: ${code} ${reason}`; });
  provider.on('status', ({ status }) => { diary.note(status); });
  return {
    name, kind: 'y-websocket', boardId, doc, books, line, diary, hands: handsOfModel(doc, name), hearsAcks: false,
    get settled() { return provider.synced; },
    get trouble() { return trouble; },
    write(work, during) { books.enter(work, during); },
    point(place) { provider.awareness.setLocalStateField('cursor', place); },
    sees: () => othersIn(provider.awareness),
    state: () => `synced ${provider.synced}, connected ${provider.wsconnected}`,
    close() {
      provider.destroy();
      return Promise.resolve();
    },
  };
}

async function sdk(name: string, { boardId, line }: Place): Promise<Person> {
  const client = createClient({ url: urlOf(line), token: () => token(name), user: { id: name }, persistence: false });
  const board = client.open(boardId);
  await board.ready;
  const { doc } = board;
  const books = new Books(doc);
  const diary = new Diary();
  let trouble: string | null = null;
  client.on('connection', () => { diary.note(client.connection); });
  board.on('status', () => { diary.note(board.status.sync); });
  board.on('status', () => { if (board.status.refused !== null) trouble = `refused: ${board.status.refused.code}`; });
  return {
    name, kind: 'sdk', boardId, doc, books, line, diary, hands: handsOfBoard(board), hearsAcks: true,
    get settled() { return board.status.sync === 'saved' && books.settled; },
    get trouble() { return trouble; },
    write(work, during) {
      const edit = books.enter(work, during);
      if (edit !== null) board.saved().then(() => { books.acknowledged([edit]); }, () => undefined);
    },
    point(place) { board.presence.set({ cursor: place }); },
    sees: () => new Set(board.presence.peers.map(({ clientId }) => clientId)),
    state: () => JSON.stringify({ ...board.status, refused: board.status.refused?.code ?? null, connection: client.connection }),
    close: () => client.destroy(),
  };
}
