/**
 * The presence lane: cursors and selections of everyone on a board, on a path of their own beside the documents.
 *
 * Guarantees: no I/O (peers and the way to other nodes are handed in); no call throws on anything a client or node sent; no
 * timer while nobody is present; every drop is counted. Does not: persist anything, authenticate peers, frame messages
 * (the gateway does), or keep a socket alive on which no client announces a state.
 * Owns the sweep timer (grace periods, heartbeats); each board owns its tick.
 */
import { BoardPresence } from './board.ts';
import { LaneClock } from './clock.ts';
import { DEFAULT_LIMITS, GRACE_MS, type PresenceLimits, SWEEP_MS, TICK_MS } from './limits.ts';
import {
  type BoardHost, DROPS, type PresenceDrop, type PresencePeer, type PresenceSeat, type PresenceTime, type PresentClient, systemTime,
} from './types.ts';
import { decodeNodeMessage, encodeNodeMessage, type NodeMessageKind, type Told } from './wire.ts';

export interface PresenceOptions {
  /** At most one frame a peer in this time, milliseconds; above 100 people a tick tells some of them (crowd.ts). */
  readonly tickMs?: number;
  /** How many times as long a tick takes just now, at least 1: what a busy process asks for. Asked at every tick. */
  readonly slowdown?: () => number;
  /** How long a client whose socket broke stays visible, milliseconds. */
  readonly graceMs?: number;
  readonly limits?: Partial<PresenceLimits>;
  readonly onDrop?: (drop: PresenceDrop, count: number) => void;
  /** This process among others. `epoch` must grow with every start of the node. */
  readonly node?: { readonly id: string; readonly epoch: number };
  /** Sends a message to every other node that has the board open. Without it the lane is alone. May be called from any tick; must not block. */
  readonly publish?: (boardId: string, message: Uint8Array) => void;
  readonly time?: PresenceTime;
}

export interface Presence {
  /** Sends the peer who is on the board, then a frame per tick. A peer id that is already on the board is replaced. */
  join(boardId: string, peer: PresencePeer): PresenceSeat;
  /** All peers of the board are being sent something else in this turn: what waits for the tick may go along, to be written at once with it. */
  alongside(boardId: string): void;
  /** Who is on the board, on every node this one hears. Each state is parsed anew: not for hot paths. */
  list(boardId: string): PresentClient[];
  /** Whose client this is, while it is on the board. */
  userOf(boardId: string, clientId: number): string | undefined;
  /**
   * Asks the other nodes who is on a board; `list` knows a moment later, and until `forgetOthers`. Returns false if it knows already,
   * because somebody of this node is on it.
   */
  ask(boardId: string): boolean;
  forgetOthers(boardId: string): void;
  /** A message that another node's `publish` was given. Own messages that come back are ignored. Never throws. */
  receiveRemote(boardId: string, message: Uint8Array): void;
  /** A node died: its clients are removed from every board with the next tick. */
  removeNode(nodeId: string): void;
  /** Repeats this node's clients to the others, and asks for theirs: after the way between nodes was down. */
  announce(): void;
  readonly drops: Readonly<Record<PresenceDrop, number>>;
  /** Boards held in memory. */
  readonly boards: number;
  /** Stops all timers and forgets everyone; nothing is sent. */
  close(): void;
}

export function createPresence(options: PresenceOptions = {}): Presence {
  const time = options.time ?? systemTime;
  const limits: PresenceLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const clock = new LaneClock(time);
  const node = options.node ?? { id: '', epoch: 0 };
  const { publish, onDrop } = options;
  const boards = new Map<string, BoardPresence>();
  const epochs = new Map<string, number>();
  const drops = Object.fromEntries(DROPS.map((drop) => [drop, 0])) as Record<PresenceDrop, number>;
  let cancelSweep: (() => void) | undefined;
  let closed = false;

  function drop(name: PresenceDrop, count = 1): void {
    drops[name] += count;
    onDrop?.(name, count);
  }

  function watch(): void {
    cancelSweep ??= time.after(SWEEP_MS, () => {
      cancelSweep = undefined;
      for (const board of boards.values()) board.sweep();
      if ([...boards.values()].some((board) => board.hasClients)) watch();
    });
  }

  function open(boardId: string): BoardPresence {
    const existing = boards.get(boardId);
    if (existing !== undefined) return existing;
    const host: BoardHost = {
      node: node.id,
      time,
      clock,
      limits,
      tickMs: options.tickMs ?? TICK_MS,
      slowdown: options.slowdown ?? (() => 1),
      graceMs: options.graceMs ?? GRACE_MS,
      drop,
      watch,
      settled: () => {
        boards.delete(boardId);
        board.close();
      },
      ...(publish && {
        publish(kind: NodeMessageKind, told: Told): void {
          try {
            publish(boardId, encodeNodeMessage(kind, { node: node.id, epoch: node.epoch, clock: clock.last }, told));
          } catch {
            drop('publish_failed'); // heartbeats and expiry repair it
          }
        },
      }),
    };
    const board = new BoardPresence(host);
    boards.set(boardId, board);
    return board;
  }

  function removeNode(nodeId: string): void {
    epochs.delete(nodeId);
    for (const board of boards.values()) board.removeNode(nodeId);
  }

  const nowhere: PresenceSeat = {
    receive() {
      drop('unknown_peer');
      return { ok: false, code: 'unknown_peer' };
    },
    state: undefined,
    query() { drop('unknown_peer'); },
    leave() { /* nobody came */ },
  };

  return {
    join: (boardId, peer) => (closed ? nowhere : open(boardId).join(peer)),
    ask: (boardId) => !closed && open(boardId).ask(),
    forgetOthers(boardId) {
      boards.get(boardId)?.forgetOthers();
    },
    alongside(boardId) {
      boards.get(boardId)?.alongside();
    },
    list: (boardId) => boards.get(boardId)?.list() ?? [],
    userOf: (boardId, clientId) => boards.get(boardId)?.userOf(clientId),
    receiveRemote(boardId, bytes) {
      const message = decodeNodeMessage(bytes);
      if (message === undefined) {
        drop('node_malformed');
        return;
      }
      if (closed || message.node === node.id) return;
      const epoch = epochs.get(message.node);
      if (epoch !== undefined && message.epoch < epoch) {
        drop('node_stale');
        return;
      }
      if (epoch !== undefined && message.epoch > epoch) removeNode(message.node); // its earlier life left ghosts
      epochs.set(message.node, message.epoch);
      clock.hear(message.clock);
      // who has nobody there has nothing to answer
      if (message.kind === 'request' && !boards.has(boardId)) return;
      if (!open(boardId).receiveRemote(message.kind, message.node, message.entries)) drop('node_malformed');
    },
    removeNode,
    announce() {
      for (const board of boards.values()) board.announce();
    },
    drops,
    get boards() {
      return boards.size;
    },
    close() {
      closed = true;
      cancelSweep?.();
      cancelSweep = undefined;
      for (const board of boards.values()) board.close();
      boards.clear();
    },
  };
}
