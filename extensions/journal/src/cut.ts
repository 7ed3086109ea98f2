/** What a ledger has in hand while a commit runs. */
import type { Follower } from './follower.ts';
import type { Reader } from './reader.ts';
import type { Batch } from './store.ts';

/** What was taken of a board to be committed as one batch. */
export interface Cut {
  readonly batch: Batch;
  readonly mark: number;
  readonly updates: readonly Uint8Array[];
  readonly soleAuthor: Follower | null;
  readers: Reader[];
  /** How many of `updates` were already sent on as volatile, but for those that were withheld, whole or in part. */
  sent: number;
  withheld: readonly Uint8Array[];
}

/** A batch of another node that came meanwhile. */
export interface EarlyRow {
  readonly update: Uint8Array;
  shown: boolean;
}
