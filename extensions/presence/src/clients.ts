/**
 * The clients of one board: who is present in what state, at which clock, and which ids were removed.
 *
 * Clocks. A stock Awareness takes a state only if its clock is above the last it saw for that client id, removals included,
 * and it remembers for as long as the page lives. So what is sent carries the lane's own clock, `out`: the client's clock
 * `in`, or one above whatever was sent before, whichever is greater. `out` is ahead of `in` after a removal, after a new
 * claim, and when a peer that returns has to be shown what it may have seen already.
 *
 * The owner sees its own entry in the shared frame. With `out = in + 1` its Awareness takes the echo exactly when it has
 * changed nothing since, and then the echo is its own state: harmless, and its clock has caught up. Further ahead, an echo
 * could overwrite a newer state: then the owner is *nudged*. A removal of its own id makes an Awareness keep its state and
 * lift its clock above the removal's, out of reach of anything the lane sends before it answers.
 */
import { NUDGE_HEADROOM } from './limits.ts';
import type { PresenceUser } from './types.ts';
import { NO_VIEW, type View, viewOf } from './view.ts';
import { encodeEntry, encodeUpdate, type PresenceState } from './wire.ts';

/** Who speaks for a client: a peer of this node, nobody for the moment (its socket broke), or another node. */
export type Holder<Seat> =
  | { readonly kind: 'peer'; readonly seat: Seat }
  | { readonly kind: 'absent'; readonly since: number }
  | { readonly kind: 'node'; readonly node: string };

export interface Client<Seat> {
  readonly id: number;
  user: PresenceUser;
  holder: Holder<Seat>;
  state: PresenceState;
  /** `state` as sent. */
  json: string;
  /** The holder's clock. */
  in: number;
  /** The highest clock sent for this id. */
  out: number;
  /** The holder's Awareness was lifted above this clock. */
  nudgedTo: number;
  /** The node that claimed it too since the holder last spoke. */
  elsewhere?: string | undefined;
  /** When the holder last said anything of it. */
  seenAt: number;
  /** When it was last encoded, from which `json`, and the entry that was made; undefined before the first. */
  sentAt: number;
  sentJson: string | undefined;
  entry: Uint8Array | undefined;
  /** What it looks at, and what it did when others were last told. */
  view: View;
  sentView: View;
  /** When its holder was last told of it. */
  shownAt: number;
}

/** What a holder says of a client. */
export type Said<Seat> = Pick<Client<Seat>, 'user' | 'holder' | 'state' | 'json' | 'in' | 'seenAt'>;

interface Removed {
  readonly userId: string;
  readonly out: number;
  readonly at: number;
  /** This node removed it, and tells the others. */
  readonly ours: boolean;
}

export class Clients<Seat> {
  readonly present = new Map<number, Client<Seat>>();
  /** In the order of removal. */
  readonly #removed = new Map<number, Removed>();
  readonly #remember: number;
  #snapshot: Uint8Array | undefined;

  constructor(remember: number) {
    this.#remember = remember;
  }

  /** Who an id that is, or was, on this board belongs to, the highest clock others hold for it, and until when it was here. */
  trace(id: number): { readonly userId: string; readonly out: number; readonly until: number } | undefined {
    const client = this.present.get(id);
    if (client !== undefined) {
      const until = client.holder.kind === 'absent' ? client.holder.since : Number.POSITIVE_INFINITY;
      return { userId: client.user.id, out: client.out, until };
    }
    const removed = this.#removed.get(id);
    return removed && { userId: removed.userId, out: removed.out, until: removed.at };
  }

