/**
 * One open board's books: what its document holds that is not committed yet, who waits for it, and what follows it.
 *
 * The document changes in one turn of the event loop, so at the moment of a cut it is exactly head + pending: the batch's
 * bytes, item rows and the answers given to waiting joiners and readers all describe that one state (invariants 2, 5, 6).
 * At most one cut is out at a time; what arrives meanwhile waits for the next.
 *
 *   pending ──cut──▶ out ──committed──▶ head+1: broadcast, acks, readers
 *                     │ ──behind──▶ rows of other nodes applied, then cut again together with what came since
 *                     └ ──database away──▶ outcome looked up on its return; meanwhile sent on as volatile
 *
 * Owns no timers and makes no queries: the committer drives it.
 */
import { randomUUID } from 'node:crypto';
import type { Document } from '@hocuspocus/server';
import * as Y from 'yjs';
import { BoardClocks } from './clocks.ts';
import type { UpdateExtent } from './extent.ts';
import { broadcast, type Follower, type FollowedBoard } from './follower.ts';
import { Telling, type Derivation, type Projection, type Stale } from './projection.ts';
import type { CommittedState } from './committed-state.ts';
import type { Cut, EarlyRow } from './cut.ts';
import { Joiners } from './joiners.ts';
import type { LedgerHooks, OpenedBoard } from './opened-board.ts';
import { promised, type Reader } from './reader.ts';
import { Secrets } from './secrets.ts';
import { bringsMore, causeOf, COMMITTED_ELSEWHERE, DatabaseAway, fits, merged, ownersIn, VOLATILE_ELSEWHERE, type VolatileBatch } from './updates.ts';
import { without, type Taken } from './without.ts';
import type { Batch, CommittedRows, JournalRow } from './store.ts';

/** Batches kept while our own cut is out; more are read from the journal. */
const MAX_EARLY_ROWS = 256;

export class Ledger implements FollowedBoard {
  readonly boardId: string;
  readonly document: Document;
  readonly followers = new Map<object, Follower>();
  /** Those who wait for an ack: of many who follow few. A new list at each commit: a `Set` that fills and empties makes a new table each time. */
  private owing: Follower[] = [];
  head: number;
  /** The highest head anybody told of: above `head`, there is something to read in the journal. */
  heard = 0;
  captured = 0;
  committed = 0;
  volatile = false;
  rowsSinceSnapshot: number;
  pendingBytes = 0;

  readonly state: CommittedState;
  private readonly maxBytes: number;
  private readonly derivation: Derivation;
  private readonly telling: Telling;
  private readonly hooks: LedgerHooks;
  readonly clients: Map<number, string>;
  private pending: Uint8Array[] = [];
  private pendingSent = 0;
  private pendingWithheld: readonly Uint8Array[] = [];
  private pendingAuthors = new Set<string>();
  private pendingConnections = new Set<object | null>();
  /** Yjs holds updates that wait for missing ones; and did so before this transaction, which may have brought them in as its own. */
  private parked = false;
  private unparked = false;
  /** What other nodes committed, while it is being applied. */
  private applying: readonly Uint8Array[] = [];
  /** This transaction brought what another node committed, and nothing else. */
  private foreign = false;
  private newClients = new Map<number, string>();
  private readonly clocks: BoardClocks;
  /** What is pending may be committed by another node, too: it went out, or came in, as volatile. */
  private shared = false;
  private readers: Reader[] = [];
  private out: Cut | null = null;
  private readonly joiners: Joiners;
  /** Batches of other nodes that came while our cut was out: whether they go before or after it, its commit will tell. */
  private readonly early = new Map<number, EarlyRow>();
  /** Pending updates that another node sent as volatile, and sends to the others itself. */
  private readonly relayed = new WeakSet<Uint8Array>();
  private readonly secrets: Secrets;

  constructor(document: Document, opened: OpenedBoard, projection: Projection, hooks: LedgerHooks) {
    this.boardId = document.name;
    this.document = document;
    this.head = opened.seq;
    this.clients = new Map(opened.clients);
    this.rowsSinceSnapshot = opened.rows;
    this.state = opened.state;
    this.maxBytes = opened.maxBytes;
    this.hooks = hooks;
    this.clocks = new BoardClocks(document);
    this.joiners = new Joiners(this, () => hooks.fold(this));
    this.secrets = new Secrets(document);
    this.derivation = projection.open(document, {
      boardId: this.boardId,
      committedUpTo: (client) => this.clocks.committedUpTo(client),
      ownerOf: (client) => this.clients.get(client),
    });
    this.telling = new Telling(this.derivation);
  }

