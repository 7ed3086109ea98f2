import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { listAll, startTestServer, type Api, type BoardBody, type ItemBody, type TestServer } from './rest-support.ts';

/** Stands between the server and Postgres, and can be cut. */
async function cable(target: string): Promise<{ url: string; cut(): void; mend(): void; close(): Promise<void> }> {
  const url = new URL(target);
  const directory = url.searchParams.get('host');
  const port = Number(url.port === '' ? 5432 : url.port);
  const open = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    const far = directory === null ? connect(port, url.hostname) : connect(`${directory}/.s.PGSQL.${port}`);
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => { open.delete(socket); other.destroy(); });
      socket.pipe(other);
    }
    if (!whole) near.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  url.searchParams.delete('host');
  url.hostname = '127.0.0.1';
  url.port = String(address.port);
  return {
    url: url.href,
    cut() { whole = false; for (const socket of open) socket.destroy(); },
    mend() { whole = true; },
    async close() { for (const socket of open) socket.destroy(); server.close(); await once(server, 'close'); },
  };
}

let server: TestServer;
let ada: Api;
let line: Awaited<ReturnType<typeof cable>>;

before(async () => {
  server = await startTestServer({}, async (target) => {
    line = await cable(target);
    return line.url;
  });
  ada = await server.as('ada');
});
after(async () => {
  await server.close();
  await line.close();
});

test('while the database is away a write answers 503 before anything is applied, and works again after', async () => {
  const { id } = (await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Outage' } })).body;
  await ada.expect(201, 'POST', `/boards/${id}/items`, { body: { name: 'before' } });

  line.cut();
  const writes: [string, string, unknown][] = [
    ['POST', `/boards/${id}/items`, { name: 'during' }],
    ['POST', `/boards/${id}/items/batch`, { operations: [{ op: 'create', name: 'during' }] }],
    ['PATCH', `/boards/${id}`, { name: 'during' }],
    ['POST', '/boards', { name: 'during' }],
    ['POST', `/boards/${id}/members`, { userId: 'during', role: 'viewer' }],
  ];
  for (const [method, path, body] of writes) {
    const refused = await ada.expect(503, method, path, { body });
    assert.equal(refused.body['code'], 'database_unavailable', `${method} ${path}`);
    assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
  }
  assert.equal((await ada.expect(503, 'GET', `/boards/${id}/items`)).body['code'], 'database_unavailable');

  line.mend();
  const deadline = Date.now() + 20_000;
  while ((await ada.call('GET', `/boards/${id}`)).status === 503) assert(Date.now() < deadline, 'the database is not found again');
  await ada.expect(201, 'POST', `/boards/${id}/items`, { body: { name: 'after' } });
  assert.deepEqual((await listAll<ItemBody>(ada, `/boards/${id}/items`, 10)).map((item) => item.name), ['before', 'after']);
  assert.deepEqual((await listAll<BoardBody>(ada, '/boards', 10)).map((board) => board.name), ['Outage']);
});
