/**
 * The client: one socket, one user, the open boards and their offline copies.
 *
 * Guarantees: a board opened twice is one board, closed when its last user closed it, and only after its edits are committed (or the
 * connection is away and they are in the offline copy); tokens are fetched once for all boards that need one at the same moment.
 */
import { OpenBoard } from './board.ts';
import { ClientError } from './errors.ts';
import { Listeners } from './listeners.ts';
import { Socket } from './socket.ts';
import { openDatabase, type OfflineDatabase } from './store.ts';
import type { Board, Client, ClientOptions, ClientUser, ConnectionState, Listener, SocketLike, Unsubscribe } from './types.ts';

const CLOSE_GRACE_MS = 500; // a board left and entered again (navigation, StrictMode) is not opened anew

interface Entry {
  readonly board: OpenBoard;
  uses: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Makes a client. It connects when the first board is opened. */
export function createClient(options: ClientOptions): Client {
  return new SundayClient(options);
}

class SundayClient implements Client {
  readonly #options: ClientOptions;
  readonly #socket: Socket;
  readonly #boards = new Map<string, Entry>();
  readonly #listeners = new Listeners();
  #user: ClientUser | null;
  #connection: ConnectionState = 'connecting';
  #pendingToken: Promise<string> | null = null;
  #database: OfflineDatabase | null = null;
  #destroyed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#user = options.user ?? (typeof options.token === 'string' ? userOf(options.token) : null);
    this.#socket = new Socket(syncUrl(options.url), () => this.#webSocket(), () => this.#socketChanged());
  }

  get connection(): ConnectionState { return this.#connection; }
  get refusedCode(): string | null { return this.#socket.refusedCode; }
  get user(): ClientUser | null { return this.#user; }

  open(boardId: string): Board {
    if (this.#destroyed) throw new ClientError('destroyed', 'Closed');
    this.#webSocket();
    const entry = this.#boards.get(boardId) ?? this.#add(boardId);
    entry.uses += 1;
    clearTimeout(entry.timer);
    return entry.board;
  }

  peek(boardId: string): Board | null {
    return this.#boards.get(boardId)?.board ?? null;
  }

  on(_event: 'connection', fn: Listener): Unsubscribe {
    return this.#listeners.add(fn);
  }

  reconnect(): void {
    this.#socket.retryNow();
    for (const { board } of this.#boards.values()) board.reattach();
  }

  async destroy(): Promise<void> {
    this.#destroyed = true;
    const entries = [...this.#boards.values()];
    this.#boards.clear();
    await Promise.all(entries.map(({ board, timer }) => {
      clearTimeout(timer);
      return board.destroy();
    }));
    this.#socket.destroy();
    if (this.#database) (await this.#database.opened.catch(() => null))?.close();
  }

  #add(boardId: string): Entry {
    const board = new OpenBoard({
      id: boardId,
      socket: this.#socket,
      token: () => this.#token(),
      tokenRenewable: typeof this.#options.token === 'function',
      user: () => this.#user,
      database: () => this.#offlineCopy(),
      release: () => this.#release(boardId)
    });
    const entry: Entry = { board, uses: 0, timer: undefined };
    this.#boards.set(boardId, entry);
    return entry;
  }

  #release(boardId: string): void {
    const entry = this.#boards.get(boardId);
    if (!entry || entry.uses === 0) return;
    entry.uses -= 1;
    if (entry.uses === 0) entry.timer = setTimeout(() => void this.#retire(boardId, entry), CLOSE_GRACE_MS);
  }

  async #retire(boardId: string, entry: Entry): Promise<void> {
    // Without an offline copy the edits live in this document alone: it stays until they are committed.
    if (entry.board.mustStay) await entry.board.saved().catch(() => undefined);
    if (entry.uses > 0 || this.#boards.get(boardId) !== entry) return;
    this.#boards.delete(boardId);
    await entry.board.destroy();
  }

  /** One call for all boards that ask in the same moment. */
  #token(): Promise<string> {
    this.#pendingToken ??= (async () => {
      try {
        const source = this.#options.token;
        const token = typeof source === 'string' ? source : await source();
        this.#user ??= userOf(token);
        return token;
      } finally {
        this.#pendingToken = null;
      }
    })();
    return this.#pendingToken;
  }

  /** The database of the offline copies; null when there is none. Waits for the user's identity: copies are kept apart by user. */
  async #offlineCopy(): Promise<OfflineDatabase | null> {
    if (this.#options.persistence === false || typeof indexedDB === 'undefined') return null;
    if (!this.#user) await this.#token().catch(() => undefined);
    if (!this.#user || this.#destroyed) return null;
    if (!this.#database) {
      this.#database = { userId: this.#user.id, opened: openDatabase(this.#user.id) };
      this.#database.opened.catch(() => undefined); // each store reports it for its own board
    }
    return this.#database;
  }

  /** Asked for late: a page rendered on a server makes a client there, and opens nothing. @throws ReferenceError where there is none and none was given. */
  #webSocket(): new (url: string) => SocketLike {
    return this.#options.WebSocket ?? WebSocket;
  }

  #socketChanged(): void {
    const { connection } = this.#socket;
    if (connection === this.#connection) return;
    this.#connection = connection;
    this.#listeners.emit();
  }
}

/** `sub` of a JWT, unverified: the server verifies, this only attributes local edits before they are sent. */
function userOf(token: string): ClientUser | null {
  try {
    const body = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(body), (char) => char.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown };
    return typeof sub === 'string' ? { id: sub } : null;
  } catch {
    return null;
  }
}

function syncUrl(url: string): string {
  const parsed = new URL(url);
  parsed.protocol = parsed.protocol.replace('http', 'ws');
  parsed.pathname = parsed.pathname.replace(/(\/sync)?\/?$/, '/sync');
  return parsed.href;
}
