/** SIGTERM under load: everybody is told to come back, everything applied is committed, with its events, the process ends with 0. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventsTold, preparePlace, storedText, until } from './crash/place.ts';
import { sdkEditor, stockEditor, type Editor } from './crash/editors.ts';
import { seeded } from './stock-clients.ts';
import { freePort, SundayProcess, token } from './sunday-process.ts';

const EDITORS = 8;

test('a server that is told to stop while people edit ends with 0, soon, and they lose nothing', async (t) => {
  const next = seeded(t);
  const dataDir = await mkdtemp(join(tmpdir(), 'sunday-drain-'));
  const server = new SundayProcess(await freePort(), dataDir);
  await server.start();
  const editors: Editor[] = [];
  let writing: NodeJS.Timeout | undefined;
  try {
    const place = await preparePlace(server, EDITORS);
    for (let index = 0; index < EDITORS; index += 1) {
      const userId = `u_${index}`;
      const own = { ...place, userId, token: () => token(userId), next };
      editors.push(index % 2 === 0 ? stockEditor(`s${index}`, own) : await sdkEditor(`k${index}`, own));
    }
    await until('everybody is in', () => editors.every((editor) => editor.settled));
    writing = setInterval(() => { for (const editor of editors) editor.write(); }, 20);
    await until('edits are acknowledged', () => editors.every((editor) => editor.acknowledged.size > 20));

    // Past its grace period it would give up, and end with 1.
    assert.equal(await server.signal('SIGTERM'), 0, server.log);
    const ended = performance.now();

    await server.start();
    await until('everybody is back by themselves', () => editors.every((editor) => editor.progressAt > ended));
    clearInterval(writing);
    await until('all is saved', () => editors.every((editor) => editor.settled), () => editors.filter((editor) => !editor.settled).map((editor) => `${editor.name}: ${editor.acknowledged.size} of ${editor.written} acknowledged, ${editor.state()}`).join('; '));
    await until('all hold the same', () => new Set(editors.map((editor) => editor.text())).size === 1);
    const stored = await storedText(server, place);
    for (const editor of editors) {
      for (const marker of [...editor.acknowledged, ...editor.seen]) assert.ok(stored.includes(marker), `${marker} is stored`);
      assert.equal(editor.acknowledged.size, editor.written);
    }
    assert((await eventsTold(server, place.boardId) ?? 0) > 0);
  } finally {
    clearInterval(writing);
    await Promise.all(editors.map((editor) => editor.close()));
    await server.signal('SIGTERM');
    await rm(dataDir, { recursive: true, force: true });
  }
});
