/**
 * Fan-out over Redis pub/sub, one channel a board, subscribed to while the board is open here.
 *
 * How it knows that the way is open: every heartbeat a node publishes has to come back to it on its own subscription. That sees
 * what sockets do not tell, a connection that hangs, in either direction. While it is not open the state is `degraded`,
 * nothing is queued, and nobody is taken for dead.
 *
 * Owns the heartbeat timer, that of the next death, and its link's connections.
 */
import type { BoardMessage, Fanout, FanoutHandlers, FanoutState, NodeIdentity } from './fanout.ts';
import { encodeFrame, type Message } from './frame.ts';
import { Inbox } from './inbox.ts';
import { ClusterLink, SingleLink, type LinkEvents, type RedisLink } from './redis-link.ts';

/** A third of DEAD_AFTER_MS: one that is lost or late kills nobody. About 60 bytes. */
const HEARTBEAT_MS = 1_000;
/** Two heartbeats lost: the way is not open, whatever the sockets say. */
const ECHO_LOST_MS = 2_500;
/** Connections that look open while nothing comes back are cut, and given this long again. */
const RECONNECT_AFTER_MS = 4_000;
/** How long loading a board waits for its subscription. Longer, and a hanging Redis would be felt by everybody who opens a board. */
const OPEN_WAIT_MS = 1_000;
const START_WAIT_MS = 2_000;
/** Above this a batch goes as its head alone: Redis copies a message for every subscriber before it is sent. */
const MAX_BATCH_BYTES = 1024 * 1024;
/** Published and not confirmed by Redis: more than that, and Redis is too slow to be waited for. */
const MAX_IN_FLIGHT_BYTES = 16 * 1024 * 1024;
/** Channels in one SUBSCRIBE. */
const SUBSCRIBE_CHUNK = 500;
const NODES = 'sunday:nodes';
const BOARD_PREFIX = 'sunday:board:{';

/** Hash-tagged by the board: on a cluster, a board's channel has one home. */
const channelOf = (boardId: string): string => `${BOARD_PREFIX}${boardId}}`;
const boardOf = (channel: string): string | null => (channel.startsWith(BOARD_PREFIX) ? channel.slice(BOARD_PREFIX.length, -1) : null);

export interface RedisFanoutOptions {
  readonly node: NodeIdentity;
  /** `redis://` or `rediss://`, with user and password if there are any. */
  readonly url: string;
  /** The server is a Redis Cluster: sharded pub/sub is used. `url` names any of its nodes. */
  readonly cluster?: boolean;
}

export class RedisFanout implements Fanout {
  readonly node: NodeIdentity;
  private readonly opened = new Set<string>();
  private readonly confirmed = new Set<string>();
  private readonly link: RedisLink;
  private inbox: Inbox | null = null;
  private handlers: FanoutHandlers | null = null;
  private way: FanoutState = 'degraded';
  private reason = 'Redis does not answer';
  private subscribed = false;
  private subscribing = 0;
  private timer: NodeJS.Timeout | null = null;
  private nextDeath: NodeJS.Timeout | null = null;
  private disturbance: NodeJS.Timeout | null = null;
  private beats = 0;
  private nextBeatAt = 0;
  private echoAt = 0;
  private reconnectedAt = 0;
  private inFlight = 0;
  /** A batch could not be published: the others are told to look into the journal, once they can be told. */
  private owesMissed = false;
  private onFirstEcho: (() => void) | null = null;

  constructor(options: RedisFanoutOptions) {
    this.node = options.node;
    const events: LinkEvents = {
      message: (channel, bytes) => { this.arrived(channel, bytes); },
      subscriberReady: () => { void this.subscribeAll(); },
      publisherReady: () => { this.beat(); },
      down: (reason, subscriber) => { this.down(reason, subscriber); },
      disturbed: () => { this.disturbed(); },
    };
    this.link = options.cluster === true ? new ClusterLink(options.url, events) : new SingleLink(options.url, events);
  }

  get state(): FanoutState {
    return this.way;
  }

  get nodes(): readonly NodeIdentity[] {
    return this.inbox?.registry.nodes ?? [];
  }

  get boards(): Iterable<string> {
    return this.opened;
  }

