/**
 * Who else is on the board, and what one shows of oneself. A view over the y-protocols awareness of an attachment.
 *
 * Guarantees: `peers` keeps its reference, and each peer's, until it changes; only states the server stamped with a user are shown;
 * one's own state leaves at most once per interval (a longer one in a crowd), the last one always. Ephemeral: nothing of it is ever stored.
 */
import type { Awareness } from 'y-protocols/awareness';
import { Listeners } from './listeners.ts';
import type { Listener, Peer, Presence, PresenceCrowd, PresenceState, PresenceUser, Unsubscribe } from './types.ts';

const SEND_INTERVAL_MS = 40; // the server's presence tick: sending faster only makes it drop what nobody sees

export class BoardPresence implements Presence {
  readonly #listeners = new Listeners();
  #awareness: Awareness | null = null;
  #peers: readonly Peer[] = [];
  #crowd: PresenceCrowd | null = null;
  #own: PresenceState = {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sentAt = 0;

  get peers(): readonly Peer[] { return this.#peers; }
  get crowd(): PresenceCrowd | null { return this.#crowd; }

  subscribe(fn: Listener): Unsubscribe { return this.#listeners.add(fn); }

  set(patch: PresenceState): void {
    const next = Object.entries({ ...this.#own, ...patch }).filter(([, value]) => value !== null && value !== undefined);
    this.#own = Object.fromEntries(next);
    this.#schedule();
  }

  clear(): void {
    this.#own = {};
    this.#schedule();
  }

  /** The server says how crowded the board is; null: not, or out of touch. */
  readonly crowded = (crowd: PresenceCrowd | null): void => {
    if (crowd === this.#crowd) return;
    this.#crowd = crowd;
    this.#listeners.emit();
  };

  /** Follows this awareness from now on; null: nobody is there. */
  bind(awareness: Awareness | null): void {
    this.#awareness?.off('change', this.#changed);
    this.#awareness = awareness;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    awareness?.on('change', this.#changed);
    awareness?.setLocalState(this.#own);
    this.#changed();
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sentAt = Date.now();
      this.#awareness?.setLocalState(this.#own);
    }, Math.max(0, this.#sentAt + (this.#crowd?.every ?? SEND_INTERVAL_MS) - Date.now()));
  }

  readonly #changed = (): void => {
    const before = new Map(this.#peers.map((peer) => [peer.clientId, peer]));
    const peers: Peer[] = [];
    for (const [clientId, raw] of this.#awareness?.getStates() ?? []) {
      if (clientId === this.#awareness?.clientID) continue;
      const known = before.get(clientId);
      const peer = known && sources.get(known) === raw ? known : readPeer(clientId, raw);
      if (peer) peers.push(peer);
    }
    if (peers.length === this.#peers.length && peers.every((peer, i) => peer === this.#peers[i])) return;
    this.#peers = peers;
    this.#listeners.emit();
  };
}

/** The awareness state a peer was read from: the same object means nothing changed. */
const sources = new WeakMap<Peer, unknown>();

function readPeer(clientId: number, raw: Record<string, unknown>): Peer | null {
  const { user, ...state } = raw;
  const { id, name, picture, color } = (user ?? {}) as Partial<Record<keyof PresenceUser, unknown>>;
  if (typeof id !== 'string' || typeof name !== 'string' || typeof color !== 'string') return null;
  const peer = { clientId, state, user: { id, name, picture: typeof picture === 'string' ? picture : null, color } };
  sources.set(peer, raw);
  return peer;
}
