/** A board of 10 000 items stays quick: few nodes, smooth scrolling, edits and searches that answer at once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { launch, rest, rowOf, Sunday, until, visit } from './support.ts';
import type { Visitor } from './support.ts';

const ITEMS = 10_000;
/** Mounted rows never exceed what two screens hold. */
const MAX_ROWS = 80;
/** A flick of the wheel per frame, px. */
const FLICK = 800;

let server: Sunday;
let browser: Browser;
let ada: Visitor;

before(async () => {
  server = await Sunday.open();
  browser = await launch();
  ada = await visit(server, browser, 'Ada Lovelace');
  const lines = Array.from(
    { length: ITEMS },
    (_, index) => `Item ${index},${['Open', 'Doing', 'Done'][index % 3]},${index % 50},2026-0${(index % 9) + 1}-11,note ${index}`,
  );
  const response = await fetch(`${server.url}/v1/boards/import?name=Large`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ada.token}`, 'content-type': 'text/csv' },
    body: `Name,Status,Estimate,Due,Note\n${lines.join('\n')}`,
  });
  assert.equal(response.status, 201);
  const { data } = await rest<{ data: { id: string }[] }>(server, ada, 'GET', '/boards');
  await ada.page.goto(`${server.url}/b/${data[0]?.id}`);
  await rowOf(ada.page, 'Item 0').waitFor({ timeout: 30_000 });
});
after(async () => {
  await browser.close();
  await server.close();
});

test('scrolling through all of it keeps few rows mounted', async (context) => {
  const { page } = ada;
  const frames = await page.evaluate(async (flick) => {
    const table = document.querySelector('.table');
    if (!table) throw new Error('no table');
    const times: number[] = [];
    let last = performance.now();
    for (let step = 0; step < 90; step++) {
      table.scrollTop += flick;
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    table.scrollTop = table.scrollHeight;
    return times;
  }, FLICK);
  await rowOf(page, `Item ${ITEMS - 1}`).waitFor();
  assert.ok((await page.locator('.trow').count()) <= MAX_ROWS);
  const median = [...frames].sort((a, b) => a - b)[Math.floor(frames.length / 2)] ?? Infinity;
  context.diagnostic(`half of the frames took less than ${Math.round(median)} ms`);
});

test('an edit at the far end shows at once', async (context) => {
  const { page } = ada;
  await rowOf(page, `Item ${ITEMS - 1}`)
    .locator('.tcell-name')
    .click();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('The last one');
  const started = Date.now();
  await page.keyboard.press('Enter');
  await rowOf(page, 'The last one').waitFor();
  context.diagnostic(`it took ${Date.now() - started} ms`);
});

test('Ctrl+Home and Ctrl+End go from end to end, and search finds one in ten thousand', async () => {
  const { page } = ada;
  await rowOf(page, 'The last one').locator('.tcell-name').click();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+Home');
  await rowOf(page, 'Item 0').waitFor();
  await page.getByLabel('Search this board').fill('Item 7777');
  await until('one is left', async () => (await page.locator('.count').textContent()) === `1 of ${ITEMS}`);
  await page.getByLabel('Search this board').fill('');
  await page.getByRole('tab', { name: 'Kanban' }).click();
  await page.locator('[data-lane]', { hasText: 'Doing' }).waitFor();
  assert.ok((await page.locator('[data-card]').count()) < MAX_ROWS * 2);
  assert.deepEqual(ada.errors(), []);
});
