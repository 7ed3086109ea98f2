/**
 * Stands between two programs on a TCP connection, and can be cut, slowed, lost, or made to hang. Bytes stay in order, whatever is done.
 *
 * `cable` leads to one server (Postgres or Redis, by its URL), `openLine` to whichever each new connection is dialled to.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Line {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** Connections break, and new ones are refused, until it is mended. */
  cut(): void;
  /** Nothing passes and nothing breaks: what a lost route looks like. What was sent meanwhile arrives when it is mended. */
  hang(): void;
  /** Open connections hang for ever, new ones work: the far end died without a word, and another took its address. */
  lose(): void;
  /** How long what is sent to the far end takes, and the news of a closed connection; and, if told, what comes back. */
  slow(toFarMs: number, fromFarMs?: number): void;
  /** Neither cut nor hanging nor slow. */
  mend(): void;
  close(): Promise<void>;
}

export interface Cable extends Line {
  /** To be used instead of the target's. */
  readonly url: string;
}

/** @param toDatabaseMs as of `slow` @param onSending as of `openLine` */
export async function cable(target: string, toDatabaseMs = 0, onSending?: () => void): Promise<Cable> {
  const url = new URL(target);
  const directory = url.searchParams.get('host');
  const port = Number(url.port === '' ? 5432 : url.port);
  const { hostname } = url;
  const line = await openLine(() => (directory === null ? connect(port, hostname) : connect(`${directory}/.s.PGSQL.${port}`)), onSending);
  line.slow(toDatabaseMs);
  url.searchParams.delete('host');
  url.hostname = '127.0.0.1';
  url.port = String(line.port);
  return { ...line, url: url.href };
}

/**
 * @param dial a socket to the far end of a new connection; `null`: there is nobody to connect to
 * @param onSending called for each piece of what is sent to the far end, before it goes
 */
export async function openLine(dial: () => Socket | null, onSending: () => void = () => undefined): Promise<Line> {
  const lanes = new Set<Lane>();
  const open = new Set<Socket>();
  const weather: Weather = { hanging: false, toFarMs: 0, fromFarMs: 0 };
  let whole = true;
  const server = createServer((near) => {
    const far = whole ? dial() : null;
    if (far === null) {
      near.destroy();
      return;
    }
    near.on('data', onSending);
    // A lane is there until it has passed on the end: that may come while nothing passes.
    const over = (lane: Lane): void => { lanes.delete(lane); };
    lanes.add(new Lane(near, far, () => (weather.hanging ? null : weather.toFarMs), over));
    lanes.add(new Lane(far, near, () => (weather.hanging ? null : weather.fromFarMs), over));
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => { if (!weather.hanging) other.destroy(); });
      socket.on('close', () => { open.delete(socket); });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  const pump = (): void => { for (const lane of lanes) lane.pump(); };
  const breakAll = (): void => { for (const socket of open) socket.destroy(); };
  return {
    port: address.port,
    cut() {
      whole = false;
      breakAll();
    },
    hang() { weather.hanging = true; },
    lose() { for (const lane of lanes) lane.lost = true; },
    slow(toFarMs, fromFarMs = 0) { Object.assign(weather, { toFarMs, fromFarMs }); },
    mend() {
      whole = true;
      Object.assign(weather, { hanging: false, toFarMs: 0, fromFarMs: 0 });
      pump();
    },
    async close() {
      whole = false;
      breakAll();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Weather {
  hanging: boolean;
  toFarMs: number;
  fromFarMs: number;
}

/** One direction of one connection. The news of its end travels like its bytes, after them. */
class Lane {
  private readonly to: Socket;
  private readonly delayMs: () => number | null;
  private readonly over: (lane: Lane) => void;
  /** `null`: the end. `due`: never before the one ahead of it. */
  private readonly waiting: { readonly due: number; readonly bytes: Buffer | null }[] = [];
  private timer: NodeJS.Timeout | null = null;
  /** Nothing passes any more. */
  lost = false;

  /** @param delayMs of what is sent now; `null`: it waits for `pump` @param over it has passed on the end */
  constructor(from: Socket, to: Socket, delayMs: () => number | null, over: (lane: Lane) => void) {
    this.to = to;
    this.delayMs = delayMs;
    this.over = over;
    from.on('data', (bytes: Buffer) => { this.send(bytes); });
    from.on('close', () => { this.send(null); });
  }

  private send(bytes: Buffer | null): void {
    this.waiting.push({ due: Math.max(performance.now() + (this.delayMs() ?? 0), this.waiting.at(-1)?.due ?? 0), bytes });
    this.pump();
  }

  pump(): void {
    if (this.lost || this.delayMs() === null) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      const wait = first.due - performance.now();
      if (wait > 0) {
        this.timer = setTimeout(() => { this.pump(); }, wait);
        return;
      }
      this.waiting.shift();
      if (first.bytes === null) {
        this.to.destroy();
        this.over(this);
      } else if (this.to.writable) this.to.write(first.bytes);
    }
  }
}
