/**
 * A client as the stock providers behave, with a real y-protocols Awareness, on a link with latency in virtual time.
 * `hocuspocus` sends its own changes; `y-websocket` also sends back every change it receives (both as in their sources).
 */
import assert from 'node:assert/strict';
import { applyAwarenessUpdate, Awareness, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { type Presence, presenceColor, type PresenceSeat } from '../src/index.ts';
import type { VirtualTime } from './virtual-time.ts';

export type Kind = 'hocuspocus' | 'y-websocket';
export type State = Record<string, unknown>;

interface Changes {
  added: number[];
  updated: number[];
  removed: number[];
}

interface Link {
  /** Once the server has learnt of it. */
  seat?: PresenceSeat;
  readonly presence: Presence;
  /** Frames accepted from the lane that the client has not read. */
  readonly unread: Uint8Array[];
  upAt: number;
  downAt: number;
}

let peers = 0;

export class StockClient {
  readonly doc = new Y.Doc();
  awareness: Awareness;
  link: Link | undefined;
  /** What the application set last. */
  said: State | null = {};
  /** Frames handed to this client by the lane, in order. */
  readonly frames: Uint8Array[] = [];
  stuck = false;
  /** Its frames are forged by the test, not made by its Awareness. */
  forging = false;
  sent = 0;
  readonly #time: VirtualTime;
  readonly #latency: () => number;
  readonly kind: Kind;
  readonly userId: string;
  readonly board: string;

  constructor(time: VirtualTime, options: { kind?: Kind; userId: string; board?: string; latency?: () => number; clientId?: number }) {
    this.#time = time;
    this.kind = options.kind ?? 'hocuspocus';
    this.userId = options.userId;
    this.board = options.board ?? 'board';
    this.#latency = options.latency ?? (() => 1);
    if (options.clientId !== undefined) this.doc.clientID = options.clientId;
    this.awareness = this.#newAwareness();
  }

  get id(): number {
    return this.doc.clientID;
  }

  #newAwareness(): Awareness {
    const awareness = new Awareness(this.doc);
    awareness.on('update', ({ added, updated, removed }: Changes, origin: unknown) => {
      if (this.kind === 'hocuspocus' && origin === this) return;
      this.#announce([...added, ...updated, ...removed]);
    });
    return awareness;
  }

  set(state: State | null): void {
    this.said = state;
    this.awareness.setLocalState(state);
  }

  /** What Awareness does every 15 s. */
  heartbeat(): void {
    this.awareness.setLocalState(this.awareness.getLocalState());
  }

  connect(presence: Presence): void {
    assert.equal(this.link, undefined);
    const link: Link = { presence, unread: [], upAt: 0, downAt: 0 };
    this.link = link;
    const { userId } = this;
    link.upAt = this.#time.now() + 1; // sockets open in order; what is sent on an old one may come later
    this.#time.after(1, () => {
      link.seat = presence.join(this.board, {
        id: `peer-${peers++}`,
        user: { id: userId, name: `Name of ${userId}`, picture: null, color: presenceColor(userId) },
        send: (update) => {
          link.unread.push(update);
          this.#down(link);
        },
        get bufferedBytes() {
          return link.unread.reduce((sum, update) => sum + update.length, 0);
        },
      });
    });
    if (this.awareness.getLocalState() !== null) this.#announce([this.id]);
  }

  /** The link breaks; the server learns of it after `noticed` ms. */
  drop(noticed = 0): void {
    const { link } = this;
    if (link === undefined) return;
    this.#unlink();
    // not before it has learnt of the socket
    this.#time.after(Math.max(noticed, link.upAt - this.#time.now()), () => link.seat?.leave('abnormal'));
  }

  /** The tab closes: a goodbye, then an orderly close. */
  quit(): void {
    const { link } = this;
    removeAwarenessStates(this.awareness, [this.id], 'page hide');
    this.said = null;
    this.#unlink();
    if (link) this.#up(link, () => link.seat?.leave('clean'));
  }

  /** As both providers do when their socket closes: everyone but oneself has left. */
  #unlink(): void {
    this.link = undefined;
    const others = [...this.awareness.getStates().keys()].filter((id) => id !== this.id);
    removeAwarenessStates(this.awareness, others, this);
  }

  /** A new provider on the same document: same client id, clock from zero. */
  recreate(state: State): void {
    this.drop();
    this.#destroyAwareness();
    this.awareness = this.#newAwareness();
    this.set(state);
  }

  raw(update: Uint8Array): void {
    const { link } = this;
    if (link) this.#up(link, () => link.seat?.receive(update));
  }

  unstick(): void {
    this.stuck = false;
    if (this.link) this.#down(this.link);
  }

  /** Others as this client sees them. */
  others(): Map<number, unknown> {
    return new Map([...this.awareness.getStates()].filter(([id]) => id !== this.id));
  }

  destroy(): void {
    this.link = undefined;
    this.#destroyAwareness();
    this.doc.destroy();
  }

  #destroyAwareness(): void {
    const link = this.link;
    this.link = undefined;
    this.awareness.destroy();
    this.link = link;
  }

  #announce(ids: number[]): void {
    const { link } = this;
    if (link === undefined) return;
    const update = encodeAwarenessUpdate(this.awareness, ids);
    this.sent++;
    this.#up(link, () => link.seat?.receive(update));
  }

  /** In order, after a latency. What is under way when the link breaks may still arrive, as with a real socket. */
  #up(link: Link, deliver: () => void): void {
    link.upAt = Math.max(link.upAt, this.#time.now() + this.#latency());
    this.#time.after(link.upAt - this.#time.now(), deliver);
  }

  #down(link: Link): void {
    link.downAt = Math.max(link.downAt, this.#time.now() + this.#latency());
    this.#time.after(link.downAt - this.#time.now(), () => {
      if (this.stuck) return;
      for (const update of link.unread.splice(0)) {
        if (this.link !== link) return;
        this.frames.push(update);
        applyAwarenessUpdate(this.awareness, update, this);
        this.checkOwnState();
      }
    });
  }

  /** Nothing the server sends may take a state back that the application has set. */
  checkOwnState(): void {
    if (this.forging) return;
    const local = this.awareness.getLocalState();
    assert.deepEqual(withoutUser(local), withoutUser(this.said), 'the client lost its own newer state');
  }
}

export function withoutUser(state: State | null): State | null {
  if (state === null) return null;
  const { user: _user, ...rest } = state;
  return rest;
}
