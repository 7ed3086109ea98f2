/**
 * Group commit: one transaction for all boards that are due (due.ts), so a busy server commits many boards at once and an idle one runs no timer.
 * At most `MAX_RUNNING` transactions are under way, each with other boards: a board has one cut out at a time.
 *
 * The database's failures end here. Connection lost: the outcome of the cuts that were out is unknown; they are looked up by
 * batch id before anything else of that board (invariant 6), with backoff until the database answers, while the ledgers
 * spill as volatile. A database that hangs is away, too: a transaction that takes longer than a moment spills its boards, and
 * when every transaction hangs for seconds the database counts as away; until then who waits for a commit goes on waiting. A statement refused by the database itself is tried again board
 * by board, so that one board's trouble is not its neighbours', and spilled meanwhile.
 *
 * Nodes that are nearer to the database may be first again and again; whoever was overtaken a few times holds the head while it reads, cuts and
 * commits (`commitHeld`), so that everybody's edits are acknowledged.
 *
 * Owns the window timer, the retry timer and the volatile timer. Never rejects, never throws.
 */
import { Due } from './due.ts';
import type { Ledger } from './ledger.ts';
import { Patience, STALLED_AFTER_MS } from './patience.ts';
import { Semaphore } from './semaphore.ts';
import { SetBack } from './updates.ts';
import type { Batch, HeldBoard, JournalStore, Outcome } from './store.ts';

const MAX_RUNNING = 2;
/** Boards that are read again at a time, and boards whose head is held: hundreds may have to be at once, and the database has connections for others, too. */
const MAX_READING = 4;
const MAX_HOLDING = 4;
/** Boards in one transaction: bounds the statement's size and the heads locked at once. */
const MAX_BOARDS = 256;
/** While the database is away, batches are gathered this long before they go out. */
const SPILL_EVERY_MS = 40;
/** Cuts in a row that another node was quicker than, before the head is held. Holding it costs everybody else two round trips of waiting. */
const OVERTAKEN_MAX = 3;
/** With a hundred boards due, adding up at each update what all of them hold would cost as much as applying it. */
const WEIGH_EVERY_MS = 10;
/** A statement that is refused for so long is refused for more than a moment (a lock, a deadlock). */
const REFUSING_AFTER_MS = 3_000;
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1000;
const GONE = { kind: 'gone' } as const;

/** What the committer tells of, in the midst of its work: none of these may throw. */
export interface CommitterEvents {
  /** How long a transaction took, and over how many boards; ms. */
  committed(tookMs: number, boards: number): void;
  /** Uncommitted bytes over all boards went over, or back under, the bound: pause or resume reading. */
  pressure(on: boolean): void;
  /** The database stopped or started accepting commits. */
  away(on: boolean): void;
  failed(boardId: string, error: unknown): void;
  /** The board no longer exists; its ledger holds nothing any more. */
  gone(ledger: Ledger): void;
}

export interface CommitterOptions {
  readonly store: JournalStore;
  readonly events: CommitterEvents;
  /** Whether an error means the database could not be reached (as opposed to a statement it refused). */
  readonly isUnavailable: (error: unknown) => boolean;
  /** Uncommitted bytes over all boards above which sockets are paused. */
  readonly maxUncommittedBytes: number;
}

export class Committer {
  private readonly options: CommitterOptions;
  private readonly due = new Due<Ledger>();
  private readonly interrupted = new Set<Ledger>();
  private readonly waiting = new Set<Ledger>();
  /** Since when (performance.now()) the database has refused what they commit. */
  private readonly refusedSince = new Map<Ledger, number>();
  private readonly following = new Set<Ledger>();
  /** Worked on apart from the others: read again, or committed alone. Not cut with them meanwhile. */
  private readonly rebasing = new Set<Ledger>();
  /** How many cuts in a row another node was quicker than. */
  private readonly overtaken = new WeakMap<Ledger, number>();
  private readonly reading = new Semaphore(MAX_READING);
  private readonly holding = new Semaphore(MAX_HOLDING);
  private running = 0;
  private next: { timer: NodeJS.Timeout; at: number } | null = null;
  private retry: NodeJS.Timeout | null = null;
  private recovering = false;
  private retryMs = RETRY_MIN_MS;
  private spilling: NodeJS.Timeout | null = null;
  private awaySince: number | null = null;
  private readonly patience = new Patience<Ledger>(MAX_RUNNING, () => {
    this.announce();
    this.scheduleSpill(0);
  });
  private saidAway = false;
  private underPressure = false;
  /** performance.now() when what is uncommitted was last added up. */
  private weighedAt = 0;
  private idleWaiters: (() => void)[] = [];

