/** The journal's SQL, one named statement per verb. Named statements are prepared once per connection. */

/**
 * A server that vanishes without a word (its host died, another took its address) never ends a connection. Everybody's edits wait for
 * these statements, so it is noticed after this: twice what a lock is waited for, and far longer than a commit takes on a busy disk. A commit that was slow, not
 * lost, is looked up like any whose outcome is unknown.
 */
const LOST_AFTER_MS = 10_000;

/**
 * Locks the heads in board-id order, lets through the batches cut against the current head, and writes head, update row,
 * new client ids, item projection, board projection, events and conflicts of those. One statement, so one round trip and one transaction.
 *
 * $1 board ids · $2 expected seqs · $3 batch ids · $4 all updates concatenated · $5 offsets (1-based) · $6 lengths
 * $7 authors (json, one a batch) · $8 node · $9 items (json) · $10 gone items (json) · $11 boards (json) · $12 new clients (json)
 * $13 how many events each · $14 events (json, numbered from 1 within their board) · $15 conflicts (json) · $16 text runs (json)
 */
export const commitBatches = {
  name: 'journal_commit_batches',
  timeoutMs: LOST_AFTER_MS,
  text: `
WITH input AS (
  SELECT * FROM ROWS FROM (unnest($1::uuid[], $2::bigint[], $3::uuid[], $5::int[], $6::int[], $13::int[]), jsonb_array_elements($7::jsonb))
    AS t(board_id, expected_seq, batch_id, at, len, events, authors)
), locked AS MATERIALIZED (
  SELECT h.board_id, h.seq, h.event_version FROM board_heads h WHERE h.board_id = ANY($1::uuid[]) ORDER BY h.board_id FOR UPDATE
), due AS MATERIALIZED (
  SELECT i.*, l.event_version FROM input i JOIN locked l ON l.board_id = i.board_id AND l.seq = i.expected_seq
), advanced AS (
  UPDATE board_heads h SET seq = h.seq + 1, event_version = h.event_version + due.events FROM due WHERE h.board_id = due.board_id
), appended AS (
  INSERT INTO board_updates (board_id, seq, batch_id, update, node, authors)
  SELECT board_id, expected_seq + 1, batch_id, substring($4::bytea FROM at FOR len), $8, authors FROM due
), projected AS (
  INSERT INTO items (board_id, item_id, group_id, name, position, item_values, created_at, created_by, updated_at, updated_by, deleted_at, seq)
  SELECT due.board_id, r.i, r.g, r.n, r.p, r.v, to_timestamp(r.ca / 1000.0), r.cb, to_timestamp(r.ua / 1000.0), r.ub,
         to_timestamp(r.da / 1000.0), due.expected_seq + 1
  FROM jsonb_to_recordset($9::jsonb)
    AS r(b uuid, i text, g text, n text, p text, v jsonb, ca double precision, cb text, ua double precision, ub text, da double precision)
  JOIN due ON due.board_id = r.b
  ON CONFLICT (board_id, item_id) DO UPDATE SET
    group_id = excluded.group_id, name = excluded.name, position = excluded.position, item_values = excluded.item_values,
    created_at = excluded.created_at, created_by = excluded.created_by, updated_at = excluded.updated_at,
    updated_by = excluded.updated_by, deleted_at = excluded.deleted_at, seq = excluded.seq
), removed AS (
  DELETE FROM items USING jsonb_to_recordset($10::jsonb) AS r(b uuid, i text), due
  WHERE due.board_id = r.b AND items.board_id = r.b AND items.item_id = r.i
), described AS (
  UPDATE boards SET name = r.n, description = r.d, columns = r.c, groups = r.g, updated_at = now()
  FROM jsonb_to_recordset($11::jsonb) AS r(b uuid, n text, d text, c jsonb, g jsonb) JOIN due ON due.board_id = r.b
  WHERE boards.id = r.b
), introduced AS (
  INSERT INTO board_clients (board_id, client_id, user_id, first_seen)
  SELECT due.board_id, r.c, r.u, now() FROM jsonb_to_recordset($12::jsonb) AS r(b uuid, c bigint, u text) JOIN due ON due.board_id = r.b
  ON CONFLICT DO NOTHING
), told AS (
  INSERT INTO board_events (board_id, version, id, type, aggregate_type, aggregate_id, data, user_id, source, correlation_id, causation_id, trace_id, seq)
  SELECT due.board_id, due.event_version + r.n, r.i, r.t, r.at, r.a, r.d, r.u, r.s, r.co, r.ca, r.tr, due.expected_seq + 1
  FROM jsonb_to_recordset($14::jsonb) AS r(b uuid, n int, i uuid, t text, at text, a text, d jsonb, u text, s text, co text, ca text, tr text)
  JOIN due ON due.board_id = r.b
), disputed AS (
  INSERT INTO conflicts (id, board_id, item_id, column_id, policy, kept, kept_by, kept_at, lost, lost_by, lost_at)
  SELECT r.i, due.board_id, r.it, r.c, r.p, r.k, r.ku, to_timestamp(r.ka / 1000.0), r.l, r.lu, to_timestamp(r.la / 1000.0)
  FROM jsonb_to_recordset($15::jsonb)
    AS r(b uuid, i uuid, it text, c text, p text, k jsonb, ku text, ka double precision, l jsonb, lu text, la double precision)
  JOIN due ON due.board_id = r.b
  ON CONFLICT (id) DO NOTHING
), typed AS (
  INSERT INTO text_runs AS run (board_id, item_id, column_id, user_id, event_id, source, range_from, range_to, inserted, deleted)
  SELECT due.board_id, r.it, r.c, r.u, r.e, r.s, r.f, r.o, r.n, r.d
  FROM jsonb_to_recordset($16::jsonb) AS r(b uuid, it text, c text, u text, e uuid, s text, f int, o int, n int, d int)
  JOIN due ON due.board_id = r.b
  ON CONFLICT (board_id, item_id, column_id, user_id) DO UPDATE SET
    range_from = least(run.range_from, excluded.range_from), range_to = greatest(run.range_to, excluded.range_to),
    inserted = run.inserted + excluded.inserted, deleted = run.deleted + excluded.deleted, last_at = now()
)
SELECT l.board_id, l.seq, due.board_id IS NOT NULL AS committed FROM locked l LEFT JOIN due ON due.board_id = l.board_id`,
};

