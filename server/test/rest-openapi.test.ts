import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ERRORS } from '../src/errors.ts';
import { readContract, request, startTestServer, type Contract, type TestServer } from './rest-support.ts';

let server: TestServer;
let contract: Contract;

before(async () => {
  server = await startTestServer();
  contract = await readContract(server.url);
});
after(() => server.close());

/** What other programs are written against. */
const ROUTES = `
POST /workspaces   GET /workspaces
POST /boards   GET /boards   GET /boards/{boardId}   PATCH /boards/{boardId}   DELETE /boards/{boardId}   POST /boards/{boardId}/duplicate
POST /boards/import   GET /boards/{boardId}/export
GET /boards/{boardId}/members   POST /boards/{boardId}/members   PATCH /boards/{boardId}/members/{userId}   DELETE /boards/{boardId}/members/{userId}
POST /users/{userId}/sessions/revoke
GET /boards/{boardId}/columns   POST /boards/{boardId}/columns   PATCH /boards/{boardId}/columns/{columnId}   DELETE /boards/{boardId}/columns/{columnId}
GET /boards/{boardId}/groups   POST /boards/{boardId}/groups   PATCH /boards/{boardId}/groups/{groupId}   DELETE /boards/{boardId}/groups/{groupId}
GET /boards/{boardId}/items   POST /boards/{boardId}/items   GET /boards/{boardId}/items/{itemId}   PATCH /boards/{boardId}/items/{itemId}   DELETE /boards/{boardId}/items/{itemId}
POST /boards/{boardId}/items/{itemId}/move   POST /boards/{boardId}/items/{itemId}/restore   POST /boards/{boardId}/items/batch
GET /boards/{boardId}/items/{itemId}/comments   POST /boards/{boardId}/items/{itemId}/comments
GET /boards/{boardId}/presence
GET /boards/{boardId}/conflicts   POST /boards/{boardId}/conflicts/{conflictId}/resolve
GET /boards/{boardId}/events   GET /boards/{boardId}/events/export   GET /boards/{boardId}/items/{itemId}/history   GET /events/stream
GET /boards/{boardId}/versions   POST /boards/{boardId}/versions   GET /boards/{boardId}/versions/{versionId}   DELETE /boards/{boardId}/versions/{versionId}
GET /boards/{boardId}/versions/{versionId}/diff   POST /boards/{boardId}/versions/{versionId}/restore
GET /admin/events/parked   POST /admin/events/replay   POST /admin/events/discard
`.trim().split(/\s{2,}|\n/);

test('every route of the contract is described, and nothing else is', () => {
  const described = Object.entries(contract.document.paths).flatMap(([path, operations]) => Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replace('/v1', '')}`));
  assert.deepEqual(described.toSorted(), ROUTES.toSorted());
});

test('the description is OpenAPI 3.1 and says of each operation what it takes, answers and how it fails', () => {
  const document = contract.document as unknown as Record<string, unknown>;
  assert.match(String(document['openapi']), /^3\.1\./);
  for (const [path, operations] of Object.entries(contract.document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const described = operation as unknown as { summary?: string; tags?: string[]; parameters?: { name: string; in: string }[]; requestBody?: unknown; responses: Record<string, { content?: object }> };
      const where = `${method} ${path}`;
      assert(described.summary !== undefined && described.tags?.length === 1, where);
      assert(described.responses['default']?.content !== undefined && 'application/problem+json' in described.responses['default'].content, where);
      assert(Object.keys(described.responses).some((status) => status.startsWith('2')), where);
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      for (const name of inPath) assert(described.parameters?.some((parameter) => parameter.in === 'path' && parameter.name === name), `${where}: ${name}`);
      if (method !== 'get') assert(described.parameters?.some((parameter) => parameter.name === 'idempotency-key'), where);
    }
  }
  // references lead somewhere
  for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) assert(name !== undefined && name in contract.document.components.schemas, name);
});

test('the docs page needs no host but this server', async () => {
  const page = await request(`${server.url}/docs`, 'GET');
  assert.equal(page.status, 200);
  for (const [, url] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
    assert(url !== undefined && !/^(https?:)?\/\//.test(url), url);
    const asset = await request(new URL(url, `${server.url}/docs/`).href, 'GET');
    assert.equal(asset.status, 200, url);
  }
  assert.doesNotMatch(page.text, /<script(?![^>]*src=)[^>]*>[^<]/, 'no inline script, which the CSP would stop');
});

test('every error code is documented', async () => {
  const { text } = await request(`${server.url}/docs/errors`, 'GET');
  for (const code of Object.keys(ERRORS)) assert(text.includes(`<tr id="${code}">`), code);
});