  constructor(options: CommitterOptions) {
    this.options = options;
  }

  /** The database cannot be reached, or answers nobody. */
  get away(): boolean {
    return this.awaySince !== null || this.patience.hanging;
  }

  /** Nothing is being committed just now, for whatever reason. */
  get blocked(): boolean {
    return this.awaySince !== null || this.patience.stalled;
  }

  /** Boards whose commits the database refuses, not only now: its disk is full, or it takes no writes. */
  get refused(): number {
    return [...this.refusedSince.values()].filter((since) => performance.now() - since > REFUSING_AFTER_MS).length;
  }

  /** Some board waits for longer than a commit takes. */
  private get isHeldUp(): boolean {
    return this.awaySince !== null || this.patience.isTried || this.waiting.size > 0 || this.interrupted.size > 0;
  }

  private announce(): void {
    if (this.saidAway === this.away) return;
    this.saidAway = this.away;
    this.options.events.away(this.away);
  }

  /** The ledger has something to commit. */
  enqueue(ledger: Ledger): void {
    const at = this.due.add(ledger);
    if (!this.underPressure && performance.now() - this.weighedAt > WEIGH_EVERY_MS) this.checkPressure();
    if (this.isHeldUp) this.scheduleSpill(SPILL_EVERY_MS);
    this.schedule(at);
  }

  /** The ledger's board is no longer open, or gone: its books are closed. */
  forget(ledger: Ledger): void {
    this.due.delete(ledger);
    this.interrupted.delete(ledger);
    this.waiting.delete(ledger);
    this.rebasing.delete(ledger);
    this.refusedSince.delete(ledger);
    this.checkIdle();
    this.relieve();
  }

  /** Resolves when nothing is uncommitted; does not hurry anything but the window. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.idleWaiters.push(resolve);
      this.checkIdle();
    });
  }

  /** How many boards, or transactions, `idle` waits for: for the log of a drain that does not end. */
  get unfinished(): Readonly<Record<'due' | 'committing' | 'unknown' | 'refused' | 'reading', number>> {
    return { due: this.due.size, committing: this.running, unknown: this.interrupted.size, refused: this.waiting.size, reading: this.rebasing.size };
  }

