/**
 * One consumer group's worker on the streams: holds leases of shards, reads them, hands entries to lanes, acknowledges what is done.
 *
 * Lifecycle of a shard here: leased → adopted (what is pending in the group, whoever had it, is in the lanes, oldest first) → read, until the
 * lease is lost (another has it: what is queued is dropped) or given back (what is in hand ends first). After any failed read a shard is
 * adopted again: an answer that got lost on the way is pending in the group and would come by itself never.
 * Owns two connections, the lease timer and the lanes, until `stop()`.
 */
import { randomUUID } from 'node:crypto';
import { decodeEventJson, type BoardEvent } from './envelope.ts';
import type { BusDrop, BusLimits, SubscribeOptions, Subscription } from './event-bus.ts';
import { Lanes, pause } from './lanes.ts';
import { connect, type Connection, type RedisAddress } from './redis-connections.ts';
import { isReply, Scripts, SHARDS, streamKey, WAKE_CHANNEL, type Entries } from './redis-scripts.ts';

export interface RedisSubscriptionParts extends SubscribeOptions {
  readonly address: RedisAddress;
  readonly limits: BusLimits;
  /** As `RedisBusOptions`. */
  readonly settleMs: number;
  readonly count: (drop: BusDrop) => void;
  readonly onStopped: () => void;
}

/** Without a wake-up, which pub/sub does not promise; and how long a newly leased shard waits to be read. */
const POLL_MS = 250;
const RETRY_MS = 200;
const READ_ENTRIES = 200;
/** Entries in the lanes above which nothing more is read. */
const MAX_PENDING = 2_000;
/** Trimming looks at every group of a shard: once in so many lease renewals. */
const TRIM_EVERY = 3;

export class RedisSubscription implements Subscription {
  readonly ready: Promise<void>;
  private readonly parts: RedisSubscriptionParts;
  private readonly worker = randomUUID();
  private readonly waker: Connection;
  private readonly commands: Connection;
  private readonly scripts: Scripts;
  private readonly lanes: Lanes;
  private readonly topics: ReadonlySet<string>;
  private readonly leased = new Set<number>();
  private readonly reading = new Set<number>();
  private readonly acks = new Map<number, string[]>();
  private readonly stopping = new AbortController();
  private readonly loops: Promise<unknown>;
  private acking: Promise<void> | undefined;
  private wake = false;
  private endNap: () => void = () => undefined;
  private isReady: () => void = () => undefined;

  constructor(parts: RedisSubscriptionParts) {
    this.parts = parts;
    this.topics = new Set(parts.topics);
    this.waker = connect(parts.address, 'sunday-bus-waker', { subscriber: true });
    this.waker.on('ready', () => { this.waker.subscribe(WAKE_CHANNEL).catch(() => undefined); });
    this.waker.on('message', () => {
      this.wake = true;
      this.endNap();
    });
    this.commands = connect(parts.address, 'sunday-bus-worker');
    this.scripts = new Scripts(this.commands);
    this.lanes = new Lanes({ deliver: parts.deliver, concurrency: parts.limits.concurrency, batch: parts.limits.batch, repeated: () => { parts.count('redelivered'); } });
    this.ready = new Promise((resolve) => { this.isReady = resolve; });
    this.loops = Promise.all([this.keepLeases(), this.read()]);
  }

  async lag(): Promise<number> {
    let total = 0;
    for (let shard = 0; shard < SHARDS; shard++) {
      const groups: unknown = await this.commands.xinfo('GROUPS', streamKey(shard));
      for (const group of Array.isArray(groups) ? (groups as unknown[][]) : []) {
        const field = (name: string): unknown => group[group.indexOf(name) + 1];
        if (field('name') === this.parts.group) total += Number(field('lag') ?? 0) + Number(field('pending'));
      }
    }
    return total;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.isReady();
    this.endNap();
    await this.lanes.stop();
    await this.loops;
    await this.acking;
    await this.flushAcks().catch(() => undefined); // they come again, and are known
    await this.scripts.release(this.parts.group, this.worker, [...this.leased], true).catch(() => undefined); // the leases run out
    this.waker.disconnect();
    this.commands.disconnect();
    this.parts.onStopped();
  }

