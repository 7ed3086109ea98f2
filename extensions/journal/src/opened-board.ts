/** What a ledger is opened with, and whom it tells what becomes of its board. */
import type { CommittedState } from './committed-state.ts';
import type { Ledger } from './ledger.ts';
import type { CommittedBatch, VolatileBatch } from './updates.ts';

/** What was read when the board was opened. */
export interface OpenedBoard {
  readonly seq: number;
  /** Journal rows since the snapshot. */
  readonly rows: number;
  readonly clients: ReadonlyMap<number, string>;
  readonly state: CommittedState;
  /** Encoded bytes above which updates are refused. */
  readonly maxBytes: number;
}

export interface LedgerHooks {
  /** There is something to commit. */
  due(ledger: Ledger): void;
  /** A joiner wants the whole board, and it is too large to be encoded on the event loop: fold it elsewhere, then `state.seed`. */
  fold(ledger: Ledger): Promise<void>;
  /** Nothing is uncommitted any more. */
  clean(ledger: Ledger): void;
  committed(batch: CommittedBatch): void;
  /** Sent on uncommitted; not called for what came from another node that way. */
  spilled(batch: VolatileBatch): void;
}
