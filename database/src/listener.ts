/**
 * LISTEN on one connection of its own, for all channels of the process.
 *
 * Guarantees: once `listen` has resolved, every notification committed after it is delivered, as long as the connection lives. After a loss it
 * reconnects by itself, subscribes again and then calls every `onReconnect`: what was notified in between is gone, so subscribers
 * must refresh what they know. A silent network is noticed within HEARTBEAT_MS + HEARTBEAT_TIMEOUT_MS.
 * Owns its connection and its heartbeat timer until `close()`.
 */
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { connectClient, patientConfig } from './connection.ts';

/** What is announced meanwhile on a network that has gone silent, a revocation among it, is acted on as late. */
const HEARTBEAT_MS = 2_000;
/** A Postgres that stands still for a moment is not lost. */
const HEARTBEAT_TIMEOUT_MS = 4_000;
/** Between tries to reconnect: a restart takes about 100 ms. */
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 2_000;

interface Subscription {
  readonly onNotify: (payload: string) => void;
  readonly onReconnect: (() => void) | undefined;
}

interface Link {
  readonly client: pg.Client;
  readonly socket: Socket;
  readonly heartbeat: NodeJS.Timeout;
}

export interface ListenerParts {
  readonly connectionString: string;
  /** The connection was lost. `silent`: nothing was heard on it for HEARTBEAT_TIMEOUT_MS. */
  readonly onLoss: (silent: boolean) => void;
  /** A subscriber threw: the subscriber's bug must not end the process. */
  readonly onSubscriberError: (error: unknown) => void;
}

export class Listener {
  private readonly parts: ListenerParts;
  private readonly channels = new Map<string, Set<Subscription>>();
  private link: Promise<Link> | undefined;
  private readonly closing = new AbortController();

  constructor(parts: ListenerParts) {
    this.parts = parts;
  }

  /** @returns a function that unsubscribes. Rejects with `pg`'s error if the database cannot be reached now. */
  async listen(channel: string, onNotify: (payload: string) => void, onReconnect?: () => void): Promise<() => Promise<void>> {
    if (this.closing.signal.aborted) throw new Error('The database was closed');
    const subscription: Subscription = { onNotify, onReconnect };
    const known = this.channels.get(channel);
    const subscribers = known ?? new Set();
    subscribers.add(subscription);
    this.channels.set(channel, subscribers);
    try {
      if (this.link === undefined) await this.connect(); // subscribes to every known channel
      else await (await this.link).client.query(`LISTEN ${quoted(channel)}`);
    } catch (error) {
      this.forget(channel, subscription);
      throw error;
    }
    return async () => {
      if (!this.forget(channel, subscription)) return;
      const link = await this.link?.catch(() => undefined);
      await link?.client.query(`UNLISTEN ${quoted(channel)}`).catch(() => undefined); // a lost connection listens no more either
    };
  }

  async close(): Promise<void> {
    this.closing.abort();
    this.channels.clear();
    const link = await this.link?.catch(() => undefined);
    if (link === undefined) return;
    clearInterval(link.heartbeat);
    await link.client.end().catch(() => undefined);
  }

  /** @returns whether that was the channel's last subscriber */
  private forget(channel: string, subscription: Subscription): boolean {
    const subscribers = this.channels.get(channel);
    subscribers?.delete(subscription);
    return subscribers?.size === 0 && this.channels.delete(channel);
  }

  private connect(): Promise<Link> {
    const connecting = this.openLink();
    this.link = connecting;
    connecting.catch(() => {
      if (this.link === connecting) this.link = undefined;
    });
    return connecting;
  }

  private async openLink(): Promise<Link> {
    const socket = new Socket();
    const client = await connectClient({ ...patientConfig(this.parts.connectionString, 'sunday-listen'), stream: () => socket });
    client.on('notification', ({ channel, payload }) => {
      for (const { onNotify } of this.channels.get(channel) ?? []) this.guarded(() => { onNotify(payload ?? ''); });
    });
    let lost = false;
    let silent = false;
    client.once('end', () => {
      lost = true;
      clearInterval(heartbeat);
      if (!this.closing.signal.aborted) void this.reconnect(silent);
    });
    let answered = true;
    const heartbeat = setInterval(() => {
      if (!answered) return;
      answered = false;
      // What came while this process was busy is read first.
      const late = setTimeout(() => { setImmediate(() => {
        if (answered) return;
        silent = true;
        socket.destroy();
      }); }, HEARTBEAT_TIMEOUT_MS).unref();
      client.query('SELECT 1').then(() => { answered = true; clearTimeout(late); }, () => socket.destroy());
    }, HEARTBEAT_MS).unref();
    try {
      for (const channel of this.channels.keys()) await client.query(`LISTEN ${quoted(channel)}`);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    if (lost) throw new Error('Connection terminated while subscribing');
    return { client, socket, heartbeat };
  }

  private async reconnect(silent: boolean): Promise<void> {
    const { signal } = this.closing;
    if (this.link === undefined) return; // a first connect that failed reports to its caller
    this.link = undefined;
    this.parts.onLoss(silent);
    for (let wait = RETRY_FIRST_MS; !signal.aborted && this.channels.size > 0; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
      try {
        // A new subscriber may have connected meanwhile.
        await (this.link ?? this.connect());
      } catch {
        await delay(wait, undefined, { signal }).catch(() => undefined);
        continue;
      }
      for (const subscribers of this.channels.values()) {
        for (const { onReconnect } of subscribers) if (onReconnect !== undefined) this.guarded(onReconnect);
      }
      return;
    }
  }

  private guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.parts.onSubscriberError(error);
    }
  }
}

const quoted = (channel: string): string => `"${channel.replaceAll('"', '""')}"`;
