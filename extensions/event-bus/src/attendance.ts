/**
 * Who comes to a board, goes, and where cursors are, as ephemeral events: made of what passes the presence lane on this node, which it wraps.
 *
 * Guarantees: a person has joined once and left once on this node however many tabs they have; a cursor is told at most once in SAMPLE_MS for each
 * attachment. Never throws on what a client sent. Does not: look at other nodes (each tells its own), or keep anybody in a store.
 */
import { randomUUID } from 'node:crypto';
import { createDecoder, readVarString, readVarUint } from 'lib0/decoding';
import type { EphemeralEvent } from './envelope.ts';

/**
 * A cursor moves up to thirty times a second for each person; who follows a board over subscriptions or Kafka wants to know where people are, not
 * how they got there. Enough for a list of who is where; a thousand people make 500 events a second.
 */
const SAMPLE_MS = 2_000;

export interface AttendingPeer {
  readonly id: string;
  readonly user: { readonly id: string; readonly name: string };
}

interface Attending {
  readonly peer: AttendingPeer;
  /** When its cursor was last told, `performance.now()`. */
  cursorAt: number;
}

/** What of the presence lane matters here. */
export interface PresenceLane<Peer extends AttendingPeer, Received extends { readonly ok: boolean }> {
  join(boardId: string, peer: Peer): void;
  receive(boardId: string, peerId: string, update: Uint8Array): Received;
  leave(boardId: string, peerId: string, how: 'clean' | 'abnormal'): void;
}

export function withAttendance<Peer extends AttendingPeer, Received extends { readonly ok: boolean }>(
  lane: PresenceLane<Peer, Received>, publish: (event: EphemeralEvent) => void,
): PresenceLane<Peer, Received> {
  const boards = new Map<string, Map<string, Attending>>();

  const tell = (type: string, boardId: string, { user }: AttendingPeer, data: Record<string, unknown>): void => {
    publish({
      id: randomUUID(), type, aggregateId: boardId, aggregateType: 'board', boardId, data: { userId: user.id, name: user.name, ...data },
      metadata: { userId: user.id, correlationId: null, causationId: null, source: 'socket', traceId: null }, timestamp: new Date().toISOString(),
    });
  };
  const isAlone = (peers: ReadonlyMap<string, Attending>, userId: string): boolean => ![...peers.values()].some(({ peer }) => peer.user.id === userId);

  return {
    join(boardId, peer) {
      lane.join(boardId, peer);
      const peers = boards.get(boardId) ?? new Map<string, Attending>();
      boards.set(boardId, peers);
      const first = isAlone(peers, peer.user.id);
      peers.set(peer.id, { peer, cursorAt: Number.NEGATIVE_INFINITY });
      if (first) tell('UserJoined', boardId, peer, { joinedAt: new Date().toISOString() });
    },
    receive(boardId, peerId, update) {
      const received = lane.receive(boardId, peerId, update);
      const attending = received.ok ? boards.get(boardId)?.get(peerId) : undefined;
      if (attending === undefined) return received;
      const now = performance.now();
      if (now - attending.cursorAt < SAMPLE_MS) return received;
      attending.cursorAt = now;
      const position = positionOf(update);
      if (position !== undefined) tell('CursorMoved', boardId, attending.peer, { position });
      return received;
    },
    leave(boardId, peerId, how) {
      lane.leave(boardId, peerId, how);
      const peers = boards.get(boardId);
      const peer = peers?.get(peerId)?.peer;
      if (peers === undefined || peer === undefined) return;
      peers.delete(peerId);
      if (peers.size === 0) boards.delete(boardId);
      if (isAlone(peers, peer.user.id)) tell('UserLeft', boardId, peer, { leftAt: new Date().toISOString() });
    },
  };
}

/** The first state of an awareness update, without what it says of the person. `undefined`: a client that says goodbye, or nothing to read. */
function positionOf(update: Uint8Array): Record<string, unknown> | undefined {
  try {
    const decoder = createDecoder(update);
    if (readVarUint(decoder) === 0) return undefined;
    readVarUint(decoder); // client id
    readVarUint(decoder); // clock
    const state: unknown = JSON.parse(readVarString(decoder));
    if (typeof state !== 'object' || state === null || Array.isArray(state)) return undefined;
    const { user: _user, ...position } = state as Record<string, unknown>;
    return position;
  } catch {
    return undefined;
  }
}
