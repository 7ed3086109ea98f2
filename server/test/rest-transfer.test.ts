import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import * as Y from 'yjs';
import { listAll, startTestServer, type Api, type BoardBody, type ItemBody, type TestServer } from './rest-support.ts';

let server: TestServer;
let ada: Api;

before(async () => {
  server = await startTestServer({ SUNDAY_MAX_IMPORT_ROWS: '12000' });
  ada = await server.as('ada');
});
after(() => server.close());

const csv = (text: string | Uint8Array<ArrayBuffer>) => ({ raw: { type: 'text/csv', bytes: text } });
const bring = async (text: string | Uint8Array<ArrayBuffer>, query = ''): Promise<BoardBody> => (await ada.expect<BoardBody>(201, 'POST', `/boards/import${query}`, csv(text))).body;
const exported = async (board: string, query = ''): Promise<string[][]> => parse((await ada.expect(200, 'GET', `/boards/${board}/export?format=csv${query}`)).text);

test('the real roadmap becomes a board in one import, and every cell comes back string-equal', async () => {
  const file = await readFile(new URL('../../board-model/test/fixtures/product-roadmap.csv', import.meta.url));
  const rows: string[][] = parse(file, { bom: true });
  const board = await bring(new Uint8Array(file), '?name=Roadmap');
  assert.deepEqual([board.name, board.itemCount, board.role], ['Roadmap', 291, 'owner']);
  const types = Object.fromEntries(board.columns.map((column) => [column.title, column.type]));
  assert.deepEqual([types['Status'], types['Owner'], types['Needs PM'], types['Description']], ['status', 'person', 'checkbox', 'long_text']);
  assert.equal((await listAll<ItemBody>(ada, `/boards/${board.id}/items`, 100)).length, 291);
  assert.deepEqual(await exported(board.id), rows);

  // and again through the JSON export
  const json = await ada.expect(200, 'GET', `/boards/${board.id}/export?format=json`);
  assert.match(json.headers.get('content-disposition') ?? '', /^attachment; filename\*=UTF-8''Roadmap\.json$/);
  const copy = (await ada.expect<BoardBody>(201, 'POST', '/boards/import', { raw: { type: 'application/json', bytes: json.text } })).body;
  assert.deepEqual([copy.name, copy.itemCount], ['Roadmap', 291]);
  assert.deepEqual(await exported(copy.id), rows);
});

test('spreadsheet CSV: BOM, CRLF, quoted newlines, emoji, formulas are kept exactly', async () => {
  const rows = [['Name', 'Note'], ['=1+1', '@SUM(A1)\r\nnext "line"'], ['-2', ' 🔥 spaced '], ['+x', '']];
  const board = await bring(`\uFEFF${rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')).join('\r\n')}\r\n`);
  assert.deepEqual(await exported(board.id), rows);
  assert.deepEqual((await exported(board.id, '&escapeFormulas=true')).map((row) => row[0]), ['Name', "'=1+1", "'-2", "'+x"]);
});

test('broken files are refused with a line, and no board is left behind', async () => {
  const count = async (): Promise<number> => (await listAll(ada, '/boards', 100)).length;
  const before = await count();
  const short = await ada.expect(400, 'POST', '/boards/import', csv('a,b\n1,2\n3\n'));
  assert.deepEqual([short.body['code'], short.body['line']], ['invalid_csv', 3]);
  assert.equal((await ada.expect(400, 'POST', '/boards/import', csv('a,"b\n1,2\n'))).body['code'], 'invalid_csv');
  assert.equal((await ada.expect(400, 'POST', '/boards/import', csv(new Uint8Array([0xff, 0xfe, 0, 1])))).body['code'], 'invalid_csv');
  assert.equal((await ada.expect(413, 'POST', '/boards/import', csv(`a\n${'x\n'.repeat(12_001)}`))).body['code'], 'payload_too_large');
  assert.equal((await ada.expect(400, 'POST', '/boards/import', { raw: { type: 'application/json', bytes: '{' } })).body['code'], 'invalid_json');
  assert.equal((await ada.expect(400, 'POST', '/boards/import', { raw: { type: 'application/json', bytes: '{"some": "json"}' } })).body['code'], 'invalid_import');
  assert.equal((await ada.expect(415, 'POST', '/boards/import', { raw: { type: 'text/plain', bytes: 'a,b' } })).body['code'], 'unsupported_media_type');
  assert.equal((await ada.expect(404, 'POST', '/boards/import?workspaceId=constructor', csv('a\n1\n'))).body['code'], 'workspace_not_found');
  assert.equal(await count(), before);
});

