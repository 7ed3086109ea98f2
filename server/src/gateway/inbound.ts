/**
 * How much is read: frames and bytes a second of one socket, of one user over all their sockets, and of one board over everybody on it.
 *
 * Past a limit the socket whose frame it was is not read for as long as the excess takes: TCP tells its client to wait, nothing is lost,
 * and nobody else waits until their own next frame finds the user's or the board's limit passed. Counts per node.
 */
import type { Limits } from '../limits.ts';

export type FlowKind = 'socket' | 'user' | 'board';

/** So much a second, and a second's worth at once. What is spent beyond that has to be waited for. */
class Bucket {
  readonly #perSecond: number;
  #level: number;
  #at = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#level = perSecond;
  }

  /** Returns for how long (ms) nothing more should be spent. */
  spend(amount: number, now: number): number {
    this.#level = Math.min(this.#perSecond, this.#level + ((now - this.#at) / 1000) * this.#perSecond) - amount;
    this.#at = now;
    return this.#level >= 0 ? 0 : (-this.#level / this.#perSecond) * 1000;
  }

  isFull(now: number): boolean {
    return this.#level + ((now - this.#at) / 1000) * this.#perSecond >= this.#perSecond;
  }
}

export class Flow {
  readonly #frames: Bucket;
  readonly #bytes: Bucket;

  constructor(framesPerSecond: number, bytesPerSecond: number) {
    this.#frames = new Bucket(framesPerSecond);
    this.#bytes = new Bucket(bytesPerSecond);
  }

  /** A frame was read at `now` (ms). Returns for how long (ms) its socket should not be read. */
  spend(bytes: number, now: number): number {
    return Math.max(this.#frames.spend(1, now), this.#bytes.spend(bytes, now));
  }

  /** As good as new. */
  isIdle(now: number): boolean {
    return this.#frames.isFull(now) && this.#bytes.isFull(now);
  }
}

export class Inbound {
  readonly #limits: Limits;
  readonly #users = new Map<string, Flow>();
  readonly #boards = new Map<string, Flow>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  ofSocket(): Flow {
    return new Flow(this.#limits.maxFramesPerSecond, this.#limits.maxBytesPerSecond);
  }

  ofUser(userId: string): Flow {
    return found(this.#users, userId, () => new Flow(this.#limits.maxUserFramesPerSecond, this.#limits.maxUserBytesPerSecond));
  }

  ofBoard(boardId: string): Flow {
    return found(this.#boards, boardId, () => new Flow(this.#limits.maxBoardFramesPerSecond, this.#limits.maxBoardBytesPerSecond));
  }

  /** Forgets who has not sent anything for a while. */
  sweep(now: number): void {
    for (const flows of [this.#users, this.#boards]) {
      for (const [id, flow] of flows) if (flow.isIdle(now)) flows.delete(id);
    }
  }
}

function found(flows: Map<string, Flow>, id: string, make: () => Flow): Flow {
  const known = flows.get(id);
  if (known !== undefined) return known;
  const flow = make();
  flows.set(id, flow);
  return flow;
}
