/**
 * The outbox in Postgres: which boards have events the bus has not got yet, and which relay has a board in hand.
 *
 * Guarantees: a board is in one relay's hand until its claim ends, and `advance` of a relay whose claim has gone to another changes nothing.
 * Reads board_heads and board_events and locks neither: a commit never waits for a relay. Claims and progress are written without
 * waiting for the disk: a crash of Postgres takes back the last of them, and events are published again.
 * Owns nothing.
 */
import type { Database } from '@sunday/database';
import { EVENT_COLUMNS, eventOfRow, type BoardEvent, type EventRow } from './envelope.ts';

export interface Claimed {
  readonly boardId: string;
  /** After what the bus has. Empty: another relay was quicker. */
  readonly events: readonly BoardEvent[];
}

/** How far behind the bus is. */
export interface OutboxLag { readonly boards: number; readonly events: number; readonly oldestSeconds: number }

const LAZY = "set_config('synchronous_commit', 'off', true)";

const claim = {
  name: 'outbox-claim',
  text: `WITH behind AS MATERIALIZED (
    SELECT h.board_id, ${LAZY} FROM unnest($1::uuid[]) AS asked(board_id) JOIN board_heads h USING (board_id) LEFT JOIN outbox o USING (board_id)
    WHERE h.event_version > coalesce(o.relayed, 0)
  ), claimed AS (
    INSERT INTO outbox AS o (board_id, claimed_by, claimed_until)
    SELECT board_id, $2, now() + $3 * interval '1 ms' FROM behind ORDER BY board_id
    ON CONFLICT (board_id) DO UPDATE SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
    WHERE o.claimed_by IS NULL OR o.claimed_by = $2 OR o.claimed_until < now()
    RETURNING o.board_id, o.relayed
  )
  SELECT b.board_id AS behind, c.board_id AS claimed, ${EVENT_COLUMNS} FROM behind b LEFT JOIN claimed c USING (board_id)
  LEFT JOIN LATERAL (SELECT * FROM board_events WHERE board_id = c.board_id AND version > c.relayed ORDER BY version LIMIT $4) e ON true
  ORDER BY b.board_id, e.version`,
};

/** `relayed` null: only the claim is given back. */
const advance = {
  name: 'outbox-advance',
  text: `WITH lazy AS MATERIALIZED (SELECT ${LAZY})
  UPDATE outbox o SET relayed = GREATEST(o.relayed, coalesce(d.relayed, 0)), claimed_by = NULL, claimed_until = NULL
  FROM lazy, unnest($1::uuid[], $2::bigint[]) AS d(board_id, relayed)
  WHERE o.board_id = d.board_id AND o.claimed_by = $3 AND (d.relayed IS NULL OR o.relayed <= d.relayed) RETURNING o.board_id`,
};

const noteHeads = {
  name: 'outbox-note-heads',
  text: `WITH behind AS MATERIALIZED (
    SELECT h.board_id, h.event_version AS head, coalesce(o.relayed, 0) AS relayed, ${LAZY}
    FROM unnest($1::uuid[]) AS asked(board_id) JOIN board_heads h USING (board_id) LEFT JOIN outbox o USING (board_id)
    WHERE h.event_version > coalesce(o.relayed, 0)
  ), noted AS (
    INSERT INTO outbox AS o (board_id, relayed) SELECT board_id, head FROM behind ORDER BY board_id
    ON CONFLICT (board_id) DO UPDATE SET relayed = GREATEST(o.relayed, excluded.relayed)
  )
  SELECT coalesce(sum(head - relayed), 0) AS events FROM behind`,
};

const behind = {
  name: 'outbox-behind',
  text: `SELECT h.board_id FROM board_heads h LEFT JOIN outbox o USING (board_id)
  WHERE h.event_version > coalesce(o.relayed, 0) AND (o.claimed_by IS NULL OR o.claimed_until < now() OR o.claimed_by = $1) LIMIT $2`,
};

const lag = `SELECT count(*) AS boards, coalesce(sum(h.event_version - coalesce(o.relayed, 0)), 0) AS events,
    coalesce(extract(epoch FROM now() - min(e.occurred_at)), 0) AS seconds
  FROM board_heads h LEFT JOIN outbox o USING (board_id)
  LEFT JOIN board_events e ON e.board_id = h.board_id AND e.version = coalesce(o.relayed, 0) + 1
  WHERE h.event_version > coalesce(o.relayed, 0)`;

