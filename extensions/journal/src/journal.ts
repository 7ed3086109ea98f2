/**
 * The journal: makes a Hocuspocus server durable. An ack means committed, what leaves the node is committed, nothing
 * unpersisted is unloaded (invariants 1–3, 6 and 7, docs/architecture.md).
 *
 * It joins Hocuspocus at four public seams, per document and connection: the document's `update` event (capture),
 * `addConnection`/`removeConnection` (a follower per connection), and the connection's `send` and `handleMessage` (acks and
 * joins). Hocuspocus' own broadcast is switched off; its awareness broadcast is left as it is.
 *
 * The journal owns its committer, compactor and fold worker; `drain` waits until everything is committed, `close` stops them.
 */
import type { Document, Extension, Hocuspocus, Connection } from '@hocuspocus/server';
import * as Y from 'yjs';
import { Committer } from './committer.ts';
import { CommittedState } from './committed-state.ts';
import { Compactor, type CompactionResult } from './compactor.ts';
import { Folder } from './folder.ts';
import { Follower, type FollowerLimits } from './follower.ts';
import { Ledger } from './ledger.ts';
import { boardProjection, type Projection } from './projection.ts';
import { Semaphore } from './semaphore.ts';
import type { JournalStore, NewBoard } from './store.ts';
import { COMMITTED_ELSEWHERE, SetBack, type CommittedBatch, type VolatileBatch } from './updates.ts';

/** Rows after which a board is compacted: a load reads at most about this many beside the snapshot. */
const COMPACT_AFTER_ROWS = 500;
/** Rows stay this long, for other nodes that repair a gap or look up an interrupted batch. */
const COMPACT_MIN_AGE_MS = 60_000;
/** Loads under way at once: each may hold the event loop for a few hundred ms on a large board. */
const MAX_LOADS = 2;
const MAX_UNCOMMITTED_BYTES = 64 * 1024 * 1024;
/** A board of 10 000 items × 12 cells takes about 7 MB. */
const MAX_BOARD_BYTES = 128 * 1024 * 1024;
const HIGH_WATER_BYTES = 1024 * 1024;
const LOW_WATER_BYTES = 128 * 1024;
/** A board of 10 000 items × 12 cells, written anew in one offline session, has about 150 000. */
const MAX_STRUCTS = 500_000;
/** How often held-back sockets are looked at while there are any. */
const RELIEVE_EVERY_MS = 50;
const SLOW_AFTER_MS = 15_000;

/** Why a board could not be opened; `reason` is what a client sees in PermissionDenied. */
export class BoardLoadError extends Error {
  readonly reason: 'board_not_found' | 'database_unavailable';
  constructor(reason: BoardLoadError['reason'], cause?: unknown) {
    // Hocuspocus prints a hook's message, for each who joins, past every log: whoever joins is told the reason, and the log of the database why.
    super('', { cause });
    this.name = 'BoardLoadError';
    this.reason = reason;
  }
}

export interface JournalEvents {
  committed(tookMs: number, boards: number): void;
  batch(batch: CommittedBatch): void;
  /** Sent to the sockets uncommitted, because the database is away: for the other nodes, which journal it too. */
  volatile(batch: VolatileBatch): void;
  away(on: boolean): void;
  /** Uncommitted bytes crossed the bound: stop, or go on, reading from sockets. */
  pressure(on: boolean): void;
  /** A batch was held back from a slow socket; it will be resynced. */
  dropped(bytes: number): void;
  compacted(result: CompactionResult): void;
  error(boardId: string, error: unknown): void;
  /** The SDK introduced itself on this connection. */
  hello(connection: Connection, hello: { clientId: number; schemaVersion: number }): void;
}

export interface JournalOptions {
  readonly store: JournalStore;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly projection?: Projection;
  readonly events?: Partial<JournalEvents>;
  /** Ends one document on one connection, with a stable code. Default: Hocuspocus' in-band close. */
  readonly refuse?: (connection: Connection, code: string) => void;
  readonly compactAfterRows?: number;
  readonly compactMinAgeMs?: number;
  readonly maxUncommittedBytes?: number;
  /** Encoded bytes of one board above which updates are refused with `too_large`. */
  readonly maxBoardBytes?: number;
  readonly limits?: Partial<FollowerLimits>;
  /** How long batches may be held back for a socket that does not drain before it is closed with 4508, milliseconds. */
  readonly slowConsumerMs?: number;
}

