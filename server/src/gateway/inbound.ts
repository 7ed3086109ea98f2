/**
 * How much is read: frames and bytes a second of one socket, of one user over all their sockets, and of one board over everybody on it.
 *
 * Past a limit the socket whose frame it was is not read for as long as the excess takes: TCP tells its client to wait, nothing is lost,
 * and nobody else waits until their own next frame finds the user's or the board's limit passed. Counts per node.
 *
 * What costs far more than a frame is counted beside, by the minute: being refused for what was sent, and signing in (`Attempts`).
 */
import type { Limits } from '../limits.ts';

export type FlowKind = 'socket' | 'user' | 'board' | 'refusals';

const SECONDS_PER_MINUTE = 60;
/** Judging a bad update takes longer the larger it is: each of these counts as one refusal more. */
const REFUSED_BYTES = 64 * 1024;
/** One refusal is no flood, however large it was. */
const MOST_FOR_ONE = 0.5;
/** Frames that no board is told of, for they name none: cheaper than a refusal, but never sent in good faith. */
const JUNK_PER_REFUSAL = 10;

/** What may still be spent, so many seconds later: no more than `atOnce`. */
const refilled = (level: number, seconds: number, perSecond: number, atOnce: number): number => Math.min(atOnce, level + seconds * perSecond);

/** For how long (ms) nothing more should be spent. */
const owedFor = (level: number, perSecond: number): number => (level >= 0 ? 0 : (-level / perSecond) * 1000);

/** So much a second, and `atOnce` at once. What is spent beyond that has to be waited for, `mostOwed` at the most. */
class Bucket {
  readonly #perSecond: number;
  readonly #atOnce: number;
  readonly #mostOwed: number;
  #level: number;
  #at = 0;

  constructor(perSecond: number, atOnce: number, mostOwed: number) {
    this.#perSecond = perSecond;
    this.#atOnce = atOnce;
    this.#mostOwed = mostOwed;
    this.#level = atOnce;
  }

  /** Returns for how long (ms) nothing more should be spent. */
  spend(amount: number, now: number): number {
    this.#level = Math.max(-this.#mostOwed, this.#refilled(now) - amount);
    this.#at = now;
    return owedFor(this.#level, this.#perSecond);
  }

  isFull(now: number): boolean {
    return this.#refilled(now) >= this.#atOnce;
  }

  #refilled(now: number): number {
    return refilled(this.#level, (now - this.#at) / 1000, this.#perSecond, this.#atOnce);
  }
}

/** Places in a flow's numbers. */
const FRAMES = 0;
const BYTES = 1;
const AT = 2;

/** Frames and bytes, a second's worth of each at once. Looked at three times for every frame that is read: its numbers are kept side by side. */
export class Flow {
  readonly #framesPerSecond: number;
  readonly #bytesPerSecond: number;
  readonly #now: Float64Array;
  /** The next frame counts on another one, made anew (`Inbound.sweep`). */
  forgotten = false;

  constructor(framesPerSecond: number, bytesPerSecond: number) {
    this.#framesPerSecond = framesPerSecond;
    this.#bytesPerSecond = bytesPerSecond;
    this.#now = Float64Array.of(framesPerSecond, bytesPerSecond, 0);
  }

