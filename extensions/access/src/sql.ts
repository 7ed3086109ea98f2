/** Every statement of this package, one constant each. Changes are announced on `sunday_access` by the statement that makes them. */

/** Remembers how a person is called and reads since when their tokens count. $1 user, $2 name, $3 email, $4 picture */
export const MEET_USER = {
  name: 'access_meet_user',
  text: `
WITH met AS (
  INSERT INTO users (id, name, email, picture) VALUES ($1, $2, $3, $4)
      ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, picture = excluded.picture, updated_at = now()
   WHERE (users.name, users.email, users.picture) IS DISTINCT FROM (excluded.name, excluded.email, excluded.picture)
)
SELECT (extract(epoch FROM max(revoked_before)) * 1000)::float8 AS revoked_before FROM session_revocations WHERE user_id = $1`,
} as const;

/** One row if the board was ever there. $1 board, $2 user */
export const ROLE_ON_BOARD = {
  name: 'access_role_on_board',
  text: `
SELECT boards.deleted_at IS NOT NULL AS deleted, members.role
  FROM boards LEFT JOIN members ON members.board_id = boards.id AND members.user_id = $2
 WHERE boards.id = $1`,
} as const;

/** The same, and revocations, for many open boards at once, in the order asked. $1 boards, $2 users */
export const STANDING_OF_MANY = {
  name: 'access_standing_of_many',
  text: `
SELECT boards.id IS NULL OR boards.deleted_at IS NOT NULL AS gone, members.role,
       (extract(epoch FROM session_revocations.revoked_before) * 1000)::float8 AS revoked_before
  FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS asked (board_id, user_id, place)
  LEFT JOIN boards ON boards.id = asked.board_id
  LEFT JOIN members ON members.board_id = asked.board_id AND members.user_id = asked.user_id
  LEFT JOIN session_revocations ON session_revocations.user_id = asked.user_id
 ORDER BY asked.place`,
} as const;

/**
 * The end of the current second, by the later of the clocks of database and node; never earlier than a revocation before it.
 * $1 user, $2 the node's end of second
 */
export const REVOKE_SESSIONS = `
WITH revoked AS (
  INSERT INTO session_revocations (user_id, revoked_before)
  VALUES ($1, greatest($2::timestamptz, date_trunc('second', clock_timestamp()) + interval '1 second'))
      ON CONFLICT (user_id) DO UPDATE SET revoked_before = greatest(session_revocations.revoked_before, excluded.revoked_before)
  RETURNING revoked_before
)
SELECT (extract(epoch FROM revoked_before) * 1000)::float8 AS revoked_before,
       (extract(epoch FROM revoked_before - clock_timestamp()) * 1000)::float8 AS ms_to_go,
       pg_notify('sunday_access', json_build_object('kind', 'revoked', 'userId', $1::text, 'before', extract(epoch FROM revoked_before) * 1000)::text)
  FROM revoked`;

/** $1 board, $2 who deletes it. One row if there was such a board to delete. */
export const DELETE_BOARD = `
WITH head AS (
  -- first, as every commit does: the other way round, one that changes the board's own fields would wait for this, and this for it
  SELECT board_id FROM board_heads WHERE board_id = $1 FOR UPDATE
), deleted AS (
  UPDATE boards SET deleted_at = now(), updated_at = now() FROM (SELECT count(*) FROM head) AS locked WHERE id = $1 AND deleted_at IS NULL RETURNING id
)
SELECT pg_notify('sunday_access', json_build_object('kind', 'board_deleted', 'boardId', id)::text),
       append_board_event(id, gen_random_uuid(), 'BoardDeleted', 'board', id::text, jsonb_build_object('deletedBy', $2::text, 'deletedAt', now()), $2, 'rest')
  FROM deleted`;