  get dirty(): boolean {
    return this.pending.length > 0 || this.out !== null;
  }

  /** Pending updates that no cut has taken yet. */
  get hasPending(): boolean {
    return this.pending.length > 0;
  }

  get outstanding(): Batch | null {
    return this.out?.batch ?? null;
  }

  /** What must be read again before the next cut, since another node wrote it meanwhile. */
  get stale(): Stale | null {
    return this.derivation.stale;
  }

  /** The document's `afterTransaction`: what the next batch must tell of. */
  note(transaction: Y.Transaction): void {
    const { pendingStructs, pendingDs } = this.document.store;
    this.unparked = this.parked;
    this.parked = pendingStructs !== null || pendingDs !== null;
    const origin: unknown = transaction.origin;
    this.foreign = origin === COMMITTED_ELSEWHERE && !(this.unparked && bringsMore(transaction, this.applying));
    const cause = causeOf(origin);
    const byServer = cause.connection === null && origin !== VOLATILE_ELSEWHERE && origin !== COMMITTED_ELSEWHERE;
    this.secrets.note(transaction, byServer);
    if (this.foreign) {
      this.derivation.note(transaction, { kind: 'elsewhere' });
      return;
    }
    // A client in sync is so until now; one that is only just joining brings what it wrote since it left.
    const syncedAt = cause.connection === null ? 0 : (this.followers.get(cause.connection)?.syncedAt ?? this.clocks.lastSynced(transaction));
    // What waited here came in together with what another node committed.
    if (origin === COMMITTED_ELSEWHERE) this.derivation.doubt(this.applying);
    this.derivation.note(transaction, { kind: 'ours', cause, syncedAt });
  }

  owes(follower: Follower): void {
    this.owing.push(follower);
  }

  left(clients: Iterable<number>, at: number): void {
    this.clocks.left(clients, at);
  }

  /** The document's `update`: from here on the update is owed to the journal. */
  capture(update: Uint8Array, origin: unknown): void {
    if (this.foreign) return;
    this.captured += 1;
    this.pending.push(update);
    this.pendingBytes += update.length;
    const author = causeOf(origin);
    if (author.userId !== null) this.pendingAuthors.add(author.userId);
    this.pendingConnections.add(this.unparked ? null : author.connection);
    this.secrets.captured(update);
    this.hooks.due(this);
  }

  attribute(ends: ReadonlyMap<number, number>, userId: string | null): void {
    if (userId === null) return;
    // Who repeats what is known has not written it.
    for (const [client, end] of ends) if (end > Y.getState(this.document.store, client)) this.own(client, userId);
  }

  private own(client: number, userId: string): void {
    if (this.clients.has(client)) return;
    this.clients.set(client, userId);
    this.newClients.set(client, userId);
  }

  overfull(bytes: number): boolean {
    return this.state.approximateBytes + this.pendingBytes + bytes > this.maxBytes;
  }

  holds({ ends, deletedEnds }: UpdateExtent): boolean {
    const { store } = this.document;
    for (const each of [ends, deletedEnds]) for (const [client, end] of each) if (Y.getState(store, client) < end) return false;
    return true;
  }

  stateVector(): Uint8Array {
    return Y.encodeStateVector(this.document);
  }

  /** Takes everything pending as one batch against the current head. `null`: nothing to do, or a cut is out already. What throws has taken nothing. */
  cut(): Batch | null {
    if (this.out !== null || this.pending.length === 0) return null;
    if (!this.volatile) this.derivation.prepare();
    const { pending } = this;
    const batchId = randomUUID();
    const [connection] = this.pendingConnections;
    const sole = this.pendingConnections.size === 1 && connection !== null && connection !== undefined ? this.followers.get(connection) : undefined;
    const { readers } = this;
    for (const reader of readers) reader.run();
    const batch: Batch = {
      boardId: this.boardId,
      expectedSeq: this.head,
      batchId,
      update: merged(pending),
      authors: [...this.pendingAuthors],
      newClients: this.newClients,
      ...this.telling.cut(batchId),
    };
    this.readers = [];
    this.out = { batch, mark: this.captured, updates: pending, soleAuthor: sole ?? null, readers, sent: this.pendingSent, withheld: this.pendingWithheld };
    this.pending = [];
    this.pendingSent = 0;
    this.pendingWithheld = [];
    this.pendingAuthors = new Set();
    this.pendingConnections = new Set();
    this.newClients = new Map();
    return batch;
  }

