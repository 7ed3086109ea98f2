/** Who else is on which cell: the SDK's list of peers, folded by item so that a moving cursor re-renders its rows only. */
import type { Board, Peer } from '@sunday/client';
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';

export interface PresenceByItem {
  of: (itemId: string) => readonly Peer[];
  subscribe: (listener: () => void) => () => void;
}

const NONE: readonly Peer[] = [];
const EMPTY: PresenceByItem = { of: () => NONE, subscribe: () => () => {} };

export const PresenceContext = createContext<PresenceByItem>(EMPTY);

function fold(board: Board): PresenceByItem & { stop(): void } {
  let byItem = new Map<string, readonly Peer[]>();
  const listeners = new Set<() => void>();
  const update = () => {
    const next = new Map<string, Peer[]>();
    for (const peer of board.presence.peers) {
      const itemId = peer.state.cell?.itemId;
      if (!itemId) continue;
      const list = next.get(itemId);
      if (list) list.push(peer);
      else next.set(itemId, [peer]);
    }
    const kept = new Map<string, readonly Peer[]>();
    for (const [itemId, peers] of next) {
      const before = byItem.get(itemId);
      const same = before?.length === peers.length && before.every((peer, index) => peer === peers[index]);
      kept.set(itemId, same && before ? before : peers);
    }
    byItem = kept;
    for (const listener of listeners) listener();
  };
  const stop = board.presence.subscribe(update);
  update();
  return {
    of: (itemId) => byItem.get(itemId) ?? NONE,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop,
  };
}

export function usePresenceByItem(board: Board | null): PresenceByItem {
  const [folded, setFolded] = useState<PresenceByItem>(EMPTY);
  useEffect(() => {
    if (!board) return;
    const made = fold(board);
    setFolded(made);
    return () => made.stop();
  }, [board]);
  return folded;
}

export function usePeersOn(itemId: string): readonly Peer[] {
  const presence = useContext(PresenceContext);
  const read = () => presence.of(itemId);
  return useSyncExternalStore(presence.subscribe, read, read);
}

/** One entry a person, however many tabs they have open. */
export function peopleHere(peers: readonly Peer[], selfId: string): Peer[] {
  const seen = new Set<string>([selfId]);
  return peers.filter((peer) => {
    if (seen.has(peer.user.id)) return false;
    seen.add(peer.user.id);
    return true;
  });
}
