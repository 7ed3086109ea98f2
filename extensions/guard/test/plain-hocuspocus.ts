/**
 * A plain Hocuspocus server with the guard, as the README shows it, and clients in the same process: their sockets hand frames over
 * instead of sending them, so that a million of them take minutes. Whom a token names is who one is: `user` or `user:role`.
 */
import { Hocuspocus, type Document } from '@hocuspocus/server';
import { asColumnId, initBoard, type ColumnType } from '@sunday/board-model';
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import { createGuard, type GuardCode, type GuardOptions } from '../src/index.ts';

export const BOARD = 'board';
const SYNC = 0;
const AUTH = 2;
const SYNC_REPLY = 4;
const CLOSE = 7;
const SYNC_STATUS = 8;

export interface PlainServer {
  readonly hocuspocus: Hocuspocus;
  readonly refusals: Map<GuardCode, number>;
  document(): Document;
}

const TYPES: readonly ColumnType[] = ['text', 'number', 'person', 'counter', 'long_text', 'link', 'status'];

export function startPlainServer(options: GuardOptions = {}, fill: (document: Document) => void = () => { /* no items */ }): PlainServer {
  const refusals = new Map<GuardCode, number>();
  const hocuspocus = new Hocuspocus({
    quiet: true,
    extensions: [createGuard({
      refuse: (connection, code) => {
        refusals.set(code, (refusals.get(code) ?? 0) + 1);
        connection.close({ code: 4422, reason: code });
      },
      ...options,
    })],
    onAuthenticate: ({ token }) => {
      const [userId, role] = token.split(':');
      return Promise.resolve({ userId, role });
    },
    onLoadDocument: ({ document }) => {
      const settings = { labels: [{ id: 'done', title: 'Done', color: '' }] };
      const columns = TYPES.map((type) => ({ id: asColumnId(type), type, title: type, settings: type === 'status' ? settings : {} }));
      initBoard(document, { name: 'Plan', columns, groups: [{ title: 'To do' }] }, { userId: 'olga' });
      fill(document);
      return Promise.resolve(document);
    },
    debounce: 60_000,
  });
  return {
    hocuspocus, refusals,
    document() {
      const document = hocuspocus.documents.get(BOARD);
      if (document === undefined) throw new Error('nobody has opened the board');
      return document;
    },
  };
}

/** A client without a network. With a document it follows the board; without, it sends what it is told. */
export class Client {
  readonly doc: Y.Doc | null;
  /** Updates of its own it has sent. */
  readonly sent: Uint8Array[] = [];
  closeReason: string | null = null;
  authenticated = false;
  synced = false;
  acknowledged = 0;
  private readonly connection: ReturnType<Hocuspocus['handleConnection']>;

  constructor(server: PlainServer, token: string, doc: Y.Doc | null = null) {
    this.doc = doc;
    this.connection = server.hocuspocus.handleConnection(
      { readyState: 1, send: (frame: Uint8Array) => { this.receive(frame); }, close: () => { /* in this process */ } },
      new Request('http://localhost/'),
    );
    this.connection.handleMessage(frameOf(AUTH, (encoder) => {
      encoding.writeVarUint(encoder, 0);
      encoding.writeVarString(encoder, token);
    }));
    if (doc === null) return;
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === this) return;
      this.sent.push(update);
      this.update(update);
    });
    this.connection.handleMessage(syncFrame(0, Y.encodeStateVector(doc)));
  }

  update(update: Uint8Array): void {
    this.raw(syncFrame(2, update));
  }

  step2(update: Uint8Array): void {
    this.raw(syncFrame(1, update));
  }

  raw(frame: Uint8Array): void {
    this.connection.handleMessage(frame);
  }

  close(): void {
    this.connection.handleClose({ code: 1000, reason: '' });
  }

  private receive(frame: Uint8Array): void {
    const decoder = decoding.createDecoder(frame);
    decoding.readVarString(decoder);
    switch (decoding.readVarUint(decoder)) {
      case SYNC:
      case SYNC_REPLY:
        this.sync(decoder);
        return;
      case AUTH:
        this.authenticated = decoding.readVarUint(decoder) === 2;
        return;
      case CLOSE:
        this.closeReason = decoding.readVarString(decoder);
        return;
      case SYNC_STATUS:
        this.acknowledged += decoding.readVarUint(decoder);
    }
  }

  private sync(decoder: decoding.Decoder): void {
    const { doc } = this;
    if (doc === null) return;
    const step = decoding.readVarUint(decoder);
    const body = decoding.readVarUint8Array(decoder);
    if (step === 0) {
      this.step2(Y.encodeStateAsUpdate(doc, body));
      return;
    }
    Y.applyUpdate(doc, body, this);
    if (step === 1) this.synced = true;
  }
}

export const syncFrame = (step: number, body: Uint8Array): Uint8Array => frameOf(SYNC, (encoder) => {
  encoding.writeVarUint(encoder, step);
  encoding.writeVarUint8Array(encoder, body);
});

function frameOf(type: number, write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, BOARD);
  encoding.writeVarUint(encoder, type);
  write(encoder);
  return encoding.toUint8Array(encoder);
}

/** Lets everything that is handed over be worked off. */
export const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });

export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await turn();
  }
}