export class Journal {
  readonly extension: Extension;
  private readonly options: JournalOptions;
  private readonly events: Partial<JournalEvents>;
  private readonly projection: Projection;
  private readonly committer: Committer;
  private readonly compactor: Compactor;
  private readonly folder = new Folder();
  private readonly loads = new Semaphore(MAX_LOADS);
  private readonly setBack = new WeakSet<Ledger>();
  private readonly ledgers = new Map<string, Ledger>();
  private readonly limits: FollowerLimits;
  private hocuspocus: Hocuspocus | null = null;
  private relieving: NodeJS.Timeout | null = null;

  constructor(options: JournalOptions) {
    this.options = options;
    this.events = options.events ?? {};
    this.projection = options.projection ?? boardProjection;
    this.limits = { highWaterBytes: HIGH_WATER_BYTES, lowWaterBytes: LOW_WATER_BYTES, maxStructs: MAX_STRUCTS, ...options.limits };
    const { events } = this;
    this.committer = new Committer({
      store: options.store,
      isUnavailable: options.isUnavailable,
      maxUncommittedBytes: options.maxUncommittedBytes ?? MAX_UNCOMMITTED_BYTES,
      events: {
        committed: (tookMs, boards) => events.committed?.(tookMs, boards),
        pressure: (on) => events.pressure?.(on),
        away: (on) => events.away?.(on),
        failed: (boardId, error) => events.error?.(boardId, error),
        gone: (ledger) => { this.refuseAll(ledger, 'board_not_found'); },
      },
    });
    this.compactor = new Compactor({
      store: options.store,
      folder: this.folder,
      minAgeMs: options.compactMinAgeMs ?? COMPACT_MIN_AGE_MS,
      onDone: (result) => {
        // Overwritten values are gone from the snapshot: the estimate starts from its size again.
        const ledger = this.ledgers.get(result.boardId);
        if (ledger !== undefined && result.replaced) ledger.state.approximateBytes = result.bytes;
        events.compacted?.(result);
      },
      onError: (boardId, error) => events.error?.(boardId, error),
    });
    this.extension = {
      extensionName: 'journal',
      // Before everything that writes while loading: what others add then is captured like any edit.
      priority: 1000,
      onConfigure: ({ instance }) => {
        this.hocuspocus = instance;
        return Promise.resolve();
      },
      onLoadDocument: ({ document }) => this.open(document),
      // After a guard: what that refused, or put off, it has emptied.
      beforeSync: ({ connection, document, payload }) => {
        if (payload[0] !== 0) this.ledgers.get(document.name)?.followers.get(connection)?.admitted();
        return Promise.resolve();
      },
      beforeUnloadDocument: ({ documentName }) => this.mayUnload(documentName),
      afterUnloadDocument: ({ documentName }) => {
        this.forget(documentName);
        return Promise.resolve();
      },
    };
  }

  /** Loads the committed state into the document and attaches the ledger to it. */
  private async open(document: Document): Promise<void> {
    const stored = await this.loads.run(() => this.load(document.name));
    const state = new CommittedState();
    const base = stored.snapshot.bytes;
    document.transact(() => {
      if (base !== null) Y.applyUpdate(document, base, COMMITTED_ELSEWHERE);
      for (const row of stored.rows) Y.applyUpdate(document, row.update, COMMITTED_ELSEWHERE);
    }, COMMITTED_ELSEWHERE);
    if (base !== null) {
      state.seed(stored.snapshot.throughSeq, base);
      for (const row of stored.rows) state.append(row.seq, row.update);
    }
    const ledger = new Ledger(
      document,
      { seq: stored.seq, rows: stored.rows.length, clients: stored.clients, state, maxBytes: this.options.maxBoardBytes ?? MAX_BOARD_BYTES },
      this.projection,
      {
        due: (due) => { this.committer.enqueue(due); },
        fold: (large) => this.foldInto(large),
        clean: (clean) => { this.afterClean(clean); },
        committed: (batch) => { this.afterCommit(ledger, batch); },
        spilled: (batch) => this.events.volatile?.(batch),
      },
    );
    this.ledgers.set(document.name, ledger);
    document.on('afterTransaction', (transaction: Y.Transaction) => {
      try {
        ledger.note(transaction);
      } catch (error) {
        // The edit is applied and will be committed: whoever made it is not refused for what could not be told of it.
        this.events.error?.(document.name, error);
      }
    });
    document.on('update', (update: Uint8Array, origin: unknown) => { ledger.capture(update, origin); });
    this.takeOverBroadcast(document);
    this.followConnections(document, ledger);
  }

  private async load(boardId: string) {
    try {
      const stored = await this.options.store.load(boardId);
      if (stored === null) throw new BoardLoadError('board_not_found');
      return stored;
    } catch (error) {
      if (this.options.isUnavailable(error)) throw new BoardLoadError('database_unavailable', error);
      throw error;
    }
  }

