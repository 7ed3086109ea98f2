export { Journal, BoardLoadError, type JournalEvents, type JournalOptions } from './journal.ts';
export { PostgresStore } from './postgres-store.ts';
export { boardProjection, noProjection, type Projection, type Touched } from './projection.ts';
export { DatabaseAway, type CommittedBatch, type VolatileBatch } from './updates.ts';
export type { CompactionResult } from './compactor.ts';
export type { Batch, BoardRow, ItemRow, JournalRow, JournalStore, NewBoard, Outcome, Snapshot, StoredBoard } from './store.ts';
export { MalformedFrame, FRAME, readInbound } from './wire.ts';
