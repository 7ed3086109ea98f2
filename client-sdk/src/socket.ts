/**
 * One WebSocket for all boards of a client.
 *
 * Guarantees: while a board is attached it keeps trying to be connected, with `retryDelay`; a permanent close (4400–4499) stops it until
 * `retryNow` (but not a 4401 before anything was said: the token took too long); a frame that is too big for the server ends its board,
 * not the others; frames go out only on an open socket (nothing is queued: the handshake after a reconnect covers what was missed); a
 * socket that went silent is given up, and at once where the browser says that the network is gone. It knows addresses and closings, not
 * what the frames mean. Owns its timers; `destroy` ends them.
 */
import { retryDelay } from './backoff.ts';
import type { ConnectionState, SocketLike } from './types.ts';
import { closeFrame, decode, PONG_FRAME, type Frame, type Incoming } from './wire.ts';

const CONNECT_TIMEOUT_MS = 10_000; // a SYN into a black hole hangs for minutes otherwise
const SILENCE_MS = 40_000; // the server echoes the presence heartbeat (every 15 s) within 30 s; silence for longer is asked about
const ANSWER_MS = 8_000; // then no answer means gone. Asked first, because a hidden tab's own heartbeat comes once a minute
const SILENCE_CHECK_MS = 5_000;
const STABLE_MS = 5_000; // open for this long: the next loss is a new one and gets the quick first try
const DETACH_WAIT_MS = 2_000; // how long a board that is reopened waits for the server to confirm its earlier close

const MESSAGE_TOO_BIG = 1009;
const UNAUTHENTICATED = 4401;
const HOCUSPOCUS_IDLE_TIMEOUT = 4408; // Hocuspocus' own idle close: in the permanent range, but trying again is right

export interface BoardHandler {
  /** The socket is open: attach. */
  opened(): void;
  /** The socket is gone: nothing of this attachment is valid any more. */
  closed(): void;
  /** Say something that the server answers. */
  probe(): void;
  /** The whole socket was refused for good. */
  refused(reason: string): void;
  received(message: Incoming): void;
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting'; readonly socket: SocketLike; readonly timer: ReturnType<typeof setTimeout> }
  | { readonly kind: 'open'; readonly socket: SocketLike; readonly since: number; readonly timer: ReturnType<typeof setInterval> }
  | { readonly kind: 'waiting'; readonly timer: ReturnType<typeof setTimeout> }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'destroyed' };

const PERMANENT_CODES: Readonly<Record<number, string>> = {
  4401: 'unauthenticated', 4403: 'forbidden', 4404: 'board_not_found', 4413: 'too_large', 4422: 'refused'
};

const isPermanent = (code: number): boolean => code >= 4400 && code <= 4499 && code !== HOCUSPOCUS_IDLE_TIMEOUT;

export class Socket {
  readonly #url: string;
  readonly #webSocket: () => new (url: string) => SocketLike;
  readonly #onState: () => void;
  readonly #boards = new Map<string, BoardHandler>();
  readonly #leaving = new Map<string, ReturnType<typeof setTimeout>>();
  #state: State = { kind: 'idle' };
  #attempt = 0;
  #lost = false;
  #lastReceived = 0;
  #spoke = false; // a frame was sent on this connection
  #biggest: { readonly boardId: string; readonly size: number } | null = null; // of those
  #probedAt = 0; // 0: nothing was asked since the last frame

