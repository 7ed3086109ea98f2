/** The rules of counted and cumulative acks (docs/protocols.md), against a model of the stock provider's counter. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { Acks } from './acks.ts';
import { extentOf } from './extent.ts';
import type { InboundFrame } from './wire.ts';

type SyncFrame = Extract<InboundFrame, { kind: 'step2' | 'update' }>;

const typed = (doc: Y.Doc, text: string): SyncFrame => {
  let update: Uint8Array = new Uint8Array();
  doc.once('update', (bytes: Uint8Array) => { update = bytes; });
  doc.getText('t').insert(0, text);
  return { kind: 'update', update, extent: extentOf(update) };
};

const deleted = (doc: Y.Doc): SyncFrame => {
  let update: Uint8Array = new Uint8Array();
  doc.once('update', (bytes: Uint8Array) => { update = bytes; });
  doc.getText('t').delete(0, 1);
  return { kind: 'update', update, extent: extentOf(update) };
};

const step2 = (doc: Y.Doc): SyncFrame => {
  const update = Y.encodeStateAsUpdate(doc);
  return { kind: 'step2', update, extent: extentOf(update) };
};

function harness() {
  const seen = { statuses: 0, asked: 0, cumulative: [] as { frames: number; clock: number }[], held: true };
  const acks = new Acks({
    status: () => { seen.statuses += 1; },
    cumulative: (frames, clock) => { seen.cumulative.push({ frames, clock }); },
    holds: () => seen.held,
    ask: () => { seen.asked += 1; },
  });
  return { acks, seen };
}

const vectorOf = (doc: Y.Doc) => Y.decodeStateVector(Y.encodeStateVector(doc));

/** A stock client whose handshake is applied, and not settled yet. */
function attached() {
  const doc = new Y.Doc();
  const { acks, seen } = harness();
  acks.step1(vectorOf(doc));
  acks.arrived(step2(doc));
  acks.applied(0);
  return { acks, seen, doc };
}

test('a frame is acknowledged when its mark is committed, not when it is applied', () => {
  const { acks, seen, doc } = attached();
  acks.settle(0, 0);
  assert.equal(seen.statuses, 1, 'the Step2 that answers our Step1 pays for the reset');
  acks.arrived(typed(doc, 'a'));
  acks.applied(1);
  acks.settle(0, 1);
  assert.equal(seen.statuses, 1);
  acks.settle(1, 1);
  assert.equal(seen.statuses, 2);
});

test('one SyncStatus per counted frame, never merged', () => {
  const { acks, seen, doc } = attached();
  for (let edit = 1; edit <= 5; edit += 1) {
    acks.arrived(typed(doc, 'x'));
    acks.applied(edit);
  }
  acks.settle(5, 5);
  assert.equal(seen.statuses, 6);
});

test('nothing is said while more of the client is on its way, or a sync forced in that moment would count the one ack for the other edit', () => {
  const { acks, seen, doc } = attached();
  acks.settle(0, 0);
  assert.equal(seen.statuses, 1);
  acks.arrived(typed(doc, 'a'));
  acks.applied(1);
  acks.arrived(typed(doc, 'b'));
  acks.settle(1, 1);
  assert.equal(seen.statuses, 1, 'b is not applied yet');
  acks.applied(2);
  acks.settle(1, 2);
  assert.equal(seen.statuses, 1, 'b is not committed yet');
  acks.settle(2, 2);
  assert.equal(seen.statuses, 3);
});

test('who never pauses is acknowledged all the same', () => {
  const { acks, seen, doc } = attached();
  for (let edit = 1; edit <= 600; edit += 1) {
    acks.arrived(typed(doc, 'x'));
    acks.applied(edit);
  }
  acks.settle(599, 600);
  assert.equal(seen.statuses, 600, 'the handshake and all edits but the last');
});

test('updates queued while offline, which the Step1 vector covers, get no ack: the reset has taken them off the count', () => {
  const { acks, seen } = harness();
  const doc = new Y.Doc();
  const offline = [typed(doc, 'a'), typed(doc, 'b')];
  acks.step1(vectorOf(doc));
  for (const frame of offline) {
    acks.arrived(frame);
    acks.applied(1);
  }
  acks.settle(1, 1);
  assert.equal(seen.statuses, 0);
  for (const answer of [1, 2]) {
    assert.equal(seen.asked, answer - 1);
    acks.arrived(step2(doc));
    acks.applied(1);
    acks.settle(1, 1);
  }
  assert.deepEqual(seen, { statuses: 1, asked: 1, cumulative: [], held: true });
});

test('an answer that waited for a new connection does not pay for what came after it', () => {
  const { acks, seen } = harness();
  const doc = new Y.Doc();
  typed(doc, 'abc');
  const old = step2(doc);
  const since = [typed(doc, 'd'), deleted(doc)];
  acks.step1(vectorOf(doc));
  for (const frame of [old, ...since, step2(doc)]) acks.arrived(frame);
  acks.applied(0);
  acks.settle(0, 0);
  assert.deepEqual([seen.statuses, seen.asked], [0, 1]);
  for (const mark of [1, 2, 2]) acks.applied(mark);
  acks.settle(1, 2);
  assert.equal(seen.statuses, 0, 'the deletion is not committed');
  acks.settle(2, 2);
  assert.equal(seen.statuses, 1);
  acks.arrived(step2(doc));
  acks.applied(2);
  acks.settle(2, 2);
  acks.quiet();
  assert.deepEqual([seen.statuses, seen.asked], [2, 1], 'and the deletion, whose count is not known, when all is quiet');
});