  async start(handlers: FanoutHandlers): Promise<void> {
    this.handlers = handlers;
    this.inbox = new Inbox(this.node, handlers, (count) => { this.echoed(count); }, () => { this.sendOwn({ kind: 'alive', count: this.beats }); });
    const open = new Promise<void>((resolve) => { this.onFirstEcho = resolve; });
    this.link.connect();
    this.beat();
    // Who starts without Redis has not turned degraded, and is told so all the same.
    if (!(await settledWithin(open, START_WAIT_MS))) this.handlers?.state?.(this.way, this.reason);
  }

  private arrived(channel: string, bytes: Uint8Array): void {
    const boardId = boardOf(channel);
    if (boardId === null || this.opened.has(boardId)) this.inbox?.receive(boardId, bytes);
  }

  private turn(state: FanoutState, reason: string): void {
    if (this.way === state) return;
    this.way = state;
    this.handlers?.state?.(state, reason);
  }

  private down(reason: string, subscriber: boolean): void {
    if (subscriber) {
      this.subscribing += 1;
      this.subscribed = false;
      this.confirmed.clear();
    }
    this.reason = reason;
    this.turn('degraded', reason);
  }

  /** On a new connection: everything open is subscribed to; then what went by meanwhile is to be read from the journal. */
  private async subscribeAll(): Promise<void> {
    const attempt = ++this.subscribing;
    this.subscribed = false;
    this.confirmed.clear();
    try {
      await this.link.subscribe([NODES]);
      for (;;) {
        // Boards are opened and closed meanwhile: until none is left, not once over a copy.
        const boardIds = [...this.opened].filter((boardId) => !this.confirmed.has(boardId)).slice(0, SUBSCRIBE_CHUNK);
        if (boardIds.length === 0) break;
        await this.link.subscribe(boardIds.map(channelOf));
        if (attempt !== this.subscribing) return;
        for (const boardId of boardIds) this.confirmed.add(boardId);
      }
    } catch {
      // The connection went again: its return starts this anew. Should it have stayed, the missing echo cuts it.
      return;
    }
    if (attempt !== this.subscribing || this.inbox === null) return;
    this.subscribed = true;
    if (this.opened.size > 0) this.inbox.missed(null);
    this.beat();
  }

  /** Part of a cluster failed or moved; ioredis repairs it, which takes a moment, or fails and does not say so: every board is subscribed to again. */
  private disturbed(): void {
    this.disturbance ??= setTimeout(() => {
      this.disturbance = null;
      if (this.opened.size > 0) this.inbox?.missed(null);
      this.confirmed.clear();
    }, HEARTBEAT_MS);
    this.disturbance.unref();
  }

  private beat(): void {
    if (this.inbox === null) return;
    if (this.timer !== null) clearTimeout(this.timer);
    const now = performance.now();
    if (this.nextBeatAt > 0 && now - this.nextBeatAt > HEARTBEAT_MS) {
      // This process stood still; what arrived meanwhile is read after this timer. Nobody's silence in that time means anything.
      const stoodStill = now - this.nextBeatAt;
      this.echoAt += stoodStill;
      this.inbox.registry.forgive(stoodStill);
    }
    if (this.way === 'ok') {
      if (now - this.echoAt > ECHO_LOST_MS) this.turn('degraded', 'heartbeats do not come back');
      else this.sweep(now);
    }
    if (this.way === 'degraded' && now - Math.max(this.echoAt, this.reconnectedAt) > RECONNECT_AFTER_MS) {
      if (this.reconnectedAt > 0 || this.echoAt > 0) {
        // Until its other end has noticed, what is being left still brings what had waited on it: no sign that the way is open.
        if (this.link.connected) this.down('heartbeats do not come back', true);
        this.link.reconnect();
      }
      this.reconnectedAt = now;
    }
    this.sendOwn({ kind: 'alive', count: ++this.beats });
    if (this.owesMissed && this.link.canPublish && this.inFlight < MAX_IN_FLIGHT_BYTES / 2) {
      this.owesMissed = false;
      this.sendOwn({ kind: 'missed' });
    }
    if (this.subscribed) for (const boardId of this.opened) if (!this.confirmed.has(boardId)) void this.confirm(boardId, true);
    this.nextBeatAt = now + HEARTBEAT_MS;
    this.timer = setTimeout(() => { this.beat(); }, HEARTBEAT_MS);
    this.timer.unref();
  }

