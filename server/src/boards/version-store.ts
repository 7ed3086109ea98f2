/**
 * Versions of boards in Postgres: the rows, and which of them stay.
 *
 * Guarantees: a version is never changed; those people asked for stay until a person removes them; automatic ones are at most `maxVersions`
 * a board, thin out to one a day after a day, and go after `versionDays`.
 */
import { isUuid, type Database } from '@sunday/database';
import { SundayError } from '../errors.ts';
import type { Limits } from '../limits.ts';

export const VERSION_REASONS = ['named', 'hourly', 'before_restore'] as const;
/** named: a person asked for it. */
export type VersionReason = (typeof VERSION_REASONS)[number];
export type VersionLimits = 'versionMinutes' | 'versionDays' | 'maxVersions' | 'maxDiffItems';
export type VersionCount = VersionReason | 'limit_reached';

export type VersionResource = {
  id: string;
  boardId: string;
  name: string | null;
  reason: VersionReason;
  /** The batch up to which it holds the board. */
  seq: number;
  bytes: number;
  /** null: the server. */
  createdBy: string | null;
  createdAt: string;
};

type VersionRow = { id: string; board_id: string; name: string | null; reason: VersionReason; seq: string; bytes: number; created_by: string | null; created_at: Date };

// octet_length of an uncompressed value is in its row: no version is read to be listed
const VERSION_COLUMNS = 'id, board_id, name, reason, seq, octet_length(snapshot) AS bytes, created_by, created_at';

/** $1 board, $2 and $3 seq and id of the last one or null, $4 limit */
const VERSIONS_OF_BOARD = {
  name: 'versions_of_board',
  text: `SELECT ${VERSION_COLUMNS} FROM board_versions
          WHERE board_id = $1 AND ($2::bigint IS NULL OR (seq, id) < ($2::bigint, $3::uuid))
          ORDER BY seq DESC, id DESC LIMIT $4`,
} as const;

