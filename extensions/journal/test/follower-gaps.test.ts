/** What a follower must not miss between the vector it is judged by and the answer to it; and what a drain waits for. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { afterEach, test } from 'node:test';
import { Document, type Connection } from '@hocuspocus/server';
import * as decoding from 'lib0/decoding';
import * as Y from 'yjs';
import { CommittedState } from '../src/committed-state.ts';
import { Committer } from '../src/committer.ts';
import { extentOf } from '../src/extent.ts';
import { Follower } from '../src/follower.ts';
import { Ledger } from '../src/ledger.ts';
import type { LedgerHooks } from '../src/opened-board.ts';
import { noProjection } from '../src/projection.ts';
import type { Batch, JournalStore, Outcome } from '../src/store.ts';
import { until } from './plain-hocuspocus.ts';

const documents: Document[] = [];
// Their awareness owns a timer each.
afterEach(() => { for (const document of documents.splice(0)) document.destroy(); });

function openLedger(hooks: Partial<LedgerHooks> = {}) {
  const document = new Document(randomUUID());
  documents.push(document);
  const state = new CommittedState();
  const nothing = (): void => { /* the test drives the ledger */ };
  const ledger = new Ledger(document, { seq: 1, rows: 0, clients: new Map(), state, maxBytes: 1e9 }, noProjection, {
    due: nothing, clean: nothing, committed: nothing, spilled: nothing, fold: () => Promise.resolve(), ...hooks,
  });
  document.on('afterTransaction', (transaction: Y.Transaction) => { ledger.note(transaction); });
  document.on('update', (update: Uint8Array, origin: unknown) => { ledger.capture(update, origin); });
  return { document, state, ledger };
}

/** A client that applies every sync frame it is sent, on a socket that can be clogged. */
function join(ledger: Ledger) {
  const doc = new Y.Doc();
  const webSocket = { readyState: 1, bufferedAmount: 0 };
  const connection = {
    messageAddress: ledger.boardId, webSocket, context: {}, readOnly: false,
    handleMessage: () => { /* nothing is sent by this client */ },
    send: (frame: Uint8Array) => {
      const decoder = decoding.createDecoder(frame);
      decoding.readVarString(decoder);
      if (decoding.readVarUint(decoder) === 0 && decoding.readVarUint(decoder) > 0) Y.applyUpdate(doc, decoding.readVarUint8Array(decoder));
    },
  };
  const seen = connection as unknown as Connection;
  const follower = new Follower(seen, ledger, { highWaterBytes: 100, lowWaterBytes: 10, maxStructs: 1000 }, {
    refuse: () => { assert.fail('refused'); }, dropped: () => { /* expected */ }, hello: () => { /* none */ },
  });
  ledger.followers.set(connection, follower);
  // The state vector of nobody.
  const frame = new Uint8Array([0, 0, 0, 1, 0]);
  seen.handleMessage(frame);
  return { doc, webSocket, text: () => doc.getText('t').toString() };
}

const commit = (ledger: Ledger): void => {
  assert.notEqual(ledger.cut(), null);
  ledger.confirm(ledger.head + 1);
};

test('a slow socket that drains while something is uncommitted gets that, too', async () => {
  const { document, ledger } = openLedger();
  const client = join(ledger);
  await new Promise(setImmediate);
  document.getText('t').insert(0, 'a');
  commit(ledger);
  assert.equal(client.text(), 'a');
  client.webSocket.bufferedAmount = 1000;
  document.getText('t').insert(1, 'b');
  commit(ledger);
  assert.equal(client.text(), 'a', 'held back');
  // By somebody else, so that the missed clocks do not cover it.
  const other = new Y.Doc();
  Y.applyUpdate(other, Y.encodeStateAsUpdate(document));
  other.getText('t').insert(2, 'c');
  Y.applyUpdate(document, Y.encodeStateAsUpdate(other));
  client.webSocket.bufferedAmount = 0;
  ledger.relieve();
  commit(ledger);
  assert.equal(client.text(), 'abc');
});

