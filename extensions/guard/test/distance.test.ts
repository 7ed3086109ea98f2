/** What Yjs takes on trust and pays for at every load is bounded, however it is written; and nobody is refused for how much others wrote before. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asColumnId, asItemId, createColumn, createItem, longText, updateItem } from '@sunday/board-model';
import * as encoding from 'lib0/encoding';
import { Random } from '@sunday/board-model/testing/random';
import * as Y from 'yjs';
import { decode } from '../src/decode.ts';
import { judge, type Author, type Verdict } from '../src/judge.ts';

const EVE: Author = { userId: 'eve', role: 'editor' };
const ITEM = asItemId('x');
const NOTES = asColumnId('notes');
const TEXT = `text:${ITEM}:${NOTES}`;
const CONTENT_DELETED = 1;
const CONTENT_STRING = 4;
const HAS_ORIGIN = 0x80;
const HAS_RIGHT_ORIGIN = 0x40;
const HAS_KEY = 0x20;

function board(): Y.Doc {
  const doc = new Y.Doc();
  createColumn(doc, { id: NOTES, title: 'Notes', type: 'long_text' }, { userId: 'olga' });
  createItem(doc, { id: ITEM, name: 'named' }, { userId: 'olga' });
  return doc;
}

const judged = (doc: Y.Doc, update: Uint8Array): Verdict =>
  judge({ doc, update: decode(update, 500_000), sender: EVE, authorOf: () => EVE, maxDepth: 16 });

/** What this writes, as its writer would send it. */
function written(doc: Y.Doc, write: (copy: Y.Doc) => void): Uint8Array {
  const copy = new Y.Doc();
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc));
  const before = Y.encodeStateVector(copy);
  write(copy);
  return Y.encodeStateAsUpdate(copy, before);
}

type Part = number | string | { readonly flags: number };

function bytes(...parts: readonly Part[]): Uint8Array {
  const encoder = encoding.createEncoder();
  for (const part of parts) {
    if (typeof part === 'number') encoding.writeVarUint(encoder, part);
    else if (typeof part === 'string') encoding.writeVarString(encoder, part);
    else encoding.writeUint8(encoder, part.flags);
  }
  return encoding.toUint8Array(encoder);
}

test('a cell that was overwritten ever so often is edited like any other', () => {
  const doc = board();
  const [ann, bob] = [new Y.Doc(), new Y.Doc()];
  for (const person of [ann, bob]) Y.applyUpdate(person, Y.encodeStateAsUpdate(doc));
  // In turn, so that Yjs keeps each of them.
  for (let round = 0; round < 13_000; round += 1) {
    for (const [person, other] of [[ann, bob], [bob, ann]] as const) {
      person.once('update', (update: Uint8Array) => { Y.applyUpdate(other, update); });
      updateItem(person, ITEM, { name: `named ${round}` }, { userId: 'ann' });
    }
  }
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(ann));
  const next = written(doc, (copy) => { updateItem(copy, ITEM, { name: 'and again' }, { userId: 'eve' }); });
  assert(next.length < 200);
  assert.equal(judged(doc, next), 'fine');
});

test('what a page with an undo manager overwrote several times while offline is let through', () => {
  const doc = board();
  const renamed = written(doc, (copy) => {
    copy.gc = false;
    for (const name of ['one', 'two', 'three']) updateItem(copy, ITEM, { name }, { userId: 'eve' });
  });
  assert.equal(judged(doc, renamed), 'fine');
});

test('pieces behind each letter of what the update itself brings, that precede nothing, are refused: each is compared with all', () => {
  const letters = 2000;
  const pieces = Array.from({ length: letters }, (_, index) => [{ flags: CONTENT_STRING | HAS_ORIGIN }, 77, letters - 1 - index, 'x']).flat();
  const update = bytes(2, letters, 900, 0, ...pieces, 1, 77, 0, { flags: CONTENT_STRING }, 1, TEXT, 'a'.repeat(letters), 0);
  assert.throws(() => judged(board(), update), { code: 'update_too_complex' });
});

