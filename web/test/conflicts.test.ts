/** Two people set one status at the same time, one of them offline: both see one value, who lost is asked on the cell, and can have theirs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { launch, rest, rowOf, sharedBoard, Sunday, until } from './support.ts';
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
  for (const name of ['Alpha', 'Beta']) await rest(server, ada, 'POST', `/boards/${boardId}/items`, { name, values: { status: { labelId: 'todo' } } });
  await cutWithContext(ada);
  await Promise.all([ada, grace].map(({ page }) => page.goto(`${server.url}/b/${boardId}`)));
  await Promise.all([ada, grace].map(({ page }) => rowOf(page, 'Beta').waitFor()));
});

after(async () => {
  await browser.close();
  await server.close();
});

/** `setOffline` leaves open sockets alone: a page of these goes on only over sockets that the test may cut. */
let cut: () => Promise<void> = () => Promise.resolve();
let offline = false;

async function cutWithContext({ page }: Visitor): Promise<void> {
  const routes = new Set<{ close: (options: { code: number }) => Promise<void> }>();
  await page.routeWebSocket(/\/sync/, (route) => {
    if (offline) return void route.close({ code: 4503 });
    route.connectToServer();
    routes.add(route);
  });
  cut = async () => {
    offline = true;
    await Promise.all([...routes].map((route) => route.close({ code: 4503 })));
    routes.clear();
  };
}

const badge = (who: Visitor) => who.page.locator('[data-sync]').getAttribute('data-sync');
const statusOf = (who: Visitor, name: string) => rowOf(who.page, name).locator('.t-status > .status').textContent();
const both = (name: string, label: string, timeoutMs?: number) =>
  until(`both see ${name} as ${label}`, async () => (await statusOf(ada, name)) === label && (await statusOf(grace, name)) === label, timeoutMs);

async function set(who: Visitor, name: string, label: string): Promise<void> {
  await rowOf(who.page, name).locator('.t-status').click();
  await who.page.getByRole('dialog', { name: `Status of ${name}` }).waitFor();
  await who.page.keyboard.type(label);
  await who.page.keyboard.press('Enter');
  await until(`${who.user.name} sees ${label}`, async () => (await statusOf(who, name)) === label);
}

const CLOCK_TOLERANCE_MS = 1_000; // the server's: writes closer than this are of the same moment
const AGREED_MS = 1_000;

/** Ada sets this offline, and Grace that, later; Ada comes back. */
async function atOnce(changes: readonly (readonly [name: string, ada: string, grace: string])[]): Promise<void> {
  await cut();
  await until('Ada is offline', async () => (await badge(ada))?.startsWith('Offline') === true);
  for (const [name, label] of changes) await set(ada, name, label);
  const written = Date.now();
  await until('the clocks cannot be that far off', () => Date.now() > written + CLOCK_TOLERANCE_MS + 200);
  for (const [name, , label] of changes) await set(grace, name, label);
  await until('Grace’s are committed', async () => (await badge(grace)) === 'Saved');
  offline = false;
  await until('Ada is back', async () => (await badge(ada))?.startsWith('Offline') === false, 30_000);
}

test('both see the later value within a second, and who lost finds the chip on the cell, with who and what', async () => {
  await atOnce([['Alpha', 'Stuck', 'Done']]);
  await both('Alpha', 'Done', AGREED_MS);
  const chip = rowOf(ada.page, 'Alpha').locator('.conflict-chip');
  await chip.waitFor();
  assert.equal(await chip.getAttribute('aria-label'), 'Grace Hopper set Done at the same time: choose');
  assert.equal(await grace.page.locator('.conflict-chip').count(), 0, 'who was kept is not asked');
  await ada.page.getByRole('button', { name: '1 change of yours met somebody else’s: review' }).waitFor();
});

test('by keyboard: Tab from the cell, Enter, and "Keep mine" wins on both; undo gives theirs back', async () => {
  const { page } = ada;
  // The next frame comes as late as on a busy machine: what the grid does in it must not take the focus from where the keys have gone meanwhile.
  const inTime = await page.evaluateHandle(() => {
    const original = window.requestAnimationFrame.bind(window);
    const held: FrameRequestCallback[] = [];
    window.requestAnimationFrame = (paint) => held.push(paint);
    return () => {
      window.requestAnimationFrame = original;
      for (const paint of held) paint(performance.now());
    };
  });
  await rowOf(page, 'Alpha').locator('.tcell-name').click();
  await page.keyboard.press('Escape');
  await page.keyboard.press('ArrowRight');
  await until('the cell has the focus', () => page.evaluate(() => document.activeElement?.getAttribute('data-col') === 'status'));
  await page.keyboard.press('Tab');
  await until('the chip has the focus', () => page.evaluate(() => document.activeElement?.classList.contains('conflict-chip') === true));
  await page.keyboard.press('Enter');
  const asked = page.getByRole('dialog', { name: 'Grace Hopper set Done at the same time' });
  await asked.waitFor();
  await inTime.evaluate((release) => { release(); });
  await page.keyboard.press('Escape');
  await asked.waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement?.classList.contains('conflict-chip')), true, 'the focus is back on the chip');
  await page.keyboard.press('Enter');
  await asked.getByRole('button', { name: 'Keep mine' }).click();
  await both('Alpha', 'Stuck');
  await page.locator('.conflict-chip').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+z');
  await both('Alpha', 'Done');
  assert.equal(await page.locator('.conflict-chip').count(), 0, 'it is not asked again');
});

test('after a while away all are listed in one place, also one that was put off, and after a reload', async () => {
  const { page } = ada;
  await atOnce([['Alpha', 'To do', 'Working on it'], ['Beta', 'Stuck', 'Done']]);
  await both('Beta', 'Done');
  await rowOf(page, 'Beta').locator('.conflict-chip').click();
  await page.getByRole('button', { name: 'Decide later' }).click();
  await rowOf(page, 'Beta').locator('.conflict-chip').waitFor({ state: 'detached' });
  await page.reload();
  await page.getByRole('button', { name: '2 changes of yours met those of others: review' }).click();
  const review = page.getByRole('dialog', { name: 'Written at the same time' });
  await review.locator('li').nth(1).waitFor();
  await review.locator('li', { hasText: 'Alpha' }).getByRole('button', { name: 'Keep theirs' }).click();
  await review.locator('li', { hasText: 'Beta' }).getByRole('button', { name: 'Keep mine' }).click();
  await review.getByText('Nothing left to decide').waitFor();
  await review.getByRole('button', { name: 'Close' }).click();
  await both('Beta', 'Stuck');
  await both('Alpha', 'Working on it');
  const { data } = await rest<{ data: unknown[] }>(server, ada, 'GET', `/boards/${boardId}/conflicts?open=true`);
  assert.deepEqual(data, []);
  assert.deepEqual([...ada.errors({ away: true }), ...grace.errors()], []);
});
