/**
 * Acknowledgements: an ack is a commit (invariant 1).
 *
 * Each connection owns one `Acks`. It is told of every sync frame in the order the client sent them, of the moment each was
 * applied, and of the journal's progress; it hands out what may be said. Progress is counted in *marks*: the number of
 * updates the board's ledger has captured. A frame applied at mark m is durable once every capture up to m is committed,
 * which also covers a frame that brought nothing new itself.
 *
 * Two ways of saying it:
 * - counted, for stock providers: they add one per Update sent and reset to one at each Step1, and every SyncStatus takes
 *   one off. So: exactly one SyncStatus per counted frame, none for updates the Step1's vector already covers (they were
 *   queued while offline, before the reset), none for a Step2 we asked for unprompted, and a new Step1 cancels what is owed.
 * - cumulative, for the SDK: how many sync frames of this attachment are durable, and its highest committed clock. Exact.
 *
 * A stock client's delete-only frame carries no clock. Between a Step1 and its Step2 it may have been queued before the
 * reset (not counted) or sent after it (counted). It is owed until the connection has been quiet and all it sent is durable:
 * then a SyncStatus too many finds the counter at zero, where the provider ignores it.
 *
 * A provider whose socket closes while it answers our Step1 keeps that answer, and sends it on the next connection: behind that one's Step1, before
 * what it wrote since, and before the answer to our new question. The first answer of a connection may be such an old one, so it pays for
 * nothing: we ask once more when it is applied, and what comes then was made here.
 *
 * A SyncStatus is on its way for a while, and a client that forces a sync meanwhile resets its count to one before it takes it off: it
 * would read zero whatever else it has sent. So a counted client is told nothing until all that has come from it is durable; what
 * remains is a frame that crosses the SyncStatus on the wire and a sync forced in that moment, which no server can see.
 *
 * No timers of its own: the follower calls `quiet`.
 */
import type { UpdateExtent } from './extent.ts';
import type { InboundFrame } from './wire.ts';

/** A client that never pauses is paid all the same once it is owed this much, so that the books stay small. */
const MAX_HELD = 512;

type SyncFrame = Extract<InboundFrame, { kind: 'step2' | 'update' }>;

/** What a frame adds to the client's own count. */
type Counted = 'yes' | 'no' | 'unclear';

interface Entry {
  counted: Counted;
  readonly extent: UpdateExtent;
  /** Position among the sync frames of this attachment, from 1. */
  readonly ordinal: number;
  /** A Step2 brings all that the client has and we lack: also what was not applied before (read-only then, or parked). */
  readonly whole: boolean;
  /** It may be an answer of an earlier connection: once it is in, its sender is asked again. */
  readonly old: boolean;
}

interface Owed extends Entry {
  mark: number;
  parked: boolean;
  /** Counted frames that were not applied when they came, and are with this one. */
  readonly madeGood: number;
}

export interface AckSink {
  /** One SyncStatus(true). */
  status(): void;
  cumulative(frames: number, clock: number): void;
  /** Sends a Step1. */
  ask(): void;
  /** Whether all that it brings, and all that it deletes, is part of the document: what is not, Yjs keeps back, in no journal. */
  holds(extent: UpdateExtent): boolean;
}

export class Acks {
  private readonly sink: AckSink;
  private mode: { kind: 'counted' } | { kind: 'cumulative'; clientId: number; clock: number } = { kind: 'counted' };
  private inbox: Entry[] = [];
  private owed: Owed[] = [];
  private expectedStep2: Counted[] = [];
  /** Answers to our Step1s were made on this connection, from now on. */
  private fresh = false;
  private covered: ReadonlyMap<number, number> | null = null;
  private unclear = 0;
  /** Counted frames not applied so far. */
  private rejectedCount = 0;
  private firstRejected: number | null = null;
  private ordinal = 0;
  private settled = 0;
  private told = 0;

  constructor(sink: AckSink) {
    this.sink = sink;
  }

  /** The SDK has introduced itself: from now on cumulative acks, never SyncStatus. */
  hello(clientId: number): void {
    this.mode = { kind: 'cumulative', clientId, clock: 0 };
  }

  /** A Step1 arrived: the client's count is one again, to be paid by its answer to our Step1. */
  step1(vector: ReadonlyMap<number, number>): void {
    this.covered = vector;
    // Who has nothing has written nothing that an old answer could lack.
    if (vector.size === 0) this.fresh = true;
    for (const entry of [...this.inbox, ...this.owed]) entry.counted = 'no';
    this.expectedStep2 = [...this.expectedStep2.map((): Counted => 'no'), 'yes'];
    this.unclear = 0;
    this.rejectedCount = 0;
  }

  /** We sent a Step1 that the client did not ask for; its answer is not counted there. */
  solicited(): void {
    this.expectedStep2.push('no');
  }

