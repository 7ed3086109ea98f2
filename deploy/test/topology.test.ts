/** The nodes of docker-compose.yml behind the real nginx with the real configuration file: what people see, and what is in no log. Needs nginx and Redis. */
import assert from 'node:assert/strict';
import { after, before, suite, test, type TestContext } from 'node:test';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { WebSocket } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { token, type SundayProcess } from '../../server/test/sunday-process.ts';
import { noTopology, startTopology, type Topology } from '../topology.ts';

const WAIT_MS = 20_000;

async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = WAIT_MS): Promise<number> {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  return performance.now() - start;
}

interface Person {
  readonly text: Y.Text;
  readonly synced: () => boolean;
  readonly saved: () => boolean;
}

suite('Sunday on two nodes and a worker behind nginx, as deployed', { skip: noTopology() }, () => {
  let topology: Topology;

  before(async () => { topology = await startTopology(); });
  after(() => topology.close());

  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${topology.url}/v1${path}`, {
      method, headers: { authorization: `Bearer ${await token('ada')}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, `${method} ${path}: ${response.status}`);
    return (await response.json()) as T;
  }

  /** A board with one long text cell to write in. */
  async function makeBoard(name: string): Promise<{ id: string; cell: string }> {
    const { id, columns } = await call<{ id: string; columns: { id: string }[] }>('POST', '/boards', { name, columns: [{ title: 'Notes', type: 'long_text' }] });
    const item = await call<{ id: string }>('POST', `/boards/${id}/items`, { name: 'Item' });
    return { id, cell: `text:${item.id}:${columns[0]?.id ?? ''}` };
  }

  /** A stock provider through nginx. */
  async function join(t: TestContext, { id: boardId, cell }: { id: string; cell: string }): Promise<Person> {
    const websocketProvider = new HocuspocusProviderWebsocket({ url: `${topology.url.replace('http', 'ws')}/sync`, delay: 100, minDelay: 100, maxDelay: 500 });
    const document = new Y.Doc();
    const provider = new HocuspocusProvider({ websocketProvider, name: boardId, document, token: await token('ada') });
    provider.attach();
    t.after(() => { provider.destroy(); websocketProvider.destroy(); });
    await until('in sync', () => provider.isSynced);
    return { text: document.getText(cell), synced: () => provider.isSynced, saved: () => provider.isSynced && !provider.hasUnsyncedChanges };
  }

  async function socketsOf(node: SundayProcess): Promise<number> {
    const metrics = await (await fetch(`${node.url}/metrics`)).text();
    return Number(/^sunday_open_sockets (\d+)$/m.exec(metrics)?.[1]);
  }

  test('every node says that all is there, and what it runs', async () => {
    const said = await Promise.all([...topology.nodes, topology.worker].map(async ({ url }) => (await fetch(`${url}/readyz`)).text()));
    assert.deepEqual(said.map((text) => text.split('\n').slice(0, 2).join(' ')), ['status: ok server: ok (sync, api)', 'status: ok server: ok (sync, api)', 'status: ok server: ok (relay, workers)']);
    for (const text of said) assert.match(text, /^postgres: ok$/m);
    await until('the nodes know each other', async () => (await (await fetch(`${topology.url}/readyz`)).text()).includes('redis: ok (3 nodes)'));
  });

  test('production signs nobody in by name, and metrics stay inside', async () => {
    assert.equal((await fetch(`${topology.url}/v1/dev/sessions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"Ada"}' })).ok, false);
    assert.equal((await fetch(`${topology.url}/metrics`)).status, 404);
    assert.equal((await fetch(`${topology.worker.url}/metrics`)).status, 200);
  });

  test('people on different nodes edit one board, and an edit of one reaches the others and REST', async (t) => {
    const board = await makeBoard('Behind nginx');
    const people = [await join(t, board), await join(t, board)];
    const [one, two] = people;
    assert.ok(one !== undefined && two !== undefined);
    assert.deepEqual(await Promise.all(topology.nodes.map(socketsOf)), [1, 1], 'the node with fewer connections takes the next');
    one.text.insert(0, 'hello');
    await until('it is acknowledged', one.saved);
    await until('it arrives', () => two.text.toJSON() === 'hello');
  });

  test('y-websocket clients of one board meet on one node', async (t) => {
    const board = await call<{ id: string }>('POST', '/boards', { name: 'Met' });
    const params = { token: await token('ada') };
    const providers = [1, 2, 3, 4].map(() => new WebsocketProvider(`${topology.url.replace('http', 'ws')}/yjs`, board.id, new Y.Doc(), { params, disableBc: true, WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket }));
    t.after(() => { for (const provider of providers) { provider.destroy(); provider.doc.destroy(); } });
    await until('all are in sync', () => providers.every(({ synced }) => synced));
    const log = async (): Promise<string[]> => [...(await topology.nginxLog()).matchAll(new RegExp(`/yjs/${board.id}" 101 \\S+ \\S+ (\\S+)`, 'g'))].map(([, node]) => node ?? '');
    for (const provider of providers) provider.disconnect();
    await until('nginx has logged them', async () => (await log()).length === 4);
    assert.equal(new Set(await log()).size, 1);
  });

  test('a node is killed: its people are on the other within seconds, nothing that was saved is lost, and no token in an address is in a log', async (t) => {
    const board = await makeBoard('Killed');
    const people = [await join(t, board), await join(t, board), await join(t, board), await join(t, board)];
    for (const { text } of people) text.insert(0, 'x');
    await until('all is saved', () => people.every(({ saved, text }) => saved() && text.length === 4));
    const [first] = topology.nodes;
    assert.ok(first !== undefined);
    await first.signal('SIGKILL');
    for (const { text } of people) text.insert(0, 'y');
    const took = await until('everybody is saved on the other', () => people.every(({ saved, text }) => saved() && text.length === 8), 15_000);
    t.diagnostic(`after ${took.toFixed(0)} ms`);

    // Of a node that does not answer nginx complains at length.
    const secret = await token('ada');
    for (let number = 0; number < 8; number++) await fetch(`${topology.url}/yjs/1111111${number}-0000-4000-8000-000000000000?token=${secret}`);
    await until('nginx has logged them', async () => (await topology.nginxLog()).includes('/yjs/11111117'));
    assert.equal((await topology.nginxLog()).includes(secret), false);
    for (const node of topology.nodes) assert.equal(node.log.includes(secret), false);
    await first.start();
  });

  test('nodes are restarted one after the other under edits: each ends with 0, and nothing is lost', async (t) => {
    const board = await makeBoard('Rolling');
    const people = [await join(t, board), await join(t, board), await join(t, board)];
    let written = 0;
    const writing = setInterval(() => {
      for (const { text } of people) text.insert(text.length, 'x');
      written += people.length;
    }, 50);
    let waited = 0;
    const since = people.map(() => performance.now());
    const watching = setInterval(() => {
      for (const [index, { synced }] of people.entries()) {
        const now = performance.now();
        if (synced()) since[index] = now;
        else waited = Math.max(waited, now - (since[index] ?? now));
      }
    }, 10);
    t.after(() => { clearInterval(writing); clearInterval(watching); });
    for (const node of topology.nodes) {
      // Past its grace period it would give up, and end with 1.
      assert.equal(await node.signal('SIGTERM'), 0);
      await node.start();
      const before = written;
      await until('people write on', () => written > before + 30);
    }
    clearInterval(writing);
    clearInterval(watching);
    t.diagnostic(`nobody was without a node for longer than ${waited.toFixed(0)} ms`);
    await until('everybody has all of it, saved', () => people.every(({ saved, text }) => saved() && text.length === written));
    assert.equal(await topology.worker.signal('SIGTERM'), 0);
  });
});
