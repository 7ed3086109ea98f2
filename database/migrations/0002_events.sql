-- Up Migration
--
-- Domain events, written in the transaction of the change they tell of; conflicts shown to who lost; text being typed.

-- The number of the board's last event: taken under the same row lock as seq, so events are gap-free and in commit order.
ALTER TABLE board_heads ADD COLUMN event_version bigint NOT NULL DEFAULT 0;

-- What happened to a board, for ever: replay, history, audit, and what the relay publishes. Never updated, never deleted with a compaction.
-- The id comes from the change itself, so that who gets one event twice can tell.
CREATE TABLE board_events (
  board_id       uuid NOT NULL,
  version        bigint NOT NULL,
  id             uuid NOT NULL,
  type           text NOT NULL,
  aggregate_type text NOT NULL CHECK (aggregate_type IN ('board', 'item')),
  aggregate_id   text COLLATE "C" NOT NULL,
  data           jsonb NOT NULL,
  user_id        text,
  -- what wrote it: socket, rest, import, system
  source         text NOT NULL,
  correlation_id text,
  causation_id   text,
  trace_id       text,
  -- the batch that brought the change; null where no batch did (members, a deleted board)
  seq            bigint,
  occurred_at    timestamptz NOT NULL DEFAULT now(),
  -- replay is "this board after version n", in order
  PRIMARY KEY (board_id, version)
);
-- the history of one item
CREATE INDEX board_events_by_item ON board_events (board_id, aggregate_id, version) WHERE aggregate_type = 'item';

-- Appends one event to a board's log outside a batch: members, deletion, conflicts resolved. Call it in the transaction of what it tells of;
-- whoever relays events is told when that commits.
CREATE FUNCTION append_board_event(
  p_board uuid, p_id uuid, p_type text, p_aggregate_type text, p_aggregate_id text, p_data jsonb, p_user text, p_source text,
  p_correlation text DEFAULT NULL, p_causation text DEFAULT NULL, p_trace text DEFAULT NULL
) RETURNS bigint LANGUAGE sql AS $$
  UPDATE board_heads SET event_version = event_version + 1 WHERE board_id = p_board;
  INSERT INTO board_events (board_id, version, id, type, aggregate_type, aggregate_id, data, user_id, source, correlation_id, causation_id, trace_id)
  SELECT p_board, event_version, p_id, p_type, p_aggregate_type, p_aggregate_id, p_data, p_user, p_source, p_correlation, p_causation, p_trace
    FROM board_heads WHERE board_id = p_board;
  SELECT pg_notify('sunday_events', p_board::text);
  SELECT event_version FROM board_heads WHERE board_id = p_board;
$$;

-- Two wrote one cell at the same time: what is kept, what was overwritten, and whether anybody has said which is right.
CREATE TABLE conflicts (
  id          uuid PRIMARY KEY,
  board_id    uuid NOT NULL,
  item_id     text COLLATE "C" NOT NULL,
  column_id   text COLLATE "C" NOT NULL,
  policy      text NOT NULL,
  kept        jsonb,
  kept_by     text,
  kept_at     timestamptz,
  lost        jsonb,
  lost_by     text,
  lost_at     timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  -- null while open; mine, theirs, value: as the one who resolved it chose; superseded: the cell was written again since
  resolution  text CHECK (resolution IN ('mine', 'theirs', 'value', 'superseded')),
  resolved_by text,
  resolved_at timestamptz
);
-- the open conflicts of a board, newest first, and of one person on it
CREATE INDEX conflicts_of_board ON conflicts (board_id, created_at DESC, id);

-- Long text being typed: one row an author and cell, counted up with each batch, until a pause turns it into one event.
CREATE TABLE text_runs (
  board_id   uuid NOT NULL,
  item_id    text COLLATE "C" NOT NULL,
  column_id  text COLLATE "C" NOT NULL,
  user_id    text NOT NULL,
  event_id   uuid NOT NULL,
  source     text NOT NULL,
  range_from int NOT NULL,
  range_to   int NOT NULL,
  inserted   int NOT NULL,
  deleted    int NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  last_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (board_id, item_id, column_id, user_id)
) WITH (fillfactor = 50);
-- runs that have paused long enough
CREATE INDEX text_runs_by_pause ON text_runs (last_at);