  private async keepLeases(): Promise<void> {
    const { signal } = this.stopping;
    const { group, from, limits } = this.parts;
    for (let made = false, turn = 0; !signal.aborted; turn++) {
      try {
        if (!made) await this.scripts.makeGroup(group, from);
        made = true;
        this.isReady();
        const { share, shards } = await this.scripts.lease(group, this.worker, limits.leaseMs);
        for (const shard of this.leased) if (!shards.includes(shard)) this.lose(shard);
        for (const shard of shards) this.leased.add(shard);
        await this.giveBack(shards.slice(share));
        if (turn % TRIM_EVERY === 0) for (const shard of this.leased) await this.scripts.trim(shard, this.parts.settleMs);
        await pause(limits.leaseMs / 3, signal);
      } catch {
        await pause(RETRY_MS, signal);
      }
    }
  }

  /** Another worker has it, or will: it reads from what is acknowledged. */
  private lose(shard: number): void {
    this.leased.delete(shard);
    this.reading.delete(shard);
    this.lanes.drop(streamKey(shard));
  }

  private async giveBack(shards: readonly number[]): Promise<void> {
    if (shards.length === 0) return;
    for (const shard of shards) this.lose(shard);
    await this.lanes.settled();
    await this.flushAcks();
    await this.scripts.release(this.parts.group, this.worker, shards, false);
  }

  private async read(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        for (const shard of this.leased) if (!this.reading.has(shard)) await this.adopt(shard);
        await this.lanes.below(MAX_PENDING);
        if (this.reading.size > 0 && await this.readOnce()) continue;
        await this.woken();
      } catch (error) {
        if (isReply(error, 'NOGROUP')) await this.scripts.makeGroup(this.parts.group, 'beginning').catch(() => undefined); // Redis lost its memory: all that is in it now is new
        for (const shard of this.reading) this.lanes.drop(streamKey(shard));
        this.reading.clear();
        await pause(RETRY_MS, signal);
      }
    }
  }

  /** What the group's dead left, and what of this worker's own got lost on the way. */
  private async adopt(shard: number): Promise<void> {
    for (let cursor = '0-0', done = false; !done;) {
      const answer = await this.scripts.adopt(this.parts.group, this.worker, shard, cursor, READ_ENTRIES);
      if (answer === null || !this.leased.has(shard)) {
        this.lose(shard);
        return;
      }
      this.take(shard, answer.entries);
      cursor = answer.next;
      done = cursor === '0-0';
    }
    this.reading.add(shard);
  }

  /** @returns whether there was anything, so that there may be more */
  private async readOnce(): Promise<boolean> {
    const answer = await this.scripts.read(this.parts.group, this.worker, [...this.reading], READ_ENTRIES);
    for (const [shard, entries] of answer) {
      if (entries === null) this.lose(shard);
      // what came for a shard given back meanwhile is pending, and its next worker adopts it
      else if (this.reading.has(shard)) this.take(shard, entries);
    }
    return answer.length > 0;
  }

  /** Until something was published, or for POLL_MS. */
  private async woken(): Promise<void> {
    if (!this.wake) {
      const nap = new AbortController();
      this.endNap = () => { nap.abort(); };
      await pause(this.stopping.signal.aborted ? 0 : POLL_MS, nap.signal);
    }
    this.wake = false;
  }

  private take(shard: number, entries: Entries): void {
    for (const [id, fields] of entries) {
      const event = fields === null ? undefined : this.wanted(fields);
      if (event === undefined) this.ack(shard, id);
      else this.lanes.push({ source: streamKey(shard), event, done: () => { this.ack(shard, id); } });
    }
  }

  private wanted(fields: readonly string[]): BoardEvent | undefined {
    const [, topic = '', , json = ''] = fields;
    if (!this.topics.has(topic)) return undefined;
    try {
      return decodeEventJson(json);
    } catch {
      this.parts.count('malformed');
      return undefined;
    }
  }

  private ack(shard: number, id: string): void {
    const ids = this.acks.get(shard) ?? [];
    this.acks.set(shard, ids);
    ids.push(id);
    this.acking ??= this.ackSoon().finally(() => { this.acking = undefined; });
  }

  private async ackSoon(): Promise<void> {
    while (this.acks.size > 0) {
      await new Promise((resolve) => { setImmediate(resolve); });
      try {
        await this.flushAcks();
      } catch {
        if (this.stopping.signal.aborted) return;
        await pause(RETRY_MS, this.stopping.signal);
      }
    }
  }

  private async flushAcks(): Promise<void> {
    for (const [shard, ids] of this.acks) {
      this.acks.delete(shard);
      try {
        await this.commands.xack(streamKey(shard), this.parts.group, ...ids);
      } catch (error) {
        this.acks.set(shard, [...ids, ...(this.acks.get(shard) ?? [])]);
        throw error;
      }
    }
  }
}