  /** Hocuspocus sends each update as soon as it is applied; here an update is sent when it is committed (invariant 2). */
  private takeOverBroadcast(document: Document): void {
    document.flushDelay = false;
    Object.defineProperty(document, 'broadcastUpdate', { value: () => { /* the ledger broadcasts */ } });
  }

  private followConnections(document: Document, ledger: Ledger): void {
    const add = document.addConnection.bind(document);
    const remove = document.removeConnection.bind(document);
    document.addConnection = (connection) => {
      ledger.followers.set(connection, new Follower(connection, ledger, this.limits, {
        refuse: (refused, code) => {
          // Its size is an estimate that only a compaction brings down: overwritten values are still counted.
          if (code === 'too_large') this.compactor.request(document.name);
          this.refuse(refused, code);
        },
        dropped: (bytes) => {
          this.events.dropped?.(bytes);
          this.watchLaggards();
        },
        hello: (greeted, hello) => this.events.hello?.(greeted, hello),
      }));
      return add(connection);
    };
    document.removeConnection = (connection) => {
      ledger.followers.get(connection)?.leave();
      ledger.followers.delete(connection);
      return remove(connection);
    };
  }

  private refuse(connection: Connection, code: string): void {
    if (this.options.refuse === undefined) connection.close({ code: 4422, reason: code });
    else this.options.refuse(connection, code);
  }

  private refuseAll(ledger: Ledger, code: string): void {
    for (const follower of ledger.followers.values()) this.refuse(follower.connection, code);
  }

  /** While any socket lags: resyncs those that drained, and gives up on those that stay full. */
  private watchLaggards(): void {
    this.relieving ??= setTimeout(() => {
      this.relieving = null;
      let held = false;
      for (const ledger of this.ledgers.values()) {
        for (const follower of ledger.relieve()) {
          held = true;
          const now = performance.now();
          if (now - (follower.laggingSince ?? now) > (this.options.slowConsumerMs ?? SLOW_AFTER_MS)) {
            follower.connection.webSocket.close(4508, 'slow_consumer');
          }
        }
      }
      if (held) this.watchLaggards();
    }, RELIEVE_EVERY_MS);
  }

  private async foldInto(ledger: Ledger): Promise<void> {
    const stop = ledger.state.collect();
    try {
      const stored = await this.options.store.load(ledger.boardId);
      if (stored === null) return;
      const updates = stored.rows.map((row) => row.update);
      ledger.state.seed(stored.seq, await this.folder.fold(stored.snapshot.bytes === null ? updates : [stored.snapshot.bytes, ...updates]));
    } finally {
      stop();
    }
  }

  private afterCommit(ledger: Ledger, batch: CommittedBatch): void {
    try {
      this.events.batch?.(batch);
    } catch (error) {
      // Whoever waits for this commit is told all the same.
      this.events.error?.(ledger.boardId, error);
    }
    if (ledger.rowsSinceSnapshot < (this.options.compactAfterRows ?? COMPACT_AFTER_ROWS)) return;
    ledger.rowsSinceSnapshot = 0;
    this.compactor.request(ledger.boardId);
  }

  /** Invariant 3: a board with uncommitted updates stays, whatever closed. A refused unload is asked for again when clean. */
  private mayUnload(boardId: string): Promise<void> {
    if (this.ledgers.get(boardId)?.dirty !== true) return Promise.resolve();
    // Hocuspocus logs a rejection's message; this one is no trouble to anybody, so it has none.
    return Promise.reject(new Error(''));
  }

  private afterClean(ledger: Ledger): void {
    if (ledger.document.getConnectionsCount() > 0) return;
    void this.hocuspocus?.unloadDocument(ledger.document);
  }

  private forget(boardId: string): void {
    const ledger = this.ledgers.get(boardId);
    if (ledger === undefined) return;
    this.ledgers.delete(boardId);
    this.committer.forget(ledger);
    ledger.state.drop();
  }

  /** Runs `read` on the board at a committed moment; see `Ledger.whenCommitted`. The board must be loaded. */
  whenCommitted<T>(boardId: string, read: (document: Document) => T): Promise<{ value: T; seq: number }> {
    return this.ledgerOf(boardId).whenCommitted(read);
  }

