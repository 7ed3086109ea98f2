/**
 * What nodes tell each other about the boards they have open, and the interface of whatever carries it.
 *
 * A fan-out is a hint, the journal is the truth. Invariants every driver upholds (`test/conformance.ts` checks them):
 * - what a node publishes reaches every other node that has the board open, at most once, whole, in the order of that node;
 *   nobody gets their own messages, and nobody those of a board they have not open;
 * - loss is possible and never hidden for good: a driver that may have lost messages, in either direction, says so with
 *   `missed` on the nodes that may lack them, once the way is open again. What it cannot notice, a gap in `seq` shows;
 * - when `open` resolves, whatever is published from then on is delivered; or the way is down, and `missed` follows;
 * - `publish`, `open` and `close` never throw, `publish` never waits, and what waits to be sent is bounded;
 * - a node that dies is reported gone within about five seconds, one that says goodbye at once; while the way is down nobody
 *   is reported, since nobody can be told from dead. A node that is heard again after that is reported `here` again.
 *
 * It does not: keep messages for those who are not there, order messages of different nodes, or check who may publish.
 */

/** One life of one process among others. */
export interface NodeIdentity {
  /** Unique among the nodes that run at the same time. */
  readonly id: string;
  /** Grows with every start of that node; the time of the start will do. */
  readonly epoch: number;
}

export type BoardMessage =
  /** A committed batch, the merged update itself. */
  | { readonly kind: 'batch'; readonly seq: number; readonly update: Uint8Array }
  /** A committed batch too large to send: it is to be read from the journal. */
  | { readonly kind: 'head'; readonly seq: number }
  /** Sent on uncommitted while the database is away; whoever gets it journals it too. */
  | { readonly kind: 'volatile'; readonly update: Uint8Array; readonly authors: readonly string[]; readonly clients: ReadonlyMap<number, string> }
  /** A message of the presence lane, opaque here. */
  | { readonly kind: 'presence'; readonly message: Uint8Array };

/** `degraded`: other nodes may not hear this one, or this one not them. */
export type FanoutState = 'ok' | 'degraded';

/**
 * What was not carried, and why. `offline`: the way is down; `full`: too much waits to be sent; `failed`: refused on the way;
 * `malformed`: received, and could not be read; `handler`: received, and whoever takes it threw.
 */
export const FANOUT_DROPS = ['offline', 'full', 'failed', 'malformed', 'handler'] as const;
export type FanoutDrop = (typeof FANOUT_DROPS)[number];

export interface FanoutHandlers {
  message(boardId: string, message: BoardMessage, from: NodeIdentity): void;
  /** Messages of this board (`null`: of any) may have been lost. */
  missed(boardId: string | null): void;
  /** Heard of for the first time, or again after it was gone. */
  nodeHere?(node: NodeIdentity): void;
  /** It said goodbye, fell silent, or started anew. */
  nodeGone?(node: NodeIdentity): void;
  state?(state: FanoutState, reason: string): void;
  /** Something an operator has to put right. */
  trouble?(what: string): void;
  sent?(kind: BoardMessage['kind'], bytes: number): void;
  received?(kind: BoardMessage['kind'], bytes: number): void;
  dropped?(drop: FanoutDrop): void;
}

export interface Fanout {
  readonly node: NodeIdentity;
  readonly state: FanoutState;
  /** The other nodes heard of lately. */
  readonly nodes: readonly NodeIdentity[];
  /** The boards opened and not closed. */
  readonly boards: Iterable<string>;
  /** Resolves when the way is open, or after a moment without it. Never rejects. */
  start(handlers: FanoutHandlers): Promise<void>;
  /** Resolves when messages of the board are delivered, or after a moment without. Never rejects. */
  open(boardId: string): Promise<void>;
  close(boardId: string): void;
  publish(boardId: string, message: BoardMessage): void;
  /** Says goodbye. Never rejects. */
  stop(): Promise<void>;
}
