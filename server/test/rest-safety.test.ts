import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { listAll, request, startTestServer, type Answer, type Api, type BoardBody, type ItemBody, type TestServer } from './rest-support.ts';

let server: TestServer;
let ada: Api;

before(async () => {
  server = await startTestServer({ SUNDAY_MAX_BODY_BYTES: '20000', SUNDAY_MAX_IMPORT_BYTES: '2000000', SUNDAY_ALLOWED_ORIGINS: 'https://app.example.com', SUNDAY_ADMINS: 'root' });
  ada = await server.as('ada');
});
after(() => server.close());

const newBoard = async (): Promise<string> => (await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Safe', columns: [{ id: 'n', type: 'number', title: 'N' }] } })).body.id;
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

test('no token, a wrong, a foreign and an expired one are told apart, and nothing is served', async () => {
  const now = Math.floor(Date.now() / 1000);
  const codes: [string | undefined, string][] = [
    [undefined, 'unauthenticated'],
    ['garbage', 'unauthenticated'],
    [await server.tokenOf('ada', { secret: 'another secret of at least thirty-two bytes' }), 'unauthenticated'],
    [await server.tokenOf('ada', { issuedAt: now - 7200, expiresAt: now - 3600 }), 'token_expired'],
  ];
  for (const [token, code] of codes) {
    const answer = await request(`${server.url}/v1/boards`, 'GET', token === undefined ? {} : bearer(token));
    assert.deepEqual([answer.status, answer.body['code'], answer.headers.get('www-authenticate')], [401, code, 'Bearer']);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
  }
});

test('revoked sessions stop at once; one may revoke one\'s own, an admin anybody\'s', async () => {
  const eve = await server.as('eve');
  const root = await server.as('root');
  const old = await server.tokenOf('eve', { issuedAt: Math.floor(Date.now() / 1000) - 60 });
  assert.equal((await request(`${server.url}/v1/boards`, 'GET', bearer(old))).status, 200);
  assert.equal((await ada.expect(403, 'POST', '/users/eve/sessions/revoke')).body['code'], 'forbidden');
  await eve.expect(204, 'POST', '/users/eve/sessions/revoke');
  const refused = await request(`${server.url}/v1/boards`, 'GET', bearer(old));
  assert.deepEqual([refused.status, refused.body['code']], [401, 'token_revoked']);
  await root.expect(204, 'POST', '/users/somebody/sessions/revoke');
});

test('ids that spell trouble are boards that do not exist', async () => {
  const ids = ['constructor', '__proto__', 'prototype', 'a'.repeat(5000), 'a'.repeat(250), '%00', '..%2f..%2fetc', '%F0%9F%98%80', "' OR 1=1", '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-00000000000G', ' '];
  for (const id of ids) {
    for (const [method, path] of [['GET', ''], ['PATCH', ''], ['DELETE', ''], ['GET', '/items'], ['POST', '/items'], ['GET', '/export'], ['GET', '/members'], ['POST', '/duplicate'], ['GET', '/presence']] as const) {
      const answer = await ada.call(method, `/boards/${encodeURI(decodeURIComponent(id)) === id ? id : encodeURIComponent(id)}${path}`, method === 'PATCH' || path === '/items' && method === 'POST' ? { body: { name: 'x' } } : {});
      assert(answer.status === 404 || answer.status === 400, `${method} ${id.slice(0, 40)}${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
    }
  }
  const board = await newBoard();
  for (const id of ['constructor', '__proto__', 'toString', 'a'.repeat(200), '%00']) {
    for (const [method, path, body] of [['GET', ''], ['PATCH', '', { name: 'x' }], ['DELETE', ''], ['POST', '/move', {}], ['POST', '/restore'], ['GET', '/comments'], ['POST', '/comments', { body: 'x' }]] as const) {
      const answer = await ada.call(method, `/boards/${board}/items/${id}${path}`, { body });
      assert(answer.status === 404 || answer.status === 400, `${method} items/${id.slice(0, 40)}${path}: ${answer.status}`);
    }
    for (const kind of ['columns', 'groups']) assert.equal((await ada.call('PATCH', `/boards/${board}/${kind}/${id}`, { body: { title: 'x' } })).status, 404);
  }
});

test('bodies that cannot be read are refused, each with its code', async () => {
  const board = await newBoard();
  const cases: [string, Parameters<Api['call']>[2], number, string][] = [
    ['broken JSON', { raw: { type: 'application/json', bytes: '{"name": ' } }, 400, 'invalid_json'],
    ['no body', { raw: { type: 'application/json', bytes: '' } }, 400, 'validation_failed'],
    ['no JSON', { raw: { type: 'application/json', bytes: ' ' } }, 400, 'invalid_json'],
    ['__proto__', { raw: { type: 'application/json', bytes: '{"name": "x", "__proto__": {"a": 1}}' } }, 400, 'invalid_json'],
    ['XML', { raw: { type: 'application/xml', bytes: '<x/>' } }, 415, 'unsupported_media_type'],
    ['too large', { body: { name: 'x'.repeat(30_000) } }, 413, 'payload_too_large'],
    ['a list', { body: [] }, 400, 'validation_failed'],
    ['an unknown field', { body: { name: 'x', nmae: 'y' } }, 400, 'validation_failed'],
    ['no name', { body: {} }, 400, 'validation_failed'],
    ['a wrong name', { body: { name: 5 } }, 400, 'validation_failed'],
    ['an empty Idempotency-Key', { body: { name: 'x' }, headers: { 'idempotency-key': 'ü' } }, 400, 'validation_failed'],
  ];
  for (const [what, call, status, code] of cases) {
    const answer = await ada.call('POST', `/boards/${board}/items`, call);
    assert.deepEqual([answer.status, answer.body['code']], [status, code], what);
    assert.equal(answer.body['requestId'], answer.headers.get('x-request-id'));
  }
  assert.deepEqual(await listAll(ada, `/boards/${board}/items`, 5), []);
  for (const query of ['limit=0', 'limit=x', 'limit=-1', 'limit=1e9']) assert.equal((await ada.expect(400, 'GET', `/boards?${query}`)).body['code'], 'validation_failed');
});

test('a content type without a body is no body', async () => {
  const board = await newBoard();
  const { id } = (await ada.expect<ItemBody>(201, 'POST', `/boards/${board}/items`, { body: { name: 'x' } })).body;
  const typed = { headers: { 'content-type': 'application/json' } };
  await ada.expect(204, 'DELETE', `/boards/${board}/items/${id}`, typed);
  await ada.expect(200, 'POST', `/boards/${board}/items/${id}/restore`, typed);
  await ada.expect(201, 'POST', `/boards/${board}/duplicate`, typed);
});

test('a character Postgres cannot keep does no harm', async () => {
  const board = await newBoard();
  const created = await ada.call<ItemBody>('POST', `/boards/${board}/items`, { body: { name: 'a\u0000b\ud800' }, headers: { 'idempotency-key': 'nul' } });
  assert(created.status === 201 || created.status === 422, created.text);
  const again = await ada.call<ItemBody>('POST', `/boards/${board}/items`, { body: { name: 'a\u0000b\ud800' }, headers: { 'idempotency-key': 'nul' } });
  assert.equal(again.text.replace(/"requestId":"[^"]*"/, ''), created.text.replace(/"requestId":"[^"]*"/, ''));
  await ada.expect(201, 'POST', `/boards/${board}/items`, { body: { name: 'still alive' } });
  assert.equal((await ada.call('GET', `/boards/${board}/items?filter[name]=%00`)).status < 500, true);
});

test('the same Idempotency-Key does a thing once and answers the same', async () => {
  const board = await newBoard();
  const path = `/boards/${board}/items`;
  const call = { body: { name: 'once', values: { n: 1 } }, headers: { 'idempotency-key': 'k-1' } };
  const answers = await Promise.all(Array.from({ length: 8 }, () => ada.call<ItemBody>('POST', path, call)));
  const done = answers.filter((answer) => answer.status === 201);
  assert(done.length >= 1);
  for (const answer of answers) if (answer.status !== 201) assert.equal((answer.body as unknown as { code: string }).code, 'idempotency_in_progress');
  const replay = await ada.expect<ItemBody>(201, 'POST', path, call);
  assert.equal(replay.headers.get('idempotency-replayed'), 'true');
  for (const answer of done) assert.deepEqual([answer.text, answer.headers.get('etag'), answer.headers.get('location')], [replay.text, replay.headers.get('etag'), replay.headers.get('location')]);
  assert.equal((await listAll(ada, path, 10)).length, 1);

  assert.equal((await ada.expect(422, 'POST', path, { ...call, body: { name: 'other' } })).body['code'], 'idempotency_conflict');
  assert.equal((await ada.expect(422, 'POST', '/boards', { ...call, body: { name: 'other' } })).body['code'], 'idempotency_conflict');
  // keys are each user's own
  await (await server.as('bob')).expect(201, 'POST', '/boards', { body: { name: 'b' }, headers: { 'idempotency-key': 'k-1' } });
  // an answer that was an error does not stick
  const failed = { body: { name: 'x', values: { n: 'no' } }, headers: { 'idempotency-key': 'k-2' } };
  await ada.expect(422, 'POST', path, failed);
  await ada.expect(422, 'POST', path, failed);
  await ada.expect(201, 'POST', path, { ...failed, body: { name: 'x', values: { n: 2 } } });
});

test('where a crash lost the answer, the repeat finds its own work and makes nothing twice', async () => {
  const board = await newBoard();
  const writes: [string, unknown][] = [
    [`/boards/${board}/items`, { name: 'x' }],
    [`/boards/${board}/items/batch`, { operations: [{ op: 'create', name: 'y' }, { op: 'create', name: 'z' }] }],
    [`/boards/${board}/columns`, { type: 'text', title: 'T' }],
    [`/boards/${board}/groups`, { title: 'G' }],
    ['/boards', { name: 'again' }],
    ['/workspaces', { name: 'again' }],
    [`/boards/${board}/duplicate`, { name: 'a copy' }],
  ];
  for (const [index, [path, body]] of writes.entries()) {
    const call = { body, headers: { 'idempotency-key': `crash-${index}` } };
    const first = await ada.call('POST', path, call);
    assert(first.status < 300, first.text);
    // as after kill -9 between the commit and the answer
    await server.database.database.query("UPDATE idempotency_keys SET status = NULL, body = NULL, created_at = now() - interval '1 minute' WHERE user_id = 'ada' AND key = $1", [`crash-${index}`]);
    const repeated = await ada.call('POST', path, call);
    const ids = (answer: Answer): unknown => answer.body['id'] ?? (answer.body['data'] as { id: string }[]).map((entry) => entry.id);
    assert.deepEqual([repeated.status, ids(repeated)], [first.status, ids(first)], path);
    assert.equal(repeated.headers.get('idempotency-replayed'), null);
  }
  assert.deepEqual((await listAll<ItemBody>(ada, `/boards/${board}/items`, 10)).map((item) => item.name), ['x', 'y', 'z']);
  assert.equal((await listAll<BoardBody>(ada, '/boards', 50)).filter((entry) => ['again', 'a copy'].includes(entry.name)).length, 2);
});

test('tokens in URLs are never logged', async () => {
  const token = await server.tokenOf('ada');
  await request(`${server.url}/v1/boards?token=${token}`, 'GET');
  await request(`${server.url}/yjs/x?token=${token}`, 'GET');
  await request(`${server.url}/v1/boards/x?token=${token}`, 'GET', bearer(token));
  assert(server.log.some((line) => line.includes('/v1/boards')), 'requests are logged');
  assert(!server.log.some((line) => line.includes(token)), 'no line holds the token');
});

test('other web origins cannot read answers; allowed ones can', async () => {
  const origin = (value: string, method = 'GET') => request(`${server.url}/v1/boards`, method, { headers: { origin: value, authorization: `Bearer ${ada.token}`, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,idempotency-key' } });
  assert.equal((await origin('https://evil.example')).headers.get('access-control-allow-origin'), null);
  assert.equal((await origin('https://app.example.com')).headers.get('access-control-allow-origin'), 'https://app.example.com');
  const preflight = await origin('https://app.example.com', 'OPTIONS');
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /idempotency-key/);
});

test('every answer has security headers; scripts come from this server only', async () => {
  for (const path of ['/', '/docs', '/v1/boards', '/nothing', '/healthz']) {
    const { headers } = await request(`${server.url}${path}`, 'GET');
    const csp = headers.get('content-security-policy') ?? '';
    assert.match(csp, /script-src 'self'(;|$)/, path);
    assert.match(csp, /frame-ancestors 'none'/);
    assert.doesNotMatch(csp, /upgrade-insecure-requests/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  }
});

test('health, readiness and metrics say what an operator needs', async () => {
  assert.deepEqual([(await request(`${server.url}/healthz`, 'GET')).status, (await request(`${server.url}/healthz`, 'GET')).text], [200, 'ok\n']);
  const ready = await request(`${server.url}/readyz`, 'GET');
  assert.equal(ready.status, 200);
  assert.match(ready.text, /^status: ok\n(.+: (ok|off).*\n)+$/);
  const json = await request<{ status: string }>(`${server.url}/readyz`, 'GET', { headers: { accept: 'application/json' } });
  assert.equal(json.body.status, 'ok');
  const board = await newBoard();
  await ada.expect(200, 'GET', `/boards/${board}`);
  const { text } = await request(`${server.url}/metrics`, 'GET');
  assert.match(text, /sunday_http_request_seconds_count\{method="GET",route="\/v1\/boards\/:boardId",status="200"\} \d+/);
  assert(!text.includes(board), 'no label grows with the number of boards');
});

test('a mistyped API address is a problem, any other page the web app', async () => {
  const get = (path: string, accept: string) => request(`${server.url}${path}`, 'GET', { headers: { accept } });
  const missing = await get('/v1/bords', 'text/html');
  assert.deepEqual([missing.status, missing.body['code']], [404, 'not_found']);
  assert.match((await get('/boards/some-board', 'text/html')).headers.get('content-type') ?? '', /^text\/html/);
  assert.equal((await get('/favicon-that-is-not-there.png', 'image/png')).status, 404);
});

test('development sign-in does not exist where tokens come from elsewhere', async () => {
  assert.equal((await request(`${server.url}/v1/dev/sessions`, 'POST', { body: { name: 'Mallory' } })).status, 404);
});

test('raw junk on the port is answered, and the server lives', async () => {
  const { hostname, port } = new URL(server.url);
  for (const junk of ['GET / HTTP/9.9\r\n\r\n', '\u0000\u0001\u0002\r\n\r\n', `GET /${'a'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 'POST /v1/boards HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n', 'GET //%%% HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n']) {
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.end(junk));
      socket.on('error', () => resolve());
      socket.on('close', () => resolve());
      socket.resume();
    });
  }
  assert.equal((await request(`${server.url}/healthz`, 'GET')).status, 200);
});