test('who joins a large board while the database goes away gets what was sent on uncommitted meanwhile', async () => {
  let folded = (): void => { /* set by the fold */ };
  const { document, state, ledger } = openLedger({ fold: () => new Promise((resolve) => { folded = resolve; }) });
  document.getText('t').insert(0, 'committed');
  commit(ledger);
  const base = Y.encodeStateAsUpdate(document);
  state.approximateBytes = 1e6;
  const client = join(ledger);
  document.getText('t').insert(0, 'un');
  ledger.cut();
  ledger.spill(true);
  state.seed(ledger.head, base);
  folded();
  await new Promise(setImmediate);
  ledger.confirm(ledger.head + 1);
  assert.equal(client.text(), 'uncommitted');
});

/** A board of which something was about to be committed when the database went away, and somebody who follows it. */
async function openAway() {
  const { document, ledger } = openLedger();
  const client = join(ledger);
  await new Promise(setImmediate);
  document.getText('own').insert(0, 'x');
  ledger.cut();
  ledger.spill(false);
  return { document, ledger, client };
}

/** Two edits of somebody elsewhere, the second on top of the first, by another client. */
function twoElsewhere(): { first: Uint8Array; second: Uint8Array } {
  const [one, other] = [new Y.Doc(), new Y.Doc()];
  one.getText('t').insert(0, 'a');
  const first = Y.encodeStateAsUpdate(one);
  Y.applyUpdate(other, first);
  other.getText('t').insert(1, 'b');
  return { first, second: Y.encodeStateAsUpdate(other, Y.encodeStateVector(one)) };
}

const waitsForNothing = ({ store }: Y.Doc): void => { assert.deepEqual([store.pendingStructs, store.pendingDs], [null, null]); };

test('while the database is away, what other nodes committed is shown in its order, also when it comes in another', async () => {
  const { document, ledger, client } = await openAway();
  const { first, second } = twoElsewhere();
  ledger.receive(3, second);
  for (const doc of [document, client.doc]) waitsForNothing(doc);
  const late = join(ledger);
  waitsForNothing(late.doc);
  ledger.receive(2, first);
  assert.deepEqual([client.text(), late.text()], ['ab', 'ab']);
});

test('what another node sends on uncommitted is not taken while it builds on what is not here', () => {
  const { document, ledger } = openLedger();
  const { first, second } = twoElsewhere();
  const batch = { authors: [], clients: new Map() };
  ledger.receiveVolatile({ ...batch, update: second });
  waitsForNothing(document);
  waitsForNothing(join(ledger).doc);
  ledger.receiveVolatile({ ...batch, update: first });
  ledger.receiveVolatile({ ...batch, update: second });
  assert.equal(document.getText('t').toString(), 'ab');
});

for (const [last, clientID] of [['a person', 1], ['the server', 2 ** 32 - 1]] as const) test(`who joins while the database is away is not shown what the server wrote, so that nothing is built on it (${last} has the last word)`, async () => {
  const { document, ledger } = openLedger();
  document.clientID = clientID; // the client of the higher id has it
  const client = join(ledger);
  await new Promise(setImmediate);
  const [connection] = ledger.followers.keys();
  const writer = new Y.Doc();
  writer.getMap('m').set('cell', 'plain');
  Y.applyUpdate(document, Y.encodeStateAsUpdate(writer), { source: 'connection', connection: { of: connection } });
  // As the server turns a plain value into a register, and as REST writes.
  document.getMap('m').set('cell', ['plain', 1]);
  document.getMap('m').set('more', 'by the server');
  ledger.cut();
  ledger.spill(false);
  const late = join(ledger);
  assert.deepEqual([client, late].map(({ doc }) => doc.getMap('m').toJSON()), [{ cell: 'plain' }, { cell: 'plain' }], 'and what it overwrote is still there');
  late.doc.getMap('m').set('cell', 'later');
  Y.applyUpdate(document, Y.encodeStateAsUpdate(late.doc), { source: 'connection', connection: { of: late } });
  ledger.spill(false);
  for (const doc of [client.doc, late.doc]) {
    waitsForNothing(doc);
    assert.deepEqual(doc.getMap('m').toJSON(), { cell: 'later' });
  }
  ledger.confirm(2);
  commit(ledger);
  for (const doc of [client.doc, late.doc]) assert.deepEqual(doc.getMap('m').toJSON(), document.getMap('m').toJSON());
});

