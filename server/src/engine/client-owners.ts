/**
 * Whose client id this is, for the guard: what the journal remembers, what Postgres holds of other nodes' and of earlier days, and who is
 * on the board with it right now.
 *
 * Never rejects, never waits long: while the database is away nobody knows, and an id goes to who writes with it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@sunday/database';
import type { Owners } from '@sunday/extension-guard';
import type { Journal } from '@sunday/extension-journal';
import type { Presence } from '@sunday/extension-presence';

/** Somebody's first edit waits for this. Postgres answers in a millisecond, or it is in trouble. */
const ASK_TIMEOUT_MS = 500;

/** $1 board, $2 client ids */
const OWNERS_OF_CLIENTS = {
  name: 'owners_of_clients',
  text: 'SELECT client_id, user_id FROM board_clients WHERE board_id = $1 AND client_id = ANY($2::bigint[])',
} as const;

export function clientOwners({ database, journal, presence }: { database: Database; journal: Journal; presence: Presence }): Owners {
  async function ask(boardId: string, clients: readonly number[]): Promise<Map<number, string>> {
    const rows = await database.query<{ client_id: string; user_id: string }>(OWNERS_OF_CLIENTS, [boardId, [...clients]]);
    return new Map(rows.map((row) => [Number(row.client_id), row.user_id]));
  }

  return {
    known: (boardId, client) => journal.ownerOf(boardId, client),

    async find(boardId, clients) {
      if (!database.up) return null;
      const cancel = new AbortController();
      const late = delay(ASK_TIMEOUT_MS, null, { signal: cancel.signal }).catch(() => null);
      try {
        return await Promise.race([ask(boardId, clients).catch(() => null), late]);
      } finally {
        cancel.abort();
      }
    },

    present(boardId, client) {
      // With the database away people come back with what others wrote and could not save: nobody is suspected then.
      return journal.blocked ? undefined : presence.userOf(boardId, client);
    },
  };
}
