/**
 * The events of the boards somebody may read, as they happen: of one board, of some, or of all of theirs.
 *
 * Guarantees: each board's events in order and without a gap, from the position given; at least once, told apart by id. Nothing is read ahead:
 * a reader takes a page, then the next is read from the log, so a slow one costs no memory. Nothing of a board is given once the caller's
 * role there is gone, and the stream ends within CHECK_MS when the token or the last board is lost.
 * Does not: order events of different boards.
 */
import { isUuid, type Database } from '@sunday/database';
import type { BoardEvent } from '@sunday/extension-event-bus';
import { SundayError, toSundayError, type ErrorCode } from '../errors.ts';
import { eventHeads, eventsAfter } from './event-log.ts';
import { requireRole, type BoardsParts } from './parts.ts';
import type { Actor } from './resources.ts';

/** Events of one board given at once. */
const PAGE = 100;
/** How often the token and the roles are looked at, though nothing happens; both are known in memory. */
const CHECK_MS = 1_000;
/** How often a stream of all boards looks for boards that are new to the caller. */
const MEMBERSHIP_MS = 5_000;
/** Proxies cut what is silent for a minute or less. */
const HEARTBEAT_MS = 15_000;

/** By board: the version of the last event that was given. */
export type Positions = Map<string, number>;

export type StreamMessage =
  /** Where the stream stands, for whoever wants to go on from there later. */
  | { readonly kind: 'position'; readonly positions: Positions }
  | { readonly kind: 'events'; readonly events: readonly BoardEvent[]; readonly positions: Positions }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'end'; readonly code: ErrorCode };

export type StreamRequest = {
  /** Empty: all boards the caller may read. */
  readonly boardIds: readonly string[];
  /** Where to go on; a board that is not in it starts with what happens from now on. */
  readonly positions: Positions;
  /** Throws when the caller's token is no good any more. */
  readonly signedIn: () => Promise<unknown>;
  readonly signal: AbortSignal;
};

export type EventStreams = {
  /** Checked before it resolves: role on every board named, and how many there are. */
  streamEvents(actor: Actor, request: StreamRequest): Promise<AsyncGenerator<StreamMessage>>;
};

/** $1 user, $2 limit. A board made after $3 is followed from its first event. */
const BOARDS_TO_READ = {
  name: 'boards_to_read',
  text: `SELECT members.board_id, boards.created_at > $3::timestamptz AS fresh
           FROM members JOIN boards ON boards.id = members.board_id AND boards.deleted_at IS NULL
          WHERE members.user_id = $1 LIMIT $2`,
} as const;

type ToRead = { board_id: string; fresh: boolean };

