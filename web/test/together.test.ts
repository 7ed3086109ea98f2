/** Two people on one board: what one does the other sees, by mouse and by keyboard, with the server going away in between. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { keysAreHeard, launch, rest, rowNames, rowOf, sharedBoard, Sunday, until } from './support.ts';
import type { Visitor } from './support.ts';

let server: Sunday;
let browser: Browser;
let ada: Visitor;
let grace: Visitor;
let boardId: string;

before(async () => {
  server = await Sunday.open();
  browser = await launch();
  ({ ada, grace, boardId } = await sharedBoard(server, browser));
  await Promise.all([ada, grace].map(({ page }) => page.goto(`${server.url}/b/${boardId}`)));
});

after(async () => {
  await browser.close();
  await server.close();
});

const saved = (who: Visitor) =>
  until(`${who.user.name} reads "Saved"`, async () => (await who.page.locator('[data-sync]').getAttribute('data-sync')) === 'Saved');
const order = (who: Visitor, names: string[]) =>
  until(`${who.user.name} sees ${names.join(', ')}`, async () => (await rowNames(who.page)).join() === names.join());
const statusOf = (who: Visitor, name: string) => rowOf(who.page, name).locator('.t-status').textContent();

test('items added by one appear at the other, and "Saved" is said when they are committed', async () => {
  const add = ada.page.getByLabel('Add item to This week');
  for (const name of ['Alpha', 'Beta', 'Gamma', 'Delta']) {
    await add.fill(name);
    await add.press('Enter');
  }
  await order(grace, ['Alpha', 'Beta', 'Gamma', 'Delta']);
  await saved(ada);
  const { data } = await rest<{ data: { name: string }[] }>(server, ada, 'GET', `/boards/${boardId}/items`);
  assert.deepEqual(
    data.map((item) => item.name),
    ['Alpha', 'Beta', 'Gamma', 'Delta'],
  );
});

test('cells are reached and edited with the keyboard alone, and Escape leaves them as they were', async () => {
  const { page } = ada;
  await rowOf(page, 'Alpha').locator('.tcell-name').click();
  await page.keyboard.type(' (never saved)');
  await page.keyboard.press('Escape');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Status of Alpha' }).waitFor();
  await page.keyboard.type('work');
  await page.keyboard.press('Enter');
  await until('Grace sees the status', async () => (await statusOf(grace, 'Alpha'))?.includes('Working on it') === true);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Status: Working on it', 'the focus is back on the cell');
  await order(grace, ['Alpha', 'Beta', 'Gamma', 'Delta']);
});

test('the other one’s cell is marked with their name, and goes with them', async () => {
  await grace.page.locator('.peer[data-peer="Ada Lovelace"]').waitFor();
  const on = () => grace.page.locator('.tcell:has(.peer)').getAttribute('data-col');
  assert.equal(await on(), 'status');
  await ada.page.keyboard.press('ArrowRight');
  await until('the mark moved to the next cell', async () => (await on()) === 'owner');
  await grace.page.getByRole('group', { name: 'Here now: Ada Lovelace' }).waitFor();
});

test('a row is dragged with the keyboard, and undo brings it back for both', async () => {
  const { page } = ada;
  for (let left = 0; left < 3; left++) await page.keyboard.press('ArrowLeft');
  await until('the handle has the focus', async () => (await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))) === 'Move Alpha');
  await page.keyboard.press('Space');
  await until('the drag has begun', async () => (await rowOf(page, 'Alpha').getAttribute('class'))?.includes('drop-') === true);
  await keysAreHeard(page);
  for (const target of ['Beta', 'Gamma']) {
    await page.keyboard.press('ArrowDown');
    await until(`the line is after ${target}`, async () => (await rowOf(page, target).getAttribute('class'))?.includes('drop-after') === true);
  }
  await page.keyboard.press('Space');
  await order(grace, ['Beta', 'Gamma', 'Alpha', 'Delta']);
  await page.keyboard.press('Control+z');
  await order(grace, ['Alpha', 'Beta', 'Gamma', 'Delta']);
  await page.keyboard.press('Control+Shift+z');
  await order(grace, ['Beta', 'Gamma', 'Alpha', 'Delta']);
});

test('a row is dragged with the mouse into another group', async () => {
  const { page } = ada;
  await rowOf(page, 'Delta').hover();
  const handle = await rowOf(page, 'Delta').locator('.handle').boundingBox();
  const target = await page.getByLabel('Add item to Next').boundingBox();
  assert.ok(handle && target);
  await page.mouse.move(handle.x + 6, handle.y + 10);
  await page.mouse.down();
  await page.mouse.move(handle.x + 12, handle.y + 20, { steps: 4 });
  await page.mouse.move(target.x + 40, target.y + 8, { steps: 12 });
  await page.mouse.up();
  await until('Delta is in "Next"', async () => {
    const { data } = await rest<{ data: { name: string; groupId: string }[] }>(server, ada, 'GET', `/boards/${boardId}/items`);
    return data.find((item) => item.name === 'Delta')?.groupId === 'next';
  });
});

test('cards move between lanes by keyboard and by mouse, and the table shows their new status', async () => {
  const { page } = ada;
  await page.getByRole('tab', { name: 'Kanban' }).click();
  const card = (name: string) => page.locator('[data-card]', { hasText: name });
  const lane = (id: string) => page.locator(`[data-lane="${id}"]`);
  await card('Beta').focus();
  await page.keyboard.press('Space');
  await until('the drag has begun', async () => (await lane('@none').getAttribute('class'))?.includes('is-over') === true);
  await keysAreHeard(page);
  await page.keyboard.press('ArrowRight');
  await until('the next lane is marked', async () => (await lane('todo').getAttribute('class'))?.includes('is-over') === true);
  await page.keyboard.press('Space');
  await until('Grace sees it to do', async () => (await statusOf(grace, 'Beta'))?.includes('To do') === true);

  const from = await card('Gamma').boundingBox();
  const to = await lane('stuck').boundingBox();
  assert.ok(from && to);
  await page.mouse.move(from.x + 30, from.y + 10);
  await page.mouse.down();
  await page.mouse.move(from.x + 50, from.y + 20, { steps: 4 });
  await page.mouse.move(to.x + 60, to.y + 80, { steps: 12 });
  await until('the lane under the pointer is marked', async () => (await lane('stuck').getAttribute('class'))?.includes('is-over') === true);
  await page.mouse.up();
  await until('Grace sees it stuck', async () => (await statusOf(grace, 'Gamma'))?.includes('Stuck') === true);
  await page.getByRole('tab', { name: 'Table' }).click();
});

test('two people write one text at once, and a comment reaches the other', async () => {
  for (const { page } of [ada, grace]) {
    await rowOf(page, 'Alpha').hover();
    await page.getByRole('button', { name: 'Open Alpha' }).click();
    await page.getByRole('button', { name: 'Write', exact: true }).click();
  }
  const area = ({ page }: Visitor) => page.getByLabel('Notes, Markdown');
  await area(ada).pressSequentially('one ');
  await until('Grace has the first word', async () => (await area(grace).inputValue()) === 'one ');
  await area(grace).press('Control+End');
  await Promise.all([area(ada).pressSequentially('**two** '), area(grace).pressSequentially('three')]);
  await until(
    'both texts are one',
    async () => (await area(ada).inputValue()) === (await area(grace).inputValue()) && (await area(ada).inputValue()).length === 'one **two** three'.length,
  );
  await area(ada).press('Control+z');
  await until(
    'undo takes back one’s own words only',
    async () => !(await area(grace).inputValue()).includes('*') && (await area(grace).inputValue()).includes('three'),
  );
  await area(ada).press('Control+Shift+z');
  await ada.page.getByRole('button', { name: 'Read', exact: true }).click();
  await ada.page.locator('.prose').getByText('three').waitFor();
  await ada.page.getByRole('button', { name: 'Write', exact: true }).click();
  await area(ada).press('Control+End');
  await area(ada).pressSequentially('\n- [ ] call the printer');
  await ada.page.getByRole('button', { name: 'Read', exact: true }).click();
  await ada.page.locator('.prose').getByRole('checkbox').click();
  await until('a ticked task is ticked in the text', async () => (await area(grace).inputValue()).endsWith('- [x] call the printer'));

  await ada.page.getByLabel('Write a comment').fill('Looks good, @Grace Hopper <img src=x onerror=alert(1)>');
  await ada.page.getByRole('button', { name: 'Comment', exact: true }).click();
  await grace.page.locator('.comment', { hasText: 'Looks good' }).waitFor();
  assert.equal(await grace.page.locator('.comment img').count(), 0, 'no foreign markup');
  for (const { page } of [ada, grace]) await page.getByRole('button', { name: 'Close panel' }).click();
});

test('a deleted item waits in the trash and comes back', async () => {
  await rowOf(ada.page, 'Gamma').hover();
  await ada.page.getByRole('button', { name: 'Delete Gamma' }).click();
  await until('it is gone at Grace’s', async () => (await rowOf(grace.page, 'Gamma').count()) === 0);
  await grace.page.getByRole('button', { name: 'Board menu' }).click();
  await grace.page.getByRole('menuitem', { name: 'Trash' }).click();
  await grace.page.locator('.trash li', { hasText: 'Gamma' }).getByRole('button', { name: 'Restore' }).click();
  await rowOf(ada.page, 'Gamma').waitFor();
  await grace.page.keyboard.press('Escape');
});

test('several rows are selected and changed at once, and one undo takes it back', async () => {
  const { page } = ada;
  for (const [name, modifiers] of [
    ['Beta', []],
    ['Alpha', ['Shift']],
  ] as const) {
    await rowOf(page, name).hover();
    await page.getByLabel(`Select ${name}`).click({ modifiers: [...modifiers] });
  }
  const bar = page.getByRole('toolbar', { name: 'Selected items' });
  await bar.getByText('3 selected').waitFor();
  await bar.getByRole('button', { name: 'Set a label' }).click();
  await page.getByRole('menuitem', { name: 'Done' }).click();
  const statuses = async () => Promise.all(['Beta', 'Gamma', 'Alpha'].map(async (name) => statusOf(grace, name)));
  await until('all three are done', async () => (await statuses()).every((text) => text === 'Done'));
  await bar.getByRole('button', { name: 'Select none' }).click();
  await page.getByRole('banner').getByRole('button', { name: 'Undo', exact: true }).first().click();
  await until('each has what it had', async () => (await statuses()).join() === 'To do,Stuck,Working on it');
});

test('a role is changed in the share dialog, and the other one’s page follows at once', async () => {
  await ada.page.getByRole('button', { name: 'Share' }).click();
  await ada.page.getByLabel('Role of Grace Hopper').selectOption('viewer');
  await until('Grace reads "View only"', async () => (await grace.page.locator('[data-sync]').getAttribute('data-sync')) === 'View only');
  assert.equal(await grace.page.getByLabel('Add item to This week').count(), 0);
  await rowOf(grace.page, 'Alpha').locator('.t-status').click();
  assert.equal(await grace.page.getByRole('dialog', { name: 'Status of Alpha' }).count(), 0);
  await ada.page.getByLabel('Role of Grace Hopper').selectOption('editor');
  await saved(grace);
  await grace.page.getByLabel('Add item to This week').waitFor();
  await ada.page.getByRole('button', { name: 'Done', exact: true }).click();
});

test('nothing was logged as an error until here: no exception, no CSP violation', () => {
  assert.deepEqual(ada.errors(), []);
  assert.deepEqual(grace.errors(), []);
});

test('without the server both say so and go on; when it is back, everything meets', async () => {
  await Promise.all([saved(ada), saved(grace)]);
  await server.stop('SIGKILL');
  await Promise.all(
    [ada, grace].map((who) =>
      until(`${who.user.name} reads "Offline"`, async () => (await who.page.locator('[data-sync]').getAttribute('data-sync'))?.startsWith('Offline') === true),
    ),
  );
  const add = ada.page.getByLabel('Add item to Next');
  await add.fill('Written offline by Ada');
  await add.press('Enter');
  await grace.page.getByLabel('Add item to Done').fill('Written offline by Grace');
  await grace.page.getByLabel('Add item to Done').press('Enter');
  await until('it is not called saved', async () => (await ada.page.locator('[data-sync]').getAttribute('data-sync')) === 'Offline, not sent');
  await server.start();
  await rowOf(grace.page, 'Written offline by Ada').waitFor({ timeout: 30_000 });
  await rowOf(ada.page, 'Written offline by Grace').waitFor({ timeout: 30_000 });
  await Promise.all([saved(ada), saved(grace)]);
  assert.deepEqual([...ada.errors({ away: true }), ...grace.errors({ away: true })], []);
});