/** $1 board, $2 version */
const ONE_VERSION = { name: 'one_version', text: `SELECT ${VERSION_COLUMNS} FROM board_versions WHERE board_id = $1 AND id = $2` } as const;
/** $1 board, $2 version */
const SNAPSHOT = { name: 'version_snapshot', text: 'SELECT snapshot FROM board_versions WHERE board_id = $1 AND id = $2' } as const;
/** $1 board, $2 seq */
const VERSION_AT = { name: 'version_at', text: `SELECT ${VERSION_COLUMNS} FROM board_versions WHERE board_id = $1 AND seq = $2 ORDER BY created_at LIMIT 1` } as const;
/** The same id again is the same request again. $1 board, $2 id, $3 seq, $4 name, $5 reason, $6 by whom, $7 bytes */
const ADD_VERSION = {
  name: 'add_version',
  text: `INSERT INTO board_versions (board_id, id, seq, name, reason, created_by, snapshot) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
} as const;
/** $1 board */
const COUNT_NAMED = { name: 'count_named_versions', text: `SELECT count(*)::int AS count FROM board_versions WHERE board_id = $1 AND reason = 'named'` } as const;
/** $1 board */
const NEWEST = { name: 'newest_version', text: 'SELECT seq, created_at FROM board_versions WHERE board_id = $1 ORDER BY created_at DESC LIMIT 1' } as const;
/** $1 board, $2 version */
const REMOVE = { name: 'remove_version', text: 'DELETE FROM board_versions WHERE board_id = $1 AND id = $2 RETURNING id' } as const;
/** Which automatic ones go: the old, all but the last of each past day, and what is over the number. $1 board, $2 days, $3 number */
const THIN_OUT = {
  name: 'thin_out_versions',
  text: `
WITH automatic AS (
  SELECT id, created_at,
         row_number() OVER (ORDER BY created_at DESC, id) AS nth,
         row_number() OVER (PARTITION BY date_trunc('day', created_at) ORDER BY created_at DESC, id) AS nth_of_day
    FROM board_versions WHERE board_id = $1 AND reason <> 'named'
)
DELETE FROM board_versions v USING automatic a
 WHERE v.board_id = $1 AND v.id = a.id
   AND (a.created_at < now() - make_interval(days => $2::int)
        OR (a.created_at < now() - interval '1 day' AND a.nth_of_day > 1)
        OR a.nth > $3)`,
} as const;

export type NewVersion = { boardId: string; id: string; seq: number; name: string | null; reason: VersionReason; createdBy: string | null; bytes: Uint8Array };

export class VersionStore {
  private readonly database: Database;
  private readonly limits: Pick<Limits, VersionLimits>;
  private readonly count: (what: VersionCount) => void;

  constructor(parts: { database: Database; limits: Pick<Limits, VersionLimits>; count: (what: VersionCount) => void }) {
    this.database = parts.database;
    this.limits = parts.limits;
    this.count = parts.count;
  }

  async list(boardId: string, after: { seq: string | null; id: string | null }, limit: number): Promise<VersionResource[]> {
    const rows = await this.database.query<VersionRow>(VERSIONS_OF_BOARD, [boardId, after.seq, after.id, limit]);
    return rows.map(versionResource);
  }

  /** @throws SundayError not_found */
  async find(boardId: string, versionId: string): Promise<VersionResource> {
    const [row] = isUuid(versionId) ? await this.database.query<VersionRow>(ONE_VERSION, [boardId, versionId]) : [];
    if (row === undefined) throw noSuchVersion();
    return versionResource(row);
  }

  /** The whole board as one Yjs update. @throws SundayError not_found */
  async bytes(boardId: string, versionId: string): Promise<Uint8Array> {
    const [row] = isUuid(versionId) ? await this.database.query<{ snapshot: Buffer }>(SNAPSHOT, [boardId, versionId]) : [];
    if (row === undefined) throw noSuchVersion();
    return row.snapshot;
  }

  /** One that holds the board as it was at this number. */
  async at(boardId: string, seq: number): Promise<VersionResource | undefined> {
    const [row] = await this.database.query<VersionRow>(VERSION_AT, [boardId, seq]);
    return row === undefined ? undefined : versionResource(row);
  }

  async newest(boardId: string): Promise<{ seq: number; createdAt: Date } | undefined> {
    const [row] = await this.database.query<{ seq: string; created_at: Date }>(NEWEST, [boardId]);
    return row === undefined ? undefined : { seq: Number(row.seq), createdAt: row.created_at };
  }

  /** @throws SundayError limit_reached where people have made as many as are kept */
  async add({ boardId, id, seq, name, reason, createdBy, bytes }: NewVersion): Promise<VersionResource> {
    if (reason === 'named') await this.requireRoom(boardId, id);
    await this.database.query(ADD_VERSION, [boardId, id, seq, name, reason, createdBy, bytes]);
    this.count(reason);
    if (reason !== 'named') await this.database.query(THIN_OUT, [boardId, this.limits.versionDays, this.limits.maxVersions]);
    return this.find(boardId, id);
  }

  /** @throws SundayError not_found */
  async remove(boardId: string, versionId: string): Promise<void> {
    const removed = isUuid(versionId) ? await this.database.query(REMOVE, [boardId, versionId]) : [];
    if (removed.length === 0) throw noSuchVersion();
  }

  private async requireRoom(boardId: string, id: string): Promise<void> {
    const [counted] = await this.database.query<{ count: number }>(COUNT_NAMED, [boardId]);
    if ((counted?.count ?? 0) < this.limits.maxVersions) return;
    if ((await this.database.query(ONE_VERSION, [boardId, id])).length > 0) return;
    this.count('limit_reached');
    throw new SundayError('limit_reached', `A board keeps at most ${this.limits.maxVersions} versions that people asked for: remove one first`);
  }
}

const noSuchVersion = (): SundayError => new SundayError('not_found', 'The board has no such version');

const versionResource = (row: VersionRow): VersionResource => ({
  id: row.id, boardId: row.board_id, name: row.name, reason: row.reason, seq: Number(row.seq), bytes: row.bytes, createdBy: row.created_by, createdAt: row.created_at.toISOString(),
});
