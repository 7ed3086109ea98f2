/** What needs a database that answers just so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Document } from '@hocuspocus/server';
import { untilWithin } from '@sunday/board-model/testing/until';
import * as Y from 'yjs';
import { Committer, type CommitterEvents } from './committer.ts';
import { CommittedState } from './committed-state.ts';
import { Ledger } from './ledger.ts';
import { noProjection, type Projection, type Stale } from './projection.ts';
import type { Batch, HeldBoard, JournalRow, JournalStore, Outcome } from './store.ts';

const until = untilWithin(10_000);

const NOTHING = new Uint8Array([0, 0]);
const none = (): Promise<never> => Promise.reject(new Error('not asked for here'));
const storeOf = (held: HeldBoard & Partial<Pick<JournalStore, 'outcomeOf'>>): JournalStore =>
  ({ outcomeOf: none, ...held, heads: none, create: none, replaceSnapshot: none, compactable: none, exclusively: (_board, work) => work(held) });

/** Keeps what it is asked to commit, after a while. */
const keptIn = (rows: JournalRow[], whenAsked: () => Promise<unknown>): HeldBoard => ({
  commit: async ([batch]: readonly Batch[]): Promise<Outcome[]> => {
    assert(batch !== undefined);
    await whenAsked();
    if (batch.expectedSeq !== 1 + rows.length) return [{ kind: 'behind', headSeq: 1 + rows.length }];
    rows.push({ seq: batch.expectedSeq + 1, update: batch.update });
    return [{ kind: 'committed', seq: batch.expectedSeq + 1 }];
  },
  rowsAfter: (_board, seq) => Promise.resolve(rows.filter((row) => row.seq > seq)),
  load: () => Promise.resolve(null),
  committedRows: () => Promise.resolve(null),
});

/** All of it is acknowledged, and this is what the rows say. */
function assertKept(ledger: Ledger, rows: readonly JournalRow[], text: string): void {
  const committed = new Y.Doc();
  for (const { update } of rows) Y.applyUpdate(committed, update);
  assert.equal(committed.getText('text').toJSON(), text);
  assert.equal(ledger.dirty, false);
  assert.equal(ledger.committed, ledger.captured);
}

/** A board that one writes on, committed by this store. */
function open(
  held: HeldBoard & Partial<Pick<JournalStore, 'outcomeOf'>>,
  { events = {}, maxUncommittedBytes = 1e9, projection = noProjection, isUnavailable = () => false }: {
    events?: Partial<CommitterEvents>; maxUncommittedBytes?: number; projection?: Projection; isUnavailable?: (error: unknown) => boolean;
  } = {},
) {
  const committer = new Committer({
    store: storeOf(held), isUnavailable, maxUncommittedBytes,
    events: { committed: () => undefined, pressure: () => undefined, away: () => undefined, failed: (_board, error) => { throw error; }, gone: () => undefined, ...events },
  });
  const document = new Document('board');
  const ledger = new Ledger(
    document, { seq: 1, rows: 0, clients: new Map(), state: new CommittedState(), maxBytes: Number.POSITIVE_INFINITY }, projection,
    { due: (due) => { committer.enqueue(due); }, clean: () => undefined, committed: () => undefined, spilled: () => undefined, fold: () => Promise.resolve() },
  );
  document.on('afterTransaction', (transaction: Y.Transaction) => { ledger.note(transaction); });
  document.on('update', (update: Uint8Array, origin: unknown) => { ledger.capture(update, origin); });
  return { committer, ledger, document };
}

test('sockets that are not read for what is uncommitted are read again, also when the board was committed apart from the others', async (t) => {
  let head = 1;
  let overtaken = 0;
  const pressure: boolean[] = [];
  const { committer, ledger, document } = open({
    commit: ([batch]: readonly Batch[]): Promise<Outcome[]> => {
      if (overtaken < 3) {
        overtaken += 1;
        head += 1;
        return Promise.resolve([{ kind: 'behind', headSeq: head }]);
      }
      head = (batch?.expectedSeq ?? 0) + 1;
      return Promise.resolve([{ kind: 'committed', seq: head }]);
    },
    rowsAfter: (_board, seq) => Promise.resolve(Array.from({ length: head - seq }, (_, index) => ({ seq: seq + 1 + index, update: NOTHING }))),
    load: () => Promise.resolve(null),
    committedRows: () => Promise.resolve(null),
  }, { maxUncommittedBytes: 1000, events: { pressure: (on) => { pressure.push(on); } } });
  t.after(() => { document.destroy(); });
  document.getText('text').insert(0, 'x'.repeat(5000));
  await committer.idle();
  assert.equal(ledger.dirty, false);
  assert.deepEqual(pressure, [true, false]);
});

test('a board that could not be cut, and is then, is not cut again over a commit that is on its way', async (t) => {
  const rows: JournalRow[] = [];
  let cuts = 0;
  let asked = 0;
  const answers: (() => void)[] = [];
  const projection: Projection = {
    ...noProjection,
    open: (document, books) => {
      const derivation = noProjection.open(document, books);
      return {
        ...derivation,
        cut: (batchId: string) => {
          cuts += 1;
          if (cuts === 1) throw new Error('a lock, say');
          return derivation.cut(batchId);
        },
      };
    },
  };
  const store = keptIn(rows, () => {
    asked += 1;
    return new Promise<void>((resolve) => { answers.push(resolve); });
  });
  const { committer, ledger, document } = open(store, { projection, events: { failed: () => undefined } });
  t.after(() => { document.destroy(); });
  const text = document.getText('text');
  text.insert(0, 'a');
  await until('the first cut fails', () => cuts === 1);
  text.insert(1, 'b');
  await until('it is committed', () => asked === 1);
  text.insert(2, 'c');
  // Past the moment at which the first cut would be tried again.
  await new Promise((resolve) => { setTimeout(resolve, 1200); });
  const answering = setInterval(() => { for (const answer of answers.splice(0)) answer(); }, 5);
  t.after(() => { clearInterval(answering); });
  await committer.idle();
  assertKept(ledger, rows, 'abc');
});

test('a board of which it is not known what became of its cut is not cut, also when the database is back for others', async (t) => {
  const rows: JournalRow[] = [];
  const away = new Error('away');
  let asked = 0;
  let failures = 0;
  let stale: Stale | null = { items: [] };
  const projection: Projection = {
    ...noProjection,
    open: (document, books) => ({ ...noProjection.open(document, books), get stale() { return stale; } }),
  };
  const store = keptIn(rows, () => {
    asked += 1;
    // longer than it takes until what is unknown is looked up again
    return new Promise((resolve) => { setTimeout(resolve, 1500); });
  });
  const { committer, ledger, document } = open({
    ...store,
    outcomeOf: () => Promise.resolve(null),
    rowsAfter: (board, seq) => (failures === 0 ? Promise.reject(new Error('a lock, say')) : store.rowsAfter(board, seq)),
    committedRows: () => Promise.reject(away),
  }, { projection, isUnavailable: (error) => error === away, events: { failed: () => { failures += 1; } } });
  t.after(() => { document.destroy(); });
  const text = document.getText('text');
  text.insert(0, 'a');
  await until('the database is back, but says nothing of this board', () => failures === 1);
  stale = null;
  text.insert(1, 'b');
  await until('it is shown, unsaved', () => ledger.volatile);
  assert.equal(asked, 0);
  await until('it is committed', () => asked === 1);
  text.insert(2, 'c');
  await committer.idle();
  assertKept(ledger, rows, 'abc');
});
