/**
 * Makes docs/images/*.png anew: a real server, a real Chromium, people at work. `npm run screenshots -w @sunday/web`.
 * Not a test; it shares the tests' server and browser.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CSV, launch, rest, rowOf, Sunday, visit } from '../test/support.ts';
import type { SignedIn, Visitor } from '../test/support.ts';

const IMAGES = fileURLToPath(new URL('../../docs/images', import.meta.url));
const SIZE = { width: 1360, height: 850 };

const label = (id: string, title: string, color: string) => ({ id, title, color });
const COLUMNS = [
  {
    id: 'status',
    type: 'status',
    title: 'Status',
    settings: {
      labels: [
        label('plan', 'Planned', '#7d8590'),
        label('work', 'Working on it', '#ef9a2d'),
        label('review', 'In review', '#3f74e0'),
        label('stuck', 'Stuck', '#dd4f43'),
        label('done', 'Done', '#2f9e62'),
      ],
    },
  },
  { id: 'owner', type: 'person', title: 'Owner' },
  { id: 'when', type: 'timeline', title: 'Timeline' },
  { id: 'area', type: 'tags', title: 'Area' },
  {
    id: 'priority',
    type: 'dropdown',
    title: 'Priority',
    settings: { labels: [label('high', 'High', '#dd4f43'), label('mid', 'Medium', '#e0a320'), label('low', 'Low', '#2c9ccb')] },
  },
  { id: 'days', type: 'number', title: 'Effort', settings: { unit: 'd' } },
  { id: 'votes', type: 'counter', title: 'Votes' },
  { id: 'notes', type: 'long_text', title: 'Brief' },
];
const GROUPS = [
  { id: 'now', title: 'Now', color: '#2f9e62' },
  { id: 'next', title: 'Next', color: '#3f74e0' },
  { id: 'later', title: 'Later', color: '#a04fc4' },
];

type Row = [
  group: string,
  name: string,
  status: string,
  owners: string[],
  from: number,
  to: number,
  tags: string[],
  priority: string,
  days: number,
  votes: number,
];
const ROWS: Row[] = [
  ['now', 'Offline editing on trains', 'done', ['Ada Lovelace'], -24, -9, ['sync'], 'high', 8, 21],
  ['now', 'Keyboard shortcuts for everything', 'review', ['Grace Hopper'], -12, 2, ['editor', 'a11y'], 'high', 5, 17],
  ['now', 'Import a CSV by dropping it', 'work', ['Ada Lovelace', 'Alan Turing'], -6, 6, ['import'], 'mid', 3, 12],
  ['now', 'Dark theme', 'work', ['Katherine Johnson'], -3, 8, ['design'], 'mid', 4, 34],
  ['now', 'Invoices show the wrong currency', 'stuck', ['Alan Turing'], -10, 1, ['billing', 'bug'], 'high', 2, 5],
  ['next', 'Kanban lanes by any label', 'plan', ['Grace Hopper'], 4, 15, ['editor'], 'mid', 6, 9],
  ['next', 'Mentions in comments', 'plan', ['Katherine Johnson'], 8, 18, ['talk'], 'low', 3, 14],
  ['next', 'Restore any version of a board', 'plan', ['Ada Lovelace'], 12, 30, ['sync', 'safety'], 'high', 10, 28],
  ['later', 'Single sign-on', 'plan', ['Alan Turing'], 35, 60, ['security'], 'mid', 12, 40],
  ['later', 'Calendar view', 'plan', [], 45, 70, ['editor'], 'low', 9, 31],
];
const BRIEF = `## What for
People write on trains, in lifts and on planes. **Nothing they write may get lost**, and they should see at a glance whether it is safe.

- [x] Edits are kept on the device
- [x] The badge says *Saved* only after the commit
- [ ] Say who changed what while you were away`;

const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

async function makeBoard(server: Sunday, people: Map<string, SignedIn>, owner: SignedIn): Promise<string> {
  const board = await rest<{ id: string }>(server, owner, 'POST', '/boards', { name: 'Summer release', columns: COLUMNS, groups: GROUPS });
  for (const person of people.values())
    if (person.user.id !== owner.user.id) await rest(server, owner, 'POST', `/boards/${board.id}/members`, { userId: person.user.id, role: 'editor' });
  for (const [index, [groupId, name, status, owners, from, to, area, priority, days, votes]] of ROWS.entries()) {
    const values = {
      status: { labelId: status },
      owner: owners.map((each) => people.get(each)?.user.id),
      when: { from: day(from), to: day(to) },
      area,
      priority: { labelId: priority },
      days,
      votes,
      ...(index === 0 ? { notes: BRIEF } : {}),
    };
    await rest(server, owner, 'POST', `/boards/${board.id}/items`, { id: `item${index}`, name, groupId, values });
  }
  await rest(server, people.get('Grace Hopper') ?? owner, 'POST', `/boards/${board.id}/items/item0/comments`, {
    body: 'Tried it in the tunnel to Potsdam: **not a word lost**. 🎉',
  });
  return board.id;
}

const shot = async ({ page }: Visitor, name: string): Promise<void> => {
  await page.waitForLoadState('networkidle');
  await page.evaluate(() => document.fonts.ready);
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => null))));
  await page.screenshot({ path: join(IMAGES, `${name}.png`) });
};

const server = await Sunday.open();
const browser = await launch();
try {
  await mkdir(IMAGES, { recursive: true });
  const ada = await visit(server, browser, 'Ada Lovelace', { viewport: SIZE, colorScheme: 'light' });
  const grace = await visit(server, browser, 'Grace Hopper', { viewport: SIZE, colorScheme: 'light' });
  const alan = await visit(server, browser, 'Alan Turing', { viewport: SIZE });
  const katherine = await visit(server, browser, 'Katherine Johnson', { viewport: SIZE });
  const people = new Map([ada, grace, alan, katherine].map((visitor) => [visitor.user.name, visitor]));
  for (const person of people.values()) await rest(server, person, 'GET', '/boards'); // the server knows a name from the first visit
  const boardId = await makeBoard(server, people, ada);
  const open = async (who: Visitor, query = '') => {
    await who.page.goto(`${server.url}/b/${boardId}${query}`);
    await who.page.getByText('Offline editing on trains').first().waitFor();
  };

  await open(ada);
  await shot(ada, 'table-light');

  for (const other of [grace, alan, katherine]) await open(other);
  const stand = (who: Visitor, name: string, column: string) => rowOf(who.page, name).locator(`[data-col="${column}"]`).click();
  await stand(alan, 'Invoices show the wrong currency', 'owner');
  await stand(katherine, 'Dark theme', 'when');
  await stand(grace, 'Keyboard shortcuts for everything', '@name');
  await grace.page.keyboard.press('Escape');
  await ada.page.locator('.peer').nth(2).waitFor();
  await open(ada, '?item=item0');
  await ada.page.locator('.comment').waitFor();
  await ada.page.locator('.peer').nth(1).waitFor();
  await shot(ada, 'together');
  for (const other of [grace, alan, katherine]) await other.context.close();

  await rest(server, ada, 'POST', `/boards/${boardId}/versions`, { name: 'Before the planning meeting' });
  for (const [item, body] of [['item0', { values: { status: { labelId: 'done' } } }], ['item2', { values: { days: 5 } }], ['item3', { name: 'Shortcuts for everything' }]] as const) {
    await rest(server, grace, 'PATCH', `/boards/${boardId}/items/${item}`, body);
  }
  await open(ada);
  await ada.page.getByRole('button', { name: 'History', exact: true }).click();
  await ada.page.getByRole('tab', { name: 'Versions' }).click();
  await ada.page.getByRole('button', { name: 'Before the planning meeting' }).first().click();
  await ada.page.locator('.differences').first().waitFor();
  await shot(ada, 'history');

  const imported = await fetch(`${server.url}/v1/boards/import?name=Product%20roadmap`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ada.token}`, 'content-type': 'text/csv' },
    body: await readFile(CSV, 'utf8'),
  });
  const roadmap = (await imported.json()) as { id: string };
  const dark = await visit(server, browser, 'Ada Lovelace', { viewport: SIZE, colorScheme: 'dark' });
  await dark.page.goto(`${server.url}/b/${roadmap.id}?view=kanban`);
  await dark.page.locator('[data-card]').first().waitFor();
  await shot(dark, 'kanban-dark');

  const phone = await visit(server, browser, 'Ada Lovelace', {
    viewport: { width: 390, height: 780 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
    colorScheme: 'light',
  });
  await open(phone);
  await shot(phone, 'phone');
} finally {
  await browser.close();
  await server.close();
}