  /** A sync frame arrived; called in the order of sending, before the frame is applied. */
  arrived(frame: SyncFrame): void {
    this.ordinal += 1;
    const counted = this.classify(frame);
    const whole = frame.kind === 'step2';
    const old = whole && counted === 'yes' && !this.fresh && this.mode.kind === 'counted';
    if (old) {
      this.fresh = true;
      this.expectedStep2.push('yes');
    }
    this.inbox.push({ counted: old ? 'no' : counted, extent: frame.extent, ordinal: this.ordinal, whole, old });
  }

  private classify(frame: SyncFrame): Counted {
    if (frame.kind === 'step2') return this.expectedStep2.shift() ?? 'no';
    if (this.covered === null) return 'no';
    if (frame.extent.deleteOnly) return this.expectedStep2.includes('yes') ? 'unclear' : 'yes';
    for (const [client, end] of frame.extent.ends) {
      if ((this.covered.get(client) ?? 0) < end) return 'yes';
    }
    return 'no';
  }

  /** What the oldest frame brings that arrived and is not applied yet. */
  get next(): UpdateExtent | undefined {
    return this.inbox[0]?.extent;
  }

  /** The oldest frame that arrived was applied, at this mark. Tells whether it was a Step2 of this connection: all that the client had. */
  applied(mark: number): boolean {
    const entry = this.inbox.shift();
    if (entry === undefined) return false;
    const whole = entry.whole && !entry.old;
    const madeGood = whole ? this.rejectedCount : 0;
    this.rejectedCount -= madeGood;
    this.owed.push({ ...entry, mark, parked: !this.sink.holds(entry.extent), madeGood });
    if (entry.old) this.sink.ask();
    return whole;
  }

  /** The oldest frame that arrived was not applied (read-only): it is acknowledged only if a later Step2 brings its content. */
  rejected(): void {
    const entry = this.inbox.shift();
    if (entry === undefined) return;
    this.firstRejected ??= entry.ordinal;
    if (entry.old) this.sink.ask();
    if (entry.counted === 'yes') this.rejectedCount += 1;
  }

  /** Everything captured up to `committed` is durable; `captured` is the mark of the newest capture. */
  settle(committed: number, captured: number): void {
    for (const entry of this.owed) {
      if (!entry.parked || !this.sink.holds(entry.extent)) continue;
      // What it waited for came with some capture since, at the latest the newest one.
      entry.parked = false;
      entry.mark = captured;
    }
    if (this.mode.kind === 'counted' && this.isBusy(committed)) return;
    let open: Owed[] = [];
    const inOrder = this.mode.kind === 'cumulative';
    for (const entry of this.owed) {
      const durable = !entry.parked && entry.mark <= committed;
      const unbroken = open.length === 0 && (this.firstRejected === null || entry.ordinal < this.firstRejected);
      if (!durable || (inOrder && !unbroken && !entry.whole)) {
        open.push(entry);
        continue;
      }
      if (entry.whole && inOrder) open = [];
      this.pay(entry);
    }
    this.owed = open;
    if (this.mode.kind === 'cumulative' && this.settled > this.told) {
      this.told = this.settled;
      this.sink.cumulative(this.settled, this.mode.clock);
    }
  }

  /** More of this client is on its way into the journal. What is parked does not count: it may never come to be. */
  private isBusy(committed: number): boolean {
    return this.owed.length <= MAX_HELD && (this.inbox.length > 0 || this.owed.some((entry) => !entry.parked && entry.mark > committed));
  }

  private pay(entry: Owed): void {
    if (entry.whole && this.firstRejected !== null && this.firstRejected < entry.ordinal) this.firstRejected = null;
    if (this.mode.kind === 'cumulative') {
      this.settled = entry.ordinal;
      this.mode.clock = Math.max(this.mode.clock, entry.extent.ends.get(this.mode.clientId) ?? 0);
      return;
    }
    for (let frame = 0; frame < entry.madeGood; frame += 1) this.sink.status();
    if (entry.counted === 'yes') this.sink.status();
    if (entry.counted === 'unclear') this.unclear += 1;
  }

  /** Whether `settle` or `quiet` may have something to pay. */
  get owesAny(): boolean {
    return this.owed.length > 0 || this.unclear > 0;
  }

  /** Whether `quiet` has something to pay. */
  get hasUnclear(): boolean {
    return this.unclear > 0;
  }

  /** Nothing has arrived for a while: pay the unclear ones if all else is durable. */
  quiet(): void {
    if (this.inbox.length > 0 || this.owed.length > 0 || this.expectedStep2.includes('yes')) return;
    for (; this.unclear > 0; this.unclear -= 1) this.sink.status();
  }
}
