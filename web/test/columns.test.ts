/** Every column type, edited in its cell, holds the value it should: checked in the server's own answer. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { keysAreHeard, launch, rest, rowNames, rowOf, Sunday, until, visit } from './support.ts';
import type { Visitor } from './support.ts';

let server: Sunday;
let browser: Browser;
let ada: Visitor;
let page: Page;
let boardId: string;

const LABELS = {
  labels: [
    { id: 'open', title: 'Open', color: 'blue' },
    { id: 'done', title: 'Done', color: '#2f9e62' },
  ],
};
const TYPES = [
  'text',
  'number',
  'checkbox',
  'rating',
  'link',
  'email',
  'phone',
  'location',
  'status',
  'dropdown',
  'date',
  'timeline',
  'person',
  'tags',
  'relation',
  'files',
  'long_text',
  'counter',
  'maximum',
  'created_at',
  'created_by',
  'updated_at',
  'updated_by',
  'auto_number',
  'formula',
];

before(async () => {
  server = await Sunday.open();
  browser = await launch();
  ada = await visit(server, browser, 'Ada Lovelace', { viewport: { width: 1400, height: 800 } });
  page = ada.page;
  const settings: Record<string, object> = { status: LABELS, dropdown: LABELS, formula: { formula: '{number} * 2' } };
  const columns = TYPES.map((type) => ({ id: type, type, title: type, settings: settings[type] ?? {} }));
  const board = await rest<{ id: string }>(server, ada, 'POST', '/boards', {
    name: 'Every type',
    columns,
    groups: [{ id: 'g', title: 'Things', color: 'green' }],
  });
  boardId = board.id;
  for (const id of ['one', 'two']) await rest(server, ada, 'POST', `/boards/${boardId}/items`, { id, name: `Item ${id}`, groupId: 'g' });
  await page.goto(`${server.url}/b/${boardId}`);
  await rowOf(page, 'Item one').waitFor();
});
after(async () => {
  await browser.close();
  await server.close();
});

const cell = (column: string) => page.locator(`[data-row="i:one"][data-col="${column}"]`);

async function value(column: string): Promise<unknown> {
  const item = await rest<{ values: Record<string, unknown> }>(server, ada, 'GET', `/boards/${boardId}/items/one`);
  return item.values[column];
}

async function becomes(column: string, wanted: unknown): Promise<void> {
  let last: unknown;
  await until(
    `${column} becomes ${JSON.stringify(wanted)}`,
    async () => {
      last = await value(column);
      return isDeepStrictEqual(last, wanted);
    },
    5000,
  ).catch((error: unknown) => {
    throw new Error(`${column} is ${JSON.stringify(last)}`, { cause: error });
  });
}

async function typed(column: string, text: string): Promise<void> {
  await cell(column).click();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

test('one-line types take what is typed, in its own shape', async () => {
  await typed('text', 'some words');
  await becomes('text', 'some words');
  await typed('number', '1,250.5');
  await becomes('number', 1250.5);
  await typed('email', 'ada@example.org');
  await becomes('email', 'ada@example.org');
  await typed('phone', '+49 30 1234');
  await becomes('phone', '+49 30 1234');
  await typed('maximum', '7');
  await becomes('maximum', 7);
});

test('a word that is no number is refused, said so, and can be taken back', async () => {
  await typed('number', 'many');
  await page.getByText('is not a number').waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await value('number'), 1250.5);
});

test('checkbox and votes change with one key, rating with a digit', async () => {
  await cell('checkbox').click();
  await becomes('checkbox', true);
  await cell('counter').click();
  await page.keyboard.press('Enter');
  await becomes('counter', 2);
  await cell('rating').click();
  await page.keyboard.press('4');
  await page.keyboard.press('Enter');
  await becomes('rating', 4);
});

test('labels are found by their beginning, and a new one is made by typing it', async () => {
  await typed('status', 'do');
  await becomes('status', { labelId: 'done' });
  await typed('dropdown', 'Brand new');
  await cell('dropdown').getByText('Brand new').waitFor();
  await until('the label is on the board, and in the cell', async () => {
    const { columns } = await rest<{ columns: { id: string; settings: { labels?: { id: string; title: string }[] } }[] }>(
      server,
      ada,
      'GET',
      `/boards/${boardId}`,
    );
    const made = columns.find((column) => column.id === 'dropdown')?.settings.labels?.find((label) => label.title === 'Brand new');
    return made !== undefined && isDeepStrictEqual(await value('dropdown'), { labelId: made.id });
  });
});

test('a day, a time and a span are picked with the keyboard', async () => {
  await cell('date').click();
  await page.getByRole('button', { name: /^Today$/ }).click();
  const now = new Date();
  const day = await page.evaluate(() => new Date().toLocaleDateString('sv-SE'));
  assert.ok(day.startsWith(String(now.getFullYear())));
  await becomes('date', { date: day });
  await cell('timeline').click();
  await page.getByRole('button', { name: 'Today' }).click();
  await page.locator(`[data-day="${day}"]`).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  const last = await page.evaluate((from) => new Date(Date.parse(from) + 8 * 86_400_000).toISOString().slice(0, 10), day);
  await becomes('timeline', { from: day, to: last });
});

test('people, tags, relations and files are lists', async () => {
  await cell('person').click();
  await page.getByRole('option', { name: /Ada Lovelace/ }).click();
  await page.keyboard.press('Escape');
  await becomes('person', [ada.user.id]);
  await cell('tags').click();
  for (const tag of ['red', 'green']) {
    await page.keyboard.type(tag);
    await page.keyboard.press('Enter');
  }
  await page.keyboard.press('Escape');
  await becomes('tags', ['red', 'green']);
  await cell('relation').click();
  await page.getByRole('option', { name: 'Item two' }).click();
  await page.keyboard.press('Escape');
  await becomes('relation', ['two']);
  await cell('files').click();
  await page.keyboard.type('https://example.org/plan.pdf');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await becomes('files', ['https://example.org/plan.pdf']);
});

test('a link gets its https, and javascript: is never one', async () => {
  await cell('link').click();
  await page.keyboard.type('javascript:alert(1)');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Address').fill('example.org/page');
  await page.keyboard.press('Enter');
  await becomes('link', { url: 'https://example.org/page' });
  await cell('location').click();
  await page.getByLabel('Address').fill('Alexanderplatz, Berlin');
  await page.getByLabel('Latitude, longitude (optional)').fill('52.52, 13.41');
  await page.keyboard.press('Enter');
  await becomes('location', { address: 'Alexanderplatz, Berlin', lat: 52.52, lng: 13.41 });
});

test('a cell is copied to another, as its value where the types match and as words where they do not', async () => {
  await ada.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const second = (column: string) => page.locator(`[data-row="i:two"][data-col="${column}"]`);
  const copy = async (from: string, to: string) => {
    await cell(from).focus();
    await page.keyboard.press('Control+c');
    await second(to).focus();
    await page.keyboard.press('Control+v');
  };
  await copy('tags', 'tags');
  await copy('status', 'status');
  await copy('email', 'text');
  await copy('text', 'number');
  await page.getByText('does not fit the column number').waitFor();
  await until('the other item has them', async () => {
    const { values } = await rest<{ values: Record<string, unknown> }>(server, ada, 'GET', `/boards/${boardId}/items/two`);
    return isDeepStrictEqual(
      [values['tags'], values['status'], values['text'], values['number']],
      [['red', 'green'], { labelId: 'done' }, 'ada@example.org', undefined],
    );
  });
});

test('computed columns show themselves and take no edit', async () => {
  assert.match((await cell('created_by').textContent()) ?? '', /Ada Lovelace/);
  assert.notEqual((await cell('created_at').textContent()) ?? '', '');
  await until('the formula follows its number', async () => (await cell('formula').textContent()) === '2,501');
  assert.equal(await cell('auto_number').textContent(), '1');
  await cell('created_at').click();
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('.cell-input').count(), 0);
});

test('computed columns sort, filter and are searched like others, and follow their cells', async () => {
  const names = (...wanted: string[]) => until(`the rows are ${wanted.join(', ')}`, async () => (await rowNames(page)).join() === wanted.join());
  const menu = async (column: string, entry: string) => {
    await page.getByRole('button', { name: `Menu of ${column}` }).click();
    await page.getByRole('menuitem', { name: entry }).or(page.getByRole('menuitemradio', { name: entry })).click();
  };
  await menu('auto_number', 'Sort descending');
  await names('Item two', 'Item one');
  await menu('auto_number', 'Sort descending');
  await names('Item one', 'Item two');
  await menu('formula', 'Filter by this column');
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.getByLabel('Comparison').selectOption('above');
  await page.getByLabel('Value').fill('2000');
  await names('Item one');
  await page.keyboard.press('Escape');
  await typed('number', '10');
  await page.getByText('No item fits the search and filters.').waitFor();
  await page.getByRole('button', { name: 'Clear search and filters' }).click();
  await typed('number', '1250.5');
  await becomes('number', 1250.5);
  await page.getByLabel('Search this board').fill('2,501');
  await names('Item one');
  await page.getByLabel('Search this board').fill('');
  await names('Item one', 'Item two');
});

test('columns are added, renamed, moved by keyboard, archived and brought back', async () => {
  const titles = () => page.locator('.th-grip .th-title').allTextContents();
  await page.getByRole('button', { name: 'Board menu' }).click();
  await page.getByRole('menuitem', { name: 'Add column' }).click();
  await page.getByRole('button', { name: /^Status/ }).click();
  await page.getByLabel('Title', { exact: true }).fill('Phase');
  await page.getByRole('button', { name: 'Done' }).last().click();
  await until('it is last', async () => (await titles()).at(-1) === 'Phase');
  await page.getByRole('button', { name: 'Menu of text' }).click();
  await page.getByRole('menuitem', { name: 'Archive column' }).click();
  await until('it is off the board', async () => !(await titles()).includes('text'));
  await page.getByRole('status').getByRole('button', { name: 'Undo' }).click();
  await until('it is back with its cells', async () => (await titles())[0] === 'text' && (await cell('text').textContent()) === 'some words');
  await page.getByRole('button', { name: /^text, Text column/ }).focus();
  await page.keyboard.press('Space');
  const said = (words: string) => until(`it is said: ${words}`, async () => (await page.locator('[id^="DndLiveRegion"]').allTextContents()).includes(words));
  await said('text is at its own place.');
  await keysAreHeard(page);
  await page.keyboard.press('ArrowRight');
  await said('text is now at the place of number.');
  await page.keyboard.press('Space');
  await until('the order is saved', async () => {
    const { columns } = await rest<{ columns: { id: string }[] }>(server, ada, 'GET', `/boards/${boardId}`);
    return columns[0]?.id !== 'text';
  });
  assert.deepEqual(ada.errors(), []);
});