  /** Who will have been silent for too long before the next heartbeat is looked at just then. */
  private sweep(now: number): void {
    if (this.nextDeath !== null) clearTimeout(this.nextDeath);
    this.nextDeath = null;
    const at = this.inbox?.registry.sweep(now) ?? Number.POSITIVE_INFINITY;
    if (at - now >= HEARTBEAT_MS) return;
    this.nextDeath = setTimeout(() => {
      // After the next heartbeat was due this process stood still, which only the heartbeat can judge.
      if (this.way === 'ok' && performance.now() < this.nextBeatAt) this.sweep(performance.now());
    }, Math.ceil(at - now) + 1);
    this.nextDeath.unref();
  }

  private echoed(count: number): void {
    // One from before the last break says nothing of now.
    if (count < this.beats - 1 || !this.subscribed) return;
    this.echoAt = performance.now();
    if (this.way === 'ok') return;
    this.inbox?.registry.excuse(this.echoAt);
    this.turn('ok', 'heartbeats come back');
    this.onFirstEcho?.();
    this.onFirstEcho = null;
  }

  async open(boardId: string): Promise<void> {
    this.opened.add(boardId);
    // Not subscribed to anything: `subscribeAll` takes this board along, and says `missed`.
    if (!this.subscribed || this.confirmed.has(boardId)) return;
    const confirming = this.confirm(boardId, false);
    if (!(await settledWithin(confirming, OPEN_WAIT_MS))) void confirming.then(() => this.inbox?.missed(boardId));
  }

  /** Never rejects: what fails is tried again with the next heartbeat. */
  private async confirm(boardId: string, late: boolean): Promise<void> {
    try {
      await this.link.subscribe([channelOf(boardId)]);
    } catch {
      return;
    }
    if (!this.subscribed || !this.opened.has(boardId)) return;
    this.confirmed.add(boardId);
    if (late) this.inbox?.missed(boardId);
  }

  close(boardId: string): void {
    if (!this.opened.delete(boardId)) return;
    this.confirmed.delete(boardId);
    // Fails only with its connection, and the subscription with it.
    this.link.unsubscribe(channelOf(boardId)).catch(() => undefined);
  }

  publish(boardId: string, message: BoardMessage): void {
    if (this.inbox === null) return;
    let frame = encodeFrame(this.node, message);
    if (message.kind === 'batch' && frame.length > MAX_BATCH_BYTES) frame = encodeFrame(this.node, { kind: 'head', seq: message.seq });
    if (this.send(channelOf(boardId), frame, message.kind)) this.handlers?.sent?.(message.kind, frame.length);
  }

  private sendOwn(message: Message): void {
    if (this.link.canPublish) this.send(NODES, encodeFrame(this.node, message), message.kind);
  }

  private send(channel: string, frame: Uint8Array, kind: Message['kind']): boolean {
    const room = this.inFlight + frame.length <= MAX_IN_FLIGHT_BYTES;
    if (!this.link.canPublish || !room) {
      this.lost(kind);
      this.inbox?.dropped(room ? 'offline' : 'full');
      return false;
    }
    this.inFlight += frame.length;
    const failed = (): void => {
      this.lost(kind);
      this.inbox?.dropped('failed');
    };
    void this.link.publish(channel, Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)).catch(failed).finally(() => { this.inFlight -= frame.length; });
    return true;
  }

  private lost(kind: Message['kind']): void {
    // Presence repairs itself, and the rest is about the moment.
    if (kind === 'batch' || kind === 'head' || kind === 'missed') this.owesMissed = true;
  }

  async stop(): Promise<void> {
    for (const timer of [this.timer, this.nextDeath, this.disturbance]) if (timer !== null) clearTimeout(timer);
    this.timer = null;
    if (this.link.canPublish) {
      const goodbye = encodeFrame(this.node, { kind: 'bye' });
      await settledWithin(this.link.publish(NODES, Buffer.from(goodbye)).catch(() => undefined), OPEN_WAIT_MS);
    }
    this.inbox = null;
    this.handlers = null;
    this.opened.clear();
    this.link.close();
  }

  /** For tests: the process is gone, without goodbye. */
  abandon(): void {
    for (const timer of [this.timer, this.nextDeath]) if (timer !== null) clearTimeout(timer);
    this.inbox = null;
    this.link.close();
  }
}

/** Whether it settled in time. Never rejects for a promise that does not. */
function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => { resolve(false); }, ms);
    void promise.then(() => { clearTimeout(timer); resolve(true); });
  });
}
