/** Looking back on a board in a real browser: what happened and who did it, versions, and the way back. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { launch, rest, rowNames, rowOf, Sunday, until, visit } from './support.ts';
import type { Visitor } from './support.ts';

let server: Sunday;
let browser: Browser;
let ada: Visitor;
let grace: Visitor;
let boardId: string;

before(async () => {
  server = await Sunday.open();
  browser = await launch();
  ada = await visit(server, browser, 'Ada');
  grace = await visit(server, browser, 'Grace');
  await rest(server, grace, 'GET', '/boards'); // the server knows a name from the first visit
  const columns = [
    { id: 'days', type: 'number', title: 'Days' },
    { id: 'owner', type: 'person', title: 'Owner' },
  ];
  boardId = (await rest<{ id: string }>(server, ada, 'POST', '/boards', { name: 'Launch', columns, groups: [{ id: 'now', title: 'Now' }, { id: 'later', title: 'Later' }] })).id;
  for (const [id, name] of [['one', 'Write the text'], ['two', 'Print it'], ['three', 'Send it out']]) {
    await rest(server, ada, 'POST', `/boards/${boardId}/items`, { id, name, groupId: 'now', values: { days: 1 } });
  }
  await rest(server, ada, 'POST', `/boards/${boardId}/members`, { userId: grace.user.id, role: 'editor' });
});
after(async () => {
  for (const visitor of [ada, grace]) assert.deepEqual(visitor.errors(), []);
  await browser.close();
  await server.close();
});

const history = (page: Page) => page.getByRole('complementary', { name: 'History' });
const open = async ({ page }: Visitor) => {
  await page.goto(`${server.url}/b/${boardId}`);
  await rowOf(page, 'Print it').waitFor();
};
const patch = (who: Visitor, item: string, body: object) => rest(server, who, 'PATCH', `/boards/${boardId}/items/${item}`, body);

test('what somebody edits is in the activity of everybody at once, and in the history of the item', async () => {
  await open(ada);
  await ada.page.getByRole('button', { name: 'History' }).click();
  await history(ada.page).getByText('added Send it out').or(history(ada.page).getByText('created the board')).first().waitFor();
  await patch(grace, 'one', { values: { days: 5 } });
  const line = history(ada.page).locator('.activity-line', { hasText: 'Write the text' }).first();
  await until('the edit of Grace is told of', async () => /Grace.*changed.*Write the text.*Days.*1.*5/s.test(await line.innerText()));
  await line.getByRole('button', { name: 'Write the text' }).click();
  const panel = ada.page.getByRole('complementary', { name: 'Write the text' });
  await panel.locator('summary').click();
  await until('the item has its history', async () => {
    const words = await panel.locator('.item-history').innerText();
    return /Grace changed this item.*Ada added this item/s.test(words);
  });
  await panel.getByRole('button', { name: 'Close panel' }).click();
  await history(ada.page).waitFor();
  await history(ada.page).getByRole('button', { name: 'Close history' }).click();
});

test('a version is kept, compared and restored, for one item and for the board, and a restore is taken back', async () => {
  await open(ada);
  const { page } = ada;
  const names = await rowNames(page);
  await page.getByRole('button', { name: 'History' }).click();
  const panel = history(page);
  await panel.getByRole('tab', { name: 'Versions' }).click();
  await panel.getByLabel('Name of the version').fill('Before the meeting');
  await panel.getByRole('button', { name: 'Keep' }).click();
  await panel.getByRole('button', { name: 'Before the meeting' }).first().waitFor();

  await patch(grace, 'one', { name: 'Write another text', values: { days: 9 } });
  await patch(grace, 'two', { values: { days: 3 } });
  await rest(server, grace, 'DELETE', `/boards/${boardId}/items/three`);
  await rest(server, grace, 'POST', `/boards/${boardId}/items`, { id: 'four', name: 'Celebrate' });
  await rowOf(page, 'Celebrate').waitFor();

  await panel.getByRole('button', { name: 'Before the meeting' }).first().click();
  await panel.getByText('Deleted since').waitFor();
  assert.match(await panel.innerText(), /Changed since 2.*Write another text.*Name.*Write the text.*Write another text.*Days.*Deleted since 1.*Send it out.*Added since 1.*Celebrate/s);

  // one item
  await panel.getByRole('button', { name: 'Restore Print it' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Restore', exact: true }).click();
  await until('only the other item is still changed', async () => /Changed since 1/.test(await panel.innerText()));
  await until('the cell is back', async () => /\b1\b/.test(await rowOf(page, 'Print it').innerText()));
  assert.equal(await rowOf(page, 'Celebrate').count(), 1, 'the rest of the board stays');

  // the board
  await panel.getByRole('button', { name: 'Restore the board' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Restore', exact: true }).click();
  await panel.getByText('The board is as it was then.').waitFor();
  await until('the board reads as before', async () => (await rowNames(page)).join() === names.join());
  await open(grace);
  assert.deepEqual(await rowNames(grace.page), names, 'for everybody');

  // and back
  await page.getByRole('button', { name: 'Undo', exact: true }).and(page.locator('.toast button')).last().click();
  await rowOf(page, 'Celebrate').waitFor();
  await rowOf(page, 'Write another text').waitFor();
});
