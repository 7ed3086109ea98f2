/** What people do is let through, whatever they knew of each other: what several wrote at once comes to the server in any order, also by way of somebody else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addComment, asColumnId, asItemId, createColumn, createItem, deleteItem, listItems, longText, moveItem, readComments, restoreItem, updateItem,
} from '@sunday/board-model';
import * as Y from 'yjs';
import { decode, withoutDeletions } from '../src/decode.ts';
import { judge, type Author, type Verdict } from '../src/judge.ts';
import { Random, seedOf } from '@sunday/board-model/testing/random';

const RUNS = 60;
const STEPS = 120;
const ITEMS = ['x', 'y'].map(asItemId);
const EDITOR: Author = { userId: null, role: 'editor' };

const judged = (server: Y.Doc, update: Uint8Array): Verdict =>
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

test('people who write into one text, format it and take back what they did, with each other or each alone, are refused nothing', (context) => {
  const seed = seedOf(process.env['SEED']);
  context.diagnostic(`seed ${seed} (SEED repeats it)`);
  const random = new Random(seed);
  for (let run = 0; run < RUNS; run += 1) {
    const newDoc = (): Y.Doc => Object.assign(new Y.Doc(), { clientID: 1 + random.below(1e9) });
    const server = newDoc();
    createColumn(server, { id: asColumnId('notes'), title: 'Notes', type: 'long_text' }, { userId: 'olga' });
    createItem(server, { id: asItemId('x'), name: 'made' }, { userId: 'olga' });
    const textOf = (doc: Y.Doc): Y.Text => longText(doc, asItemId('x'), asColumnId('notes'));
    textOf(server).insert(0, 'what was there before anybody came');
    const people = Array.from({ length: 3 }, () => {
      const doc = newDoc();
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(server));
      /** What is sent as it is written, where its page is connected. */
      const sent: Uint8Array[] = [];
      doc.on('update', (update: Uint8Array, _origin: unknown, _doc: Y.Doc, { local }: Y.Transaction) => { if (local) sent.push(update); });
      return { doc, sent, undo: new Y.UndoManager(textOf(doc), { captureTimeout: 0 }) };
    });
    const isAlone = people.map(() => false);
    const arrive = (update: Uint8Array, step: number): void => {
      assert.equal(judged(server, update), 'fine', `run ${run}, step ${step}`);
      Y.applyUpdate(server, update);
    };
    for (let step = 0; step < STEPS; step += 1) {
      const who = random.below(people.length);
      const person = people[who] ?? assert.fail();
      switch (random.below(8)) {
        case 0:
          // With what it saw of others by another way.
          arrive(missing(person.doc, server), step);
          person.sent.length = 0;
          break;
        case 1:
          Y.applyUpdate(person.doc, missing(server, person.doc));
          break;
        case 2: {
          const other = random.pick(people);
          isAlone[people.indexOf(other)] = true;
          Y.applyUpdate(person.doc, missing(other.doc, person.doc));
          isAlone[who] = true;
          break;
        }
        case 3:
          if (random.below(2) === 0) person.undo.undo();
          else person.undo.redo();
          break;
        default:
          writeInto(random, textOf(person.doc));
      }
      // Until it has seen what the server has not: from then on all it has is sent at once.
      if (isAlone[who] !== true) for (const update of person.sent.splice(0)) arrive(update, step);
    }
    // Once for what they wrote, and again for what each page tidied up behind the others' formatting.
    for (let round = 0; round < 3; round += 1) {
      for (const { doc } of people) arrive(missing(doc, server), STEPS);
      for (const { doc } of people) Y.applyUpdate(doc, missing(server, doc));
    }
    assert.equal(new Set([server, ...people.map(({ doc }) => doc)].map((doc) => JSON.stringify(textOf(doc).toDelta()))).size, 1, `run ${run}`);
  }
});

test('who may only comment and whose page tidied up behind the formatting of others comments all the same, and takes nothing away', () => {
  const server = new Y.Doc();
  createColumn(server, { id: asColumnId('notes'), title: 'Notes', type: 'long_text' }, { userId: 'olga' });
  createItem(server, { id: asItemId('x'), name: 'made' }, { userId: 'olga' });
  const textOf = (doc: Y.Doc): Y.Text => longText(doc, asItemId('x'), asColumnId('notes'));
  textOf(server).insert(0, 'words that two people format at once');
  // A server that nobody has asked for the text has it as a list of structs, and does not tidy up.
  const document = new Y.Doc();
  Y.applyUpdate(document, Y.encodeStateAsUpdate(server));
  const [ann, bob, carl] = [new Y.Doc(), new Y.Doc(), new Y.Doc()];
  for (const doc of [ann, bob, carl]) {
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(server));
    textOf(doc);
  }
  textOf(ann).format(0, 5, { bold: true });
  textOf(bob).format(0, 8, { bold: true });
  for (const writer of [ann, bob]) for (const doc of [document, carl]) Y.applyUpdate(doc, missing(writer, doc));
  const commenter: Author = { userId: 'carl', role: 'commenter' };
  for (const write of [() => undefined, () => { addComment(carl, asItemId('x'), { body: 'well said' }, { userId: 'carl' }); }]) {
    write();
    const bytes = missing(carl, document);
    const update = decode(bytes, 1000);
    assert(update.deletions.size > 0, 'its page has tidied up');
    assert.equal(judge({ doc: document, update, sender: commenter, authorOf: () => commenter, maxDepth: 16 }), 'untidy');
    withoutDeletions(bytes, update);
    const before = Y.createDeleteSetFromStructStore(document.store).clients.size;
    Y.applyUpdate(document, bytes);
    assert.equal(Y.createDeleteSetFromStructStore(document.store).clients.size, before);
  }
  assert.deepEqual(readComments(document, asItemId('x')).map(({ body }) => body), ['well said']);
  assert.equal(document.store.pendingStructs, null);
});

function writeInto(random: Random, text: Y.Text): void {
  const at = random.below(text.length + 1);
  switch (random.below(6)) {
    case 0:
      text.delete(at, Math.min(random.below(6), text.length - at));
      return;
    case 1:
      text.format(at, Math.min(random.below(9), text.length - at), { [random.pick(['bold', 'italic'])]: random.pick([true, null]) });
      return;
    case 2:
      // Before what was written there last.
      for (const letter of 'backwards') text.insert(Math.min(at, text.length), letter);
      return;
    default:
      text.insert(at, random.pick(['x', 'word ', 'é', 'a longer piece of text, pasted']));
  }
}

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