test('what builds on a write of the server that is shown to nobody is shown with it', async () => {
  const { document, ledger } = openLedger();
  for (const key of ['cell', 'other']) document.getMap('m').set(key, 'old');
  commit(ledger);
  const client = join(ledger);
  await new Promise(setImmediate);
  document.getMap('m').set('cell', 'by the server');
  ledger.cut();
  ledger.spill(false);
  // Committed all the same, though nobody here knows; and on the other node somebody went on from there, and came here.
  const elsewhere = new Y.Doc();
  Y.applyUpdate(elsewhere, Y.encodeStateAsUpdate(document));
  elsewhere.getMap('m').set('cell', 'on top');
  let after: Uint8Array = new Uint8Array();
  elsewhere.once('update', (update: Uint8Array) => { after = update; });
  const onTop = Y.encodeStateAsUpdate(elsewhere, Y.encodeStateVector(document));
  ledger.receive(4, onTop);
  ledger.receiveVolatile({ update: onTop, authors: [], clients: new Map() });
  Y.applyUpdate(document, onTop, { source: 'connection', connection: {} });
  ledger.spill(false);
  elsewhere.getMap('m').set('other', 'later, by the same');
  Y.applyUpdate(document, after, { source: 'connection', connection: {} });
  ledger.spill(false);
  const late = join(ledger);
  for (const doc of [client.doc, late.doc]) {
    waitsForNothing(doc);
    assert.deepEqual(doc.getMap('m').toJSON(), { cell: 'old', other: 'old' });
  }
  ledger.confirm(3);
  commit(ledger);
  for (const doc of [client.doc, late.doc]) assert.deepEqual(doc.getMap('m').toJSON(), { cell: 'on top', other: 'later, by the same' });
});

test('while the database is away, what other nodes commit is shown however much it is', async () => {
  const { ledger, client } = await openAway();
  const elsewhere = new Y.Doc();
  let seq = 1;
  elsewhere.on('update', (update: Uint8Array) => { ledger.receive(seq += 1, update); });
  for (let count = 0; count < 300; count += 1) elsewhere.getText('t').insert(count, 'y');
  assert.equal(client.text(), 'y'.repeat(300));
});

test('a board that is read anew tells nobody of what is not committed', async () => {
  const { document, ledger } = openLedger();
  document.getMap('m').set('cell', 'old');
  commit(ledger);
  const client = join(ledger);
  await new Promise(setImmediate);
  const elsewhere = new Y.Doc();
  Y.applyUpdate(elsewhere, Y.encodeStateAsUpdate(document));
  elsewhere.getMap('m').set('more', 1);
  for (const value of ['first', 'second']) document.getMap('m').set('cell', value);
  ledger.cut();
  ledger.spill(false);
  ledger.reload([Y.encodeStateAsUpdate(elsewhere)], 7);
  waitsForNothing(client.doc);
  assert.deepEqual(client.doc.getMap('m').toJSON(), { cell: 'old', more: 1 });
});

test('what the server overwrote twice is there for a joiner as it was committed', async () => {
  const { document, ledger } = openLedger();
  document.getMap('m').set('cell', 1);
  commit(ledger);
  document.getMap('m').set('cell', 2);
  ledger.cut();
  document.getMap('m').set('cell', 3);
  ledger.confirm(3);
  ledger.cut();
  ledger.spill(false);
  assert.deepEqual(join(ledger).doc.getMap('m').toJSON(), { cell: 2 });
  await new Promise(setImmediate);
});

test('what people have not been shown yet is sent to all before somebody joins', async () => {
  const { document, ledger } = openLedger();
  const client = join(ledger);
  await new Promise(setImmediate);
  const writer = new Y.Doc();
  writer.on('update', (update: Uint8Array) => { Y.applyUpdate(document, update, { source: 'connection', connection: {} }); });
  writer.getMap('m').set('cell', 1);
  ledger.cut();
  ledger.spill(false);
  writer.getMap('m').set('cell', 2);
  const late = join(ledger);
  for (const doc of [client.doc, late.doc]) assert.deepEqual(doc.getMap('m').toJSON(), { cell: 2 });
});

