-- Up Migration
--
-- The first schema: workspaces, people, boards and their journal, the item projection, access, idempotency.
-- Numbered, forward only: a change is a new file. Times are timestamptz; ids of boards are uuid, ids inside a board are short text.
-- The hot tables (board_heads, board_updates, items) carry no foreign keys besides the head's own: the batch writes them under the
-- lock of the head row, which exists only for a board that exists, so a key would only cost a look-up for each row of each commit.

CREATE TABLE users (
  id         text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 255),
  name       text NOT NULL,
  email      text,
  picture    text,
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workspaces (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name       text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
-- "my workspaces" starts from those a user made
CREATE INDEX workspaces_by_creator ON workspaces (created_by);

CREATE TABLE boards (
  id           uuid PRIMARY KEY,
  workspace_id uuid REFERENCES workspaces,
  name         text NOT NULL,
  description  text NOT NULL DEFAULT '',
  columns      jsonb NOT NULL DEFAULT '[]',
  groups       jsonb NOT NULL DEFAULT '[]',
  created_at   timestamptz NOT NULL DEFAULT now(),
  created_by   text,
  updated_at   timestamptz NOT NULL DEFAULT now(),
  deleted_at   timestamptz
);
-- a workspace's boards; also what the foreign key looks up
CREATE INDEX boards_by_workspace ON boards (workspace_id);

-- One narrow row a board, updated by every commit of the board: half-empty pages keep those updates in place (HOT), and there is no
-- second index that would spoil that. Its row lock is the order of the board's journal.
CREATE TABLE board_heads (
  board_id            uuid PRIMARY KEY REFERENCES boards ON DELETE CASCADE,
  seq                 bigint NOT NULL,
  snapshot_generation bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- The journal. Append-only until compaction deletes exactly the rows it merged.
CREATE TABLE board_updates (
  board_id     uuid NOT NULL,
  seq          bigint NOT NULL,
  batch_id     uuid NOT NULL,
  update       bytea NOT NULL,
  node         text,
  authors      jsonb,
  committed_at timestamptz NOT NULL DEFAULT now(),
  -- reads are "this board after seq n", in order
  PRIMARY KEY (board_id, seq),
  -- an unknown commit outcome is looked up by its batch id, and no batch can be written twice
  UNIQUE (batch_id)
);

CREATE TABLE board_snapshots (
  board_id    uuid PRIMARY KEY,
  generation  bigint NOT NULL,
  through_seq bigint NOT NULL,
  snapshot    bytea NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now()
);
-- Yjs updates hardly shrink under pglz, and compressing megabytes would be paid at every load
ALTER TABLE board_snapshots ALTER COLUMN snapshot SET STORAGE EXTERNAL;

CREATE TABLE board_versions (
  board_id   uuid NOT NULL,
  id         uuid NOT NULL DEFAULT gen_random_uuid(),
  seq        bigint NOT NULL,
  name       text,
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  snapshot   bytea NOT NULL,
  PRIMARY KEY (board_id, id)
);
ALTER TABLE board_versions ALTER COLUMN snapshot SET STORAGE EXTERNAL;
-- a board's versions, newest first
CREATE INDEX board_versions_by_seq ON board_versions (board_id, seq);

-- Which user a Yjs client id belongs to, on this board.
CREATE TABLE board_clients (
  board_id   uuid NOT NULL,
  client_id  bigint NOT NULL,
  user_id    text NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (board_id, client_id)
);

-- The projection: one row an item, written in the batch's transaction. A cell edit changes item_values, updated_at, updated_by and
-- seq: none of them is indexed and pages keep room, so that such an update stays in place (HOT).
CREATE TABLE items (
  board_id    uuid NOT NULL,
  -- ids and fractional keys order by bytes, whatever the database's locale
  item_id     text COLLATE "C" NOT NULL,
  group_id    text COLLATE "C",
  name        text NOT NULL,
  position    text COLLATE "C",
  item_values jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz,
  created_by  text,
  updated_at  timestamptz,
  updated_by  text,
  deleted_at  timestamptz,
  seq         bigint NOT NULL,
  PRIMARY KEY (board_id, item_id)
) WITH (fillfactor = 80);
-- a board's items in board order, group by group, page after page
CREATE INDEX items_in_order ON items (board_id, group_id, position, item_id);

CREATE TABLE members (
  board_id uuid NOT NULL REFERENCES boards ON DELETE CASCADE,
  user_id  text NOT NULL,
  role     text NOT NULL CHECK (role IN ('owner', 'editor', 'commenter', 'viewer')),
  added_by text,
  added_at timestamptz NOT NULL DEFAULT now(),
  -- the question of every connect and request: this user's role on this board
  PRIMARY KEY (board_id, user_id)
);
-- "my boards"
CREATE INDEX members_by_user ON members (user_id, board_id);

CREATE TABLE session_revocations (
  user_id        text PRIMARY KEY,
  revoked_before timestamptz NOT NULL
);

CREATE TABLE idempotency_keys (
  user_id      text NOT NULL,
  key          text NOT NULL,
  request_hash text NOT NULL,
  status       int,
  body         jsonb,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, key)
);
-- old keys are swept by age
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
