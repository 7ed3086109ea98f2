/**
 * A Redis that delivers twice: every batch between nodes is heard and published again, some time later, behind newer ones. Presence is left
 * alone: its lane is promised what it sends at most once and in order (`fanout.ts`), and a batch is not.
 */
import { decodeFrame } from '@sunday/extension-fanout/testing';
import { Redis } from 'ioredis';

/** Late enough to be overtaken by the next batches of the board. */
const LATE_MS = 400;

export class Echo {
  private readonly url: string;
  private readonly next: () => number;
  private ears: Redis | null = null;
  private mouth: Redis | null = null;
  private readonly mine = new Set<string>();
  private readonly timers = new Set<NodeJS.Timeout>();
  /** Batches told again so far. */
  repeated = 0;

  constructor(url: string, next: () => number) {
    this.url = url;
    this.next = next;
  }

  on(): void {
    const connect = (): Redis => {
      const redis = new Redis(this.url, { retryStrategy: () => 50 });
      redis.on('error', () => undefined); // Redis may be away, too
      return redis;
    };
    this.ears = connect();
    this.mouth = connect();
    this.ears.psubscribe('sunday:board:*').catch(() => undefined);
    this.ears.on('pmessageBuffer', (_pattern: Buffer, channel: Buffer, frame: Buffer) => { this.heard(channel, frame); });
  }

  private heard(channel: Buffer, frame: Buffer): void {
    const key = frame.toString('base64');
    if (this.mine.delete(key) || decodeFrame(frame)?.message.kind === 'presence') return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (this.mouth?.status !== 'ready') return;
      this.mine.add(key);
      this.repeated += 1;
      this.mouth.publish(channel, frame).catch(() => undefined);
    }, LATE_MS * this.next());
    this.timers.add(timer);
  }

  off(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.mine.clear();
    this.ears?.disconnect();
    this.mouth?.disconnect();
    this.ears = null;
    this.mouth = null;
  }
}
