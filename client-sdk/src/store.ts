/**
 * The offline copy: the updates of a user's boards in one IndexedDB database.
 *
 * Guarantees: a local edit is written in the turn it was made, together with a mark that it is not committed; others' edits follow in a
 * bounded time, and always before a later local one; the log of a board is folded into one row at opening once it is long. Several tabs
 * share it: keys carry the tab's client id, and folding takes away exactly the rows it read.
 * Does not: keep anything when the browser refuses (private windows, quota); `failed` tells, and the board goes on without.
 * Own code, because y-indexeddb adds a row at each opening, writes one transaction per remote update, and cannot tell edits that still
 * wait from committed ones.
 */
import * as Y from 'yjs';

const UPDATES = 'updates'; // [boardId, written at, client id, n] → update: read back in the order of writing
const UNSAVED = 'unsaved'; // [boardId, client id] → true
const FOLD_AT_OPENING = 32; // rows; reading fewer is cheaper than writing the whole board
const FOLD_WHILE_OPEN = 500; // rows this session wrote since the last fold
const REMOTE_DELAY_MS = 300; // others' edits can be had from the server again: a busy board need not write at each
const OPEN_TIMEOUT_MS = 3_000; // a blocked database must not keep the board from opening

export interface OfflineDatabase {
  readonly userId: string;
  readonly opened: Promise<IDBDatabase>;
}

export interface StoredBoard {
  readonly empty: boolean;
  /** Edits of earlier sessions wait for the server. */
  readonly unsaved: boolean;
}

const completed = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.addEventListener('complete', () => resolve());
    transaction.addEventListener('abort', () => reject(transaction.error ?? new Error('failed')));
  });

const result = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('failed')));
  });

const rangeOf = (boardId: string): IDBKeyRange => IDBKeyRange.bound([boardId], [boardId, []]);

const databaseName = (userId: string): string => `sunday:${userId}`;

export async function openDatabase(userId: string): Promise<IDBDatabase> {
  const request = indexedDB.open(databaseName(userId), 1);
  request.addEventListener('upgradeneeded', () => {
    request.result.createObjectStore(UPDATES);
    request.result.createObjectStore(UNSAVED);
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('timeout')), OPEN_TIMEOUT_MS);
  });
  const database = await Promise.race([result(request), timeout]).finally(() => clearTimeout(timer));
  database.addEventListener('versionchange', () => database.close()); // another tab wants to delete it (signing out)
  return database;
}

/** Signing out on a shared machine: throws away every offline copy of this user, edits that were never committed included. Destroy the client first. */
export async function deleteOfflineCopies(userId: string): Promise<void> {
  await result(indexedDB.deleteDatabase(databaseName(userId)));
}

export class BoardStore {
  readonly #database: Promise<IDBDatabase>;
  readonly #boardId: string;
  readonly #doc: Y.Doc;
  readonly #session: number;
  #buffer: Uint8Array[] = [];
  #local = false;
  #count = 0;
  #rows = 0; // since the last fold
  #flushing: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #earlier: IDBValidKey[] = [];
  #closed = false;
  #failed = false;

  constructor(database: Promise<IDBDatabase>, boardId: string, doc: Y.Doc) {
    this.#database = database;
    this.#boardId = boardId;
    this.#doc = doc;
    this.#session = doc.clientID;
  }

  /** The browser keeps nothing: edits last as long as the page. */
  get failed(): boolean { return this.#failed; }

  /** Applies the copy to the document (origin: this store) and follows it from then on. */
  async load(): Promise<StoredBoard> {
    try {
      const database = await this.#database;
      const transaction = database.transaction([UPDATES, UNSAVED], 'readwrite');
      const range = rangeOf(this.#boardId);
      const updates = transaction.objectStore(UPDATES);
      const [rows, keys, marks] = await Promise.all([
        result(updates.getAll(range) as IDBRequest<Uint8Array[]>), result(updates.getAllKeys(range)),
        result(transaction.objectStore(UNSAVED).getAllKeys(range))
      ]);
      if (this.#closed) return { empty: true, unsaved: false };
      this.#doc.on('update', this.#changed);
      if (rows.length > 0) Y.transact(this.#doc, () => { for (const row of rows) Y.applyUpdate(this.#doc, row, this); }, this, false);
      if (rows.length >= FOLD_AT_OPENING) this.#fold(updates, rows, keys);
      this.#earlier = marks;
      return { empty: rows.length === 0, unsaved: marks.length > 0 };
    } catch {
      this.#failed = true;
      return { empty: true, unsaved: false };
    }
  }

  /** Everything in the document is committed: nothing waits any more. */
  async markSaved(): Promise<void> {
    const marks = [...this.#earlier, [this.#boardId, this.#session]];
    this.#earlier = [];
    await this.#write((transaction) => {
      for (const mark of marks) transaction.objectStore(UNSAVED).delete(mark);
    });
  }

  /** Resolves when all changes so far are on disk. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#buffer.length > 0) {
      const [first = new Uint8Array(), ...more] = this.#buffer;
      const row = more.length === 0 ? first : Y.mergeUpdates(this.#buffer);
      const local = this.#local;
      this.#buffer = [];
      this.#local = false;
      await this.#write(async (transaction) => {
        const updates = transaction.objectStore(UPDATES);
        updates.put(row, this.#nextKey());
        if (local) transaction.objectStore(UNSAVED).put(true, [this.#boardId, this.#session]);
        if (++this.#rows >= FOLD_WHILE_OPEN) {
          const range = rangeOf(this.#boardId);
          const [rows, keys] = await Promise.all([result(updates.getAll(range) as IDBRequest<Uint8Array[]>), result(updates.getAllKeys(range))]);
          this.#fold(updates, rows, keys);
        }
      });
    }
    await this.#flushing;
  }

  /** Throws the copy of this board away. */
  async clear(): Promise<void> {
    this.#stop();
    this.#buffer = [];
    await this.#write((transaction) => {
      transaction.objectStore(UPDATES).delete(rangeOf(this.#boardId));
      transaction.objectStore(UNSAVED).delete(rangeOf(this.#boardId));
    });
  }

  async close(): Promise<void> {
    this.#stop();
    await this.flush();
  }

  #stop(): void {
    this.#closed = true;
    this.#doc.off('update', this.#changed);
  }

  readonly #changed = (update: Uint8Array, origin: unknown, _doc: Y.Doc, transaction: Y.Transaction): void => {
    if (origin === this) return;
    this.#buffer.push(update);
    if (transaction.local) {
      // One IndexedDB transaction for all edits of this turn; earlier remote ones go first, since these may build on them.
      if (!this.#local) queueMicrotask(() => void this.flush());
      this.#local = true;
    } else this.#timer ??= setTimeout(() => void this.flush(), REMOTE_DELAY_MS);
  };

  #fold(updates: IDBObjectStore, rows: Uint8Array[], keys: IDBValidKey[]): void {
    this.#rows = 1;
    for (const key of keys) updates.delete(key);
    updates.put(Y.mergeUpdates(rows), this.#nextKey());
  }

  #nextKey(): IDBValidKey {
    this.#count += 1;
    return [this.#boardId, Date.now(), this.#session, this.#count];
  }

  #write(work: (transaction: IDBTransaction) => void | Promise<void>): Promise<void> {
    this.#flushing = this.#flushing.then(async () => {
      try {
        const transaction = (await this.#database).transaction([UPDATES, UNSAVED], 'readwrite');
        await Promise.all([completed(transaction), work(transaction)]);
      } catch {
        this.#failed = true;
      }
    });
    return this.#flushing;
  }
}
