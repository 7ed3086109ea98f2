/**
 * People who edit while the server is killed under them: stock providers and SDK clients. Each writes marked entries and keeps
 * the books a person would: what was acknowledged ("saved" was shown after it was written), and what it saw of others.
 */
import { createClient, type Board, type Client } from '@sunday/client';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import * as Y from 'yjs';
import { act, handsOfBoard, handsOfModel, type Hands } from '../chaos/deeds.ts';

/** Where all markers go: a long text of one item. Its length in edits is what a burst of typing makes. */
export const markersOf = (doc: Y.Doc, itemId: string, columnId: string): Y.Text => doc.getText(`text:${itemId}:${columnId}`);

const MARKER = /<[a-z]\d+-\d+>/g;

export interface Editor {
  readonly name: string;
  /** Written and later shown as saved. */
  readonly acknowledged: Set<string>;
  /** Received from others. */
  readonly seen: Set<string>;
  readonly written: number;
  write(): void;
  /** When it last got an acknowledgement or somebody's edit (performance.now()). */
  readonly progressAt: number;
  /** Everything written is acknowledged. */
  readonly settled: boolean;
  text(): string;
  /** For the message of a failed test. */
  state(): string;
  readonly doc: Y.Doc;
  close(): Promise<void>;
}

interface Place {
  readonly url: string;
  readonly boardId: string;
  readonly itemId: string;
  readonly columnId: string;
  readonly userId: string;
  readonly token: () => Promise<string>;
  /** What is done beside typing comes from it. */
  readonly next: () => number;
}

/** A marker typed, and a deed anywhere on the board. */
function writeWith(hands: Hands, text: Y.Text, marker: string, next: () => number): void {
  text.insert(text.length, marker);
  act({ ...hands, undo: () => undefined }, `deed ${marker.slice(1, -1)}`, next); // an undo could take back a marker
}

class Books {
  readonly acknowledged = new Set<string>();
  readonly seen = new Set<string>();
  readonly unacknowledged = new Set<string>();
  written = 0;
  progressAt = 0;
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  next(): string {
    this.written += 1;
    const marker = `<${this.name}-${this.written}>`;
    this.unacknowledged.add(marker);
    return marker;
  }

  saved(): void {
    if (this.unacknowledged.size > 0) this.progressAt = performance.now();
    for (const marker of this.unacknowledged) this.acknowledged.add(marker);
    this.unacknowledged.clear();
  }

  /** Reads what came in, not the text's own events: each of those walks the whole text, and twenty editors in one process would wait for themselves. */
  watch(doc: Y.Doc): void {
    doc.on('update', (update: Uint8Array, _origin: unknown, _doc: Y.Doc, transaction: Y.Transaction) => {
      if (transaction.local) return;
      this.progressAt = performance.now();
      for (const struct of Y.decodeUpdate(update).structs) {
        if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentString)) continue;
        for (const marker of struct.content.str.match(MARKER) ?? []) this.seen.add(marker);
      }
    });
  }
}

export function stockEditor(name: string, place: Place): Editor {
  const doc = new Y.Doc();
  const books = new Books(name);
  const socket = new HocuspocusProviderWebsocket({ url: `${place.url.replace('http', 'ws')}/sync`, delay: 200, minDelay: 100, maxDelay: 1000 });
  const provider = new HocuspocusProvider({
    websocketProvider: socket, name: place.boardId, document: doc, token: place.token,
    onUnsyncedChanges: ({ number }) => { if (number === 0) books.saved(); },
  });
  provider.attach();
  const text = markersOf(doc, place.itemId, place.columnId);
  books.watch(doc);
  return {
    name, doc,
    acknowledged: books.acknowledged,
    seen: books.seen,
    get written() { return books.written; },
    get progressAt() { return books.progressAt; },
    get settled() { return books.unacknowledged.size === 0 && provider.synced; },
    write() { writeWith(handsOfModel(doc, place.userId), text, books.next(), place.next); },
    text: () => text.toString(),
    state: () => `counter ${provider.unsyncedChanges}, synced ${provider.synced}, socket ${socket.status}`,
    close() {
      provider.destroy();
      socket.destroy();
      return Promise.resolve();
    },
  };
}

export async function sdkEditor(name: string, place: Place): Promise<Editor> {
  const client: Client = createClient({ url: place.url, token: place.token, user: { id: place.userId }, persistence: false });
  const board: Board = client.open(place.boardId);
  await board.ready;
  const books = new Books(name);
  const text = board.longText(place.itemId, place.columnId);
  const { doc } = board;
  books.watch(doc);
  board.on('status', () => { if (board.status.sync === 'saved') books.saved(); });
  return {
    name, doc,
    acknowledged: books.acknowledged,
    seen: books.seen,
    get written() { return books.written; },
    get progressAt() { return books.progressAt; },
    get settled() { return board.status.sync === 'saved' && books.unacknowledged.size === 0; },
    write() { writeWith(handsOfBoard(board), text, books.next(), place.next); },
    text: () => text.toString(),
    state: () => JSON.stringify({ ...board.status, connection: client.connection }),
    close: () => client.destroy(),
  };
}