test('a user over the rate an operator set waits, others do not', async () => {
  const limited = await startTestServer({ SUNDAY_REQUESTS_PER_MINUTE: '5' });
  try {
    const [fast, calm] = [await limited.as('fast'), await limited.as('calm')];
    for (let count = 0; count < 5; count++) await fast.expect(200, 'GET', '/boards');
    const refused = await fast.expect(429, 'GET', '/boards');
    assert.equal(refused.body['code'], 'rate_limited');
    assert(Number(refused.headers.get('retry-after')) >= 1);
    await calm.expect(200, 'GET', '/boards');
  } finally {
    await limited.close();
  }
});

test('a development session is made by name, on loopback names only', async () => {
  const dev = await startTestServer({ SUNDAY_JWT_SECRET: '' });
  try {
    const session = await request<{ token: string; user: { id: string; name: string } }>(`${dev.url}/v1/dev/sessions`, 'POST', { body: { name: 'Ada' } });
    assert.equal(session.status, 200, session.text);
    assert.equal(session.body.user.name, 'Ada');
    assert.equal((await request(`${dev.url}/v1/boards`, 'GET', bearer(session.body.token))).status, 200);
    const { hostname, port } = new URL(dev.url);
    const rebound = await new Promise<number>((resolve, reject) => {
      const call = httpRequest({ host: hostname, port, path: '/v1/dev/sessions', method: 'POST', headers: { host: 'evil.example', 'content-type': 'application/json' } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      call.on('error', reject);
      call.end('{"name":"Mallory"}');
    });
    assert.equal(rebound, 403);
  } finally {
    await dev.close();
  }
});
