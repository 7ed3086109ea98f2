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
import { SetBack } from './updates.ts';
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

interface Settings {
  readonly events?: Partial<CommitterEvents>;
  readonly maxUncommittedBytes?: number;
  readonly projection?: Projection;
  readonly isUnavailable?: (error: unknown) => boolean;
}

/** Boards that one writes on, committed by this store. */
function openAll<const Name extends string>(
  names: readonly Name[],
  held: HeldBoard & Partial<Pick<JournalStore, 'outcomeOf'>>,
  { events = {}, maxUncommittedBytes = 1e9, projection = noProjection, isUnavailable = () => false }: Settings = {},
) {
  const committer = new Committer({
    store: storeOf(held), isUnavailable, maxUncommittedBytes,
    events: { committed: () => undefined, pressure: () => undefined, away: () => undefined, failed: (_board, error) => { throw error; }, gone: () => undefined, ...events },
  });
  const boards = names.map((name) => {
    const document = new Document(name);
    const ledger = new Ledger(
      document, { seq: 1, rows: 0, clients: new Map(), state: new CommittedState(), maxBytes: Number.POSITIVE_INFINITY }, projection,
      { due: (due) => { committer.enqueue(due); }, clean: () => undefined, committed: () => undefined, spilled: () => undefined, fold: () => Promise.resolve() },
    );
    document.on('afterTransaction', (transaction: Y.Transaction) => { ledger.note(transaction); });
    document.on('update', (update: Uint8Array, origin: unknown) => { ledger.capture(update, origin); });
    const write = (text: string): void => {
      const whole = document.getText('text');
      whole.insert(whole.length, text);
    };
    return [name, { ledger, document, write }] as const;
  });
  const close = (): void => { for (const [, { document }] of boards) document.destroy(); };
  return { committer, close, ...(Object.fromEntries(boards) as Record<Name, (typeof boards)[number][1]>) };
}

/** One such board. */
function open(held: HeldBoard & Partial<Pick<JournalStore, 'outcomeOf'>>, settings: Settings = {}) {
  const { committer, board } = openAll(['board'], held, settings);
  return { committer, ...board };
}

/** What a projection notes and tells of, counted. */
function counting({ cut = () => undefined, stale = () => null }: { cut?: (isUntold: boolean) => void; stale?: () => Stale | null }) {
  const counts = { noted: 0, out: 0, told: 0 };
  const projection: Projection = {
    open: (document, books) => {
      const derivation = noProjection.open(document, books);
      return {
        ...derivation,
        get stale() { return stale(); },
        note() { counts.noted += 1; },
        cut(batchId: string, isUntold = false) {
          Object.assign(counts, { out: counts.noted, noted: 0 });
          cut(isUntold);
          return derivation.cut(batchId, isUntold);
        },
        confirm() { Object.assign(counts, { told: counts.told + counts.out, out: 0 }); },
        takeBack() { Object.assign(counts, { noted: counts.noted + counts.out, out: 0 }); },
      };
    },
  };
  return { projection, counts };
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
  const { projection, counts } = counting({
    cut: () => {
      cuts += 1;
      if (cuts === 1) throw new Error('a lock, say');
    },
  });
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
  assert.equal(counts.told, 3, 'what the first cut would have told of is told');
});

