/** What needs a database that answers just so: a board that others were quicker on, with so much uncommitted that nobody is read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Document } from '@hocuspocus/server';
import type * as Y from 'yjs';
import { Committer } from './committer.ts';
import { CommittedState } from './committed-state.ts';
import { Ledger } from './ledger.ts';
import { noProjection } from './projection.ts';
import type { Batch, HeldBoard, JournalStore, Outcome } from './store.ts';

const NOTHING = new Uint8Array([0, 0]);

test('sockets that are not read for what is uncommitted are read again, also when the board was committed apart from the others', async () => {
  let head = 1;
  let overtaken = 0;
  const held: HeldBoard = {
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
  };
  const none = (): Promise<never> => Promise.reject(new Error('not asked for here'));
  const store: JournalStore = {
    ...held, heads: none, outcomeOf: none, create: none, replaceSnapshot: none, compactable: none,
    exclusively: (_board, work) => work(held),
  };
  const pressure: boolean[] = [];
  const committer = new Committer({
    store, isUnavailable: () => false, maxUncommittedBytes: 1000,
    events: { committed: () => undefined, pressure: (on) => { pressure.push(on); }, away: () => undefined, failed: (_board, error) => { throw error; }, gone: () => undefined },
  });
  const document = new Document('board');
  const ledger = new Ledger(
    document, { seq: head, rows: 0, clients: new Map(), state: new CommittedState(), maxBytes: Number.POSITIVE_INFINITY }, noProjection,
    { due: (due) => { committer.enqueue(due); }, clean: () => undefined, committed: () => undefined, spilled: () => undefined, fold: () => Promise.resolve() },
  );
  document.on('afterTransaction', (transaction: Y.Transaction) => { ledger.note(transaction); });
  document.on('update', (update: Uint8Array, origin: unknown) => { ledger.capture(update, origin); });
  // What is uncommitted is added up every ten milliseconds.
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  document.getText('text').insert(0, 'x'.repeat(5000));
  await committer.idle();
  assert.equal(ledger.dirty, false);
  assert.deepEqual(pressure, [true, false]);
  document.destroy();
});
