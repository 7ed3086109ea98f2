/** SIGTERM under load: everybody is told to come back, everything applied is committed, with its events, the process ends with 0. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventsTold, preparePlace, storedText } from './crash/place.ts';
import { sdkEditor, stockEditor, type Editor } from './crash/editors.ts';
import { WebSocket } from 'ws';
import { authFrame, bare, seeded, until } from './stock-clients.ts';
import { freePort, SundayProcess, token } from './sunday-process.ts';

const EDITORS = 8;
/** Told to come back over so many hundredths of a second. */
const SOCKETS = 100;

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
    await until('all is saved', () => editors.every((editor) => editor.settled), 60_000, () => editors.filter((editor) => !editor.settled).map((editor) => `${editor.name}: ${editor.acknowledged.size} of ${editor.written} acknowledged, ${editor.state()}`).join('; '));
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

test('who is on a server that is told to stop is told to come back, not all at once; meanwhile it is not ready, and takes nobody new', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sunday-drain-'));
  const server = new SundayProcess(await freePort(), dataDir);
  t.after(async () => {
    await server.signal('SIGTERM');
    await rm(dataDir, { recursive: true, force: true });
  });
  await server.start();
  const { id: boardId } = await server.call<{ id: string }>('POST', '/boards', 'ann', { name: 'Plan' });
  const auth = authFrame(boardId, await token('ann'));
  const sockets = await Promise.all(Array.from({ length: SOCKETS }, async () => {
    const socket = await bare(server.url);
    socket.websocket.send(auth);
    return { socket, told: socket.closed.then(({ code }) => ({ code, at: performance.now() })) };
  }));
  await until('everybody is in', () => sockets.every(({ socket }) => socket.authenticated(boardId)));

  const ended = server.signal('SIGTERM');
  await until('it is not ready any more', async () => {
    const answer = await fetch(`${server.url}/readyz`);
    return answer.status === 503 && (await answer.text()).includes('server: down (draining)');
  });
  const late = new WebSocket(`${server.url.replace('http', 'ws')}/sync`);
  const refused = await new Promise<number | undefined>((resolve, reject) => {
    late.once('unexpected-response', (_request, response) => { resolve(response.statusCode); });
    late.once('open', () => { reject(new Error('let in')); });
    late.on('error', () => { /* what the response is followed by */ });
  });
  assert.equal(refused, 503);

  const told = await Promise.all(sockets.map((each) => each.told));
  assert.deepEqual(new Set(told.map(({ code }) => code)), new Set([4503]));
  const times = told.map(({ at }) => at).toSorted((a, b) => a - b);
  const spread = (times.at(-1) ?? 0) - (times[0] ?? 0);
  t.diagnostic(`${SOCKETS} sockets were told within ${spread.toFixed(0)} ms`);
  assert.ok(spread > SOCKETS, 'of a hundredth of a second for each, a tenth at the least');
  assert.equal(await ended, 0, server.log);
});

test('who does not hang up, and who does not finish a request, hold up nothing: the end is an orderly one', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sunday-drain-'));
  const server = new SundayProcess(await freePort(), dataDir, { SUNDAY_SHUTDOWN_GRACE_MS: '10000' });
  t.after(async () => {
    await server.signal('SIGTERM');
    await rm(dataDir, { recursive: true, force: true });
  });
  await server.start();
  const { id: boardId } = await server.call<{ id: string }>('POST', '/boards', 'ann', { name: 'Plan' });
  const asleep = await bare(server.url);
  asleep.websocket.send(authFrame(boardId, await token('ann')));
  await until('it is in', () => asleep.authenticated(boardId));
  asleep.websocket.pause();
  const slow = connect(server.port, '127.0.0.1');
  t.after(() => { slow.destroy(); });
  slow.write(`POST /v1/boards HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${await token('ann')}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`);
  await until('the request has crossed, and one socket is open', async () => /^sunday_open_sockets 1$/m.test(await (await fetch(`${server.url}/metrics`)).text()));

  const told = performance.now();
  assert.equal(await server.signal('SIGTERM'), 0, server.log);
  t.diagnostic(`ended after ${(performance.now() - told).toFixed(0)} ms`);
});