/** Head, snapshot, rows and client ids of a board at one moment: one statement, so no row can slip between the parts. */
export const loadBoard = {
  name: 'journal_load_board',
  text: `
SELECT 'head' AS kind, h.seq AS seq, h.snapshot_generation AS generation, NULL::bytea AS bytes, NULL::bigint AS client, NULL::text AS owner
  FROM board_heads h JOIN boards b ON b.id = h.board_id WHERE h.board_id = $1 AND b.deleted_at IS NULL
UNION ALL
SELECT 'snapshot', s.through_seq, s.generation, s.snapshot, NULL, NULL FROM board_snapshots s WHERE s.board_id = $1
UNION ALL
SELECT 'row', u.seq, NULL, u.update, NULL, NULL FROM board_updates u WHERE u.board_id = $1
UNION ALL
SELECT 'client', NULL, NULL, NULL, c.client_id, c.user_id FROM board_clients c WHERE c.board_id = $1
ORDER BY 1, 2`,
};

export const rowsAfter = {
  name: 'journal_rows_after',
  timeoutMs: LOST_AFTER_MS,
  text: `SELECT h.seq AS head, u.seq, u.update AS bytes FROM board_heads h
         LEFT JOIN board_updates u ON u.board_id = h.board_id AND u.seq > $2 WHERE h.board_id = $1 ORDER BY u.seq`,
};

/** Journal rows after $2, the head, items $3 and the board's own fields, all at one moment. */
export const committedRows = {
  name: 'journal_committed_rows',
  timeoutMs: LOST_AFTER_MS,
  text: `
SELECT 'head' AS kind, h.seq AS seq, NULL::bytea AS bytes, jsonb_build_object('name', b.name, 'description', b.description, 'columns', b.columns, 'groups', b.groups) AS fields
  FROM board_heads h JOIN boards b ON b.id = h.board_id WHERE h.board_id = $1
UNION ALL
SELECT 'row', u.seq, u.update, NULL FROM board_updates u WHERE u.board_id = $1 AND u.seq > $2
UNION ALL
SELECT 'item', i.seq, NULL, jsonb_build_object('id', i.item_id, 'groupId', i.group_id, 'name', i.name, 'position', i.position, 'values', i.item_values,
    'createdAt', extract(epoch FROM i.created_at) * 1000, 'createdBy', i.created_by, 'updatedAt', extract(epoch FROM i.updated_at) * 1000,
    'updatedBy', i.updated_by, 'deletedAt', extract(epoch FROM i.deleted_at) * 1000)
  FROM items i WHERE i.board_id = $1 AND i.item_id = ANY($3::text[])
ORDER BY 1, 2`,
};