  /**
   * The committed board as bytes, folded on the worker thread from rows, never from the live document; it need not be loaded. `throughSeq`:
   * as it was then, while compaction has not merged what came after. `null`: no such board, or no such moment any more.
   */
  async stateAt(boardId: string, throughSeq = Infinity): Promise<{ seq: number; bytes: Uint8Array } | null> {
    const stored = await this.loads.run(() => this.options.store.load(boardId));
    if (stored === null || throughSeq < stored.snapshot.throughSeq) return null;
    const rows = stored.rows.filter(({ seq }) => seq > stored.snapshot.throughSeq && seq <= throughSeq);
    const updates = rows.map(({ update }) => update);
    const bytes = await this.folder.fold(stored.snapshot.bytes === null ? updates : [stored.snapshot.bytes, ...updates]);
    return { seq: rows.at(-1)?.seq ?? stored.snapshot.throughSeq, bytes };
  }

  /** Resolves, with the head, when all that the loaded board holds now is committed; rejects once the database stays away. */
  barrier(boardId: string): Promise<number> {
    return this.ledgerOf(boardId).barrier();
  }

  /** The user whose client id this is on an open board, as far as this node has heard: Postgres knows all (`board_clients`). */
  ownerOf(boardId: string, client: number): string | undefined {
    return this.ledgers.get(boardId)?.clients.get(client);
  }

  private ledgerOf(boardId: string): Ledger {
    const ledger = this.ledgers.get(boardId);
    if (ledger === undefined) throw new BoardLoadError('board_not_found');
    return ledger;
  }

  /** Asks one connection's client for all it holds that we do not: after a promotion from read-only. */
  resync(connection: Connection): void {
    this.ledgers.get(connection.document.name)?.followers.get(connection)?.resync();
  }

  /**
   * A batch that another node has committed; `null` instead of its update: only that it exists. Boards not open here ignore
   * it; a gap is repaired from the journal.
   */
  receive(boardId: string, seq: number, update: Uint8Array | null): void {
    const ledger = this.ledgers.get(boardId);
    if (ledger !== undefined && !ledger.receive(seq, update)) void this.committer.behind(ledger);
  }

  /** What another node sent on uncommitted: shown, and journalled by this node too. Boards not open here ignore it. */
  receiveVolatile(batch: VolatileBatch): void {
    this.ledgers.get(batch.boardId)?.receiveVolatile(batch);
  }

  /** Brings open boards (default: all) up to their heads, after messages of other nodes may have been missed. One look at all heads; never rejects. */
  async follow(boardIds: readonly string[] = [...this.ledgers.keys()]): Promise<void> {
    const open = boardIds.filter((boardId) => this.ledgers.has(boardId));
    if (open.length === 0) return;
    try {
      const known = new Map(open.map((boardId) => [boardId, this.ledgers.get(boardId)?.head ?? 0]));
      const heads = await this.options.store.heads(open);
      const behind: Promise<void>[] = [];
      for (const [boardId, seq] of heads) {
        const ledger = this.ledgers.get(boardId);
        if (ledger !== undefined && seq < (known.get(boardId) ?? 0)) this.tellSetBack(ledger);
        if (ledger !== undefined && !ledger.receive(seq, null)) behind.push(this.loads.run(() => this.committer.behind(ledger)));
      }
      await Promise.all(behind);
    } catch (error) {
      if (!this.options.isUnavailable(error)) for (const boardId of open.slice(0, 1)) this.events.error?.(boardId, error);
    }
  }

  /** Once: heads are looked at every few seconds. */
  private tellSetBack(ledger: Ledger): void {
    if (this.setBack.has(ledger)) return;
    this.setBack.add(ledger);
    this.events.error?.(ledger.boardId, new SetBack());
  }

  /** A new board, whole: committed when this resolves. */
  create(board: NewBoard): Promise<void> {
    return this.options.store.create(board);
  }

  /** Compacts a board now, down to rows of this age. */
  compact(boardId: string, minAgeMs = 0): Promise<CompactionResult> {
    return this.compactor.compact(boardId, minAgeMs);
  }

  /** Whether the database is away, as the last commits found it. */
  get away(): boolean {
    return this.committer.away;
  }

  /** Nothing is being committed just now: the database is away, or takes longer than a moment. */
  get blocked(): boolean {
    return this.committer.blocked;
  }

  /** Boards whose commits the database has refused for seconds: people on them go on, unsaved. */
  get refusedBoards(): number {
    return this.committer.refused;
  }

  /** What a drain waits for. */
  get unfinished(): Committer['unfinished'] {
    return this.committer.unfinished;
  }

  get openBoards(): number {
    return this.ledgers.size;
  }

  /** Resolves when everything captured is committed. */
  drain(): Promise<void> {
    return this.committer.idle();
  }

  async close(): Promise<void> {
    if (this.relieving !== null) clearTimeout(this.relieving);
    await this.compactor.settled();
    await this.folder.close();
  }
}
