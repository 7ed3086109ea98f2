/** The way in: sign in by name, drop the real CSV, and work with what it became. On a desk, in the dark, and at phone width. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { CSV, launch, rest, rowOf, Sunday, until, visit } from './support.ts';

let server: Sunday;
let browser: Browser;

before(async () => {
  server = await Sunday.open();
  browser = await launch();
});
after(async () => {
  await browser.close();
  await server.close();
});

/** Drops a file on the page as a desktop would: with a real DataTransfer, over the whole window. */
async function dropFile(page: Page, name: string, type: string, text: string): Promise<void> {
  await page.evaluate(
    ({ name, type, text }) => {
      const data = new DataTransfer();
      data.items.add(new File([text], name, { type }));
      for (const kind of ['dragenter', 'dragover', 'drop'])
        document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    },
    { name, type, text },
  );
}

test('a name signs in, and a dropped CSV becomes a board of 291 items', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(server.url);
  await page.getByLabel('Your name').fill('Ada Lovelace');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Your first board' }).waitFor();
  await dropFile(page, 'product-roadmap.csv', 'text/csv', await readFile(CSV, 'utf8'));
  await page.waitForURL(/\/b\//);
  await page.getByRole('status').filter({ hasText: '291 items' }).waitFor();
  assert.equal(await page.getByLabel('Board name').inputValue(), 'Product roadmap');
  assert.match((await rowOf(page, 'Focalboard Plugin').locator('.t-status').first().textContent()) ?? '', /Archived/);

  await page.getByLabel('Search this board').fill('gitlab');
  await until('the search narrows', async () => /^\d+ of 291$/.test((await page.locator('.count').textContent()) ?? ''));
  await page.getByLabel('Search this board').fill('');

  await page.getByRole('tab', { name: 'Kanban' }).click();
  await page.locator('[data-lane]', { hasText: 'In Development' }).locator('.lane-count', { hasText: '13' }).waitFor();
  assert.deepEqual(errors, []);
  await context.close();
});

test('a broken CSV says what is wrong and makes no board', async () => {
  const ada = await visit(server, browser, 'Ada Lovelace');
  const count = async () => (await rest<{ data: unknown[] }>(server, ada, 'GET', '/boards')).data.length;
  const before = await count();
  await ada.page.goto(server.url);
  await ada.page.getByRole('heading', { name: 'Boards' }).waitFor();
  await dropFile(ada.page, 'broken.csv', 'text/csv', 'Name,Status\n"never closed,x\n');
  await ada.page.locator('.import-card .field-error').waitFor();
  assert.equal(await count(), before);
  await ada.context.close();
});

test('a person named in the import becomes a member everywhere at once, and undo takes it back', async () => {
  const ada = await visit(server, browser, 'Ada Lovelace');
  const { page } = ada;
  const { data } = await rest<{ data: { id: string }[] }>(server, ada, 'GET', '/boards');
  await page.goto(`${server.url}/b/${data[0]?.id}`);
  await page.getByRole('columnheader', { name: 'Owner' }).hover();
  await page.getByRole('button', { name: 'Menu of Owner' }).click();
  await page.getByRole('menuitem', { name: 'Rename and settings' }).click();
  const map = async () => {
    await page.getByLabel('Person 01 is').selectOption({ label: 'Ada Lovelace' });
    await page.getByRole('dialog').getByRole('status').getByText(/^Person 01 is now Ada Lovelace in \d+ items$/).waitFor();
  };
  await map();
  await page.getByRole('dialog').getByRole('button', { name: 'Undo' }).click();
  await map();
  await page.getByRole('button', { name: 'Done' }).click();
  const owner = () => rowOf(page, 'Focalboard Plugin').locator('.t-person').textContent();
  await until('the cell names Ada', async () => (await owner())?.includes('Ada Lovelace') === true);
  await page.keyboard.press('Control+z');
  await until('the cell names the placeholder again', async () => (await owner())?.includes('Person 01') === true);
  assert.deepEqual(ada.errors(), []);
  await ada.context.close();
});

test('filters and sort hold together, and a reload keeps them', async () => {
  const ada = await visit(server, browser, 'Ada Lovelace');
  const { page } = ada;
  const { data } = await rest<{ data: { id: string }[] }>(server, ada, 'GET', '/boards');
  await page.goto(`${server.url}/b/${data[0]?.id}`);
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByRole('button', { name: 'Add rule' }).click();
  await page.getByRole('dialog', { name: 'Filter' }).getByRole('button', { name: 'In Development' }).click();
  await page.keyboard.press('Escape');
  await until('13 are in development', async () => (await page.locator('.count').textContent()) === '13 of 291');
  await page.getByRole('button', { name: 'Sort', exact: true }).click();
  await page.getByRole('menuitemradio', { name: 'Name' }).click();
  const names = () => page.locator('.trow .tcell-name > .grow').allTextContents();
  const isSorted = (list: string[]) =>
    list.length === 13 &&
    list.every((name, index) => index === 0 || (list[index - 1] ?? '').localeCompare(name, undefined, { numeric: true, sensitivity: 'base' }) <= 0);
  await until('the rows are sorted by name', async () => isSorted(await names()));
  await page.reload();
  await until('they still are', async () => isSorted(await names()));
  await ada.context.close();
});

test('the system’s dark theme is followed, and a phone has room for everything', async () => {
  const ada = await visit(server, browser, 'Ada Lovelace', { viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true, isMobile: true });
  const { page } = ada;
  const { data } = await rest<{ data: { id: string }[] }>(server, ada, 'GET', '/boards');
  await page.goto(`${server.url}/b/${data[0]?.id}`);
  await rowOf(page, 'Focalboard Plugin').waitFor();
  const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.match(background, /rgb\((1?\d|2\d), /, 'dark');
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, 'the page itself does not scroll sideways');
  await rowOf(page, 'Focalboard Plugin').locator('.t-status').first().tap();
  const picker = await page.getByRole('dialog', { name: 'Status of Focalboard Plugin' }).boundingBox();
  assert.ok(picker && picker.x >= 0 && picker.x + picker.width <= 390, 'the picker fits');
  assert.deepEqual(ada.errors(), []);
  await ada.context.close();
});
