/**
 * The clients of one board: who is present in what state, which ids were removed, and whose word of a client counts.
 *
 * Clocks. A stock Awareness takes a state only if its clock is above the last it saw for that client id, removals included, and it
 * remembers for as long as the page lives, whichever node that was of. So nothing is sent at the client's own clock: whatever a node shows is
 * stamped with the time at which it shows it (clock.ts), which is above all that anybody was ever shown. No node has to know what others
 * have shown.
 *
 * The owner sees its own entry in the shared frame, and must not take it: it may have changed since. A removal of its own id makes an
 * Awareness keep its state and put its clock above the removal's; with one the owner is *lifted*, far ahead of the lane's clock.
 *
 * Sessions. A client may be attached twice: it has moved to another node, and its old socket is not yet known to be dead; or its last
 * words there come late. The attachment that began last is right, on every node: its word replaces that of an earlier one, and the end of an
 * earlier one ends nothing. Within a session clocks order.
 */
import type { PresenceUser } from './types.ts';
import { NO_VIEW, type View } from './view.ts';
import { encodeEntry, encodeUpdate, type Told } from './wire.ts';

/** Who speaks for a client: a peer of this node, nobody for the moment (its socket broke), or another node. */
export type Holder<Seat> =
  | { readonly kind: 'peer'; readonly seat: Seat }
  | { readonly kind: 'absent'; readonly since: number }
  | { readonly kind: 'node'; readonly node: string };

/** One attachment of a client. */
export interface Session {
  /** When it began, by the clock of its node. */
  readonly since: number;
  readonly node: string;
}

export interface Client<Seat> {
  readonly id: number;
  user: PresenceUser;
  holder: Holder<Seat>;
  session: Session;
  /** What it says, as others are told; not kept as an object, of which a collector would have to look at each part. */
  json: string;
  /** Of another node: the clock at which it said so. */
  told: number;
  /** When the holder last said anything of it. */
  seenAt: number;
  /** The highest clock sent for this id. */
  out: number;
  /** The `json` that was last encoded, and the entry that was made; undefined before the first. */
  sentJson: string | undefined;
  entry: Buffer | undefined;
  /** What it looks at, and what it did when others were last told. */
  view: View;
  sentView: View;
}

/** What a holder says of a client. */
export type Said<Seat> = Pick<Client<Seat>, 'user' | 'holder' | 'session' | 'json' | 'view' | 'told' | 'seenAt'>;

interface Removed {
  readonly userId: string;
  readonly session: Session;
  /** What its session said until this clock is void. */
  readonly told: number;
  readonly out: number;
  readonly at: number;
  /** This node removed it, and tells the others. */
  readonly ours: boolean;
  /** As sent; undefined before the tick. */
  readonly entry: Uint8Array | undefined;
}

export class Clients<Seat> {
  readonly present = new Map<number, Client<Seat>>();
  /** In the order of removal. */
  readonly #removed = new Map<number, Removed>();
  readonly #remember: number;
  #snapshot: Uint8Array | undefined;
  #stamp = 0;

  constructor(remember: number) {
    this.#remember = remember;
  }

  /** From now on clients are shown at this clock. */
  begin(stamp: number): void {
    this.#stamp = stamp;
  }

  /** Who an id that is, or was, on this board belongs to, the highest clock sent for it, and until when it was here. */
  trace(id: number): { readonly userId: string; readonly out: number; readonly until: number } | undefined {
    const client = this.present.get(id);
    if (client !== undefined) {
      const until = client.holder.kind === 'absent' ? client.holder.since : Number.POSITIVE_INFINITY;
      return { userId: client.user.id, out: client.out, until };
    }
    const removed = this.#removed.get(id);
    return removed && { userId: removed.userId, out: removed.out, until: removed.at };
  }

  /** The last session known to have spoken for an id, and until what clock it has. */
  last(id: number): { readonly session: Session; readonly told: number } | undefined {
    return this.present.get(id) ?? this.#removed.get(id);
  }