test('a new Step1 cancels what is owed', () => {
  const { acks, seen, doc } = attached();
  acks.arrived(typed(doc, 'a'));
  acks.applied(1);
  acks.step1(vectorOf(doc));
  acks.settle(1, 1);
  assert.equal(seen.statuses, 0);
  acks.arrived(step2(doc));
  acks.applied(1);
  acks.settle(1, 1);
  assert.equal(seen.statuses, 1);
});

test('an edit sent before the first Step1 of an attachment is not counted, since that Step1 resets the count', () => {
  const { acks, seen } = harness();
  const doc = new Y.Doc();
  acks.arrived(typed(doc, 'early'));
  acks.applied(1);
  acks.settle(1, 1);
  assert.equal(seen.statuses, 0);
});

test('the answer to a Step1 the client did not ask for is not acknowledged', () => {
  const { acks, seen, doc } = attached();
  acks.solicited();
  acks.arrived(step2(doc));
  acks.applied(0);
  acks.settle(0, 0);
  assert.equal(seen.statuses, 1);
});

test('a delete-only frame that may have been queued offline is paid only once all is durable and the connection quiet', () => {
  const { acks, seen } = harness();
  const doc = new Y.Doc();
  typed(doc, 'abc');
  acks.step1(vectorOf(doc));
  acks.arrived(deleted(doc));
  acks.applied(1);
  acks.settle(1, 1);
  acks.quiet();
  assert.equal(seen.statuses, 0, 'the Step2 is still to come');
  for (const mark of [1, 2]) {
    acks.arrived(step2(doc));
    acks.applied(mark);
  }
  acks.quiet();
  assert.equal(seen.statuses, 0, 'the Step2 is not durable');
  acks.settle(2, 2);
  assert.equal(seen.statuses, 1);
  acks.quiet();
  assert.equal(seen.statuses, 2);
  acks.arrived(deleted(doc));
  acks.applied(3);
  acks.settle(3, 3);
  assert.equal(seen.statuses, 3, 'after the Step2 every frame is counted');
});

test('a parked frame is acknowledged only when what it waited for is committed', () => {
  const { acks, seen, doc } = attached();
  acks.settle(0, 0);
  seen.held = false;
  acks.arrived(typed(doc, 'a'));
  acks.applied(0);
  acks.settle(0, 0);
  assert.equal(seen.statuses, 1);
  seen.held = true;
  acks.settle(0, 4);
  assert.equal(seen.statuses, 1, 'integrated, but not committed');
  acks.settle(4, 4);
  assert.equal(seen.statuses, 2);
});

test('a refused frame is never acknowledged, and stops the cumulative count at the frame before it', () => {
  const { acks, seen } = harness();
  const doc = new Y.Doc();
  acks.hello(doc.clientID);
  acks.arrived(step2(doc));
  acks.applied(0);
  acks.arrived(typed(doc, 'a'));
  acks.rejected();
  acks.arrived(typed(doc, 'b'));
  acks.applied(1);
  acks.settle(1, 1);
  assert.deepEqual(seen.cumulative, [{ frames: 1, clock: 0 }]);
});

test('the SDK gets the number of durable frames and its highest committed clock, and no SyncStatus', () => {
  const { acks, seen } = harness();
  const doc = new Y.Doc();
  acks.hello(doc.clientID);
  acks.step1(vectorOf(doc));
  acks.arrived(step2(doc));
  acks.applied(0);
  acks.arrived(typed(doc, 'abc'));
  acks.applied(1);
  acks.arrived(deleted(doc));
  acks.applied(2);
  acks.settle(1, 2);
  acks.settle(2, 2);
  acks.settle(2, 2);
  assert.equal(seen.statuses, 0);
  assert.deepEqual(seen.cumulative, [{ frames: 2, clock: 3 }, { frames: 3, clock: 3 }]);
});

test('after a promotion the Step2 we ask for makes good what was refused while read-only', () => {
  const { acks, seen, doc } = attached();
  for (let edit = 0; edit < 3; edit += 1) {
    acks.arrived(typed(doc, 'x'));
    acks.rejected();
  }
  acks.settle(0, 0);
  assert.equal(seen.statuses, 1);
  acks.solicited();
  acks.arrived(step2(doc));
  acks.applied(1);
  acks.settle(0, 1);
  assert.equal(seen.statuses, 1, 'not committed yet');
  acks.settle(1, 1);
  assert.equal(seen.statuses, 4);
});

test('for the SDK, too: the cumulative count goes on with that Step2', () => {
  const { acks, seen } = harness();
  const doc = new Y.Doc();
  acks.hello(doc.clientID);
  acks.step1(vectorOf(doc));
  acks.arrived(step2(doc));
  acks.applied(0);
  acks.arrived(typed(doc, 'x'));
  acks.rejected();
  acks.settle(0, 0);
  acks.solicited();
  acks.arrived(step2(doc));
  acks.applied(1);
  acks.settle(1, 1);
  acks.arrived(typed(doc, 'y'));
  acks.applied(2);
  acks.settle(2, 2);
  assert.deepEqual(seen.cumulative.map(({ frames }) => frames), [1, 3, 4]);
});