  add(client: Said<Seat> & Pick<Client<Seat>, 'id'>): Client<Seat> {
    // a peer's Awareness may be where `in` was sent before; another node's `in` is what that node sends now
    const out = Math.max(this.#removed.get(client.id)?.out ?? 0, client.holder.kind === 'node' ? client.in - 1 : client.in);
    const never = Number.NEGATIVE_INFINITY;
    const added = { ...client, view: viewOf(client.state), sentView: NO_VIEW, out, nudgedTo: 0, sentAt: never, sentJson: undefined, shownAt: never, entry: undefined };
    this.#removed.delete(client.id);
    this.present.set(client.id, added);
    return added;
  }

  /** Its holder, or another from now on, says something of it. */
  update(client: Client<Seat>, said: Said<Seat>, sameHolder: boolean): void {
    Object.assign(client, said, { elsewhere: undefined, view: viewOf(said.state, client.view) });
    if (sameHolder) return;
    client.out = Math.max(client.out, client.in);
    client.nudgedTo = 0;
  }

  /** Returns how many removed ids had to be forgotten. */
  remove(client: Client<Seat>, at: number): number {
    this.#snapshot = undefined;
    this.present.delete(client.id);
    this.#removed.delete(client.id);
    this.#removed.set(client.id, { userId: client.user.id, out: client.out, at, ours: client.holder.kind !== 'node' });
    let forgotten = 0;
    for (const id of this.#removed.keys()) {
      if (this.#removed.size <= this.#remember) break;
      this.#removed.delete(id);
      forgotten++;
    }
    return forgotten;
  }

  /** Gives the client the next clock and encodes it. Returns a nudge for its holder, if one is due. */
  advance(client: Client<Seat>, now: number): Uint8Array | undefined {
    this.#snapshot = undefined;
    client.out = Math.max(client.in, client.out + 1);
    client.entry = encodeEntry(client.id, client.out, client.json);
    client.sentAt = now;
    client.sentJson = client.json;
    if (client.holder.kind !== 'peer' || client.out - client.in < 2 || client.out <= client.nudgedTo) return undefined;
    client.nudgedTo = client.out + NUDGE_HEADROOM;
    return encodeUpdate([encodeEntry(client.id, client.nudgedTo, 'null')]);
  }

  /** Others were shown this clock for it: the next has to be above. */
  raise(id: number, clock: number): void {
    const client = this.present.get(id);
    if (client !== undefined) client.out = Math.max(client.out, clock);
    const removed = this.#removed.get(id);
    if (removed !== undefined && clock > removed.out) this.#removed.set(id, { ...removed, out: clock });
  }

  /** The removal to send for an id that is not present; undefined if it was forgotten. */
  removal(id: number): { readonly entry: Uint8Array; readonly ours: boolean } | undefined {
    const removed = this.#removed.get(id);
    return removed && { entry: encodeEntry(id, removed.out, 'null'), ours: removed.ours };
  }

  /** Those who look at what they do, and they themselves, were told of them. */
  shown(ids: readonly number[], now: number): void {
    for (const id of ids) {
      const client = this.present.get(id);
      if (client === undefined) continue;
      client.shownAt = now;
      client.sentView = client.view;
    }
  }

  /** One update of these, as last encoded, removals included; undefined where there is nothing to tell. */
  frame(ids: readonly number[]): Uint8Array | undefined {
    const entries = ids.flatMap((id) => this.present.get(id)?.entry ?? this.removal(id)?.entry ?? []);
    return entries.length > 0 ? encodeUpdate(entries) : undefined;
  }

  /** Everyone present (of whom `which` holds), as last sent. */
  entries(which?: (client: Client<Seat>) => boolean): Uint8Array[] {
    const entries: Uint8Array[] = [];
    for (const client of this.present.values()) {
      if (client.entry !== undefined && (which === undefined || which(client))) entries.push(client.entry);
    }
    return entries;
  }

  /** All entries as one update, the same array until one of them changes. */
  snapshot(): Uint8Array {
    this.#snapshot ??= encodeUpdate(this.entries());
    return this.#snapshot;
  }

  /** Removals since then, for a peer that was not sent them. */
  removalsSince(at: number): Uint8Array[] {
    const entries: Uint8Array[] = [];
    for (const [id, removed] of this.#removed) if (removed.at >= at) entries.push(encodeEntry(id, removed.out, 'null'));
    return entries;
  }
}
