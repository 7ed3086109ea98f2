/** What one types goes where one is: no key is lost, none does what was not meant, and the focus is never on nothing. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { launch, rest, rowNames, rowOf, Sunday, until, visit } from './support.ts';
import type { Visitor } from './support.ts';

let server: Sunday;
let browser: Browser;
let ada: Visitor;
let page: Page;
let boardId: string;

const LABELS = [
  { id: 'open', title: 'Open', color: 'blue' },
  { id: 'done', title: 'Done', color: 'green' },
  { id: 'late', title: 'Late', color: 'red' },
];

before(async () => {
  server = await Sunday.open();
  browser = await launch();
  ada = await visit(server, browser, 'Ada Lovelace', { viewport: { width: 1400, height: 800 } });
  page = ada.page;
  const columns = [
    { id: 'phase', type: 'status', title: 'Phase', settings: { labels: LABELS } },
    { id: 'due', type: 'date', title: 'Due' },
    { id: 'span', type: 'timeline', title: 'Span' },
    { id: 'notes', type: 'long_text', title: 'Notes' },
  ];
  boardId = (await rest<{ id: string }>(server, ada, 'POST', '/boards', { name: 'Launch', columns, groups: [{ id: 'now', title: 'Now' }] })).id;
  for (const [id, name] of [['one', 'Alpha'], ['two', 'Beta'], ['three', 'Gamma']]) {
    await rest(server, ada, 'POST', `/boards/${boardId}/items`, { id, name, groupId: 'now', values: { phase: { labelId: 'open' } } });
  }
  await page.goto(`${server.url}/b/${boardId}`);
  await rowOf(page, 'Gamma').waitFor();
});
after(async () => {
  await browser.close();
  await server.close();
});

const cell = (column: string, item = 'one') => page.locator(`[data-row="i:${item}"][data-col="${column}"]`);
const focused = (what: string, selector: string) => until(`${what} has the focus`, () => page.evaluate((css) => document.activeElement?.matches(css) === true, selector));
const toast = () => page.locator('.toast');

async function becomes(column: string, wanted: unknown, item = 'one'): Promise<void> {
  await until(`${column} becomes ${JSON.stringify(wanted)}`, async () => {
    const { values } = await rest<{ values: Record<string, unknown> }>(server, ada, 'GET', `/boards/${boardId}/items/${item}`);
    return isDeepStrictEqual(values[column], wanted);
  });
}

test('/ on a cell goes to the search, and edits nothing', async () => {
  for (const column of ['@name', 'due']) {
    await cell(column).focus();
    await page.keyboard.press('/');
    await focused('the search', '#board-search');
  }
  await page.keyboard.type('alp');
  await until('the search has found it', async () => (await rowNames(page)).join() === 'Alpha');
  await page.keyboard.press('Escape');
  await until('all are back', async () => (await rowNames(page)).join() === 'Alpha,Beta,Gamma');
});

test('the undo of a message undoes that, and goes when something else was done', async () => {
  const titles = () => page.locator('.th-grip .th-title').allTextContents();
  const archive = async () => {
    await page.getByRole('button', { name: 'Menu of Due' }).click();
    await page.getByRole('menuitem', { name: 'Archive column' }).click();
    await toast().getByText('“Due” is archived').waitFor();
  };
  await archive();
  await toast().getByRole('button', { name: 'Undo' }).click();
  await until('it is back', async () => (await titles()).includes('Due'));
  await archive();
  await cell('phase').click();
  await page.getByRole('option', { name: 'Done' }).click();
  await toast().waitFor({ state: 'detached' });
  await becomes('phase', { labelId: 'done' });
  await page.keyboard.press('Control+z');
  await page.keyboard.press('Control+z');
  await until('undone in order', async () => (await titles()).includes('Due'));
  await becomes('phase', { labelId: 'open' });

  for (const name of ['Alpha', 'Beta']) {
    await rowOf(page, name).hover();
    await page.getByLabel(`Select ${name}`).click();
  }
  await page.getByRole('toolbar', { name: 'Selected items' }).getByRole('button', { name: 'Trash' }).click();
  await cell('phase', 'three').click();
  await page.getByRole('option', { name: 'Late' }).click();
  await toast().getByRole('button', { name: 'Undo' }).click();
  await until('the two are back', async () => (await rowNames(page)).join() === 'Alpha,Beta,Gamma');
  await becomes('phase', { labelId: 'late' }, 'three');
});

test('a dialog begins in its input', async () => {
  await page.getByRole('button', { name: 'Add column' }).click();
  await focused('the search for a type', '[aria-label="Find a column type"]');
  await page.keyboard.type('checkb');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Checkbox column' }).waitFor();
  await page.keyboard.type('Paid');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^Paid, Checkbox column/ }).waitFor();
});

test('a new item and a new group are named by typing', async () => {
  await page.getByRole('button', { name: 'New item' }).click();
  await focused('the name', '.panel-name');
  await page.keyboard.type('Delta');
  await page.keyboard.press('Enter');
  await until('it has its name', async () => (await rowNames(page)).join() === 'Delta,Alpha,Beta,Gamma');
  await page.keyboard.press('Escape');
  await page.locator('.panel').waitFor({ state: 'detached' });

  await page.getByRole('button', { name: 'Add group' }).click();
  await focused('the name of the group', '[aria-label="Group name"]');
  await page.keyboard.type('Sprint 2');
  await page.keyboard.press('Enter');
  await until('there is one more group', async () => (await page.locator('.group-title').allTextContents()).join() === 'Now,Sprint 2');
  await focused('the group', '.group-head');
});

test('a date is typed, in several ways, and what is no date is said to be none', async () => {
  const type = async (column: string, text: string) => {
    await cell(column).focus();
    await page.keyboard.type(text);
    await page.keyboard.press('Enter');
  };
  await type('due', '2026-12-24');
  await becomes('due', { date: '2026-12-24' });
  await focused('the cell', '[data-col="due"]');
  await type('due', '3 Feb 2027 9:30');
  await becomes('due', { date: '2027-02-03', time: '09:30' });
  await type('due', '2026-02-30');
  await page.getByRole('alert').getByText('“2026-02-30” is no date').waitFor();
  await page.keyboard.press('Escape');
  await becomes('due', { date: '2027-02-03', time: '09:30' });
  await type('span', '2026-03-01');
  await page.keyboard.type('2026-03-08');
  await page.keyboard.press('Enter');
  await becomes('span', { from: '2026-03-01', to: '2026-03-08' });
  await ada.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.evaluate(() => navigator.clipboard.writeText('31.12.2026'));
  await cell('due').focus();
  await page.keyboard.press('Control+v');
  await becomes('due', { date: '2026-12-31' });
});

test('a name runs the way its letters do, and the board is the main part of its page', async () => {
  const { id } = await rest<{ id: string }>(server, ada, 'POST', `/boards/${boardId}/items`, { name: 'שלום', groupId: 'now' });
  const direction = (name: string) => page.getByRole('main').locator(`.tcell-name > .grow`, { hasText: name }).evaluate((el) => getComputedStyle(el).direction);
  await rowOf(page, 'שלום').waitFor();
  assert.deepEqual([await direction('שלום'), await direction('Alpha')], ['rtl', 'ltr']);
  await rest(server, ada, 'DELETE', `/boards/${boardId}/items/${id}`);
  await page.getByRole('gridcell', { name: 'Sprint 2, 0 items, open' }).waitFor();
  await page.getByLabel('Add item to Sprint 2').fill('Alone');
  await page.getByLabel('Add item to Sprint 2').press('Enter');
  await page.getByRole('gridcell', { name: 'Sprint 2, 1 item, open' }).waitFor();
});

test('the focus comes back to where an item was opened, and one Escape after the other leaves a text and then the item', async () => {
  await cell('phase').focus();
  await page.keyboard.press('Space');
  await focused('the panel', '.panel');
  await page.keyboard.press('Escape');
  await focused('the cell', '[data-row="i:one"][data-col="phase"]');
  await page.keyboard.press('Space');
  await page.getByRole('button', { name: 'Write', exact: true }).click();
  await page.keyboard.type('words');
  await page.keyboard.press('Escape');
  await focused('the button to write', '.longtext button');
  await page.keyboard.press('Escape');
  await focused('the cell', '[data-row="i:one"][data-col="phase"]');
  await becomes('notes', 'words');
  await page.getByRole('button', { name: 'History', exact: true }).focus();
  await page.keyboard.press('Enter');
  await focused('the history', '.panel.history');
  await page.keyboard.press('Escape');
  await focused('its button', '[aria-label="History"]');
});

test('an editor that is left as it was writes nothing over what somebody wrote meanwhile', async () => {
  const nameOf = async () => (await rest<{ name: string }>(server, ada, 'GET', `/boards/${boardId}/items/three`)).name;
  await cell('@name', 'three').click();
  await focused('the input', '[aria-label="Name"]');
  await rest(server, ada, 'PATCH', `/boards/${boardId}/items/three`, { name: 'Gamma, by somebody' });
  await page.getByRole('button', { name: 'Move Gamma, by somebody' }).waitFor();
  await cell('phase', 'one').focus();
  await rowOf(page, 'Gamma, by somebody').waitFor();
  await until('all is saved', async () => (await page.locator('[data-sync]').getAttribute('data-sync')) === 'Saved');
  assert.equal(await nameOf(), 'Gamma, by somebody');
  await rest(server, ada, 'PATCH', `/boards/${boardId}/items/three`, { name: 'Gamma' });
});

test('labels are edited by keyboard, and one in use is not removed without a word', async () => {
  await becomes('phase', { labelId: 'late' }, 'three');
  await cell('phase', 'three').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Edit labels' }).focus();
  await page.keyboard.press('Enter');
  await focused('the first label', '[aria-label="Label title"]');
  await page.getByRole('button', { name: 'Remove Late' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('1 item has “Late” and would show nothing.').waitFor();
  await page.keyboard.press('Enter'); // "Keep" is the first answer
  await focused('the button again', '[aria-label="Remove Late"]');
  await page.getByRole('button', { name: 'Remove Done' }).focus();
  await page.keyboard.press('Enter'); // nobody has it
  await focused('the next one', '[aria-label="Remove Late"]');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByRole('button', { name: 'Remove' }).click();
  await focused('the one before, where none comes after', '[aria-label="Remove Open"]');
  await page.getByRole('button', { name: 'Done', exact: true }).click();
  await focused('the search for a label', '[aria-label="Find or add a label of Phase"]');
  await page.keyboard.press('Escape');
  await focused('the cell', '[data-row="i:three"][data-col="phase"]');
  await page.keyboard.press('Control+z');
  await until('an undo brings it back, with its cells', async () => (await cell('phase', 'three').textContent()) === 'Late');
  await page.keyboard.press('Control+z');
});

test('a comment that is not sent waits: through another item, a closed panel and a reload, until it is sent', async () => {
  const box = page.getByLabel('Write a comment');
  const open = async (name: string) => {
    await rowOf(page, name).hover();
    await page.getByRole('button', { name: `Open ${name}` }).click();
    await page.locator(`.panel[aria-label="${name}"]`).waitFor();
  };
  await open('Alpha');
  await box.fill('half a thou');
  await open('Beta');
  assert.equal(await box.inputValue(), '');
  await open('Alpha');
  assert.equal(await box.inputValue(), 'half a thou');
  await page.getByRole('button', { name: 'Close panel' }).click();
  await page.reload();
  await rowOf(page, 'Alpha').waitFor();
  await open('Alpha');
  await box.press('End');
  await box.pressSequentially('ght');
  await box.press('Control+Enter');
  await page.locator('.comment', { hasText: 'half a thought' }).waitFor();
  await page.getByRole('button', { name: 'Comment menu' }).click();
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await page.getByLabel('Edit comment').fill('a whole thought');
  await open('Beta');
  await open('Alpha');
  assert.equal(await box.inputValue(), '', 'what is sent is no draft');
  assert.equal(await page.getByLabel('Edit comment').inputValue(), 'a whole thought');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.locator('.comment', { hasText: 'half a thought' }).waitFor();
  assert.equal(await page.evaluate(() => Object.keys(sessionStorage).join()), '');
});

test('a comment that no Markdown parser survives is shown as it was written', async () => {
  await page.getByLabel('Write a comment').fill('>'.repeat(5000));
  await page.getByRole('button', { name: 'Comment', exact: true }).click();
  await page.locator('.comment', { hasText: '>'.repeat(5000) }).waitFor();
  await page.keyboard.press('Escape');
  await rowOf(page, 'Alpha').waitFor();
});

test('what one is typing when one may no longer write stays, and is said not to be saved', async () => {
  const grace = await visit(server, browser, 'Grace Hopper');
  const member = `/boards/${boardId}/members/${grace.user.id}`;
  await rest(server, ada, 'POST', `/boards/${boardId}/members`, { userId: grace.user.id, role: 'editor' });
  await grace.page.goto(`${server.url}/b/${boardId}`);
  const reads = (words: string) =>
    until(`the badge reads ${words}`, async () => (await grace.page.locator('[data-sync]').getAttribute('data-sync').catch(() => null)) === words);
  const name = grace.page.locator('[data-row="i:two"][data-col="@name"]');
  const said = (words: string) => grace.page.locator('.toast', { hasText: words });
  await reads('Saved');
  await grace.page.locator('[data-row="i:two"][data-col="phase"]').click();
  await grace.page.getByRole('option', { name: 'Open' }).click();
  await until('there is something to undo', () => grace.page.getByRole('button', { name: 'Undo', exact: true }).first().isEnabled());
  await name.click();
  await grace.page.keyboard.type('Half written');
  await rest(server, ada, 'PATCH', member, { role: 'viewer' });
  await reads('View only');
  assert.equal(await grace.page.getByRole('button', { name: 'Undo', exact: true }).first().isDisabled(), true);
  await grace.page.keyboard.press('Enter');
  await said('You can only view this board').waitFor();
  assert.equal(await name.getByLabel('Name').inputValue(), 'Half written', 'it is still there to be copied');
  await grace.page.getByLabel('Search this board').focus();
  await said('Not saved: Half written').getByRole('button', { name: 'Put away' }).click();

  await rest(server, ada, 'PATCH', member, { role: 'editor' });
  await reads('Saved');
  await grace.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await name.click();
  await grace.page.keyboard.type('Typed while it was taken away');
  await rest(server, ada, 'DELETE', member);
  await grace.page.getByText('You are not a member of this board').waitFor();
  await said('Not saved: Typed while it was taken away').getByRole('button', { name: 'Copy' }).click();
  await until('it is on the clipboard', async () => (await grace.page.evaluate(() => navigator.clipboard.readText())) === 'Typed while it was taken away');
  assert.deepEqual(grace.errors(), []);
  await grace.context.close();
});

test('nothing was logged as an error: no exception, no CSP violation', () => {
  assert.deepEqual(ada.errors(), []);
});

test('a panel or board that fails says so, what is beside it goes on, and it can be tried again', async () => {
  const tab = await visit(server, browser, 'Ada Lovelace');
  await tab.page.goto(`${server.url}/b/${boardId}`);
  await rowOf(tab.page, 'Beta').waitFor();
  const breakDates = () => {
    const format = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, 'format');
    if (!format) throw new Error('no such property');
    Object.assign(window, { mend: () => Object.defineProperty(Intl.DateTimeFormat.prototype, 'format', format) });
    Object.defineProperty(Intl.DateTimeFormat.prototype, 'format', {
      configurable: true,
      get: () => {
        throw new Error('made to fail by the test');
      },
    });
  };
  await tab.page.evaluate(breakDates);
  await rowOf(tab.page, 'Beta').hover();
  await tab.page.getByRole('button', { name: 'Open Beta' }).click();
  await tab.page.getByRole('alert').getByText('made to fail by the test').waitFor();
  await rowOf(tab.page, 'Beta').locator('.t-status').click();
  await tab.page.getByRole('option', { name: 'Done' }).click();
  await becomes('phase', { labelId: 'done' }, 'two');
  await tab.page.evaluate('mend()');
  await tab.page.getByRole('button', { name: 'Try again' }).click();
  await tab.page.locator('.panel[aria-label="Beta"]').waitFor();

  await tab.page.addInitScript(breakDates);
  await tab.page.goto(`${server.url}/b/${boardId}`); // a cell shows a date
  await tab.page.getByRole('alert').getByText('This board could not be shown').waitFor();
  await tab.page.evaluate('mend()');
  await tab.page.getByRole('button', { name: 'Try again' }).click();
  await rowOf(tab.page, 'Beta').waitFor();
  await tab.context.close();
});