  private checkIdle(): void {
    if (this.due.size > 0 || this.running > 0 || this.interrupted.size > 0 || this.waiting.size > 0 || this.rebasing.size > 0) return;
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  /** @param at performance.now(), or infinity */
  private schedule(at: number): void {
    if (this.running >= MAX_RUNNING || this.awaySince !== null || at === Number.POSITIVE_INFINITY) return;
    if (this.next !== null) {
      if (this.next.at <= at) return;
      clearTimeout(this.next.timer);
    }
    this.next = { at, timer: setTimeout(() => { this.next = null; this.start(); }, Math.max(0, at - performance.now())) };
  }

  private start(): void {
    if (this.running >= MAX_RUNNING || this.awaySince !== null) return;
    const cuts = new Map<Ledger, Batch>();
    for (const ledger of this.due.take(MAX_BOARDS)) {
      // Comes again when it has waited, or is done with.
      if (this.waiting.has(ledger) || this.rebasing.has(ledger)) continue;
      if ((this.overtaken.get(ledger) ?? 0) >= OVERTAKEN_MAX) {
        void this.commitHeld(ledger);
        continue;
      }
      if (ledger.stale !== null) {
        void this.rebase(ledger);
        continue;
      }
      try {
        const batch = ledger.cut();
        if (batch !== null) cuts.set(ledger, batch);
      } catch (error) {
        // One board that cannot be projected is not its neighbours' trouble, nor the process'.
        this.later(ledger, error);
      }
    }
    if (cuts.size > 0) {
      this.running += 1;
      void this.commit(cuts).finally(() => {
        this.running -= 1;
        this.schedule(this.due.at);
        this.checkIdle();
      });
    }
    this.schedule(this.due.at);
    this.checkIdle();
  }

  private async commit(cuts: ReadonlyMap<Ledger, Batch>): Promise<void> {
    const started = performance.now();
    const wait = this.patience.begin([...cuts.keys()], { ofAll: true });
    let outcomes: Outcome[];
    try {
      outcomes = await this.options.store.commit([...cuts.values()]);
    } catch (error) {
      this.fail(cuts, error);
      return;
    } finally {
      wait.end();
      this.announce();
    }
    this.options.events.committed(performance.now() - started, cuts.size);
    for (const [index, [ledger, batch]] of [...cuts].entries()) this.settle(ledger, batch, outcomes[index]);
    this.checkPressure();
  }

  /** Whoever was overtaken catches up apart from those it was committed with, who wait for nothing any more. */
  private settle(ledger: Ledger, batch: Batch, outcome: Outcome | undefined): void {
    // of a cut that was taken back meanwhile nothing is acknowledged
    if (ledger.outstanding !== batch) return;
    if (outcome === undefined) this.later(ledger, new Error('the store said nothing of a batch'));
    else if (outcome.kind === 'behind') void this.apart(ledger, () => this.reading.run(() => this.catchUp(ledger, outcome.headSeq)));
    else this.conclude(ledger, outcome);
  }

  private conclude(ledger: Ledger, outcome: Exclude<Outcome, { kind: 'behind' }>): void {
    try {
      if (outcome.kind === 'gone') {
        ledger.abandon();
        this.options.events.gone(ledger);
        this.forget(ledger);
        return;
      }
      this.overtaken.delete(ledger);
      this.refusedSince.delete(ledger);
      ledger.confirm(outcome.seq);
      void this.behind(ledger);
    } catch (error) {
      // Somebody who was told of the commit threw; the other boards' commits are told all the same.
      this.options.events.failed(ledger.boardId, error);
      if (ledger.dirty) this.enqueue(ledger);
    }
  }

  /** Another node was first: apply what it committed, and cut again on top of it, at once: who is slow would be behind for ever. */
  private async catchUp(ledger: Ledger, headSeq: number): Promise<typeof GONE | undefined> {
    if (headSeq < ledger.head) throw new SetBack();
    this.overtaken.set(ledger, (this.overtaken.get(ledger) ?? 0) + 1);
    if (ledger.takeBackBehind()) return (await this.reread(ledger, this.options.store)) ? undefined : GONE;
    if (!(await this.follow(ledger))) return GONE;
    if (ledger.head < headSeq) throw new SetBack();
    ledger.takeBack();
    return undefined;
  }

  /** Another node wrote what is pending here, too: what it made of it is read first, so that events tell what truly changes. */
  private rebase(ledger: Ledger): Promise<void> {
    return this.apart(ledger, async () => ((await this.reading.run(() => this.reread(ledger, this.options.store))) ? undefined : GONE));
  }

  /** Works on one board beside the transactions, and has it cut again at once; not while it is worked on already. Never rejects. */
  private async apart(ledger: Ledger, work: () => Promise<Outcome | undefined>): Promise<void> {
    if (this.rebasing.has(ledger)) return;
    this.rebasing.add(ledger);
    try {
      let outcome = await work();
      if (outcome?.kind === 'behind') outcome = await this.catchUp(ledger, outcome.headSeq);
      this.rebasing.delete(ledger);
      if (outcome !== undefined) this.conclude(ledger, outcome);
      this.goOn(ledger);
      if (ledger.dirty) this.due.hurry(ledger);
      this.schedule(this.due.at);
    } catch (error) {
      this.rebasing.delete(ledger);
      if (this.options.isUnavailable(error)) this.interrupt([ledger]);
      else this.later(ledger, error);
    }
  }

  /** A transaction of one board alone. */
  private async alone(ledger: Ledger, work: () => Promise<Outcome | undefined>): Promise<Outcome | undefined> {
    const wait = this.patience.begin([ledger], { ofAll: false });
    const started = performance.now();
    try {
      const outcome = await work();
      if (outcome?.kind === 'committed') this.options.events.committed(performance.now() - started, 1);
      return outcome;
    } finally {
      wait.end();
    }
  }

  /** `false`: there is no such board any more. Each turn brings the ledger further, or is the last. */
  private async reread(ledger: Ledger, store: HeldBoard): Promise<boolean> {
    for (let stale = ledger.stale; stale !== null; stale = ledger.stale) {
      const { head } = ledger;
      const committed = await store.committedRows(ledger.boardId, head, stale.items);
      if (committed === null) return false;
      if (committed.head < head) throw new SetBack();
      if (committed.rows !== null) ledger.rebase(stale, committed);
      else if (!(await this.follow(ledger, store))) return false;
    }
    return true;
  }

  /** Reads, cuts and commits while no other node can. */
  private commitHeld(ledger: Ledger): Promise<void> {
    const work = async (store: HeldBoard): Promise<Outcome | undefined> => {
      if (!(await this.follow(ledger, store)) || !(await this.reread(ledger, store))) return GONE;
      const batch = ledger.cut();
      return batch === null ? undefined : (await store.commit([batch]))[0];
    };
    return this.apart(ledger, () => this.holding.run(() => this.alone(ledger, () => this.options.store.exclusively(ledger.boardId, work))));
  }

  /**
   * Brings a board up to the head it has heard of. With a cut out, its commit comes first, and asks again. While the database is
   * away nothing happens: whoever told of the head tells again. Never rejects.
   */
  async behind(ledger: Ledger): Promise<void> {
    // The usual case, at each commit.
    if (ledger.heard <= ledger.head || this.following.has(ledger)) return;
    this.following.add(ledger);
    try {
      while (ledger.outstanding === null && ledger.heard > ledger.head) {
        const { head } = ledger;
        await this.follow(ledger);
        // There is no such batch: the board is deleted, or what was heard is wrong.
        if (ledger.head === head && ledger.outstanding === null) ledger.heard = head;
      }
    } catch (error) {
      if (!this.options.isUnavailable(error)) this.options.events.failed(ledger.boardId, error);
    } finally {
      this.following.delete(ledger);
    }
  }

  /** Brings a ledger up to the head. `false`: there is no such board any more. */
  private async follow(ledger: Ledger, store: HeldBoard = this.options.store): Promise<boolean> {
    const { outstanding } = ledger;
    const rows = await store.rowsAfter(ledger.boardId, ledger.head);
    const stored = rows === null ? await store.load(ledger.boardId) : null;
    if (rows === null && stored === null) return false;
    // A cut that went out meanwhile may be among them: whoever asks of it follows then.
    if (ledger.outstanding !== outstanding) return true;
    if (rows !== null) ledger.catchUp(rows);
    else if (stored !== null && stored.seq > ledger.head) {
      ledger.reload([...(stored.snapshot.bytes === null ? [] : [stored.snapshot.bytes]), ...stored.rows.map((row) => row.update)], stored.seq);
    }
    return true;
  }

  private fail(cuts: ReadonlyMap<Ledger, Batch>, error: unknown): void {
    if (this.options.isUnavailable(error)) {
      this.interrupt([...cuts.keys()]);
      return;
    }
    // The database refused the statement, so nothing of it was written.
    for (const [ledger, batch] of cuts) {
      if (cuts.size === 1) this.later(ledger, error);
      else void this.apart(ledger, () => this.alone(ledger, async () => (await this.options.store.commit([batch]))[0]));
    }
  }

  private refuse(ledger: Ledger, error: unknown): void {
    this.options.events.failed(ledger.boardId, error);
    if (!this.refusedSince.has(ledger)) this.refusedSince.set(ledger, performance.now());
  }

  /** Tried again after a pause, for as long as it takes: what was applied is never given up. */
  private later(ledger: Ledger, error: unknown): void {
    this.refuse(ledger, error);
    this.waiting.add(ledger);
    this.scheduleSpill(STALLED_AFTER_MS);
    const refused = ledger.outstanding;
    setTimeout(() => {
      if (!this.waiting.delete(ledger)) return;
      // Never another cut than the one that was refused: that may be on its way, or committed.
      if (ledger.outstanding === refused) ledger.takeBack();
      this.goOn(ledger);
    }, RETRY_MAX_MS);
  }

  private goOn(ledger: Ledger): void {
    if (ledger.dirty) this.enqueue(ledger);
    else {
      this.refusedSince.delete(ledger);
      this.due.delete(ledger);
      this.checkIdle();
    }
    this.relieve();
  }

  /** While sockets are not read nothing may come that would look again whether they can be. */
  private relieve(): void {
    if (this.underPressure) this.checkPressure();
  }

  private interrupt(ledgers: readonly Ledger[]): void {
    for (const ledger of ledgers) this.interrupted.add(ledger);
    if (this.awaySince === null) {
      this.awaySince = Date.now();
      this.announce();
      this.scheduleSpill(STALLED_AFTER_MS);
    }
    this.scheduleRetry();
  }

  private scheduleRetry(): void {
    // A look-up under way takes in what is interrupted meanwhile; two at once would take back each other's new cuts.
    if (this.retry !== null || this.recovering) return;
    const delay = this.retryMs * (0.5 + Math.random() / 2);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
    this.retry = setTimeout(() => {
      this.retry = null;
      void this.recover();
    }, delay);
  }

  /** The database is back once every interrupted cut is known, or it says why it does not tell. */
  private async recover(): Promise<void> {
    this.recovering = true;
    const isBack = await this.lookUp().finally(() => { this.recovering = false; });
    if (!isBack) {
      this.scheduleRetry();
      return;
    }
    this.retryMs = this.interrupted.size > 0 ? RETRY_MAX_MS : RETRY_MIN_MS;
    if (this.interrupted.size > 0) this.scheduleRetry();
    this.awaySince = null;
    this.announce();
    if (!this.isHeldUp && this.spilling !== null) {
      clearTimeout(this.spilling);
      this.spilling = null;
    }
    this.schedule(this.due.at);
    this.checkPressure();
    this.checkIdle();
  }

  /** `false`: the database does not answer yet. */
  private async lookUp(): Promise<boolean> {
    for (const ledger of this.interrupted) {
      const batch = ledger.outstanding;
      try {
        const seq = batch === null ? null : await this.options.store.outcomeOf(ledger.boardId, batch.batchId);
        // Others may have committed in its stead.
        if (seq === null) await this.follow(ledger);
        this.interrupted.delete(ledger);
        if (ledger.outstanding === batch) {
          if (seq === null) ledger.takeBack();
          else this.conclude(ledger, { kind: 'committed', seq });
        }
        if (ledger.hasPending) this.due.hurry(ledger);
      } catch (error) {
        if (this.options.isUnavailable(error)) return false;
        // Still unknown (a commit may hold the head for longer than a lock is waited for): looked up again, never repeated.
        if (ledger.outstanding !== null) this.refuse(ledger, error);
        // Of a board without a cut nothing is; it stays no longer, for what is cut then would be taken for what is looked up.
        else if (this.interrupted.delete(ledger)) this.later(ledger, error);
      }
    }
    return true;
  }

  private scheduleSpill(delayMs: number): void {
    this.spilling ??= setTimeout(() => {
      this.spilling = null;
      const boards = new Set([...this.interrupted, ...this.waiting, ...this.patience.boards]);
      if (this.blocked) for (const ledger of [...this.due, ...this.rebasing]) boards.add(ledger);
      const hopeless = this.away ? boards : this.patience.hopeless;
      // What has nothing to commit would be shown as unsaved until somebody edits it.
      for (const ledger of boards) if (ledger.dirty) ledger.spill(hopeless.has(ledger));
    }, delayMs);
  }

  private checkPressure(): void {
    this.weighedAt = performance.now();
    let bytes = 0;
    for (const ledger of new Set([...this.due, ...this.interrupted, ...this.waiting, ...this.rebasing, ...this.patience.boards])) bytes += ledger.pendingBytes;
    const { maxUncommittedBytes } = this.options;
    // Resumes at half the bound, so that it does not flap.
    const on = bytes > (this.underPressure ? maxUncommittedBytes / 2 : maxUncommittedBytes);
    if (on === this.underPressure) return;
    this.underPressure = on;
    this.options.events.pressure(on);
  }
}