test('a board of which it is not known what became of its cut is not cut, also when the database is back for others', async (t) => {
  const rows: JournalRow[] = [];
  const away = new Error('away');
  let asked = 0;
  let failures = 0;
  let stale: Stale | null = { items: [] };
  const { projection } = counting({ stale: () => stale });
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

test('a board whose database went back is tried now and then, also when it has to be read again', async (t) => {
  const failures: unknown[] = [];
  let asked = 0;
  const { projection } = counting({ stale: () => ({ items: [] }) });
  const { ledger, document } = open({
    commit: none, load: none, rowsAfter: none,
    committedRows: () => {
      asked += 1;
      return Promise.resolve({ head: 0, rows: [], items: [], board: null });
    },
  }, { projection, events: { failed: (_board, error) => { failures.push(error); } } });
  t.after(() => { document.destroy(); });
  document.getText('text').insert(0, 'a');
  await until('it is tried again', () => failures.length === 2);
  assert(failures.every((error) => error instanceof SetBack));
  assert.equal(asked, 2);
  assert.equal(ledger.dirty, true, 'nothing of it is given up');
});

test('a board that is deleted, and of which nothing is left but its head, is gone', async (t) => {
  for (const stale of [null, { items: [] }]) {
    const gone: Ledger[] = [];
    const { projection } = counting({ stale: () => stale });
    const { committer, ledger, document } = open({
      commit: () => Promise.resolve([{ kind: 'behind', headSeq: 5 }]),
      rowsAfter: () => Promise.resolve(null),
      load: () => Promise.resolve(null),
      committedRows: () => Promise.resolve({ head: 5, rows: null, items: [], board: null }),
    }, { projection, events: { gone: (each) => { gone.push(each); } } });
    t.after(() => { document.destroy(); });
    document.getText('text').insert(0, 'a');
    await committer.idle();
    assert.deepEqual([gone, ledger.dirty], [[ledger], false]);
  }
});

test('who was overtaken catches up without its neighbours, who are told of their commit and commit on', async (t) => {
  let release = (): void => undefined;
  const rowsOfSlow = new Promise<JournalRow[]>((resolve) => { release = () => { resolve([{ seq: 2, update: NOTHING }]); }; });
  const { committer, close, slow, quick } = openAll(['slow', 'quick'], {
    commit: (batches) => Promise.resolve(batches.map(({ boardId, expectedSeq }): Outcome => (
      boardId === 'slow' && expectedSeq === 1 ? { kind: 'behind', headSeq: 2 } : { kind: 'committed', seq: expectedSeq + 1 }))),
    rowsAfter: () => rowsOfSlow, load: none, committedRows: none,
  });
  t.after(close);
  slow.write('a');
  quick.write('a');
  for (const seq of [2, 3, 4]) {
    await until('the quick one is committed', () => quick.ledger.head === seq && !quick.ledger.dirty);
    quick.write('b');
  }
  assert.equal(slow.ledger.dirty, true);
  release();
  await committer.idle();
  assert.deepEqual([slow.ledger.head, slow.ledger.dirty, quick.ledger.dirty], [3, false, false]);
});

test('rows that were asked for before a cut went out are not applied beneath it', async (t) => {
  const theirs = new Y.Doc();
  theirs.getText('theirs').insert(0, 'x');
  const rows: JournalRow[] = [2, 3].map((seq) => ({ seq, update: seq === 2 ? Y.encodeStateAsUpdate(theirs) : NOTHING }));
  const asks: (() => void)[] = [];
  const commits: (() => void)[] = [];
  let head = 2;
  const { committer, ledger, document } = open({
    commit: ([batch]) => new Promise((resolve) => {
      const expectedSeq = batch?.expectedSeq ?? 0;
      commits.push(() => { resolve([expectedSeq < head ? { kind: 'behind', headSeq: 2 } : { kind: 'committed', seq: expectedSeq + 1 }]); });
    }),
    rowsAfter: (_board, seq) => new Promise((resolve) => { asks.push(() => { resolve(rows.filter((row) => row.seq > seq)); }); }),
    load: none, committedRows: none,
  });
  t.after(() => { document.destroy(); });
  ledger.receive(2, null);
  void committer.behind(ledger);
  document.getText('text').insert(0, 'a');
  await until('it is on its way', () => commits.length === 1);
  head = 3;
  asks.shift()?.();
  await new Promise(setImmediate);
  assert.equal(ledger.head, 1);
  const answering = setInterval(() => { for (const answer of [...asks.splice(0), ...commits.splice(0)]) answer(); }, 5);
  t.after(() => { clearInterval(answering); });
  await committer.idle();
  assert.deepEqual([ledger.head, document.getText('theirs').toJSON(), ledger.dirty], [4, 'x', false]);
});

test('a board whose cut cannot be looked up counts as refused, until it is known', async (t) => {
  const away = new Error('away');
  let lookUp: () => Promise<number | null> = () => Promise.reject(new Error('a lock, say'));
  const { committer, ledger, document } = open({
    commit: () => Promise.reject(away),
    outcomeOf: () => lookUp(),
    rowsAfter: () => Promise.resolve([]), load: none, committedRows: none,
  }, { isUnavailable: (error) => error === away, events: { failed: () => undefined } });
  t.after(() => { document.destroy(); });
  document.getText('text').insert(0, 'a');
  await until('it is refused', () => committer.refused === 1);
  lookUp = () => Promise.resolve(2);
  await committer.idle();
  assert.deepEqual([committer.refused, ledger.head, ledger.dirty], [0, 2, false]);
});

test('a board whose events cannot be made is committed all the same, at last without them', async (t) => {
  const rows: JournalRow[] = [];
  const failures: unknown[] = [];
  const { projection, counts } = counting({ cut: (isUntold) => { if (!isUntold) throw new Error('cannot be told'); } });
  const { committer, ledger, document } = open(keptIn(rows, () => Promise.resolve()), { projection, events: { failed: (_board, error) => { failures.push(error); } } });
  t.after(() => { document.destroy(); });
  document.getText('text').insert(0, 'a');
  await committer.idle();
  assertKept(ledger, rows, 'a');
  assert.deepEqual([failures.length, counts.told], [3, 1], 'its rows are there');
});

test('a board is not shown as unsaved once its cut is known to be committed', async (t) => {
  const away = new Error('away');
  const answers: ((seq: number) => void)[] = [];
  const { committer, close, known, unknown } = openAll(['known', 'unknown'], {
    commit: () => Promise.reject(away),
    outcomeOf: () => new Promise((resolve) => { answers.push(resolve); }),
    rowsAfter: () => new Promise(() => undefined), load: none, committedRows: none,
  }, { isUnavailable: (error) => error === away });
  t.after(close);
  known.write('a');
  unknown.write('a');
  await until('the first is looked up', () => answers.length === 1 && known.ledger.volatile);
  answers[0]?.(2);
  await until('it is known', () => !known.ledger.dirty);
  unknown.write('b');
  await until('the second is looked up', () => answers.length === 2);
  await new Promise((resolve) => { setTimeout(resolve, 200); });
  assert.deepEqual([known.ledger.volatile, unknown.ledger.volatile, committer.away], [false, true, true]);
});

test('boards that were overtaken together catch up a few at a time', async (t) => {
  const names = Array.from({ length: 40 }, (_, index) => `board ${index}`);
  let under = 0;
  let most = 0;
  const { committer, close, ...boards } = openAll(names, {
    commit: (batches) => Promise.resolve(batches.map(({ expectedSeq }): Outcome => (expectedSeq === 1 ? { kind: 'behind', headSeq: 2 } : { kind: 'committed', seq: expectedSeq + 1 }))),
    rowsAfter: async () => {
      under += 1;
      most = Math.max(most, under);
      await new Promise(setImmediate);
      under -= 1;
      return [{ seq: 2, update: NOTHING }];
    },
    load: none, committedRows: none,
  });
  t.after(close);
  for (const { write } of Object.values(boards)) write('a');
  await committer.idle();
  assert(most > 1 && most <= 4, `${most} at a time`);
  assert(Object.values(boards).every(({ ledger }) => ledger.head === 3 && !ledger.dirty));
});

test('a cut that goes out while an earlier one is being looked up is looked up, too, when its connection is lost', async (t) => {
  const away = new Error('away');
  let commits = 0;
  let lookUps = 0;
  const { committer, ledger, document } = open({
    commit: async ([batch]): Promise<Outcome[]> => {
      commits += 1;
      if (commits === 2) await new Promise((resolve) => { setTimeout(resolve, 20); });
      if (commits <= 2) throw away;
      return [{ kind: 'committed', seq: (batch?.expectedSeq ?? 0) + 1 }];
    },
    outcomeOf: () => {
      lookUps += 1;
      // refused at first, so that the database counts as back; then the first was committed, and the second was not
      return lookUps === 1 ? Promise.reject(new Error('a lock, say')) : Promise.resolve(lookUps === 2 ? 2 : null);
    },
    rowsAfter: () => new Promise((resolve) => { setTimeout(() => { resolve([]); }, 200); }),
    load: none, committedRows: none,
  }, { isUnavailable: (error) => error === away, events: { failed: () => undefined } });
  t.after(() => { document.destroy(); });
  document.getText('text').insert(0, 'a');
  await until('it is on its way', () => commits === 1);
  document.getText('text').insert(1, 'b');
  await committer.idle();
  assert.deepEqual([ledger.dirty, ledger.head, commits], [false, 3, 3]);
});