/** Boards are claimed by nobody afterwards: a relay that is at one of them finds its progress refused, and begins again. */
const rewind = `UPDATE outbox o SET relayed = b.version, claimed_by = NULL, claimed_until = NULL
  FROM (SELECT board_id, min(version) - 1 AS version FROM board_events WHERE occurred_at > now() - $1 * interval '1 ms' GROUP BY board_id) b
  WHERE o.board_id = b.board_id AND o.relayed > b.version`;

export class Outbox {
  private readonly database: Database;
  private readonly owner: string;
  private readonly leaseMs: number;

  /** @param owner unique among all relays that ever run */
  constructor(database: Database, owner: string, leaseMs: number) {
    this.database = database;
    this.owner = owner;
    this.leaseMs = leaseMs;
  }

  /**
   * Of those boards that have something to publish: the free ones, now in this relay's hand, with up to `limit` events each; and those
   * that another relay has. Asking for a board without anything new writes nothing.
   */
  async claim(boardIds: readonly string[], limit: number): Promise<{ claimed: Claimed[]; refused: string[] }> {
    const rows = await this.database.query<EventRow & { behind: string; claimed: string | null }>(claim, [boardIds, this.owner, this.leaseMs, limit]);
    const claimed = new Map<string, BoardEvent[]>();
    const refused: string[] = [];
    for (const row of rows) {
      if (row.claimed === null) {
        refused.push(row.behind);
        continue;
      }
      const events = claimed.get(row.claimed) ?? [];
      claimed.set(row.claimed, events);
      // the join's empty side: another relay published and let go between the two halves of the statement
      if (row.id as string | null !== null) events.push(eventOfRow(row));
    }
    return { claimed: [...claimed].map(([boardId, events]) => ({ boardId, events })), refused };
  }

  /** Notes how far the bus has each board, and lets go of it. @returns the boards that were still in this relay's hand */
  async advance(boards: readonly { readonly boardId: string; readonly relayed: number | null }[]): Promise<string[]> {
    const sorted = boards.toSorted((a, b) => (a.boardId < b.boardId ? -1 : 1));
    const rows = await this.database.query<{ board_id: string }>(advance, [sorted.map(({ boardId }) => boardId), sorted.map(({ relayed }) => relayed), this.owner]);
    return rows.map((row) => row.board_id);
  }

  /** Notes that the bus has all that these boards have. @returns how many events it had not */
  async noteHeads(boardIds: readonly string[]): Promise<number> {
    const [row] = await this.database.query<{ events: string }>(noteHeads, [boardIds]);
    return Number(row?.events ?? 0);
  }

  /** Boards with something to publish that no other relay has in hand. Looks at every board. */
  async behind(limit: number): Promise<string[]> {
    const rows = await this.database.query<{ board_id: string }>(behind, [this.owner, limit]);
    return rows.map((row) => row.board_id);
  }

  async lag(): Promise<OutboxLag> {
    const [row] = await this.database.query<{ boards: string; events: string; seconds: string }>(lag);
    return { boards: Number(row?.boards ?? 0), events: Number(row?.events ?? 0), oldestSeconds: Number(row?.seconds ?? 0) };
  }
}

/** What the bus was when it was last published to. A driver asks before it publishes over a new connection. */
export interface BusMemory {
  /**
   * `identity`: of the process that keeps the log. Another one than last time may have forgotten what it took: then the events of the
   * last `windowMs` are marked as not relayed, and `true` is answered; what of them was consumed already is dropped by consumers.
   */
  recognise(identity: string): Promise<boolean>;
  /** Consumer groups that were started once. */
  groups(): Promise<readonly string[]>;
}

export function busMemory(database: Database, bus: string, windowMs: number): BusMemory {
  return {
    groups: async () => (await database.query<{ consumer_group: string }>('SELECT consumer_group FROM consumer_groups WHERE bus = $1', [bus])).map((row) => row.consumer_group),
    recognise: (identity) => database.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`sunday bus ${bus}`]);
      const [known] = await tx.query<{ identity: string }>('SELECT identity FROM bus_memory WHERE bus = $1', [bus]);
      if (known?.identity === identity) return false;
      await tx.query('INSERT INTO bus_memory (bus, identity) VALUES ($1, $2) ON CONFLICT (bus) DO UPDATE SET identity = excluded.identity, seen_at = now()', [bus, identity]);
      if (known === undefined) return false;
      await tx.query(rewind, [windowMs]);
      return true;
    }),
  };
}
