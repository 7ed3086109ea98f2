/** Unmodified clients of both protocols for tests of the whole server, a bare socket for what no client would send, and the committed state. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { untilWithin } from '@sunday/board-model/testing/until';
import type { TestDatabase } from '@sunday/database/testing';
import { FRAME } from '@sunday/extension-journal';
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { WebSocket } from 'ws';
import * as Y from 'yjs';
import { seededRandom } from './random.ts';
import type { Api, BoardBody } from './rest-support.ts';

export const until = untilWithin(20_000);

export interface Cell { readonly boardId: string; readonly itemId: string; readonly columnId: string }

/** A board with a text column, a long text column and one item; `members` may edit it. */
export async function makeBoard(owner: Api, members: readonly string[] = [], role = 'editor'): Promise<Cell & { readonly plain: string }> {
  const { body: board } = await owner.expect<BoardBody>(201, 'POST', '/boards', {
    body: { name: 'Plan', columns: [{ title: 'Notes', type: 'long_text' }, { title: 'Plain', type: 'text' }] },
  });
  const { body: item } = await owner.expect<{ id: string }>(201, 'POST', `/boards/${board.id}/items`, { body: { name: 'First' } });
  for (const userId of members) await owner.expect(201, 'POST', `/boards/${board.id}/members`, { body: { userId, role } });
  const of = (type: string): string => board.columns.find((column) => column.type === type)?.id ?? assert.fail(`no ${type} column`);
  return { boardId: board.id, itemId: item.id, columnId: of('long_text'), plain: of('text') };
}

export const textOf = (doc: Y.Doc, cell: Cell): Y.Text => doc.getText(`text:${cell.itemId}:${cell.columnId}`);

export interface StockClient {
  readonly doc: Y.Doc;
  readonly provider: HocuspocusProvider;
  readonly socket: HocuspocusProviderWebsocket;
  /** Every WebSocket it made, the newest last. */
  readonly sockets: WebSocket[];
  /** Reasons of PermissionDenied, in order. */
  readonly denied: string[];
  /** Close codes of its WebSockets, in order. */
  readonly closes: number[];
  close(): void;
}

/** A stock provider; `beside`: another client, on whose WebSocket this board is opened. */
export function stock(url: string, boardId: string, token: string | (() => string), { doc = new Y.Doc(), beside, onCounter }: { doc?: Y.Doc; beside?: StockClient; onCounter?: (count: number) => void } = {}): StockClient {
  const sockets: WebSocket[] = beside?.sockets ?? [];
  class Remembered extends WebSocket {
    constructor(address: string) {
      super(address);
      sockets.push(this);
      // The provider takes its own listener off a socket that it gives up before it is open, and that says so afterwards.
      this.on('error', () => { /* the provider's to see */ });
    }
  }
  const socket = beside?.socket ?? new HocuspocusProviderWebsocket({ url: `${url.replace('http', 'ws')}/sync`, WebSocketPolyfill: Remembered, delay: 50, minDelay: 50, maxDelay: 400 });
  const denied: string[] = [];
  const closes: number[] = [];
  socket.on('close', ({ event }: { event: { code: number } }) => { closes.push(event.code); });
  const provider = new HocuspocusProvider({
    websocketProvider: socket, name: boardId, document: doc, token,
    onAuthenticationFailed: ({ reason }) => { denied.push(reason); },
    onUnsyncedChanges: ({ number }) => { onCounter?.(number); },
  });
  provider.attach();
  return {
    doc, provider, socket, sockets, denied, closes,
    close() {
      provider.destroy();
      if (beside === undefined) socket.destroy();
    },
  };
}

/** A WebSocket that sends what it is told to. */
export interface BareSocket {
  readonly websocket: WebSocket;
  readonly frames: Uint8Array[];
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Reasons of PermissionDenied for this address so far. */
  deniedFor(address: string): string[];
  authenticated(address: string): boolean;
}

export async function bare(url: string, path = '/sync'): Promise<BareSocket> {
  const websocket = new WebSocket(`${url.replace('http', 'ws')}${path}`);
  const frames: Uint8Array[] = [];
  websocket.on('message', (data: Buffer) => { frames.push(data); });
  websocket.on('error', () => { /* seen as a close */ });
  const closed = once(websocket, 'close').then(([code, reason]: unknown[]) => ({ code: Number(code), reason: String(reason) }));
  await once(websocket, 'open');
  const auths = (address: string): { kind: number; reason: string }[] => frames.flatMap((frame) => {
    const decoder = decoding.createDecoder(frame);
    if (decoding.readVarString(decoder) !== address || decoding.readVarUint(decoder) !== FRAME.auth) return [];
    return [{ kind: decoding.readVarUint(decoder), reason: decoding.readVarString(decoder) }];
  });
  return {
    websocket, frames, closed,
    deniedFor: (address) => auths(address).filter(({ kind }) => kind === 1).map(({ reason }) => reason),
    authenticated: (address) => auths(address).some(({ kind }) => kind === 2),
  };
}

/** `address type body…`: numbers as varUint, strings as varString, bytes as varUint8Array. */
export function frameOf(address: string, type: number, ...body: (number | string | Uint8Array)[]): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, address);
  encoding.writeVarUint(encoder, type);
  for (const part of body) {
    if (typeof part === 'number') encoding.writeVarUint(encoder, part);
    else if (typeof part === 'string') encoding.writeVarString(encoder, part);
    else encoding.writeVarUint8Array(encoder, part);
  }
  return encoding.toUint8Array(encoder);
}

export const authFrame = (address: string, token: string): Uint8Array => frameOf(address, FRAME.auth, 0, token);
export const updateFrame = (address: string, update: Uint8Array): Uint8Array => frameOf(address, FRAME.sync, 2, update);

/** The board as Postgres holds it at this moment: snapshot and journal rows in one statement. */
export async function committed(database: Pick<TestDatabase, 'database'>, boardId: string): Promise<Y.Doc> {
  const rows = await database.database.query<{ bytes: Buffer }>(
    `SELECT bytes FROM (SELECT 0::bigint AS seq, snapshot AS bytes FROM board_snapshots WHERE board_id = $1
     UNION ALL SELECT seq, update FROM board_updates WHERE board_id = $1) AS all_rows ORDER BY seq`,
    [boardId],
  );
  const doc = new Y.Doc();
  for (const { bytes } of rows) Y.applyUpdate(doc, bytes);
  return doc;
}

/** Whether everything in `update`, deletions too, is in the document. */
export const holds = (doc: Y.Doc, update: Uint8Array): boolean => Y.snapshotContainsUpdate(Y.snapshot(doc), update);

/** The seed of this run, printed; SUNDAY_TEST_SEED repeats one. */
export function seeded(t: { diagnostic(line: string): void }): () => number {
  const seed = Number(process.env['SUNDAY_TEST_SEED'] ?? Date.now() % 1_000_000_000);
  t.diagnostic(`seed ${seed} (SUNDAY_TEST_SEED repeats it)`);
  return seededRandom(seed);
}
