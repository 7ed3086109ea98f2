/**
 * Every limit of the server: its variable, default, unit and reason, in one table. `config.ts` reads the variables through it and a
 * test holds `docs/configuration.md` against it, so a limit cannot exist undocumented.
 */

type Limit = { readonly env: string; readonly default: number; readonly min: number; readonly max: number; readonly about: string };

const KIB = 1024;
const MIB = 1024 * KIB;

const limit = (env: string, defaultValue: number, about: string, min = 1, max = 2 ** 31 - 1): Limit => ({
  env,
  default: defaultValue,
  min,
  max,
  about,
});

export const LIMITS = {
  // REST
  maxBodyBytes: limit('SUNDAY_MAX_BODY_BYTES', MIB, 'largest JSON body of a REST request; a full batch of 500 items with long text fits', KIB),
  maxImportBytes: limit('SUNDAY_MAX_IMPORT_BYTES', 64 * MIB, 'largest CSV or JSON file of an import', KIB),
  maxImportRows: limit('SUNDAY_MAX_IMPORT_ROWS', 50_000, 'most rows of one import; a board is held in memory while it is open (about 12 kB an item of 12 cells)'),
  maxBatchOperations: limit('SUNDAY_MAX_BATCH_OPERATIONS', 500, 'most operations in one items/batch; they run in one transaction of the live board'),
  maxPageSize: limit('SUNDAY_MAX_PAGE_SIZE', 500, 'most entries one page of a list answers'),
  requestTimeoutMs: limit('SUNDAY_REQUEST_TIMEOUT_MS', 60_000, 'time (ms) to receive one whole request; cuts slow-loris connections', 1000),
  requestsPerMinute: limit('SUNDAY_REQUESTS_PER_MINUTE', 0, 'REST requests one user may make in a minute on this node; 0 is no limit', 0),
  idempotencyHours: limit('SUNDAY_IDEMPOTENCY_HOURS', 24, 'hours an Idempotency-Key is remembered'),
  // History
  versionMinutes: limit('SUNDAY_VERSION_MINUTES', 60, 'minutes between two automatic versions of a board that changes; 0 makes none', 0, 525_600),
  versionDays: limit('SUNDAY_VERSION_DAYS', 30, 'days an automatic version is kept; of days gone by, the last of each day'),
  maxVersions: limit('SUNDAY_MAX_VERSIONS', 100, 'most versions of one board that people asked for, and most automatic ones. Each holds the whole board', 2, 10_000),
  maxDiffItems: limit('SUNDAY_MAX_DIFF_ITEMS', 500, 'most items that a comparison of two versions names of each kind; the counts say how many there are'),
  maxStreamsPerUser: limit('SUNDAY_MAX_STREAMS_PER_USER', 50, 'most event streams (SSE) one user may have open on this node'),
  maxStreamBoards: limit('SUNDAY_MAX_STREAM_BOARDS', 250, 'most boards one event stream follows; where each one stands has to fit a header', 1, 400),
  // Sockets
  maxFrameBytes: limit('SUNDAY_MAX_FRAME_BYTES', 16 * MIB, 'largest WebSocket message; a whole offline session arrives as one', KIB),
  maxBoardBytes: limit(
    'SUNDAY_MAX_BOARD_BYTES',
    128 * MIB,
    'largest encoded board; updates that would grow it further are refused with too_large',
    64 * KIB,
  ),
  maxBoardsPerSocket: limit('SUNDAY_MAX_BOARDS_PER_SOCKET', 100, 'most boards one socket may attach to'),
  maxSocketsPerUser: limit('SUNDAY_MAX_SOCKETS_PER_USER', 200, 'most open sockets one user may have on this node'),
  maxOutboundBytes: limit('SUNDAY_MAX_OUTBOUND_BYTES', 8 * MIB, 'bytes queued for one slow socket before it is closed with 4508; at a 32nd of it cursors are left out, at an 8th edits are held back and sent as one difference later', 64 * KIB),
  authTimeoutMs: limit('SUNDAY_AUTH_TIMEOUT_MS', 10_000, 'time (ms) a new socket has to authenticate its first board', 100),
  idleTimeoutMs: limit('SUNDAY_IDLE_TIMEOUT_MS', 60_000, 'time (ms) without any traffic, pings included, after which a socket counts as dead', 1000),
  slowConsumerMs: limit('SUNDAY_SLOW_CONSUMER_MS', 15_000, 'time (ms) edits may be held back for a socket that does not drain before it is closed with 4508', 1000),
  maxFramesPerSecond: limit('SUNDAY_MAX_FRAMES_PER_SECOND', 250, 'frames one socket may send in a second before reading from it is paused. To be sent again what is lacking (a third Step1 for a board, and each after it) counts as 25'),
  maxBytesPerSecond: limit('SUNDAY_MAX_BYTES_PER_SECOND', MIB, 'bytes one socket may send in a second before reading from it is paused', KIB),
  maxUserFramesPerSecond: limit('SUNDAY_MAX_USER_FRAMES_PER_SECOND', 250, 'the same for all sockets of one user on this node: nobody types in several windows at once'),
  maxUserBytesPerSecond: limit('SUNDAY_MAX_USER_BYTES_PER_SECOND', 2 * MIB, 'the same for all sockets of one user on this node', KIB),
  maxBoardFramesPerSecond: limit('SUNDAY_MAX_BOARD_FRAMES_PER_SECOND', 20_000, 'the same for one board, over all who are on it on this node; about what one core takes in'),
  maxBoardBytesPerSecond: limit('SUNDAY_MAX_BOARD_BYTES_PER_SECOND', 32 * MIB, 'the same for one board, over all who are on it on this node', KIB),
  maxRefusalsPerMinute: limit('SUNDAY_MAX_REFUSALS_PER_MINUTE', 60, 'bad updates and frames of one user that are refused in a minute before the socket that goes on is not read, and nobody signs in as that user, until a minute allows it again; a large one counts as one more for each 64 KiB', 1),
  maxSignInsPerMinute: limit('SUNDAY_MAX_SIGN_INS_PER_MINUTE', 600, 'boards one user may open in a minute on this node before the next one waits; who would wait too long is refused with rate_limited', 1),
  // Updates
  maxUpdateStructs: limit('SUNDAY_MAX_UPDATE_STRUCTS', 500_000, 'most Yjs structs of one update; a board of 10 000 items × 12 cells written in one offline session has about 150 000', 1000),
  maxUpdateClients: limit('SUNDAY_MAX_UPDATE_CLIENTS', 2000, 'most Yjs client ids of one update that nobody has written with before; each page is one, and each counts as 10 frames'),
  maxValueDepth: limit('SUNDAY_MAX_VALUE_DEPTH', 16, 'deepest nesting of one stored value', 4, 256),
  maxWaitingUpdates: limit('SUNDAY_MAX_WAITING_UPDATES', 1000, 'updates a client may send that wait for its handshake, as a stock client does with what it queued offline'),
  // Presence
  presenceTickMs: limit('SUNDAY_PRESENCE_TICK_MS', 40, 'time (ms) between two presence frames of a board; 25 to 50 looks smooth', 5, 1000),
  presenceSlowestTickMs: limit('SUNDAY_PRESENCE_SLOWEST_TICK_MS', 400, 'the same on a node whose event loop never rests: presence gives way to edits, from two fifths of its time on'),
  presenceFullRatePeople: limit('SUNDAY_PRESENCE_FULL_RATE_PEOPLE', 100, 'most people of a board who are all told of every move at the tick; above, those who look at the same come first'),
  maxPresenceBytes: limit('SUNDAY_MAX_PRESENCE_BYTES', 8 * KIB, 'largest presence state of one client', 256),
  // Events
  eventTries: limit('SUNDAY_EVENT_TRIES', 8, 'tries of one event by one consumer before it is parked; the pauses between them grow from 1 s to 5 min'),
  eventTimeoutMs: limit('SUNDAY_EVENT_TIMEOUT_MS', 30_000, 'time (ms) one try may take', 100),
  eventTransactions: limit('SUNDAY_EVENT_TRANSACTIONS', 4, 'transactions of consumers at a time; commits of edits share the database connections with them', 1, 16),
  eventLeaseMs: limit('SUNDAY_EVENT_LEASE_MS', 10_000, 'time (ms) the boards of a dead consumer stay with it; those of a dead relay stay three times as long, since publishing may take a while', 500, 600_000),
  eventStreamLength: limit('SUNDAY_EVENT_STREAM_LENGTH', 100_000, 'Redis: events of one of the 16 streams that some consumer has not taken; above it events wait in Postgres', 1_000),
  eventRewindMinutes: limit('SUNDAY_EVENT_REWIND_MINUTES', 60, 'Redis: minutes of events that are published again when Redis may have forgotten some', 1),
  eventMemoryHours: limit('SUNDAY_EVENT_MEMORY_HOURS', 168, 'hours a consumer remembers an event, so that it handles none twice; longer than any bus repeats one', 2),
  // Process
  shutdownGraceMs: limit('SUNDAY_SHUTDOWN_GRACE_MS', 20_000, 'time (ms) after SIGTERM to drain sockets and commit batches', 0),
} as const satisfies Record<string, Limit>;

export type Limits = { readonly [Name in keyof typeof LIMITS]: number };

/** The defaults, for tests and for parts used on their own. */
export const DEFAULT_LIMITS: Limits = Object.fromEntries(Object.entries(LIMITS).map(([name, limit]) => [name, limit.default])) as Limits;