  /** The cut is committed as `seq`. Broadcast first, so that a joiner answered below follows from exactly here. */
  confirm(seq: number): void {
    const cut = this.out;
    if (cut === null) return;
    this.out = null;
    this.head = seq;
    this.committed = cut.mark;
    this.rowsSinceSnapshot += 1;
    this.clocks.learn(cut.batch.update);
    this.derivation.confirm();
    if (this.pending.length === 0) this.shared = false;
    this.state.append(seq, cut.batch.update);
    this.pendingBytes -= cut.updates.reduce((sum, update) => sum + update.length, 0);
    if (this.volatile && this.pending.length === 0) this.setVolatile(false);
    const unsent = [...cut.withheld, ...cut.updates.slice(cut.sent)];
    if (unsent.length > 0) broadcast(this.followers.values(), cut.sent === 0 ? cut.batch.update : merged(unsent), cut.soleAuthor);
    this.secrets.tell(cut.updates);
    const { batchId, update, events, conflicts } = cut.batch;
    this.hooks.committed({ boardId: this.boardId, seq, batchId, update, events: events.length, conflicts });
    const { owing } = this;
    this.owing = [];
    for (const follower of owing) follower.advanced();
    for (const reader of cut.readers) reader.settle(seq);
    this.takeEarly();
    // What was put off while the database was away, and would wait for the next edit.
    if (this.pending.length === 0 && !this.volatile) this.derivation.prepare();
    if (this.pending.length > 0 || this.readers.length > 0) this.hooks.due(this);
    if (!this.dirty) this.hooks.clean(this);
  }

  /** The cut was certainly not committed: its content is pending again, in front of what came since. */
  takeBack(): void {
    const cut = this.out;
    if (cut === null) return;
    this.out = null;
    this.pendingSent = cut.sent === cut.updates.length ? cut.sent + this.pendingSent : cut.sent;
    this.pendingWithheld = [...cut.withheld, ...this.pendingWithheld];
    this.pending = [...cut.updates, ...this.pending];
    for (const author of cut.batch.authors) this.pendingAuthors.add(author);
    this.pendingConnections.add(null);
    this.newClients = new Map([...cut.batch.newClients, ...this.newClients]);
    this.derivation.takeBack();
    this.readers = [...cut.readers, ...this.readers];
    this.hooks.due(this);
  }

  /** Another node was first. `true`: the cut is taken back, and the rows that are missing come with what must be read again. */
  takeBackBehind(): boolean {
    this.derivation.doubt([]);
    this.derivation.takeBack();
    if (this.derivation.stale === null) return false;
    this.takeBack();
    return true;
  }

  /** The board is deleted: there is nothing left to commit it to. */
  abandon(): void {
    const readers = [...this.readers, ...(this.out?.readers ?? [])];
    this.out = null;
    this.pending = [];
    this.pendingSent = 0;
    this.pendingWithheld = [];
    this.secrets.forget();
    this.pendingBytes = 0;
    this.readers = [];
    for (const reader of readers) reader.fail(new Error('the board is deleted'));
  }

  /** The board's own fields and items as another node committed them; rows up to them first. */
  rebase(asked: Stale, committed: CommittedRows): void {
    if (committed.rows !== null) this.catchUp(committed.rows);
    // The fan-out may have been faster than the answer: it is asked for again.
    if (this.head === committed.head) this.derivation.rebase(asked, committed);
  }