export const heads = { name: 'journal_heads', timeoutMs: LOST_AFTER_MS, text: 'SELECT board_id, seq FROM board_heads WHERE board_id = ANY($1::uuid[])' };

/** Waits for a commit that still holds the head, so that the look-up after it is final. */
export const lockHead = { name: 'journal_lock_head', timeoutMs: LOST_AFTER_MS, text: `SELECT seq, set_config('idle_in_transaction_session_timeout', '5s', true) FROM board_heads WHERE board_id = $1 FOR UPDATE` };

export const findBatch = { name: 'journal_find_batch', timeoutMs: LOST_AFTER_MS, text: 'SELECT seq FROM board_updates WHERE batch_id = $1 AND board_id = $2' };

export const insertBoard = {
  name: 'journal_insert_board',
  text: `INSERT INTO boards (id, workspace_id, name, description, columns, groups, created_at, created_by, updated_at)
         VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, now(), $7, now())`,
};

export const insertHead = {
  name: 'journal_insert_head',
  text: 'INSERT INTO board_heads (board_id, seq, snapshot_generation, event_version) VALUES ($1, 1, 1, $2)',
};

/** $1 board · $2 events (json, numbered from 1) */
export const insertEvents = {
  name: 'journal_insert_events',
  text: `INSERT INTO board_events (board_id, version, id, type, aggregate_type, aggregate_id, data, user_id, source, correlation_id, causation_id, trace_id, seq)
         SELECT $1, r.n, r.i, r.t, r.at, r.a, r.d, r.u, r.s, r.co, r.ca, r.tr, 1
         FROM jsonb_to_recordset($2::jsonb) AS r(n int, i uuid, t text, at text, a text, d jsonb, u text, s text, co text, ca text, tr text)`,
};

export const insertSnapshot = {
  name: 'journal_insert_snapshot',
  text: `INSERT INTO board_snapshots (board_id, generation, through_seq, snapshot, created_at) VALUES ($1, $2, $3, $4, now())
         ON CONFLICT (board_id) DO UPDATE SET generation = excluded.generation, through_seq = excluded.through_seq,
           snapshot = excluded.snapshot, created_at = excluded.created_at`,
};

export const insertItems = {
  name: 'journal_insert_items',
  text: `
INSERT INTO items (board_id, item_id, group_id, name, position, item_values, created_at, created_by, updated_at, updated_by, deleted_at, seq)
SELECT $1, r.i, r.g, r.n, r.p, r.v, to_timestamp(r.ca / 1000.0), r.cb, to_timestamp(r.ua / 1000.0), r.ub, to_timestamp(r.da / 1000.0), 1
FROM jsonb_to_recordset($2::jsonb)
  AS r(i text, g text, n text, p text, v jsonb, ca double precision, cb text, ua double precision, ub text, da double precision)`,
};

export const insertOwner = {
  name: 'journal_insert_owner',
  text: `INSERT INTO members (board_id, user_id, role, added_by, added_at) VALUES ($1, $2, 'owner', $2, now())`,
};

export const insertUser = {
  name: 'journal_insert_user',
  text: 'INSERT INTO users (id, name, updated_at) VALUES ($1, $1, now()) ON CONFLICT (id) DO NOTHING',
};

/** The generation is the lock: whoever moves it from what it was read as owns the compaction. */
export const advanceGeneration = {
  name: 'journal_advance_generation',
  text: `UPDATE board_heads SET snapshot_generation = snapshot_generation + 1
         WHERE board_id = $1 AND snapshot_generation = $2 RETURNING snapshot_generation AS seq`,
};

export const compactableRows = {
  name: 'journal_compactable_rows',
  text: `
SELECT 'snapshot' AS kind, coalesce(s.through_seq, 0) AS seq, h.snapshot_generation AS generation, s.snapshot AS bytes
  FROM board_heads h LEFT JOIN board_snapshots s ON s.board_id = h.board_id WHERE h.board_id = $1
UNION ALL
SELECT 'row', u.seq, NULL, u.update FROM board_updates u WHERE u.board_id = $1 AND u.committed_at <= now() - make_interval(secs => $2)
ORDER BY 1 DESC, 2`,
};

export const deleteMergedRows = {
  name: 'journal_delete_merged_rows',
  text: 'DELETE FROM board_updates WHERE board_id = $1 AND seq > $2 AND seq <= $3',
};