  add(client: Said<Seat> & Pick<Client<Seat>, 'id'>): void {
    const out = this.#removed.get(client.id)?.out ?? 0;
    this.#removed.delete(client.id);
    this.present.set(client.id, { ...client, out, sentView: NO_VIEW, sentJson: undefined, entry: undefined });
  }

  /** Its holder, or another from now on, says something of it. */
  update(client: Client<Seat>, said: Said<Seat>): void {
    // One by one: for each move of everybody, Object.assign took five times as long.
    client.user = said.user;
    client.holder = said.holder;
    client.session = said.session;
    client.json = said.json;
    client.told = said.told;
    client.seenAt = said.seenAt;
    client.view = said.view;
  }

  /** Another node ended the session at this clock. */
  void(id: number, session: Session, told: number): void {
    const removed = this.#removed.get(id);
    if (removed !== undefined) this.#removed.set(id, { ...removed, session, told });
  }

  /** Returns how many removed ids had to be forgotten. `told`: until when what another node said of it is void. */
  remove(client: Client<Seat>, at: number, told = 0): number {
    this.#snapshot = undefined;
    this.present.delete(client.id);
    this.#removed.delete(client.id);
    this.#removed.set(client.id, { userId: client.user.id, session: client.session, told, out: client.out, at, ours: client.holder.kind !== 'node', entry: undefined });
    let forgotten = 0;
    for (const id of this.#removed.keys()) {
      if (this.#removed.size <= this.#remember) break;
      this.#removed.delete(id);
      forgotten++;
    }
    return forgotten;
  }

  encode(client: Client<Seat>): Uint8Array {
    this.#snapshot = undefined;
    client.out = this.#stamp;
    client.sentJson = client.json;
    client.entry = encodeEntry(client.id, this.#stamp, client.json, client.entry);
    return client.entry;
  }

  /** The removal of an id that is not present; undefined if it was forgotten. */
  encodeRemoval(id: number): { readonly entry: Uint8Array; readonly ours: boolean; readonly since: number } | undefined {
    const removed = this.#removed.get(id);
    if (removed === undefined) return undefined;
    const entry = encodeEntry(id, this.#stamp, 'null');
    this.#removed.set(id, { ...removed, out: this.#stamp, entry });
    return { entry, ours: removed.ours, since: removed.session.since };
  }

  /** Those who look at what they do, and they themselves, were told of them. */
  shown(ids: readonly number[]): void {
    for (const id of ids) {
      const client = this.present.get(id);
      if (client !== undefined) client.sentView = client.view;
    }
  }

  /** One update of these, as last encoded, removals included; undefined where there is nothing to tell. */
  frame(ids: readonly number[]): Uint8Array | undefined {
    const entries = ids.flatMap((id) => this.present.get(id)?.entry ?? this.#removed.get(id)?.entry ?? []);
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

  /** Everyone present (of whom `which` holds), stamped anew: for who may have been shown them elsewhere, later than they were sent here. */
  anew(which?: (client: Client<Seat>) => boolean): Uint8Array[] {
    const entries: Uint8Array[] = [];
    for (const client of this.present.values()) {
      if (client.sentJson === undefined || (which !== undefined && !which(client))) continue;
      client.out = this.#stamp;
      entries.push(encodeEntry(client.id, client.out, client.sentJson));
    }
    return entries;
  }

  /** Everyone of this node, for the others. */
  ours(): Told {
    const clients = [...this.present.values()].flatMap(({ entry, holder, session }) => (entry === undefined || holder.kind === 'node' ? [] : [{ entry, since: session.since }]));
    return { update: encodeUpdate(clients.map(({ entry }) => entry)), since: clients.map(({ since }) => since) };
  }

  /** Removals since then, for a peer that was not sent them. */
  removalsSince(at: number): Uint8Array[] {
    return [...this.#removed.values()].flatMap((removed) => (removed.at >= at && removed.entry !== undefined ? [removed.entry] : []));
  }
}

/** Negative if `a` began before `b`. */
export function compareSessions(a: Session, b: Session): number {
  if (a.since !== b.since) return a.since - b.since;
  if (a.node === b.node) return 0;
  return a.node < b.node ? -1 : 1;
}
