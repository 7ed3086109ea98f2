/**
 * Who comes to a board, goes, and where cursors are, as ephemeral events: made of what passes the presence lane on this node, which it wraps.
 *
 * Guarantees: a person has joined once and left once on this node however many tabs they have; a cursor is told at most once in SAMPLE_MS for each
 * attachment. Never throws on what a client sent. Does not: look at other nodes (each tells its own), or keep anybody in a store.
 */
import { randomUUID } from 'node:crypto';
import { createDecoder, readVarString, readVarUint } from 'lib0/decoding';
import { CursorSampler } from './cursor-sampler.ts';
import type { EphemeralEvent } from './envelope.ts';

export interface AttendingPeer {
  readonly id: string;
  readonly user: { readonly id: string; readonly name: string };
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
  const boards = new Map<string, Map<string, AttendingPeer>>();
  const cursors = new CursorSampler();

  const tell = (type: string, boardId: string, { user }: AttendingPeer, data: Record<string, unknown>): void => {
    publish({
      id: randomUUID(), type, aggregateId: boardId, aggregateType: 'board', boardId, data: { userId: user.id, name: user.name, ...data },
      metadata: { userId: user.id, correlationId: null, causationId: null, source: 'socket', traceId: null }, timestamp: new Date().toISOString(),
    });
  };
  const isAlone = (peers: ReadonlyMap<string, AttendingPeer>, userId: string): boolean => ![...peers.values()].some(({ user }) => user.id === userId);

  return {
    join(boardId, peer) {
      lane.join(boardId, peer);
      const peers = boards.get(boardId) ?? new Map<string, AttendingPeer>();
      boards.set(boardId, peers);
      const first = isAlone(peers, peer.user.id);
      peers.set(peer.id, peer);
      if (first) tell('UserJoined', boardId, peer, { joinedAt: new Date().toISOString() });
    },
    receive(boardId, peerId, update) {
      const received = lane.receive(boardId, peerId, update);
      const peer = boards.get(boardId)?.get(peerId);
      if (received.ok && peer !== undefined && cursors.admits(boardId, peerId)) {
        const position = positionOf(update);
        if (position !== undefined) tell('CursorMoved', boardId, peer, { position });
      }
      return received;
    },
    leave(boardId, peerId, how) {
      lane.leave(boardId, peerId, how);
      const peers = boards.get(boardId);
      const peer = peers?.get(peerId);
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
