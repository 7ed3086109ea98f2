export { Journal, BoardLoadError, type JournalEvents, type JournalOptions } from './journal.ts';
export { PostgresStore } from './postgres-store.ts';
export {
  boardProjection, noProjection, projectedRows, touchedIn,
  type BoardBooks, type Derivation, type Derived, type Projection, type ProjectedRows, type Source, type Stale,
} from './projection.ts';
export { DatabaseAway, type Cause, type CommittedBatch, type VolatileBatch } from './updates.ts';
export type { CompactionResult } from './compactor.ts';
export type {
  Batch, BoardRow, CommittedRows, ConflictRow, EventRow, ItemRow, JournalRow, JournalStore, NewBoard, Outcome, Snapshot, StoredBoard, TextRunRow,
} from './store.ts';
export { MalformedFrame, FRAME, frameWithBody, readInbound } from './wire.ts';