  /**
   * Not captured, but for what waited in the document for it: nobody else may have that, and this node owes it to the journal. What
   * is pending here and is in there, too, must not be told of twice (invariant 4).
   */
  private applyCommitted(updates: readonly Uint8Array[]): void {
    if (this.dirty && (this.shared || updates.some((update) => this.clocks.overlaps(update)))) this.derivation.doubt(updates);
    this.applying = [...updates, ...Array.from(this.early.values(), (row) => row.update)];
    Y.transact(this.document, () => { for (const update of updates) Y.applyUpdate(this.document, update, COMMITTED_ELSEWHERE); }, COMMITTED_ELSEWHERE, false);
    this.applying = [];
    for (const update of updates) this.clocks.learn(update);
  }

  /** Rows other nodes committed after our head: applied and sent on; what we had in hand is cut again on top of them. */
  catchUp(rows: readonly JournalRow[]): void {
    for (const row of rows) {
      if (row.seq !== this.head + 1) continue;
      this.applyCommitted([row.update]);
      this.head = row.seq;
      this.rowsSinceSnapshot += 1;
      this.state.append(row.seq, row.update);
      broadcast(this.followers.values(), row.update, null);
    }
  }

  /**
   * A batch another node committed, as the fan-out brought it; without its update, only that it exists. `false`: rows between
   * it and our head are missing, and are to be read from the journal. While our own cut is out it waits for that commit.
   */
  receive(seq: number, update: Uint8Array | null): boolean {
    if (seq <= this.head) return true;
    this.heard = Math.max(this.heard, seq);
    if (update === null) return false;
    if (this.out !== null) {
      const row = { update, shown: false };
      if (this.early.size < MAX_EARLY_ROWS) this.early.set(seq, row);
      // Our commit may take as long as the database is away; what others committed is shown now, and counted then.
      if (this.volatile) this.showEarly(row);
      return true;
    }
    if (seq !== this.head + 1) return false;
    this.catchUp([{ seq, update }]);
    return true;
  }

  /** What lacks its ground waits: Yjs would keep it back, here and at those who are shown it. `latest` may be one for which there is no room. */
  private showEarly(latest?: EarlyRow): void {
    const rows = [...this.early].toSorted(([a], [b]) => a - b).map(([, row]) => row);
    if (latest !== undefined && !rows.includes(latest)) rows.push(latest);
    if (rows.length === 0) return;
    const { from } = this.taken();
    for (const row of rows) {
      if (row.shown || !fits(this.document, row.update, from)) continue;
      row.shown = true;
      this.applyCommitted([row.update]);
      broadcast(this.followers.values(), row.update, null);
    }
  }

  private takeEarly(): void {
    for (let row = this.early.get(this.head + 1); row !== undefined; row = this.early.get(this.head + 1)) {
      this.catchUp([{ seq: this.head + 1, update: row.update }]);
    }
    if (this.early.size > 0) this.early.clear();
  }

  /** What another node could not commit yet: applied, and owed to the journal by this node too. */
  receiveVolatile({ update, authors, clients }: Omit<VolatileBatch, 'boardId'>): void {
    for (const [client, userId] of clients) this.own(client, userId);
    // On top of something not here yet it would wait inside Yjs, uncounted. Its node commits it, sooner or later.
    if (!fits(this.document, update, this.taken().from)) return;
    const before = this.pending.length;
    this.shared = true;
    Y.applyUpdate(this.document, update, VOLATILE_ELSEWHERE);
    const captured = this.pending.slice(before);
    if (captured.length === 0) return;
    for (const each of captured) this.relayed.add(each);
    for (const author of authors) this.pendingAuthors.add(author);
  }

  /** As `catchUp`, when the rows are gone: the whole committed state, and the head it stands for. */
  reload(state: readonly Uint8Array[], seq: number): void {
    const before = this.stateVector();
    this.applyCommitted(state);
    this.head = seq;
    this.state.drop();
    // Not the difference of the document, which has deleted more than is committed.
    broadcast(this.followers.values(), Y.diffUpdate(merged(state), before), null);
  }

  /** While the database is away: what is not sent yet goes out unacknowledged, marked volatile. `hopeless`: who waits for a commit is told so. */
  spill(hopeless: boolean): void {
    this.setVolatile(true);
    this.shared = true;
    this.sendUnsent();
    this.showEarly();
    const waiting = [...this.readers, ...(this.out?.readers ?? [])];
    const staying = (reader: Reader): boolean => reader.patient && !hopeless;
    this.readers = this.readers.filter(staying);
    if (this.out !== null) this.out.readers = this.out.readers.filter(staying);
    for (const reader of waiting) if (!staying(reader)) reader.fail(new DatabaseAway());
  }

