/** Several nodes of one Sunday: one database, one real Redis, servers in this process, stock clients. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { untilWithin } from '@sunday/board-model/testing/until';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { startRedis, type TestRedis } from '@sunday/extension-fanout/testing';
import type { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { startTestServer, type TestServer } from './rest-support.ts';

export const until = untilWithin(15_000);

export interface Cluster {
  readonly redis: TestRedis;
  readonly database: TestDatabase;
  readonly nodes: readonly TestServer[];
  close(): Promise<void>;
}

export async function startCluster(count: number, wire?: (url: string, node: number) => Promise<string>): Promise<Cluster> {
  const redis = await startRedis();
  const database = await openTestDatabase();
  const nodes: TestServer[] = [];
  for (let index = 0; index < count; index++) {
    nodes.push(await startTestServer({ REDIS_URL: redis.url }, (url) => (wire === undefined ? Promise.resolve(url) : wire(url, index)), { database, node: `node-${index + 1}` }));
  }
  return {
    redis, database, nodes,
    async close() {
      await Promise.all(nodes.map((node) => node.close()));
      await redis.close();
      await database.close();
    },
  };
}

/** Values by any key, one item each: as much of a board as these tests need, and what a guard lets through. */
export class Cells {
  private readonly items: Y.Map<unknown>;

  constructor(doc: Y.Doc) {
    this.items = doc.getMap('items');
  }

  set(key: string, value: number | boolean | string): void {
    const known = this.items.get(idOf(key));
    const record = known instanceof Y.Map ? (known as Y.Map<unknown>) : new Y.Map<unknown>([['name', key]]);
    if (record !== known) this.items.set(idOf(key), record);
    record.set('c:value', [value, Date.now()]);
  }

  get(key: string): unknown {
    const record = this.items.get(idOf(key));
    const stored = record instanceof Y.Map ? (record as Y.Map<unknown>).get('c:value') : undefined;
    return Array.isArray(stored) ? stored[0] : undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  get size(): number {
    let size = 0;
    for (const record of this.items.values()) if (record instanceof Y.Map && record.has('c:value')) size += 1;
    return size;
  }
}

const idOf = (key: string): string => key.replaceAll(/\W/g, '-');

export interface Client {
  readonly doc: Y.Doc;
  readonly provider: HocuspocusProvider;
  readonly socket: HocuspocusProviderWebsocket;
  readonly awareness: Awareness;
  readonly cells: Cells;
  /** The reason of the last refusal. */
  readonly refused: () => string;
  close(): void;
}

/** `socket`: another client's, on which this board is opened, too. */
export async function connect(
  t: TestContext | null, node: TestServer, boardId: string, userId: string, { doc = new Y.Doc(), socket: shared }: { doc?: Y.Doc; socket?: HocuspocusProviderWebsocket } = {},
): Promise<Client> {
  const socket = shared ?? new HocuspocusProviderWebsocket({ url: `${node.url.replace('http', 'ws')}/sync`, delay: 50, minDelay: 50, maxDelay: 500 });
  let reason = '';
  const provider = new HocuspocusProvider({
    websocketProvider: socket, name: boardId, document: doc, token: await node.tokenOf(userId),
    onAuthenticationFailed: (refusal) => { reason = refusal.reason; },
  });
  provider.attach();
  const { awareness } = provider;
  assert(awareness !== null);
  const close = (): void => {
    provider.destroy();
    if (shared === undefined) socket.destroy();
  };
  t?.after(close);
  return { doc, provider, socket, awareness, cells: new Cells(doc), refused: () => reason, close };
}

export async function readiness(node: TestServer): Promise<string> {
  return (await fetch(`${node.url}/readyz`)).text();
}

/** The document as the server holds it, through the API. */
export async function exported(node: TestServer, boardId: string, userId: string): Promise<Y.Doc> {
  const answer = await fetch(`${node.url}/v1/boards/${boardId}/export?format=yjs`, { headers: { authorization: `Bearer ${await node.tokenOf(userId)}` } });
  assert.equal(answer.status, 200);
  const doc = new Y.Doc();
  Y.applyUpdate(doc, new Uint8Array(await answer.arrayBuffer()));
  return doc;
}
