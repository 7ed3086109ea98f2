/**
 * The WebSocket edge: `/sync` (Hocuspocus protocol) and `/yjs/{boardId}?token=` (y-websocket protocol) on the HTTP port.
 *
 * Guarantees: only origins that REST accepts, too; tokens in URLs go no further than this file; a text frame, a frame over
 * the limit and a dead peer end with a code of the registry; `drain` closes everybody in jittered order with 4503.
 * Does not: verify tokens (access), judge updates, order or keep anything (journal).
 *
 * Owns the heartbeat timer, and every socket until it is closed.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@hocuspocus/server';
import type { Presence } from '@sunday/extension-presence';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { ERRORS, type ErrorCode } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { BoardHost } from '../engine/board-host.ts';
import { ClientSocket, type SocketCounter } from './client-socket.ts';
import { Inbound } from './inbound.ts';
import { OutboundSocket } from './outbound-socket.ts';
import type { AttachedUser } from './socket-views.ts';
import { fromYWebsocket, tokenFrame } from './protocols.ts';
import { Turns } from './turns.ts';

/** How often sockets are pinged and quiet ones kept alive. */
const BEAT_MS = 10_000;
/** A frame over the limit is refused in-band up to this factor; beyond it `ws` ends the socket before buffering it (1009). */
const HARD_LIMIT_FACTOR = 2;
/** Closing everybody at once would bring everybody back at once. */
const DRAIN_SPREAD_MS = 1500;
/** Then the goodbye has crossed any network that works. */
const HANG_UP_MS = 2000;
const HANG_UP_POLL_MS = 20;

export interface GatewayOptions {
  readonly host: BoardHost;
  readonly presence: Pick<Presence, 'join'>;
  readonly limits: Limits;
  /** Whether this process has the role `sync`; without it every socket is refused with `not_available`. */
  readonly serves: boolean;
  readonly allowsOrigin: (origin: string | undefined, host: string | undefined) => boolean;
  /** Where a request comes from. */
  readonly addressOf: (request: IncomingMessage) => string;
  readonly count: (counter: SocketCounter) => void;
  readonly warn: (message: string, fields: object) => void;
}

interface OpenSocket {
  readonly websocket: WebSocket;
  readonly outbound: OutboundSocket;
  /** performance.now() of the last message or pong: a clock that is set is nobody's silence. */
  heard: number;
  /** Date.now() of each ping that is not answered yet. */
  readonly pinged: number[];
  /** Who has boards open on it: mostly one. */
  readonly userIds: Set<string>;
}

type Route = { readonly kind: 'hocuspocus' } | { readonly kind: 'y-websocket'; readonly board: string; readonly token: string };

export class Gateway {
  private readonly options: GatewayOptions;
  private readonly server: WebSocketServer;
  private readonly sockets = new Map<ClientSocket, OpenSocket>();
  private readonly inbound: Inbound;
  private readonly turns = new Turns();
  private readonly socketsByUser = new Map<string, Set<ClientSocket>>();
  private readonly byHocuspocusSocket = new WeakMap<object, ClientSocket>();
  private readonly heartbeat: NodeJS.Timeout;
  private draining = false;
  private underPressure = false;