test('records made and erased under one id, none knowing of another, are refused', () => {
  const count = 2000;
  const update = bytes(1, count, 77, 0, ...Array.from({ length: count }, () => [{ flags: CONTENT_DELETED | HAS_KEY }, 1, 'items', 'made', 1]).flat(), 0);
  assert.throws(() => judged(board(), update), { code: 'update_too_complex' });
});

test('what stands behind a piece of the update, and before what lies in front of that, is refused', () => {
  const doc = board();
  longText(doc, ITEM, NOTES).insert(0, 'abcdef');
  const start = doc.getText(TEXT)._start?.id ?? assert.fail();
  const at = (index: number): readonly number[] => [start.client, start.clock + index];
  const both = { flags: CONTENT_STRING | HAS_ORIGIN | HAS_RIGHT_ORIGIN };
  // D between c and d; E behind D, before b.
  assert.throws(() => judged(doc, bytes(1, 2, 77, 0, both, ...at(2), ...at(3), 'D', both, 77, 0, ...at(1), 'E', 0)), { code: 'malformed_update' });
  // E behind a, before D.
  assert.throws(() => judged(doc, bytes(1, 2, 77, 0, both, ...at(2), ...at(3), 'D', both, ...at(0), 77, 0, 'E', 0)), { code: 'malformed_update' });
  // As people type it: E behind D, before d.
  assert.equal(judged(doc, bytes(1, 2, 77, 0, both, ...at(2), ...at(3), 'D', both, 77, 0, ...at(3), 'E', 0)), 'fine');
});

test('whatever a piece says it stands between: if it is let through, copies are the same, in whatever order it and what others write arrive', (t) => {
  // The same ones each time; another series, or a longer one, by SEED and RUNS.
  const seed = Number(process.env['SEED'] ?? 1);
  const random = new Random(seed);
  const runs = Number(process.env['RUNS'] ?? 3000);
  const base = board();
  base.clientID = 100;
  const text = longText(base, ITEM, NOTES);
  text.insert(0, 'abcdef');
  text.delete(2, 1);
  const { client, clock } = text._start?.id ?? assert.fail();
  const copyOfBase = (): Y.Doc => {
    const doc = new Y.Doc();
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(base));
    doc.getText(TEXT);
    return doc;
  };
  /** Two pieces anywhere, of the text or of each other. */
  const anywhere = (by: number): Uint8Array => {
    const parts: Part[] = [];
    for (const letter of 'DE') {
      const reference = (): readonly number[] => (parts.length > 0 && random.below(2) === 0 ? [by, 0] : [client, clock + random.below(6)]);
      const [left, right] = [random.below(4) > 0 ? reference() : [], random.below(4) > 0 ? reference() : []];
      parts.push({ flags: CONTENT_STRING | (left.length > 0 ? HAS_ORIGIN : 0) | (right.length > 0 ? HAS_RIGHT_ORIGIN : 0) }, ...left, ...right);
      if (left.length === 0 && right.length === 0) parts.push(1, TEXT);
      parts.push(letter);
    }
    return bytes(1, 2, by, 0, ...parts, 0);
  };
  let through = 0;
  for (let run = 0; run < runs; run += 1) {
    const hostile = anywhere(random.pick([40, 120, 200]));
    const honest = written(base, (copy) => {
      copy.clientID = random.pick([50, 150]);
      for (const letter of 'xy') copy.getText(TEXT).insert(random.below(copy.getText(TEXT).length + 1), letter);
    });
    const read = [[hostile, honest], [honest, hostile]].map((updates) => {
      const doc = copyOfBase();
      for (const update of updates) {
        try {
          if (update === hostile) assert.equal(judged(doc, update), 'fine');
        } catch {
          return null;
        }
        Y.applyUpdate(doc, update);
      }
      return doc.getText(TEXT).toJSON();
    });
    if (read.includes(null)) continue;
    through += 1;
    assert.equal(read[0], read[1], `run ${run} of seed ${seed}: ${Buffer.from(hostile).toString('hex')}`);
  }
  t.diagnostic(`${through} of ${runs} let through (seed ${seed})`);
  assert(through > runs / 10);
});
