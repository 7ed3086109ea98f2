/**
 * Who is on a board, for the APIs, on whatever node they are: where somebody of this node is on it the lane knows, otherwise the other
 * nodes are asked. The board is listened to for that, not loaded; the fan-out stops listening by itself (joinFanout).
 *
 * Owns one timer for each board asked for lately.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Fanout } from '@sunday/extension-fanout';
import type { Presence, PresentClient } from '@sunday/extension-presence';

/** Nodes answer at once, over Redis: a busy one after its longest turn. */
const ANSWER_MS = 200;
/** Who asks again and again is answered from the last round. Shorter than the fan-out listens. */
const ROUND_MS = 2_000;

export function presentOn({ fanout, presence }: { fanout: Fanout; presence: Presence }): (boardId: string) => Promise<PresentClient[]> {
  const rounds = new Map<string, Promise<void>>();

  async function ask(boardId: string): Promise<void> {
    await fanout.open(boardId);
    if (!presence.ask(boardId)) {
      rounds.delete(boardId);
      return;
    }
    await delay(ANSWER_MS, undefined, { ref: false });
    setTimeout(() => {
      rounds.delete(boardId);
      presence.forgetOthers(boardId);
    }, ROUND_MS).unref();
  }

  return async (boardId) => {
    const round = rounds.get(boardId) ?? ask(boardId);
    rounds.set(boardId, round);
    await round;
    return presence.list(boardId);
  };
}
