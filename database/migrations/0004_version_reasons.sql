-- Up Migration
--
-- Why a version was made. Those a person asked for stay until a person removes them; the others thin out with age.

ALTER TABLE board_versions ADD COLUMN reason text NOT NULL DEFAULT 'named' CHECK (reason IN ('named', 'hourly', 'before_restore'));