test('a long import shows progress while other boards stay quick, and ends with the board', async () => {
  const other = (await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'busy elsewhere' } })).body.id;
  const text = `Name,Status,Days\n${Array.from({ length: 10_000 }, (_, index) => `Item ${index},${['Open', 'Done'][index % 2]},${index}`).join('\n')}\n`;
  const importing = new AbortController();
  let slowest = 0;
  const meanwhile = (async () => {
    while (!importing.signal.aborted) {
      const at = performance.now();
      await ada.expect(201, 'POST', `/boards/${other}/items`, { body: { name: 'x' } });
      slowest = Math.max(slowest, performance.now() - at);
    }
  })();
  const answer = await ada.expect(200, 'POST', '/boards/import?name=Long', { ...csv(text), headers: { accept: 'application/x-ndjson', 'idempotency-key': 'long' } });
  importing.abort();
  await meanwhile;
  const lines = answer.text.trim().split('\n').map((line) => JSON.parse(line) as { stage: string; done?: number; total?: number; itemCount?: number; board?: { id: string } });
  const last = lines.at(-1);
  assert.deepEqual([last?.stage, last?.itemCount], ['done', 10_000]);
  const reading = lines.filter((line) => line.stage === 'reading').map((line) => line.done ?? 0);
  assert(reading.length >= 2, 'progress is shown more than once');
  assert.deepEqual(reading, reading.toSorted((a, b) => a - b));
  // 200 ms on an idle machine; before imports had a thread of their own it was the whole import
  assert(slowest < 2000, `slowest write elsewhere: ${slowest.toFixed(0)} ms`);
  const stream = await ada.expect(200, 'POST', '/boards/import?name=Long', { ...csv(text), headers: { accept: 'text/event-stream', 'idempotency-key': 'long' } });
  assert.match(stream.text, /^data: \{"stage":"reading"/);
  assert(stream.text.includes(`"id":"${last?.board?.id}"`), 'the same key is the same board');
});

test('a large board is copied and written out whole', async () => {
  const rows = [['Name', 'Note'], ...Array.from({ length: 5000 }, (_, index) => [`Item ${index}`, `note ${index} ${'…'.repeat(20)}`])];
  const board = await bring(`${rows.map((row) => row.join(',')).join('\n')}\n`);
  const copy = (await ada.expect<BoardBody>(201, 'POST', `/boards/${board.id}/duplicate`, { body: { name: 'Copy' } })).body;
  assert.deepEqual(await exported(copy.id), rows);
  const json = await ada.expect<{ items: unknown[] }>(200, 'GET', `/boards/${copy.id}/export?format=json`);
  assert.equal(json.body.items.length, 5000);
});

test('a file that cannot be read answers its error also to those who asked for progress', async () => {
  const refused = await ada.expect(400, 'POST', '/boards/import', { ...csv('a,b\n1\n'), headers: { accept: 'application/x-ndjson' } });
  assert.equal(refused.body['code'], 'invalid_csv');
});

test('the yjs export is the document', async () => {
  const board = await bring('Name\nOne\nTwo\n');
  const response = await fetch(`${server.url}/v1/boards/${board.id}/export?format=yjs`, { headers: { authorization: `Bearer ${ada.token}` } });
  assert.equal(response.headers.get('content-type'), 'application/octet-stream');
  const doc = new Y.Doc();
  Y.applyUpdate(doc, new Uint8Array(await response.arrayBuffer()));
  assert.equal(doc.getMap('items').size, 2);
  assert.equal((await ada.expect(400, 'GET', `/boards/${board.id}/export?format=xlsx`)).body['code'], 'validation_failed');
});
