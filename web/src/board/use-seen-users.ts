/** Users who are or were here while the board is open: their names outlive their visit. The array changes only when somebody new comes. */
import type { Board, PresenceUser } from '@sunday/client';
import { useEffect, useState } from 'react';

const NOBODY: readonly PresenceUser[] = [];

export function useSeenUsers(board: Board): readonly PresenceUser[] {
  const [seen, setSeen] = useState(NOBODY);
  useEffect(() => {
    const read = () =>
      setSeen((now) => {
        const fresh = board.presence.peers
          .map((peer) => peer.user)
          .filter(
            (user, index, all) =>
              !now.some((known) => known.id === user.id && known.name === user.name) && all.findIndex((other) => other.id === user.id) === index,
          );
        return fresh.length === 0 ? now : [...now.filter((known) => !fresh.some((user) => user.id === known.id)), ...fresh];
      });
    read();
    return board.presence.subscribe(read);
  }, [board]);
  return seen;
}