test('what the server overwrote is forgotten once that is committed', () => {
  const { document, ledger } = openLedger();
  document.getMap('m').set('cell', 'x'.repeat(10_000));
  commit(ledger);
  document.getMap('m').set('cell', 'short');
  ledger.cut();
  assert(Y.encodeStateAsUpdate(document).length > 10_000);
  ledger.takeBack();
  commit(ledger);
  assert(Y.encodeStateAsUpdate(document).length < 100);
});

test('a drain waits for boards that are tried one by one after the database refused them together', async () => {
  const singles: ((outcome: Outcome[]) => void)[] = [];
  const store = {
    commit: (batches: readonly Batch[]) => (batches.length > 1 ? Promise.reject(new Error('refused')) : new Promise((resolve) => { singles.push(resolve); })),
  } as unknown as JournalStore;
  const ignore = (): void => { /* not looked at */ };
  const committer = new Committer({
    store, isUnavailable: () => false, maxUncommittedBytes: 1e9,
    events: { committed: ignore, pressure: ignore, away: ignore, failed: ignore, gone: ignore },
  });
  const boards = [0, 1].map(() => openLedger({ due: (ledger) => { committer.enqueue(ledger); } }));
  for (const { document } of boards) document.getText('t').insert(0, 'x');
  while (singles.length < 2) await new Promise(setImmediate);
  let drained = false;
  const drain = committer.idle().then(() => { drained = true; });
  await new Promise(setImmediate);
  assert.equal(drained, false);
  for (const answer of singles) answer([{ kind: 'committed', seq: 2 }]);
  await drain;
  assert.deepEqual(boards.map(({ ledger }) => [ledger.head, ledger.dirty]), [[2, false], [2, false]]);
});

test('an outcome that cannot be looked up yet is looked up again, and the batch is not repeated', async () => {
  let commits = 0;
  let lookups = 0;
  const away = new Error('the connection broke');
  const store = {
    commit: () => { commits += 1; return Promise.reject(away); },
    outcomeOf: () => { lookups += 1; return lookups === 1 ? Promise.reject(new Error('lock timeout')) : Promise.resolve(2); },
    rowsAfter: () => Promise.resolve([]),
  } as unknown as JournalStore;
  const ignore = (): void => { /* not looked at */ };
  const committer = new Committer({
    store, isUnavailable: (error) => error === away, maxUncommittedBytes: 1e9,
    events: { committed: ignore, pressure: ignore, away: ignore, failed: ignore, gone: ignore },
  });
  const { document, ledger } = openLedger({ due: (due) => { committer.enqueue(due); } });
  document.getText('t').insert(0, 'x');
  await until('it was tried', () => commits > 0);
  await committer.idle();
  assert.deepEqual([commits, lookups, ledger.head, ledger.dirty], [1, 2, 2, false]);
});

test('the author of what an update waited for gets the update, too', async () => {
  const { document, ledger } = openLedger();
  const client = join(ledger);
  await new Promise(setImmediate);
  const [first, second] = [new Y.Doc(), new Y.Doc()];
  first.getText('t').insert(0, 'a');
  const base = Y.encodeStateAsUpdate(first);
  Y.applyUpdate(second, base);
  second.getText('t').insert(1, 'b');
  Y.applyUpdate(document, Y.encodeStateAsUpdate(second, Y.encodeStateVector(first)));
  assert.equal(document.getText('t').toString(), '', 'it waits');
  // The client wrote the base itself, so it has that.
  Y.applyUpdate(client.doc, base);
  const [connection] = ledger.followers.keys();
  Y.applyUpdate(document, base, { source: 'connection', connection });
  commit(ledger);
  assert.equal(client.text(), 'ab');
});

