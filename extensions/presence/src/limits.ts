/**
 * The bounds and intervals of the presence lane, each with its reason. All of them can be changed per lane (`createPresence`).
 */

export interface PresenceLimits {
  /** Bytes of one client's state, as JSON. A cursor with a selection is about 150; 4 KiB leaves room for an application's own fields. */
  readonly stateBytes: number;
  /** Bytes of one received frame. Large, because y-websocket sends back every state it is sent, a whole board's on joining. */
  readonly frameBytes: number;
  /** Frames a second from one peer, with a burst of twice that. A 240 Hz mouse with one frame a move stays below. */
  readonly framesPerSecond: number;
  /** Above this many unsent bytes a peer gets no presence; at half of it, the full state. Below the gateway's own bound, so that presence goes first. */
  readonly bufferedBytes: number;
  /** Client ids of a board that are remembered after they left, with the clock of their removal. About 100 bytes each. */
  readonly rememberedClients: number;
  /** Up to so many people everybody is told everything with every tick; of more, a tick tells so many (of more than 1250, a twelfth of them). 100 are 2500 frames a second and board. */
  readonly fullRatePeople: number;
}

export const DEFAULT_LIMITS: PresenceLimits = {
  stateBytes: 4 * 1024,
  frameBytes: 1024 * 1024,
  framesPerSecond: 300,
  bufferedBytes: 256 * 1024,
  rememberedClients: 2048,
  fullRatePeople: 100,
};

/** At most 25 frames a second to a socket: smooth to the eye, and a person's moves of one tick cost one frame. */
export const TICK_MS = 40;

/** A change after a quiet time leaves sooner than a whole tick, but waits this long for others of the same burst. */
export const MIN_DELAY_MS = 5;

/**
 * In a crowd of whatever size everybody is told once in this time, reached with 1250 people (in twice the time, while half of what is sent goes to those who
 * look at what is going on): cursors beyond it read as jumps, not as moves.
 */
export const MAX_TICK_MS = 500;

/** The same in a process that is so busy that it asks for a slowdown. */
export const MAX_BUSY_TICK_MS = 1_000;

/**
 * With twice `fullRatePeople` on a board, a move is told this much later to those who look at something else; with three times as many
 * twice this. So many more people cost nobody more than about 250 such moves a second.
 */
export const OTHERS_MS = 500;

/** The most a move waits for those who look at something else. Heartbeats wait too: they come every 15 s and must arrive within 30. */
export const MAX_OTHERS_MS = 4_000;

/** What has waited long enough goes out at most so often: a frame to everybody is dear. */
export const OTHERS_ROUND_MS = 500;

/** Names of a `view`, and their length: an item's id is 21 characters, a UUID 36. */
export const MAX_VIEWS = 8;
export const MAX_VIEW_CHARS = 64;

/** How often a peer that is being shed is looked at again when nothing else happens on the board. */
export const DRAIN_POLL_MS = 250;

/**
 * On a single node a heartbeat, which says again what everybody was told, waits so long for others, and half of it for something else that is
 * sent to all: it comes every 15 s and must arrive within 30, in a crowd, too.
 */
export const HEARTBEAT_WAIT_MS = 2_000;

/** y-protocols' own `outdatedTimeout`: a client that sent nothing for so long is gone; its heartbeat comes every 15 s. */
export const OUTDATED_MS = 30_000;

/** A socket that broke may be back on a train's next mast: nobody should see the cursor flicker. Stock providers retry within 1–3 s. */
export const GRACE_MS = 4_000;

/** How often grace periods and outdated clients are looked at, while there is any client. */
export const SWEEP_MS = 1_000;

/** Another node's clock that is further ahead is wrong, and not followed. Machines that keep time differ by milliseconds. */
export const MAX_SKEW_MS = 60_000;

/**
 * So far above the lane's clock a client's own is lifted (clients.ts). Each lift is a `change` event in the page, and comes when half of it has
 * passed; a day is far more than frames may be on their way, or a machine's clock jump.
 */
export const LIFT_MS = 86_400_000;

/** Largest clock that is decoded at all. */
export const WIRE_CLOCK = 2 ** 52;

/** Largest user name and picture URL in a stamp: they travel with every move (a `data:` picture would not fit, and is left out). */
export const MAX_NAME_CHARS = 128;
export const MAX_PICTURE_CHARS = 512;
