/** Deaths at moments that matter: each is waited for until it is there, and then dealt. */
import assert from 'node:assert/strict';
import type { Database } from '@sunday/database';
import { pick } from '../random.ts';
import { until } from '../stock-clients.ts';
import { GROUPS, HANDLING } from './groups.ts';
import type { Receiver } from './receiver.ts';
import type { Node, Site } from './site.ts';

export const BLOWS = ['node in its commit', 'node', 'worker in its transaction', 'worker before it notes what it did'] as const;
export type Blow = (typeof BLOWS)[number];

/** Sessions that wait for a lock in a statement like this, the longest waiting first. */
const WAITING = `SELECT application_name AS name FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1 ORDER BY query_start`;
const SESSIONS = 'SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1';
const COMMIT = '%INSERT INTO board_updates%';

/** @returns who died, down still; and how many of its batches were committed after its death, so that nobody was told of them */
export async function deal(blow: Blow, { site, receiver, boardId, next }: { site: Site; receiver: Receiver; boardId: string; next: () => number }): Promise<{ victim: Node; orphans: number }> {
  const { database } = site.database;
  switch (blow) {
    case 'node in its commit':
      return killInCommit(site, boardId);
    case 'node': {
      const victim = pick(site.nodes, next);
      await site.kill(victim);
      return { victim, orphans: 0 };
    }
    case 'worker in its transaction':
      await whileLocked(database, 'SELECT pg_advisory_xact_lock($1)', [HANDLING], async () => {
        await until('a handler is at work', async () => (await database.query(WAITING, ['%pg_advisory_xact_lock_shared%'])).length > 0);
        await site.kill(site.worker);
      });
      return { victim: site.worker, orphans: 0 };
    case 'worker before it notes what it did':
      await receiver.beforeNextAnswer(() => site.kill(site.worker));
      return { victim: site.worker, orphans: 0 };
  }
}

/**
 * Between commit and acknowledgement: the head of a board is held until a node waits for it in its commit; the node dies, and then the way is free. Its
 * session does not know that nobody waits for the answer.
 */
async function killInCommit(site: Site, boardId: string): Promise<{ victim: Node; orphans: number }> {
  const { database } = site.database;
  let victim: Node | undefined;
  const seq = async (): Promise<number> => Number((await database.query<{ seq: string }>('SELECT seq FROM board_heads WHERE board_id = $1', [boardId]))[0]?.seq);
  let before = 0;
  await whileLocked(database, 'SELECT FROM board_heads WHERE board_id = $1 FOR UPDATE', [boardId], async () => {
    before = await seq();
    await until('a node is at its commit', async () => {
      const [first] = await database.query<{ name: string }>(WAITING, [COMMIT]);
      victim = site.nodes.find(({ name }) => name === first?.name);
      return victim !== undefined;
    });
    assert(victim !== undefined);
    await site.kill(victim);
  });
  assert(victim !== undefined);
  const { name, id } = victim;
  await until('what it had begun is over', async () => (await database.query(SESSIONS, [name])).length === 0);
  const orphans = await database.query('SELECT FROM board_updates WHERE board_id = $1 AND seq > $2 AND node = $3', [boardId, before, id]);
  return { victim, orphans: orphans.length };
}

/** How many events each group has noted as dealt with, and how many repetitions the worker has dropped since it started. */
async function dealtWith(site: Site, group: string): Promise<{ group: string; noted: number; dropped: number }> {
  const [row] = await site.database.database.query<{ noted: number }>('SELECT count(*)::int AS noted FROM consumed_events WHERE consumer_group = $1', [group]);
  const metrics = await (await fetch(`${site.worker.process.url}/metrics`)).text();
  return { group, noted: row?.noted ?? 0, dropped: Number(new RegExp(`^sunday_events_duplicate_total\\{group="${group}"\\} (\\d+)$`, 'm').exec(metrics)?.[1] ?? 0) };
}

/**
 * The bus delivers all it ever had once more, among what is new: the books of relays and of the embedded bus are set back. `dropped` resolves when the
 * groups have dropped all of that.
 */
export async function repeatAll(site: Site): Promise<{ dropped(withinMs: number): Promise<void> }> {
  const { database } = site.database;
  const before = await Promise.all(Object.values(GROUPS).map((group) => dealtWith(site, group)));
  await database.query('UPDATE bus_cursors SET delivered = 0, claimed_by = NULL, claimed_until = NULL');
  await database.query('UPDATE outbox SET relayed = 0, claimed_by = NULL, claimed_until = NULL');
  return {
    async dropped(withinMs) {
      for (const { group, noted, dropped } of before) {
        await until(`${group} has dropped the repetitions`, async () => (await dealtWith(site, group)).dropped >= dropped + noted, withinMs);
      }
    },
  };
}

const whileLocked = (database: Database, lock: string, params: readonly unknown[], work: () => Promise<void>): Promise<void> =>
  database.transaction(async (tx) => {
    await tx.query(lock, params);
    await work();
  });
