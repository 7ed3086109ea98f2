import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, suite, test } from 'node:test';
import { build } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import { createElement as h } from 'react';
import { renderToString } from 'react-dom/server';
import { createItem, readItem, updateItem } from '@sunday/board-model';
import type { ItemId } from '@sunday/board-model';
import { createClient } from '../src/index.ts';
import { useClient } from '../src/react.ts';
import { ServerShell, type Probe } from './browser/page.ts';
import { startPlainServer, until, type PlainServer } from './rig.ts';

const CHROMIUM = process.env['TEST_CHROMIUM'] ?? '/usr/bin/chromium'; // npm test looks for it
declare const window: { readonly probe: Probe };
const WITHOUT = existsSync(CHROMIUM) ? false : `SKIPPED: no Chromium at ${CHROMIUM}`;

const bundle = async (): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./browser/page.ts', import.meta.url))], bundle: true, write: false, format: 'iife', conditions: ['sunday-source'],
    define: { 'process.env.NODE_ENV': '"development"' }
  });
  return outputFiles[0]?.text ?? '';
};

suite('the React hooks on a server', () => {
  test('render the empty state, open nothing, need no WebSocket', (t) => {
    const { WebSocket } = globalThis;
    Reflect.deleteProperty(globalThis, 'WebSocket');
    t.after(() => { Object.assign(globalThis, { WebSocket }); });
    const client = createClient({ url: 'http://localhost:1', token: 'any' });
    const html = renderToString(h(ServerShell, { client }));
    assert.match(html, /No board/);
    assert.match(html, /saved connecting 0 0 0 0 0 ok/);
    assert.equal(client.peek('b1'), null);
    assert.equal(client.connection, 'connecting');
    assert.throws(() => client.open('b1'), /WebSocket is not defined/);
  });

  test('say so where the provider is missing', () => {
    assert.throws(() => renderToString(h(() => { useClient(); return null; })), /SundayProvider/);
  });
});

suite('the React hooks in Chromium', { skip: WITHOUT }, () => {
  let browser: Browser | undefined;
  let script = '';
  after(() => browser?.close());

  async function open(t: { after(fn: () => Promise<void>): void }, server: PlainServer): Promise<{ page: Page; errors: string[] }> {
    browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    script ||= await bundle();
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()); });
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(server.url);
    await page.addScriptTag({ content: script });
    return { page, errors };
  }

  const state = (page: Page): Promise<string> => page.locator('#state').innerText();

  test('StrictMode opens one board on one socket; a remote edit renders its item alone; undo by button; leaving closes', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const { page, errors } = await open(t, server);
    await page.evaluate((url) => window.probe.start(url, null), server.url);
    await page.locator('main[data-loaded=true]').waitFor();
    assert.equal(await page.locator('h1').innerText(), 'Plan');
    assert.equal(server.sockets.size, 1);
    const doc = server.hocuspocus.documents.get('b1');
    assert.ok(doc);
    assert.equal(doc.getConnectionsCount(), 1);

    const one: ItemId = createItem(doc, { name: 'one' }, { userId: 'other' });
    createItem(doc, { name: 'two' }, { userId: 'other' });
    await page.locator('li').nth(1).waitFor();
    const before = await page.evaluate(() => ({ ...window.probe.renders }));
    updateItem(doc, one, { values: { notes: 'hello' } }, { userId: 'other' });
    await page.locator('li', { hasText: 'hello' }).waitFor();
    const after = await page.evaluate(() => ({ ...window.probe.renders }));
    assert.ok((after['one'] ?? 0) > (before['one'] ?? 0));
    assert.equal(after['two'], before['two'], 'the other item was not rendered again');

    await page.evaluate((id) => window.probe.client?.peek('b1')?.items.update(id, { name: 'mine!' }), one);
    await page.locator('li', { hasText: 'mine!' }).waitFor();
    assert.match(await state(page), / 2 1 0 ok$/);
    await until('the server has it', () => readItem(doc, one)?.name === 'mine!');
    await page.locator('#undo').click();
    await page.locator('li', { hasText: 'one' }).waitFor();
    assert.equal(await page.locator('#undo').isDisabled(), true);

    await page.locator('#switch').click();
    await until('the other board is open', () => server.hocuspocus.documents.get('b2')?.getConnectionsCount() === 1);
    await page.evaluate(() => window.probe.root?.unmount());
    await until('b2 is closed', () => (server.hocuspocus.documents.get('b2')?.getConnectionsCount() ?? 0) === 0);
    assert.deepEqual(errors, []);
  });

  test('hydrates what the server rendered, without a complaint', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const html = renderToString(h(ServerShell, { client: createClient({ url: server.url, token: 'any' }) }));
    const { page, errors } = await open(t, server);
    await page.evaluate(([url, markup]) => window.probe.start(url ?? '', markup ?? ''), [server.url, html]);
    await page.locator('main[data-loaded=true]').waitFor();
    assert.deepEqual(errors, []);
  });

  test('an edit made offline is there after a reload, from the browser\'s own IndexedDB, and reaches the server', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const { page } = await open(t, server);
    await page.evaluate((url) => window.probe.start(url, null), server.url);
    await page.locator('main[data-loaded=true]').waitFor();
    // The board goes offline for good: every socket is cut as soon as it is made.
    const cutting = setInterval(server.cut, 5);
    t.after(() => Promise.resolve(clearInterval(cutting)));
    await until('offline', async () => (await state(page)).startsWith('offline'));
    await page.evaluate(() => window.probe.client?.peek('b1')?.items.create({ name: 'kept' }));
    await page.locator('li', { hasText: 'kept' }).waitFor();
    await page.reload();
    await page.addScriptTag({ content: script });
    await page.evaluate((url) => window.probe.start(url, null), server.url);
    await page.locator('li', { hasText: 'kept' }).waitFor();
    clearInterval(cutting);
    await until('the server has it', () => [...(server.hocuspocus.documents.get('b1')?.getMap('items').values() ?? [])].length === 1);
  });

  test('the browser is believed at once when it says that the network is gone, and when it is back', async (t) => {
    const server = await startPlainServer();
    t.after(server.stop);
    const { page } = await open(t, server);
    await page.evaluate((url) => window.probe.start(url, null), server.url);
    await until('connected', async () => (await state(page)).split(' ')[1] === 'connected');
    await page.context().setOffline(true); // the open socket would not notice for the better part of a minute
    await until('offline is said', async () => (await state(page)).startsWith('offline offline'), 2_000);
    await page.context().setOffline(false);
    await until('connected again', async () => (await state(page)).split(' ')[1] === 'connected');
    await until('over one socket', () => server.sockets.size === 1);
  });
});
