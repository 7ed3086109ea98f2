import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HocuspocusProvider } from '@hocuspocus/provider';
import { createItem, longText, readItem, type ColumnId, type ItemId } from '@sunday/board-model';
import { untilWithin } from '@sunday/board-model/testing/until';
import * as Y from 'yjs';
import { startTestServer, type Api, type BoardBody, type ItemBody, type TestServer } from './rest-support.ts';

const until = untilWithin(10_000);

let server: TestServer;
let ada: Api;

before(async () => {
  server = await startTestServer();
  ada = await server.as('ada');
});
after(() => server.close());

test('REST and an open socket work on the same board', async () => {
  const { id: board } = (await ada.expect<BoardBody>(201, 'POST', '/boards', { body: { name: 'Live', columns: [{ id: 'n', type: 'number', title: 'N' }, { id: 'text', type: 'long_text', title: 'Text' }] } })).body;
  const document = new Y.Doc();
  const provider = new HocuspocusProvider({ url: `${server.url.replace('http', 'ws')}/sync`, name: board, document, token: ada.token });
  try {
    await until('the board is loaded', () => provider.isSynced);

    // what REST answers reaches the socket
    await ada.expect(201, 'POST', `/boards/${board}/items`, { body: { id: 'rest', name: 'from REST', values: { n: 1 } } });
    await until('the item of REST is seen', () => readItem(document, 'rest' as ItemId)?.values['n'] === 1);

    // what the socket has acknowledged, REST reads
    createItem(document, { id: 'socket' as ItemId, name: 'from a socket' }, { userId: 'ada' });
    longText(document, 'socket' as ItemId, 'text' as ColumnId).insert(0, 'x'.repeat(800));
    await until('the edit is acknowledged', () => !provider.hasUnsyncedChanges);
    const read = await ada.expect<ItemBody>(200, 'GET', `/boards/${board}/items/socket`);
    assert.deepEqual([read.body.name, String(read.body.values['text']).length], ['from a socket', 800]);

    // an edit on the socket makes an ETag stale
    const etag = read.headers.get('etag') ?? '';
    longText(document, 'socket' as ItemId, 'text' as ColumnId).insert(800, 'y');
    await until('the edit is acknowledged', () => !provider.hasUnsyncedChanges);
    await ada.expect(412, 'PATCH', `/boards/${board}/items/socket`, { body: { name: 'never' }, headers: { 'if-match': etag } });

    // deleting the board ends it for the socket
    let denied = '';
    provider.on('authenticationFailed', ({ reason }: { reason: string }) => { denied = reason; });
    await ada.expect(204, 'DELETE', `/boards/${board}`);
    await until('the socket is told', () => denied === 'board_not_found');
  } finally {
    provider.destroy();
  }
});
