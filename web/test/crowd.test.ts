/** More people on a board than can all be shown at once: it is said, and each page tells what it looks at. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import type { Browser } from 'playwright-core';
import * as Y from 'yjs';
import { launch, rest, rowOf, signIn, Sunday, until, visit } from './support.ts';
import type { Visitor } from './support.ts';

const ITEMS = 400;
const CROWD = 6;

let server: Sunday;
let browser: Browser;
let ada: Visitor;
let grace: Visitor;
let boardId: string;

before(async () => {
  server = await Sunday.open({ SUNDAY_PRESENCE_FULL_RATE_PEOPLE: '4' });
  browser = await launch();
  ada = await visit(server, browser, 'Ada Lovelace');
  grace = await visit(server, browser, 'Grace Hopper');
  const response = await fetch(`${server.url}/v1/boards/import?name=Crowded`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ada.token}`, 'content-type': 'text/csv' },
    body: `Name\n${Array.from({ length: ITEMS }, (_, index) => `Item ${index}`).join('\n')}`,
  });
  assert.equal(response.status, 201);
  const { data } = await rest<{ data: { id: string }[] }>(server, ada, 'GET', '/boards');
  boardId = data[0]?.id ?? '';
  await rest(server, ada, 'POST', `/boards/${boardId}/members`, { userId: grace.user.id, role: 'editor' });
  await Promise.all([ada, grace].map(({ page }) => page.goto(`${server.url}/b/${boardId}`)));
  await Promise.all([ada, grace].map(({ page }) => rowOf(page, 'Item 0').waitFor({ timeout: 30_000 })));
});
after(async () => {
  await browser.close();
  await server.close();
});

test('a crowd is said in the header, what is looked at to the others, and neither any more when it has gone', async () => {
  const crowd: { provider: HocuspocusProvider; close: () => void }[] = [];
  for (let index = 0; index < CROWD; index++) {
    const { token, user } = await signIn(server, `Guest ${index}`);
    await rest(server, ada, 'POST', `/boards/${boardId}/members`, { userId: user.id, role: 'viewer' });
    const socket = new HocuspocusProviderWebsocket({ url: `${server.url.replace('http', 'ws')}/sync` });
    const provider = new HocuspocusProvider({ websocketProvider: socket, name: boardId, document: new Y.Doc(), token });
    provider.attach();
    provider.setAwarenessField('cursor', index);
    crowd.push({
      provider,
      close: () => {
        provider.destroy();
        socket.destroy();
      },
    });
  }
  const viewOf = (who: Visitor): unknown => {
    const states = Array.from(crowd[0]?.provider.awareness?.getStates().values() ?? []);
    return states.find((state) => (state['user'] as { id?: string } | undefined)?.id === who.user.id)?.['view'];
  };
  try {
    await ada.page.getByText('8 people, cursors of those near you').waitFor();
    await until('both are on the first page', () => [ada, grace].every((who) => JSON.stringify(viewOf(who)) === '["page-0"]'));
    await grace.page.locator('.table').evaluate((table) => table.scrollTo(0, table.scrollHeight));
    await rowOf(grace.page, `Item ${ITEMS - 1}`).waitFor();
    await until('Grace is on the last page', () => String(viewOf(grace)).endsWith('page-9') && !String(viewOf(grace)).includes('page-0'));
    await rowOf(ada.page, 'Item 3').locator('.tcell-name').click();
    await ada.page.keyboard.press('Escape');
    await ada.page.keyboard.press('Shift+Enter');
    await ada.page.getByRole('complementary', { name: 'Item 3' }).waitFor();
    await until('Ada looks at the item, too', () => /^item-.+,page-0$/.test(String(viewOf(ada))));
  } finally {
    const [first, ...others] = crowd;
    for (const guest of others) guest.close();
    await until('it is said no more', async () => (await ada.page.getByText('cursors of those near you').count()) === 0);
    await until('nobody says what they look at', () => viewOf(ada) === undefined && viewOf(grace) === undefined);
    first?.close();
  }
  assert.deepEqual([...ada.errors(), ...grace.errors()], []);
});