for (const what of ['an insertion', 'a deletion'] as const) {
  test(`${what} that waited for what another node committed is journalled by this node`, () => {
    const { document, ledger } = openLedger();
    const client = new Y.Doc();
    const text = client.getText('t');
    const updates: Uint8Array[] = [];
    client.on('update', (update: Uint8Array) => { updates.push(update); });
    text.insert(0, 'to another node');
    if (what === 'an insertion') text.insert(text.length, ', to this node');
    else text.delete(0, 3);
    const [first, second] = updates;
    assert(first !== undefined && second !== undefined);
    // As after a reconnect: the client's old node committed the first, and this one is sent the second before it has heard of that.
    Y.applyUpdate(document, second, { source: 'connection' });
    assert.equal(ledger.dirty, false, 'it waits');
    ledger.receive(2, first);
    assert.equal(document.getText('t').toString(), text.toString());
    assert.equal(ledger.dirty, true, 'it is owed to the journal');
    const batch = ledger.cut();
    assert(batch !== null);
    const journal = new Y.Doc();
    for (const update of [first, batch.update]) Y.applyUpdate(journal, update);
    assert.equal(journal.getText('t').toString(), text.toString());
    ledger.confirm(3);
    ledger.receive(4, Y.encodeStateAsUpdate(new Y.Doc()));
    assert.equal(ledger.dirty, false, 'what others commit is theirs as before');
  });
}

test('who waits for a commit of a board that is deleted is told', async () => {
  const { document, ledger } = openLedger();
  document.getText('t').insert(0, 'x');
  const waiting = ledger.barrier();
  ledger.cut();
  ledger.abandon();
  await assert.rejects(waiting, /deleted/);
});

test('joiners are never given bytes with a hole where the board was reloaded during a fold', () => {
  const state = new CommittedState();
  const stop = state.collect();
  state.append(11, new Uint8Array([11]));
  state.drop(); // the board was reloaded, at 600
  state.append(601, new Uint8Array([1]));
  state.seed(10, new Uint8Array([10]));
  stop();
  assert.equal(state.take(), null);
  state.seed(602, new Uint8Array([2]));
  assert.deepEqual(state.take()?.tail, []);
  state.drop();
});

test('while the database is away people see what people write, and what the server wrote once it is committed', async () => {
  const { document, ledger } = openLedger();
  const spilled: Uint8Array[] = [];
  const told = openLedger({ spilled: ({ update }) => { spilled.push(update); } });
  for (const { document: doc, ledger: books } of [{ document, ledger }, told]) {
    const client = join(books);
    await new Promise(setImmediate);
    const person = new Y.Doc();
    const write = (text: string): void => {
      person.getText('t').insert(person.getText('t').length, text);
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(person), { source: 'connection', connection: { context: { userId: 'ann' } } });
    };
    const serve = (value: string): void => { doc.transact(() => { doc.getMap('m').set('by', value); }, { source: 'local', skipStoreHooks: true, context: { userId: 'ann' } }); };
    write('a');
    serve('server');
    books.cut();
    books.spill(true);
    assert.deepEqual([client.text(), client.doc.getMap('m').get('by')], ['a', undefined]);
    write('b');
    serve('server again');
    books.spill(true);
    assert.deepEqual([client.text(), client.doc.getMap('m').get('by')], ['ab', undefined]);
    books.confirm(books.head + 1);
    assert.deepEqual([client.text(), client.doc.getMap('m').get('by')], ['ab', 'server']);
    // Not committed after all, this time: told again when it is.
    books.cut();
    books.takeBack();
    commit(books);
    assert.equal(client.doc.getMap('m').get('by'), 'server again');
  }
  const others = new Y.Doc();
  for (const update of spilled) Y.applyUpdate(others, update);
  assert.deepEqual([others.getText('t').toString(), others.getMap('m').size], ['ab', 0], 'nor do other nodes');
});

test('what deletes something that is not here is not held, for nobody would journal it', () => {
  const { ledger, document } = openLedger();
  const theirs = new Y.Doc();
  const sent: Uint8Array[] = [];
  theirs.on('update', (update: Uint8Array) => { sent.push(update); });
  theirs.getText('t').insert(0, 'xy');
  theirs.getText('t').delete(0, 1);
  const [written, deletion] = sent;
  assert(written !== undefined && deletion !== undefined);
  const extent = extentOf(deletion);
  assert.equal(extent.deleteOnly, true);
  Y.applyUpdate(document, deletion);
  assert.deepEqual([ledger.captured, ledger.holds(extent)], [0, false]);
  Y.applyUpdate(document, written);
  assert.equal(ledger.holds(extent), true);
  const batch = ledger.cut();
  assert(batch !== null);
  const committed = new Y.Doc();
  Y.applyUpdate(committed, batch.update);
  assert.equal(committed.getText('t').toJSON(), 'y');
});
