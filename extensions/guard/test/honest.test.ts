/** What people do is let through, whatever they knew of each other: what several wrote at once comes to the server in any order, also by way of somebody else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asItemId, createItem, deleteItem, listItems, moveItem, restoreItem, updateItem } from '@sunday/board-model';
import * as Y from 'yjs';
import { decode } from '../src/decode.ts';
import { judge, type Author } from '../src/judge.ts';
import { Random, seedOf } from '@sunday/board-model/testing/random';

const RUNS = 60;
const STEPS = 120;
const ITEMS = ['x', 'y'].map(asItemId);
const EDITOR: Author = { userId: null, role: 'editor' };

const judged = (server: Y.Doc, update: Uint8Array): 'fine' | 'incomplete' =>
  judge({ doc: server, update: decode(update, 10_000), sender: EDITOR, authorOf: () => EDITOR, maxDepth: 16 });

const missing = (from: Y.Doc, to: Y.Doc): Uint8Array => Y.encodeStateAsUpdate(from, Y.encodeStateVector(to));

function act(random: Random, doc: Y.Doc, step: number): void {
  const user = { userId: 'ann' };
  const item = random.pick(ITEMS);
  switch (random.below(4)) {
    case 0:
      moveItem(doc, item, {}, user);
      return;
    case 1: {
      const deleted = listItems(doc, { deleted: true }).some(({ id }) => id === item);
      (deleted ? restoreItem : deleteItem)(doc, item, user);
      return;
    }
    default:
      updateItem(doc, item, { name: `named ${step}` }, user);
  }
}

test('people who wrote the same fields at once, and pass on what they saw of each other, are refused nothing', (context) => {
  const seed = seedOf(process.env['SEED']);
  context.diagnostic(`seed ${seed} (SEED repeats it)`);
  const random = new Random(seed);
  for (let run = 0; run < RUNS; run += 1) {
    // Whose write is shown depends on the client ids.
    const newDoc = (): Y.Doc => Object.assign(new Y.Doc(), { clientID: 1 + random.below(1e9) });
    const server = newDoc();
    for (const id of ITEMS) createItem(server, { id, name: 'made' }, { userId: 'olga' });
    const people = Array.from({ length: 3 }, newDoc);
    for (const doc of people) Y.applyUpdate(doc, Y.encodeStateAsUpdate(server));
    for (let step = 0; step < STEPS; step += 1) {
      const doc = random.pick(people);
      switch (random.below(5)) {
        case 0: {
          const update = missing(doc, server);
          assert.equal(judged(server, update), 'fine', `run ${run}, step ${step}`);
          Y.applyUpdate(server, update);
          break;
        }
        case 1:
          Y.applyUpdate(doc, missing(server, doc));
          break;
        case 2: {
          const other = random.pick(people);
          Y.applyUpdate(doc, missing(other, doc));
          break;
        }
        default:
          act(random, doc, step);
      }
    }
  }
});

test('a name is not erased by a value that Yjs places before it, nor by one that goes with it', () => {
  const server = new Y.Doc();
  server.clientID = 10;
  createItem(server, { id: asItemId('x'), name: 'made' }, { userId: 'olga' });
  const named = (clientId: number, name: string): Y.Doc => {
    const doc = new Y.Doc();
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(server));
    doc.clientID = clientId;
    updateItem(doc, asItemId('x'), { name }, { userId: 'ann' });
    return doc;
  };
  const [low, middle, high] = [named(20, 'low'), named(30, 'middle'), named(40, 'high')];
  Y.applyUpdate(server, missing(middle, server));
  const record = (doc: Y.Doc): Y.Map<unknown> => {
    const found = doc.getMap('items').get('x');
    assert(found instanceof Y.Map);
    return found as Y.Map<unknown>;
  };
  const shown = record(server)._map.get('name');
  assert(shown !== undefined);
  /** The edit of `doc`, and the name that the server shows deleted beside it. */
  const erasing = (doc: Y.Doc): Uint8Array => {
    const copy = new Y.Doc();
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(server));
    record(copy).delete('name');
    return Y.mergeUpdates([missing(doc, server), missing(copy, server)]);
  };
  assert.equal(judged(server, erasing(high)), 'fine', 'the higher one is shown instead');
  assert.throws(() => judged(server, erasing(low)), { code: 'update_removes_record' });
  const gone = new Y.Doc();
  Y.applyUpdate(gone, Y.encodeStateAsUpdate(server));
  gone.clientID = 50;
  gone.transact(() => { record(gone).set('name', 'mine'); record(gone).delete('name'); });
  assert.throws(() => judged(server, missing(gone, server)), { code: 'update_removes_record' });
});
