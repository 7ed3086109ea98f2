/** A start that meets a database going away, wherever in it that happens, waits for it and goes on. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { cable } from './cable.ts';
import { startTestServer } from './rest-support.ts';

/** A restart of Postgres takes about as long. */
const AWAY_MS = 100;

let database: TestDatabase;
before(async () => { database = await openTestDatabase(); });
after(() => database.close());

/** @returns how many messages the start sent to the database, and that it served people after the one at which the database left */
async function startCutAt(message: number): Promise<number> {
  let sent = 0;
  const line = await cable(database.connectionString, 0, () => {
    sent += 1;
    if (sent !== message) return;
    line.cut();
    setTimeout(() => { line.mend(); }, AWAY_MS);
  });
  const server = await startTestServer({}, () => Promise.resolve(line.url), { database });
  const before = sent;
  const ada = await server.as('ada');
  const deadline = Date.now() + 20_000;
  // the server is there, and its database may just be gone
  for (let made = 0; made !== 201;) {
    made = (await ada.call('POST', '/boards', { body: { name: `cut at ${message}` } })).status;
    assert(made === 201 || (made === 503 && Date.now() < deadline), `a board is not made: ${made}`);
  }
  await server.close();
  await line.close();
  return before;
}

test('a database that goes away while a server starts is waited for, whatever the server was asking just then', async (t) => {
  const messages = await startCutAt(Infinity);
  assert(messages > 5, 'what comes between sees each of them');
  t.diagnostic(`${messages} messages to the database`);
  for (let message = 1; message <= messages; message += 1) await startCutAt(message);
});