  /** A frame was read at `now` (ms), that costs as much as so many. Returns for how long (ms) its socket should not be read. */
  spend(bytes: number, now: number, frames = 1): number {
    const seconds = (now - this.#at(AT)) / 1000;
    this.#now[AT] = now;
    return Math.max(this.#spend(FRAMES, this.#framesPerSecond, frames, seconds), this.#spend(BYTES, this.#bytesPerSecond, bytes, seconds));
  }

  #spend(what: typeof FRAMES | typeof BYTES, perSecond: number, amount: number, seconds: number): number {
    const level = refilled(this.#at(what), seconds, perSecond, perSecond) - amount;
    this.#now[what] = level;
    return owedFor(level, perSecond);
  }

  #at(place: number): number {
    return this.#now[place] ?? 0;
  }

  /** As good as new. */
  isIdle(now: number): boolean {
    const seconds = (now - this.#at(AT)) / 1000;
    const isFull = (what: typeof FRAMES | typeof BYTES, perSecond: number): boolean => refilled(this.#at(what), seconds, perSecond, perSecond) >= perSecond;
    return isFull(FRAMES, this.#framesPerSecond) && isFull(BYTES, this.#bytesPerSecond);
  }
}

/** A minute's worth of refusals and of sign-ins at once; then each has to be waited for, a minute at the most. */
export class Attempts {
  readonly #refusals: Bucket;
  readonly #signIns: Bucket;
  readonly #mostForOne: number;
  /** Sign-ins that wait just now. */
  waiting = 0;

  constructor(refusalsPerMinute: number, signInsPerMinute: number) {
    this.#refusals = new Bucket(refusalsPerMinute / SECONDS_PER_MINUTE, refusalsPerMinute, refusalsPerMinute);
    this.#signIns = new Bucket(signInsPerMinute / SECONDS_PER_MINUTE, signInsPerMinute, signInsPerMinute);
    this.#mostForOne = refusalsPerMinute * MOST_FOR_ONE;
  }

  /** Something of so many bytes was refused. Returns for how long (ms) its socket should not be read. */
  refused(bytes: number, now: number): number {
    return this.#refusals.spend(Math.min(1 + Math.floor(bytes / REFUSED_BYTES), Math.max(1, this.#mostForOne)), now);
  }

  /** The same for a frame that names no board. */
  junk(now: number): number {
    return this.#refusals.spend(1 / JUNK_PER_REFUSAL, now);
  }

  /** Returns for how long (ms) the sign-in should wait: also for what the last refusals have still to be waited for. */
  signIn(now: number): number {
    return Math.max(this.#signIns.spend(1, now), this.#refusals.spend(0, now));
  }

  isIdle(now: number): boolean {
    return this.waiting === 0 && this.#refusals.isFull(now) && this.#signIns.isFull(now);
  }
}

export class Inbound {
  readonly #limits: Limits;
  readonly #users = new Map<string, Flow>();
  readonly #attempts = new Map<string, Attempts>();
  readonly #addresses = new Map<string, Attempts>();
  readonly #boards = new Map<string, Flow>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  ofSocket(): Flow {
    return new Flow(this.#limits.maxFramesPerSecond, this.#limits.maxBytesPerSecond);
  }

  /** Of a socket on which nobody has signed in yet. */
  attemptsOfSocket(): Attempts {
    return new Attempts(this.#limits.maxRefusalsPerMinute, this.#limits.maxSignInsPerMinute);
  }

  attemptsOf(userId: string): Attempts {
    return found(this.#attempts, userId, () => this.attemptsOfSocket());
  }

  /** Of whoever has not signed in and comes from there, which may be a proxy: nobody may have to wait for what others of an address did, unless they do it, too. */
  attemptsOfAddress(address: string): Attempts {
    return found(this.#addresses, address, () => this.attemptsOfSocket());
  }

  ofUser(userId: string): Flow {
    return found(this.#users, userId, () => new Flow(this.#limits.maxUserFramesPerSecond, this.#limits.maxUserBytesPerSecond));
  }

  ofBoard(boardId: string): Flow {
    return found(this.#boards, boardId, () => new Flow(this.#limits.maxBoardFramesPerSecond, this.#limits.maxBoardBytesPerSecond));
  }

  /** Forgets who has not sent anything for a while. */
  sweep(now: number): void {
    for (const attempts of [this.#attempts, this.#addresses]) {
      for (const [id, count] of attempts) if (count.isIdle(now)) attempts.delete(id);
    }
    for (const flows of [this.#users, this.#boards]) {
      for (const [id, flow] of flows) {
        if (!flow.isIdle(now)) continue;
        flow.forgotten = true;
        flows.delete(id);
      }
    }
  }
}

function found<T>(counts: Map<string, T>, id: string, make: () => T): T {
  const known = counts.get(id);
  if (known !== undefined) return known;
  const count = make();
  counts.set(id, count);
  return count;
}