  constructor(url: string, webSocket: () => new (url: string) => SocketLike, onState: () => void) {
    this.#url = url;
    this.#webSocket = webSocket;
    this.#onState = onState;
    globalThis.addEventListener?.('online', this.#online);
    globalThis.addEventListener?.('offline', this.#offline);
  }

  get connection(): ConnectionState {
    if (this.#state.kind === 'open') return 'connected';
    return this.#lost || this.#state.kind === 'refused' || this.#state.kind === 'destroyed' ? 'offline' : 'connecting';
  }

  get refusedCode(): string | null {
    return this.#state.kind === 'refused' ? this.#state.code : null;
  }

  attach(boardId: string, handler: BoardHandler): void {
    this.#boards.set(boardId, handler);
    if (this.#state.kind === 'idle') this.#connect();
    else if (this.#state.kind === 'open' && !this.#leaving.has(boardId)) handler.opened();
    else if (this.#state.kind === 'refused') handler.refused(this.#state.code);
  }

  /** Takes the board off the socket; `tellServer` when the server still thinks it attached. */
  detach(boardId: string, handler: BoardHandler, tellServer: boolean): void {
    if (this.#boards.get(boardId) !== handler) return;
    this.#boards.delete(boardId);
    if (tellServer && this.send(closeFrame(boardId))) {
      // Frames sent between our close and the server's would go to the closed attachment: a reopened board waits for its answer.
      this.#leaving.set(boardId, setTimeout(() => this.#left(boardId), DETACH_WAIT_MS));
    } else if (this.#boards.size === 0) this.#rest();
  }

  send(frame: Frame, boardId = ''): boolean {
    if (this.#state.kind !== 'open' || this.#state.socket.readyState !== 1) return false;
    this.#spoke = true;
    if (frame.length > (this.#biggest?.size ?? 0)) this.#biggest = { boardId, size: frame.length };
    this.#state.socket.send(frame);
    return true;
  }

  /** A board is in step over this socket: the server works, so the next loss starts with short waits (not the shortest: it may be flapping). */
  proven(): void {
    this.#attempt = Math.min(this.#attempt, 1);
  }

  /** Tries at once, also after a permanent refusal. */
  retryNow(): void {
    if (this.#state.kind === 'waiting') clearTimeout(this.#state.timer);
    if (this.#state.kind !== 'waiting' && this.#state.kind !== 'refused') return;
    this.#attempt = 0;
    if (this.#boards.size > 0) this.#connect();
    else this.#become({ kind: 'idle' });
  }

  destroy(): void {
    globalThis.removeEventListener?.('online', this.#online);
    globalThis.removeEventListener?.('offline', this.#offline);
    this.#drop();
    this.#become({ kind: 'destroyed' });
  }

  readonly #online = (): void => {
    if (this.#state.kind === 'waiting') this.retryNow();
  };

  /** What is said on this socket reaches nobody any more. A server on the device itself is found again by the next try. */
  readonly #offline = (): void => {
    if ('socket' in this.#state) this.#closed(this.#state.socket, 1006);
  };

  #connect(): void {
    let socket: SocketLike;
    try {
      const WebSocket = this.#webSocket();
      socket = new WebSocket(this.#url);
    } catch {
      // A URL the browser refuses outright, or no sockets at all: as good as a failed connect.
      this.#wait();
      return;
    }
    socket.binaryType = 'arraybuffer';
    const timer = setTimeout(() => this.#closed(socket, 1006), CONNECT_TIMEOUT_MS);
    this.#become({ kind: 'connecting', socket, timer });
    // Each of these ignores a socket that is not the current one any more.
    socket.addEventListener('open', () => this.#opened(socket));
    socket.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer) this.#received(socket, new Uint8Array(data));
    });
    socket.addEventListener('close', ({ code }) => this.#closed(socket, code ?? 1006));
    socket.addEventListener('error', () => undefined); // a close follows; `ws` throws where nobody listens
  }

  #opened(socket: SocketLike): void {
    if (this.#state.kind !== 'connecting' || this.#state.socket !== socket) return;
    clearTimeout(this.#state.timer);
    this.#lastReceived = Date.now();
    this.#probedAt = 0;
    this.#spoke = false;
    this.#biggest = null;
    this.#lost = false;
    const timer = setInterval(() => this.#listen(socket), SILENCE_CHECK_MS);
    this.#become({ kind: 'open', socket, since: Date.now(), timer });
    for (const handler of this.#handlers()) handler.opened();
  }

  #listen(socket: SocketLike): void {
    const now = Date.now();
    if (now - this.#lastReceived < SILENCE_MS) return;
    if (this.#probedAt > 0 && now - this.#probedAt >= ANSWER_MS) {
      this.#closed(socket, 1006);
    } else if (this.#probedAt === 0) {
      this.#probedAt = now;
      for (const handler of this.#handlers()) handler.probe();
    }
  }

  #received(socket: SocketLike, data: Uint8Array): void {
    if (this.#state.kind !== 'open' || this.#state.socket !== socket) return;
    this.#lastReceived = Date.now();
    this.#probedAt = 0;
    const received = decode(data);
    if (!received) return;
    if (received.kind === 'ping') {
      this.send(PONG_FRAME);
      return;
    }
    if (this.#leaving.has(received.boardId)) {
      if (received.message.kind === 'closed') this.#left(received.boardId);
      return;
    }
    this.#boards.get(received.boardId)?.received(received.message);
  }

  #left(boardId: string): void {
    clearTimeout(this.#leaving.get(boardId));
    this.#leaving.delete(boardId);
    if (this.#state.kind === 'open') this.#boards.get(boardId)?.opened();
    if (this.#boards.size === 0) this.#rest();
  }

  #closed(socket: SocketLike, code: number): void {
    const current = this.#state;
    if (!('socket' in current) || current.socket !== socket) return;
    if (current.kind === 'open' && Date.now() - current.since >= STABLE_MS) this.#attempt = 0;
    const tooBig = code === MESSAGE_TOO_BIG && this.#biggest ? this.#boards.get(this.#biggest.boardId) : undefined;
    this.#drop();
    this.#lost = true;
    // Sent again it would close the socket again, for every board on it.
    tooBig?.refused('too_large');
    if (isPermanent(code) && !(code === UNAUTHENTICATED && !this.#spoke)) {
      const reason = PERMANENT_CODES[code] ?? 'refused';
      this.#become({ kind: 'refused', code: reason });
      for (const handler of this.#handlers()) handler.refused(reason);
    } else if (this.#boards.size > 0) this.#wait();
    else this.#become({ kind: 'idle' });
  }

  #wait(): void {
    this.#lost = true;
    const timer = setTimeout(() => this.#connect(), retryDelay(this.#attempt));
    this.#attempt += 1;
    this.#become({ kind: 'waiting', timer });
  }

  /** Nobody needs the socket: close it without trying again. */
  #rest(): void {
    if (this.#leaving.size > 0 || this.#state.kind === 'refused' || this.#state.kind === 'destroyed') return;
    this.#drop();
    this.#lost = false;
    this.#become({ kind: 'idle' });
  }

  /** Lets go of the socket and every timer; handlers of attached boards hear of it. */
  #drop(): void {
    const current = this.#state;
    for (const timer of this.#leaving.values()) clearTimeout(timer);
    this.#leaving.clear();
    if ('timer' in current) clearTimeout(current.timer); // an interval, too: browsers and Node keep both in one list
    if (!('socket' in current)) return;
    this.#state = { kind: 'idle' };
    current.socket.close(1000);
    for (const handler of this.#handlers()) handler.closed();
  }

  /** A copy: a handler may detach its board. */
  #handlers(): BoardHandler[] {
    return [...this.#boards.values()];
  }

  #become(state: State): void {
    this.#state = state;
    this.#onState();
  }
}
