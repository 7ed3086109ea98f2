-- Up Migration
--
-- Statistics that nothing is planned by cost whoever waits for a commit. The logs grow by every change, so they are analysed every minute of a
-- busy day, and by default that reads 30 000 rows and sorts every column of them: seconds of a core, most of it for updates and event data.
-- The sample is 300 times the largest target among a table's columns; a target of 0 leaves a column out.

ALTER TABLE board_updates
  ALTER COLUMN board_id SET STATISTICS 10, ALTER COLUMN seq SET STATISTICS 10, ALTER COLUMN batch_id SET STATISTICS 10,
  ALTER COLUMN committed_at SET STATISTICS 10, ALTER COLUMN update SET STATISTICS 0, ALTER COLUMN node SET STATISTICS 0,
  ALTER COLUMN authors SET STATISTICS 0;

ALTER TABLE board_events
  ALTER COLUMN board_id SET STATISTICS 10, ALTER COLUMN version SET STATISTICS 10, ALTER COLUMN id SET STATISTICS 10,
  ALTER COLUMN type SET STATISTICS 10, ALTER COLUMN aggregate_type SET STATISTICS 10, ALTER COLUMN aggregate_id SET STATISTICS 10,
  ALTER COLUMN seq SET STATISTICS 10, ALTER COLUMN occurred_at SET STATISTICS 10, ALTER COLUMN data SET STATISTICS 0,
  ALTER COLUMN user_id SET STATISTICS 0, ALTER COLUMN source SET STATISTICS 0, ALTER COLUMN correlation_id SET STATISTICS 0,
  ALTER COLUMN causation_id SET STATISTICS 0, ALTER COLUMN trace_id SET STATISTICS 0;

ALTER TABLE consumed_events
  ALTER COLUMN consumer_group SET STATISTICS 10, ALTER COLUMN event_id SET STATISTICS 10, ALTER COLUMN consumed_at SET STATISTICS 10;

-- whole boards, and cells, which are filtered by what is in them
ALTER TABLE board_snapshots ALTER COLUMN snapshot SET STATISTICS 0;
ALTER TABLE board_versions ALTER COLUMN snapshot SET STATISTICS 0;
ALTER TABLE items ALTER COLUMN item_values SET STATISTICS 0;
