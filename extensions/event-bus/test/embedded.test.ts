/** The embedded driver: the common suite, and whom it wakes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTestDatabase } from '@sunday/database/testing';
import { EmbeddedBus } from '../src/embedded.ts';
import type { BoardEvent } from '../src/envelope.ts';
import { eventBusConformance } from './conformance.ts';
import { append, makeBoard, until } from './support.ts';

eventBusConformance('embedded', async () => {
  const postgres = await openTestDatabase();
  return { postgres, config: { kind: 'embedded' }, leaseMs: 1_000, ordersTopics: true, close: () => postgres.close() };
});

test('where no other process subscribes nobody is notified; from when one does, it is', async () => {
  await using postgres = await openTestDatabase();
  const boardId = await makeBoard(postgres.database);
  const heard: string[] = [];
  for (const channel of ['sunday_bus', 'marker']) await postgres.database.listen(channel, (payload) => { heard.push(payload); });
  const alone = new EmbeddedBus({ database: postgres.another(), sweepMs: 200 });
  const other = new EmbeddedBus({ database: postgres.another(), sweepMs: 200 });
  /** Whether a wake-up for the board goes out: what is notified before the marker is heard before it. */
  const wakes = async (): Promise<boolean> => {
    const from = heard.length;
    const marker = `after ${from}`;
    await alone.announce([boardId]);
    await postgres.database.query("SELECT pg_notify('marker', $1)", [marker]);
    await until('the marker is heard', () => heard.includes(marker));
    return heard.slice(from).some((payload) => payload.endsWith(boardId));
  };

  assert(await wakes(), 'until it can have heard of others, it takes them to be there');
  await until('it has heard of nobody for three sweeps', async () => !await wakes());

  const delivered: BoardEvent[] = [];
  const subscription = other.subscribe({ group: 'later', topics: [], from: 'now', deliver: (_board, events) => { delivered.push(...events); return Promise.resolve(); } });
  await subscription.ready;
  await until('it has heard of the other', wakes);
  await postgres.database.query("SELECT pg_notify('sunday_bus', 'somebody not-a-board')"); // from whoever may log in
  const [event] = await append(postgres.database, boardId, [{}]);
  await alone.announce([boardId]);
  await until('the event arrives', () => delivered.some(({ id }) => id === event?.id));

  await subscription.stop();
  await until('it has heard nothing more of the other', async () => !await wakes());
  await Promise.all([alone.close(), other.close()]);
});
