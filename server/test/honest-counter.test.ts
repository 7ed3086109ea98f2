/**
 * A stock provider's unsynced counter is what its user sees as "saved": it never reads zero while an edit of theirs is uncommitted.
 *
 * Every request to Postgres is made to take some time, so that an acknowledgement given before its commit is caught for certain: the
 * committed state is read, past the slow line, at the moment the counter reads zero.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { WebSocketStatus } from '@hocuspocus/provider';
import { openTestDatabase } from '@sunday/database/testing';
import * as Y from 'yjs';
import { cable } from './cable.ts';
import { committed, holds, seeded, stock, textOf, until, type StockClient } from './stock-clients.ts';
import { preparePlace } from './crash/place.ts';
import { freePort, SundayProcess, token } from './sunday-process.ts';

/** Far above what a read of the test's own takes. */
const TO_DATABASE_MS = 40;
const STEPS = Number(process.env['SUNDAY_TEST_STEPS'] ?? 220);

test('the counter never reads zero while an edit is uncommitted: deletions, lost connections, forced syncs and killed servers included', { timeout: 240_000 }, async (t) => {
  const random = seeded(t);
  const database = await openTestDatabase();
  const line = await cable(database.connectionString, TO_DATABASE_MS);
  const dataDir = await mkdtemp(join(tmpdir(), 'sunday-counter-'));
  const server = new SundayProcess(await freePort(), dataDir, { DATABASE_URL: line.url });
  await server.start();
  const place = await preparePlace(server, 2);

  const checks: Promise<void>[] = [];
  const broken: string[] = [];
  const tally = { zeros: 0, openEdits: 0, silent: 0 };
  let running = '';
  const clients: { client: StockClient; name: string }[] = [];
  const check = (name: string, doc: Y.Doc): void => {
    const update = Y.encodeStateAsUpdate(doc);
    const during = running;
    tally.zeros += 1;
    checks.push(committed(database, place.boardId).then((stored) => {
      if (!holds(stored, update)) broken.push(`${name} read zero during "${during}"`);
    }));
  };
  for (const index of [0, 1]) {
    const name = `u_${index}`;
    const doc = new Y.Doc();
    const client = stock(place.url, place.boardId, await token(name), { doc, onCounter: (count) => { if (count === 0) check(name, doc); } });
    clients.push({ client, name });
  }

  try {
    await until('both are in', () => clients.every(({ client }) => client.provider.synced && client.provider.unsyncedChanges === 0));
    for (let step = 0; step < STEPS; step += 1) {
      const { client, name } = clients[Math.floor(random() * 2)] ?? assert.fail();
      const { doc, provider, socket } = client;
      const text = textOf(doc, place);
      const roll = random();
      if (roll < 0.45) {
        running = 'insert';
        text.insert(Math.floor(random() * (text.length + 1)), `${name}:${step} `);
        if (provider.unsyncedChanges === 0) tally.silent += 1;
      } else if (roll < 0.75 && text.length > 0) {
        running = 'deletion';
        const at = Math.floor(random() * text.length);
        text.delete(at, Math.min(1 + Math.floor(random() * 4), text.length - at));
        if (provider.unsyncedChanges === 0) tally.silent += 1;
      } else if (roll < 0.85) {
        running = 'offline';
        if (socket.status === WebSocketStatus.Connected) socket.disconnect();
        else void socket.connect();
      } else if (roll < 0.9) {
        running = 'forced sync';
        // At zero no SyncStatus is under way: one that crosses the Step1 would be taken off the new count, which no server can help.
        if (socket.status !== WebSocketStatus.Connected || !provider.synced || provider.unsyncedChanges > 0) continue;
        text.insert(0, `${name}:${step} `);
        provider.forceSync();
        if (random() < 0.5) provider.forceSync();
      } else if (roll < 0.92) {
        running = 'cut';
        client.sockets.at(-1)?.terminate();
      } else if (roll < 0.93) {
        running = 'kill';
        await server.signal('SIGKILL');
        await server.start();
      }
      if (step % 7 === 0) {
        // That the test can see an uncommitted edit: the counter is up, and rightly.
        const update = Y.encodeStateAsUpdate(doc);
        if (provider.unsyncedChanges > 0 && !holds(await committed(database, place.boardId), update)) tally.openEdits += 1;
      }
      await delay(random() * 60);
    }
    running = 'end';
    for (const { client } of clients) if (client.socket.status === WebSocketStatus.Disconnected) void client.socket.connect();
    await until('both are saved at last', () => clients.every(({ client }) => client.provider.synced && client.provider.unsyncedChanges === 0), 60_000, () => clients.map(({ client }) => `${client.provider.unsyncedChanges} ${client.socket.status}`).join(', '));
    await until('both hold the same', () => new Set(clients.map(({ client }) => textOf(client.doc, place).toString())).size === 1);
    await Promise.all(checks);
    t.diagnostic(`${tally.zeros} times zero, each held against Postgres; ${tally.openEdits} looks found an uncommitted edit and a counter that said so`);
    assert.deepEqual(broken, []);
    assert.equal(tally.silent, 0, 'an edit made while the counter stays at zero');
    assert(tally.openEdits > 0, 'the test never saw an uncommitted edit, so it could not have caught a false zero');
  } finally {
    for (const { client } of clients) client.close();
    await server.signal('SIGKILL');
    await Promise.allSettled(checks);
    await line.close();
    await database.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});
