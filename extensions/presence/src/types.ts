/**
 * The words the parts of the lane, and its callers, share.
 */
import type { LaneClock } from './clock.ts';
import type { PresenceLimits } from './limits.ts';
import type { NodeMessageKind, PresenceState, Told } from './wire.ts';

/** What the server says of a person; stamped on each of their states as `user`, over whatever the client wrote there. */
export interface PresenceUser {
  readonly id: string;
  readonly name: string;
  readonly picture: string | null;
  readonly color: string;
}

/** One attachment of one socket to one board. */
export interface PresencePeer {
  readonly id: string;
  readonly user: PresenceUser;
  /** Takes the body of a y-protocols awareness update. The same array is handed to all peers: wrap it once, never change it. */
  send(update: Uint8Array): void;
  /** The board has become crowded, more or less so, or is crowded no longer (null). */
  crowd?(crowd: PresenceCrowd | null): void;
  /** Bytes accepted by `send` and everything else on that socket, not yet taken by the network. */
  readonly bufferedBytes: number;
}

/** The place of a peer on a board: what its client says goes in here. None of it throws. */
export interface PresenceSeat {
  /** The body of an awareness message. A refusal drops what it names, nothing else: the peer stays. */
  receive(update: Uint8Array): ReceiveResult;
  /** What its client says now, as others see it. Parsed anew each time. */
  readonly state: PresenceState | undefined;
  /** Sends the peer everyone present. */
  query(): void;
  /** `clean`: the client said goodbye, others are told with the next ticks. `abnormal`: after a grace period, unless it returns. */
  leave(how: 'clean' | 'abnormal'): void;
}

/** How a board degrades while more people are on it than can all be told everything. */
export interface PresenceCrowd {
  readonly people: number;
  /** Saying more than once in this time is of no use. */
  readonly everyMs: number;
  /** By so much later is told what happens in other views than one's own. */
  readonly othersMs: number;
}

export interface PresentClient {
  readonly clientId: number;
  readonly user: PresenceUser;
  /** As others see it, `user` included. */
  readonly state: PresenceState;
}

/**
 * What was not delivered, and why. Each has a counter.
 * - `malformed`, `too_large`, `rate_limited`, `unknown_peer`: a frame or state of a peer was refused, or it has left; `receive` says so.
 * - `foreign`: an entry for a client id that the peer does not own. Ordinary: y-websocket sends back what it receives.
 * - `stale`: an entry older than one already received on that socket, or of a client that has moved to another.
 * - `shed`: a frame not sent to a peer with too many unsent bytes; it gets the full state when it has drained.
 * - `send_failed`: a peer's `send` threw.
 * - `expired`: a client without heartbeat for 30 s was removed.
 * - `forgotten`: a removed client's clock was forgotten, over the bound.
 * - `node_malformed`, `node_stale`: a message of another node that could not be read, or of an earlier life of that node.
 * - `publish_failed`: the injected `publish` threw.
 */
export const DROPS = [
  'malformed', 'too_large', 'rate_limited', 'unknown_peer', 'foreign', 'stale', 'shed', 'send_failed', 'expired', 'forgotten',
  'node_malformed', 'node_stale', 'publish_failed',
] as const;
export type PresenceDrop = (typeof DROPS)[number];

export type ReceiveRefusal = 'malformed_update' | 'too_large' | 'rate_limited' | 'unknown_peer';
export type ReceiveResult = { readonly ok: true } | { readonly ok: false; readonly code: ReceiveRefusal };

/** Time, injected so that tests can run hours of presence in milliseconds. */
export interface PresenceTime {
  /** Milliseconds, of which none is ever taken back. */
  now(): number;
  /** Milliseconds since 1970, as every node has them. */
  today(): number;
  /** Calls back once after `ms`; the returned function cancels. Must not keep the process alive. */
  after(ms: number, callback: () => void): () => void;
}

export const systemTime: PresenceTime = {
  now: () => performance.now(),
  today: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** What a board needs of its lane. */
export interface BoardHost {
  /** This node's name. */
  readonly node: string;
  readonly time: PresenceTime;
  readonly clock: LaneClock;
  readonly limits: PresenceLimits;
  readonly tickMs: number;
  /** How many times as long a tick takes just now. */
  slowdown(): number;
  readonly graceMs: number;
  drop(drop: PresenceDrop, count?: number): void;
  /** To the other nodes; absent where there are none. */
  publish?(kind: NodeMessageKind, told: Told): void;
  /** A client appeared: grace periods and heartbeats have to be watched. */
  watch(): void;
  /** Nobody is left: the board may be forgotten. */
  settled(): void;
}
