/** Plain Hocuspocus servers with access, as the README shows it, on one database, and stock providers to talk to them. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { Hocuspocus, type Connection } from '@hocuspocus/server';
import type { Database } from '@sunday/database';
import { SignJWT } from 'jose';
import { WebSocketServer } from 'ws';
import { createAccess, createTokenVerifier, type Access, type AccessContext, type AccessTiming, type Role } from '../src/index.ts';

const SECRET = 'only for tests: thirty-two bytes or more';
const WAIT_MS = 10_000;

export interface TestNode {
  readonly access: Access;
  readonly hocuspocus: Hocuspocus<AccessContext>;
  readonly url: string;
  /** What was logged at warn or error. */
  readonly trouble: string[];
  readonly promoted: Connection[];
  /** Loading of boards waits for this. */
  gate: Promise<void>;
  stop(): Promise<void>;
}

export async function startNode(database: Database, timing: Partial<AccessTiming> = {}): Promise<TestNode> {
  const trouble: string[] = [];
  const report = (fields: object, message: string): void => { trouble.push(`${message} ${String((fields as { err?: unknown }).err ?? '')}`); };
  const access = await createAccess({ database, verifier: createTokenVerifier({ secret: SECRET }), log: { debug: () => undefined, warn: report, error: report }, timing });
  const node = { gate: Promise.resolve(), promoted: [] as Connection[] };
  access.onPromoted((connection) => { node.promoted.push(connection); });
  const hocuspocus = new Hocuspocus<AccessContext>({
    extensions: [access.extension, { extensionName: 'gate', onLoadDocument: async () => { await node.gate; } }],
    quiet: true,
  });
  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (websocket) => {
    const connection = hocuspocus.handleConnection(websocket, new Request('http://localhost/'));
    websocket.on('message', (data: Buffer) => { connection.handleMessage(data); });
    websocket.on('close', (code, reason) => { connection.handleClose({ code, reason: reason.toString() }); });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  return Object.assign(node, {
    access, hocuspocus, trouble,
    url: `ws://127.0.0.1:${port}`,
    async stop() {
      for (const client of sockets.clients) client.terminate();
      http.close();
      http.closeAllConnections();
      await once(http, 'close');
      await access.close();
    },
  });
}

const nowS = (): number => Math.floor(Date.now() / 1000);

export interface Claims { readonly name?: string; readonly issuedAt?: number; readonly lifeS?: number }

/** Issued a minute ago, so that a revocation is later without a doubt. */
export function tokenOf(userId: string, { name = userId, issuedAt = nowS() - 60, lifeS = 3600 }: Claims = {}): Promise<string> {
  return new SignJWT({ name }).setProtectedHeader({ alg: 'HS256' }).setSubject(userId).setIssuedAt(issuedAt).setExpirationTime(nowS() + lifeS)
    .sign(new TextEncoder().encode(SECRET));
}

export async function createBoard(database: Database, members: Readonly<Record<string, Role>>): Promise<string> {
  const boardId = randomUUID();
  await database.query('INSERT INTO boards (id, name, created_by) VALUES ($1, $2, $3)', [boardId, 'Test board', 'test']);
  for (const [userId, role] of Object.entries(members)) {
    await database.query('INSERT INTO members (board_id, user_id, role, added_by) VALUES ($1, $2, $3, $4)', [boardId, userId, role, 'test']);
  }
  return boardId;
}

/** As server/src/boards changes a membership: announced in its own transaction. `null` removes. */
export function setRole(database: Database, boardId: string, userId: string, role: Role | null): Promise<void> {
  return database.transaction(async (tx) => {
    if (role === null) await tx.query('DELETE FROM members WHERE board_id = $1 AND user_id = $2', [boardId, userId]);
    else await tx.query('INSERT INTO members (board_id, user_id, role) VALUES ($1, $2, $3) ON CONFLICT (board_id, user_id) DO UPDATE SET role = excluded.role', [boardId, userId, role]);
    await tx.query(`SELECT pg_notify('sunday_access', $1)`, [JSON.stringify({ kind: 'role', boardId, userId })]);
  });
}

export interface Client {
  readonly provider: HocuspocusProvider;
  /** Reasons of PermissionDenied and of Close, in order. */
  readonly refusals: string[];
  readonly stateless: unknown[];
  /** How often the token was asked for. */
  asked: number;
  readonly scope: () => string | undefined;
  close(): void;
}

const clients = new Set<Client>();

export function connect(node: TestNode, boardId: string, token: string | (() => Promise<string>)): Client {
  const websocketProvider = new HocuspocusProviderWebsocket({ url: node.url, delay: 20, minDelay: 20, maxDelay: 200 });
  const refusals: string[] = [];
  const stateless: unknown[] = [];
  let scope: string | undefined;
  const provider = new HocuspocusProvider({
    websocketProvider, name: boardId,
    token: () => {
      client.asked++;
      return typeof token === 'string' ? Promise.resolve(token) : token();
    },
    onAuthenticationFailed: ({ reason }) => { refusals.push(reason); },
    onAuthenticated: (data) => { scope = data.scope; },
    onClose: ({ event }) => { refusals.push(event.reason); },
    onStateless: ({ payload }) => { stateless.push(JSON.parse(payload)); },
  });
  const client: Client = {
    provider, refusals, stateless, asked: 0,
    scope: () => scope,
    close() {
      provider.destroy();
      websocketProvider.destroy();
      clients.delete(client);
    },
  };
  clients.add(client);
  provider.attach();
  return client;
}

export function closeClients(): void {
  for (const client of clients) client.close();
}

export const connectionsOn = (node: TestNode, boardId: string): Connection<AccessContext>[] =>
  (node.hocuspocus.documents.get(boardId)?.getConnections() ?? []) as Connection<AccessContext>[];

/** @returns milliseconds waited */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<number> {
  const started = performance.now();
  while (!(await condition())) {
    if (performance.now() - started > WAIT_MS) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
  return performance.now() - started;
}