export function eventStreams(parts: BoardsParts): EventStreams {
  const { database, limits, feed } = parts;

  async function mine(actor: Actor, since: Date): Promise<ToRead[]> {
    const rows = await database.query<ToRead>(BOARDS_TO_READ, [actor.userId, limits.maxStreamBoards + 1, since]);
    if (rows.length > limits.maxStreamBoards) throw tooMany();
    return rows;
  }

  const tooMany = (): SundayError => {
    parts.onStream?.('too_many_boards');
    return new SundayError('validation_failed', `One stream follows at most ${limits.maxStreamBoards} boards: name some with boardId`, { field: 'boardId' });
  };

  async function* run(actor: Actor, { boardIds, positions: from, signedIn, signal }: StreamRequest, since: Date): AsyncGenerator<StreamMessage> {
    const named = boardIds.length > 0;
    const positions: Positions = new Map();
    const dirty = new Set<string>();
    let wake = (): void => undefined;
    const following = feed.follow((boardId) => { dirty.add(boardId); wake(); });
    const follow = async (wanted: readonly ToRead[]): Promise<void> => {
      following.boards(wanted.map(({ board_id: id }) => id)); // before the heads are read: nothing may fall in between
      const ids = new Set(wanted.map(({ board_id: id }) => id));
      for (const id of positions.keys()) if (!ids.has(id)) positions.delete(id);
      const added = wanted.filter(({ board_id: id }) => !positions.has(id));
      const heads = added.every(({ board_id: id }) => from.has(id)) ? new Map<string, number>() : await eventHeads(database, added.map(({ board_id: id }) => id));
      for (const { board_id: id, fresh } of added) {
        positions.set(id, from.get(id) ?? (fresh ? 0 : (heads.get(id) ?? 0)));
        dirty.add(id);
      }
    };
    const paused = (): Promise<void> => new Promise((resolve) => {
      const timer = setTimeout(done, CHECK_MS);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        wake = () => undefined;
        resolve();
      }
      wake = done;
      signal.addEventListener('abort', done);
    });

    let lookedAt = Date.now();
    let saidAt = Date.now();
    try {
      await follow(named ? boardIds.map((id) => ({ board_id: id, fresh: false })) : await mine(actor, since));
      yield { kind: 'position', positions };
      while (!signal.aborted) {
        try {
          await signedIn();
          if (named) for (const id of boardIds) await requireRole(parts, actor, id, 'viewer');
          else if (Date.now() - lookedAt > MEMBERSHIP_MS) {
            lookedAt = Date.now();
            await follow(await mine(actor, since));
          }
          for (const boardId of Array.from(dirty)) {
            const events = await pageOf(database, boardId, positions, dirty);
            if (events.length === 0 || !(await mayRead(actor, boardId, named, positions))) continue;
            positions.set(boardId, events.at(-1)?.version ?? 0);
            saidAt = Date.now();
            yield { kind: 'events', events, positions };
          }
        } catch (thrown) {
          const { code, retryable } = toSundayError(thrown);
          if (!retryable) {
            parts.onStream?.('ended');
            yield { kind: 'end', code };
            return;
          }
          await paused(); // Postgres is away: what happens meanwhile is told of when it is back
        }
        if (Date.now() - saidAt >= HEARTBEAT_MS) {
          saidAt = Date.now();
          yield { kind: 'heartbeat' };
        }
        if (dirty.size === 0 && !signal.aborted) await paused();
      }
      yield { kind: 'end', code: 'draining' };
    } finally {
      following.close();
    }
  }

  /** A board that is lost falls out of a stream of all boards, and ends one that named it. */
  async function mayRead(actor: Actor, boardId: string, named: boolean, positions: Positions): Promise<boolean> {
    try {
      await requireRole(parts, actor, boardId, 'viewer');
      return true;
    } catch (thrown) {
      if (named || toSundayError(thrown).retryable) throw thrown;
      positions.delete(boardId);
      return false;
    }
  }

  return {
    async streamEvents(actor, request) {
      const since = new Date();
      if (request.boardIds.length > limits.maxStreamBoards) throw tooMany();
      for (const id of request.boardIds) await requireRole(parts, actor, id, 'viewer');
      if (request.boardIds.length === 0) await mine(actor, since);
      return run(actor, request, since);
    },
  };
}

/** The next events of a board; it stays dirty while there may be more. */
async function pageOf(database: Database, boardId: string, positions: Positions, dirty: Set<string>): Promise<BoardEvent[]> {
  const after = positions.get(boardId);
  dirty.delete(boardId); // before reading: what is told of meanwhile must make it dirty again
  if (after === undefined) return [];
  const events = await eventsAfter(database, boardId, after, PAGE);
  if (events.length === PAGE) dirty.add(boardId);
  return events;
}

/** `id:version,…` with ids in 22 characters: what fits a header for hundreds of boards. */
export const encodePositions = (positions: Positions): string =>
  [...positions].map(([id, version]) => `${Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')}:${version.toString(36)}`).join(',');

/** What is none is passed over: such a board starts from now. */
export function decodePositions(text: string): Positions {
  const positions: Positions = new Map();
  for (const part of text.split(',')) {
    const [, short = '', version = ''] = /^([A-Za-z0-9_-]{22}):([0-9a-z]{1,10})$/.exec(part.trim()) ?? [];
    const hex = Buffer.from(short, 'base64url').toString('hex');
    const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
    if (isUuid(id)) positions.set(id, Number.parseInt(version, 36));
  }
  return positions;
}