  constructor(options: GatewayOptions) {
    this.options = options;
    this.inbound = new Inbound(options.limits);
    this.server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Boards are small binary updates; compression would cost more than the wire, and every peer its own copy of a frame.
      perMessageDeflate: false,
      maxPayload: options.limits.maxFrameBytes * HARD_LIMIT_FACTOR,
    });
    this.heartbeat = setInterval(() => { this.beat(); }, Math.min(BEAT_MS, options.limits.idleTimeoutMs / 2));
    this.heartbeat.unref();
  }

  get openSockets(): number {
    return this.sockets.size;
  }

  /** Bytes the network has not taken yet: of all sockets, and of the one with the most. */
  get unsent(): { readonly total: number; readonly most: number } {
    let total = 0;
    let most = 0;
    for (const { outbound } of this.sockets.values()) {
      const { bufferedAmount } = outbound;
      total += bufferedAmount;
      if (bufferedAmount > most) most = bufferedAmount;
    }
    return { total, most };
  }

  listen(http: Server): void {
    http.on('upgrade', (request, stream, head) => { this.upgrade(request, stream, head); });
  }

  private upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on('error', () => { stream.destroy(); });
    const route = routeOf(request.url ?? '/');
    if (route === null) {
      reject(stream, 404, 'not_found');
    } else if (!this.options.serves) {
      reject(stream, ERRORS.not_available.status, 'not_available');
    } else if (!this.options.allowsOrigin(request.headers.origin, request.headers.host)) {
      reject(stream, ERRORS.origin_not_allowed.status, 'origin_not_allowed');
    } else if (this.draining) {
      reject(stream, ERRORS.draining.status, 'draining');
    } else {
      this.server.handleUpgrade(request, stream, head, (websocket) => { this.accept(websocket, stream, request, route); });
    }
  }

  private accept(websocket: WebSocket, stream: Duplex, request: IncomingMessage, route: Route): void {
    const { limits, presence, count, host } = this.options;
    const protocol = route.kind === 'hocuspocus' ? route : { kind: route.kind, board: route.board };
    const outbound = new OutboundSocket(websocket, stream, limits.maxOutboundBytes, () => {
      count('slow_consumer');
      socket.close('slow_consumer');
    });
    const entry: OpenSocket = { websocket, outbound, heard: performance.now(), pinged: [], userIds: new Set() };
    const socket: ClientSocket = new ClientSocket({
      id: randomUUID(), address: this.options.addressOf(request), protocol, websocket, outbound, limits, inbound: this.inbound, turns: this.turns, presence, count,
      admitUser: (userId) => this.admitUser(userId, socket, entry),
    });
    this.sockets.set(socket, entry);
    socket.open((like) => {
      this.byHocuspocusSocket.set(like, socket);
      return host.handleConnection(like, plainRequest(request), {});
    });
    websocket.on('pong', () => {
      entry.heard = performance.now();
      socket.answeredAt = entry.pinged.shift() ?? socket.answeredAt;
    });
    websocket.on('message', (data: RawData, isBinary) => {
      const now = performance.now();
      entry.heard = now;
      if (!isBinary || !Buffer.isBuffer(data)) {
        socket.expel('malformed_update');
        return;
      }
      const frame = route.kind === 'hocuspocus' ? data : fromYWebsocket(route.board, data);
      if (frame !== null) socket.receive(frame, now);
    });
    websocket.on('error', (error) => { this.options.warn('socket error', { socket: socket.id, error: error.message }); });
    websocket.on('close', (code, reason) => {
      this.sockets.delete(socket);
      for (const userId of entry.userIds) this.socketsByUser.get(userId)?.delete(socket);
      socket.closed(code, reason.toString());
    });
    if (this.underPressure) socket.pressure(true);
    if (route.kind === 'y-websocket') socket.receive(tokenFrame(route.board, route.token));
  }

  /** Hocuspocus has attached a board to a socket. */
  attached(connection: Connection, user: AttachedUser): void {
    this.byHocuspocusSocket.get(connection.webSocket)?.attach(connection, user);
  }

  /** Closes the whole socket a board is attached to. */
  closeSocketOf(connection: Connection, code: ErrorCode): void {
    this.byHocuspocusSocket.get(connection.webSocket)?.close(code);
  }

  /** A board has so many client ids more for what this connection sent. */
  claimed(connection: Connection, clients: number): void {
    this.byHocuspocusSocket.get(connection.webSocket)?.claimed(clients);
  }

  /** Ends one board on the socket it is attached to. */
  refuse(connection: Connection, code: ErrorCode): void {
    this.byHocuspocusSocket.get(connection.webSocket)?.refuse(connection.messageAddress, code);
  }

  /**
   * Resolves when this user may open another board; `false`: not in the time that is allowed for signing in. Who is refused again and again
   * waits for that here, whatever sockets they come on. Who waits in vain is told late: at once they would be back at once.
   */
  async mayOpen(userId: string): Promise<boolean> {
    const attempts = this.inbound.attemptsOf(userId);
    const ms = attempts.signIn(performance.now());
    if (ms === 0) return true;
    const { maxSocketsPerUser, authTimeoutMs } = this.options.limits;
    const inTime = ms <= authTimeoutMs / 2;
    this.options.count(inTime ? 'sign_in_delayed' : 'sign_in_limited');
    if (attempts.waiting >= maxSocketsPerUser) return false;
    attempts.waiting += 1;
    await delay(Math.min(ms, authTimeoutMs / 2), undefined, { ref: false });
    attempts.waiting -= 1;
    return inTime;
  }

  /** A stateless message to one user's attachments of one board, on this node. */
  tell(boardId: string, userId: string, payload: string): void {
    for (const socket of this.socketsByUser.get(userId) ?? []) socket.tell(boardId, payload);
  }

  /** Too much is uncommitted: nobody is read from until the database has caught up. Nobody is cut off. */
  pressure(on: boolean): void {
    this.underPressure = on;
    for (const socket of this.sockets.keys()) socket.pressure(on);
  }

  private admitUser(userId: string, socket: ClientSocket, entry: OpenSocket): boolean {
    const own = this.socketsByUser.get(userId) ?? new Set();
    if (!own.has(socket) && own.size >= this.options.limits.maxSocketsPerUser) return false;
    this.socketsByUser.set(userId, own.add(socket));
    entry.userIds.add(userId);
    return true;
  }

  private beat(): void {
    this.inbound.sweep(performance.now());
    for (const [userId, own] of this.socketsByUser) if (own.size === 0) this.socketsByUser.delete(userId);
    for (const [socket, entry] of this.sockets) {
      const { websocket, outbound, heard } = entry;
      // A paused socket's pongs are not read: its silence is ours. It is still told that we are here.
      if (websocket.isPaused) {
        entry.heard = performance.now();
        socket.keepAlive();
        continue;
      }
      if (performance.now() - heard > this.options.limits.idleTimeoutMs) {
        websocket.terminate();
        continue;
      }
      entry.pinged.push(Date.now());
      outbound.ping();
      socket.keepAlive();
    }
  }

  /** Accepts nobody new, and closes everybody, spread over a moment; resolves when all are gone. Who does not hang up is hung up on. */
  async drain(): Promise<void> {
    this.draining = true;
    await Promise.all([...this.sockets.keys()].map(async (socket) => {
      await delay(Math.random() * Math.min(DRAIN_SPREAD_MS, this.sockets.size * 10));
      socket.close('draining');
    }));
    // One that sleeps, or that we do not read from, would hold up all that comes after for as long as the process is given.
    for (let waited = 0; this.sockets.size > 0 && waited < HANG_UP_MS; waited += HANG_UP_POLL_MS) await delay(HANG_UP_POLL_MS);
    this.terminateAll();
  }

  private terminateAll(): void {
    for (const { websocket } of this.sockets.values()) websocket.terminate();
  }

  close(): void {
    clearInterval(this.heartbeat);
    this.terminateAll();
  }
}

function routeOf(url: string): Route | null {
  const base = 'http://localhost';
  if (!URL.canParse(url, base)) return null;
  const { pathname, searchParams } = new URL(url, base);
  if (pathname === '/sync') return { kind: 'hocuspocus' };
  const board = /^\/yjs\/([^/]{1,64})$/.exec(pathname)?.[1];
  return board === undefined ? null : { kind: 'y-websocket', board, token: searchParams.get('token') ?? '' };
}

/**
 * The request as hooks see it: its path without the query, which may hold a token. Hocuspocus takes the parameters out of `url` three times for
 * each message: of a path that costs nothing, of a whole URL as much as decoding an edit (ran).
 */
function plainRequest(request: IncomingMessage): Request {
  const headers = new Headers();
  for (const name of ['user-agent', 'origin', 'x-request-id', 'traceparent']) {
    const value = request.headers[name];
    if (typeof value === 'string') headers.set(name, value);
  }
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  return Object.defineProperty(new Request(`http://localhost${path}`, { headers }), 'url', { value: path });
}

function reject(stream: Duplex, status: number, code: string): void {
  const body = JSON.stringify({ status, code });
  stream.end(
    `HTTP/1.1 ${status} ${code}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