  private sendUnsent(): void {
    if (this.out !== null && this.out.sent < this.out.updates.length) {
      const withheld = this.sendOn(this.out.updates.slice(this.out.sent), this.out.batch.authors);
      this.out.sent = this.out.updates.length;
      this.out.withheld = [...this.out.withheld, ...withheld];
    }
    if (this.pendingSent < this.pending.length) {
      const withheld = this.sendOn(this.pending.slice(this.pendingSent), [...this.pendingAuthors]);
      this.pendingSent = this.pending.length;
      this.pendingWithheld = [...this.pendingWithheld, ...withheld];
    }
  }

  /** @returns what is to be sent once it is committed: what was not shown, and what was shown only in part */
  private sendOn(updates: readonly Uint8Array[], authors: readonly string[]): readonly Uint8Array[] {
    const [shown, ours, withheld]: [Uint8Array[], Uint8Array[], Uint8Array[]] = [[], [], []];
    for (const update of updates) {
      const part = this.secrets.none ? update : this.shownOf(update);
      if (part !== update) withheld.push(update);
      if (part === null) continue;
      shown.push(part);
      if (!this.relayed.has(update)) ours.push(part);
    }
    if (shown.length > 0) broadcast(this.followers.values(), merged(shown), null);
    if (ours.length > 0) {
      const update = merged(ours);
      this.hooks.spilled({ boardId: this.boardId, update, authors, clients: ownersIn(update, this.clients) });
    }
    return withheld;
  }

  private setVolatile(on: boolean): void {
    if (this.volatile === on) return;
    this.volatile = on;
    for (const follower of this.followers.values()) follower.volatile(on);
  }

  /**
   * Runs `read` at a moment when the document is head + a batch, and answers once that batch is committed.
   * Rejects with `DatabaseAway` when it stays away meanwhile; who is not `patient` does not wait for a commit that stalls, either.
   */
  whenCommitted<T>(read: (document: Document) => T, patient = true): Promise<{ value: T; seq: number }> {
    if (!this.dirty) return new Promise((resolve) => { resolve({ value: read(this.document), seq: this.head }); });
    return new Promise((resolve, reject) => { this.readAtCut(promised(() => read(this.document), patient, resolve, reject)); });
  }

  readAtCut(reader: Reader): void {
    if (this.out !== null && this.pending.length === 0) {
      // Nothing came since the running cut: the document still is what it will commit.
      reader.run();
      this.out.readers.push(reader);
    } else {
      this.readers.push(reader);
    }
  }

  /** Resolves when everything captured so far is committed; rejects while the database is away. */
  barrier(): Promise<number> {
    return this.whenCommitted(() => null).then(({ seq }) => seq);
  }

  join(follower: Follower, vector: Uint8Array): void {
    this.joiners.join(follower, vector);
  }

  private taken(): Taken {
    return this.secrets.takenFrom(() => [...(this.out?.updates ?? []), ...this.pending]);
  }

  /** What of an update may be shown before it is committed; `null`: nothing of it. */
  private shownOf(update: Uint8Array): Uint8Array | null {
    if (this.secrets.has(update)) return null;
    const taken = this.taken();
    const rest = without(update, taken);
    if (rest.lacks !== 'structs' && fits(this.document, rest.update, taken.from)) return rest.update;
    this.secrets.add(update);
    return null;
  }

  /** While the database is away, what a joiner is told of a difference: no more than those who follow, who are sent the rest first. */
  shownToJoiner(difference: () => Uint8Array): Uint8Array {
    if (!this.volatile) return difference();
    this.sendUnsent();
    return this.secrets.none ? difference() : without(difference(), this.taken()).update;
  }

  /** Followers whose sockets have drained get what they missed; returns those still held back. */
  relieve(): Follower[] {
    const held: Follower[] = [];
    for (const follower of this.followers.values()) {
      if (follower.laggingSince === null) continue;
      const vector = follower.drained();
      if (vector === null) held.push(follower);
      else this.join(follower, vector);
    }
    return held;
  }
}
