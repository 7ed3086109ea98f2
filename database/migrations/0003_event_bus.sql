-- Up Migration
--
-- The event bus: how far each board's events are relayed, how far each consumer group is, and what a group could not handle.
-- Nothing here is locked by, or locks, the commit of a batch: a relay and a consumer only read board_heads and board_events.

-- How far the events of a board are with the bus, and which relay has the board in hand. No row: nothing relayed yet.
-- Written once or twice a round while a board is edited: half-empty pages keep that in place (HOT), and no second index spoils it.
CREATE TABLE outbox (
  board_id      uuid PRIMARY KEY,
  relayed       bigint NOT NULL DEFAULT 0,
  claimed_by    text,
  claimed_until timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- What the bus was when it was last published to: a Redis that comes back as another may have forgotten what it had taken.
CREATE TABLE bus_memory (
  bus      text PRIMARY KEY,
  identity text NOT NULL,
  seen_at  timestamptz NOT NULL DEFAULT now()
);

-- Groups that were started once on a bus. A group whose bus lost its memory starts from what is there, not from now.
CREATE TABLE consumer_groups (
  bus            text NOT NULL,
  consumer_group text NOT NULL,
  started_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (bus, consumer_group)
);

-- The embedded bus: how far a group is on a board, and which worker has the board in hand.
CREATE TABLE bus_cursors (
  consumer_group text NOT NULL,
  board_id       uuid NOT NULL,
  delivered      bigint NOT NULL DEFAULT 0,
  claimed_by     text,
  claimed_until  timestamptz,
  PRIMARY KEY (consumer_group, board_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- Events that a group has dealt with: handled, or taken into failed_deliveries. Written in the transaction of the handling.
CREATE TABLE consumed_events (
  consumer_group text NOT NULL,
  event_id       uuid NOT NULL,
  consumed_at    timestamptz NOT NULL DEFAULT now(),
  -- the question of every delivery
  PRIMARY KEY (consumer_group, event_id)
);
-- old rows are swept by age, and they lie on disk in that order
CREATE INDEX consumed_events_by_age ON consumed_events USING brin (consumed_at);

-- Deliveries that failed, and those that wait behind one of their board. One group's rows of one board are in the board's order.
-- At most one of them is `retrying`; what is `waiting` has a `retrying` row before it, or, where the group holds its order, a `parked` one.
CREATE TABLE failed_deliveries (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer_group  text NOT NULL,
  board_id        uuid NOT NULL,
  event_id        uuid NOT NULL,
  event           jsonb NOT NULL,
  state           text NOT NULL CHECK (state IN ('retrying', 'parked', 'waiting')),
  tries           int NOT NULL,
  next_try_at     timestamptz,
  error           text,
  first_failed_at timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now()
);
-- "does anything of this board come first", asked by every delivery, and the next of a board
CREATE INDEX failed_deliveries_of_board ON failed_deliveries (consumer_group, board_id, id);
-- what is due
CREATE INDEX failed_deliveries_due ON failed_deliveries (consumer_group, next_try_at) WHERE state = 'retrying';
