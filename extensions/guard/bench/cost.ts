/**
 * What the guard costs: microseconds of one ordinary Update frame, and of the Step2 of somebody who brings nothing, on boards of 1 000 and
 * 10 000 items; and what a flood of bad frames costs. Prints; gates nothing.
 *
 *   npm run bench -w @sunday/extension-guard
 */
import { Document } from '@hocuspocus/server';
import { asColumnId, createItem, initBoard, listItems, longText, updateItem } from '@sunday/board-model';
import * as Y from 'yjs';
import { decode } from '../src/decode.ts';
import { judge } from '../src/judge.ts';
import { KnownUpdates } from '../src/known-updates.ts';

const ROUNDS = 5000;
const WARM_UP = 2000;
const OLGA = { userId: 'olga' };
const SENDER = { userId: 'ann', role: 'editor' } as const;
const LIMITS = { maxStructs: 500_000, maxDepth: 16 };

function boardOf(items: number): Document {
  const document = new Document('board');
  initBoard(document, { name: 'Plan', columns: [{ id: asColumnId('note'), type: 'text', title: 'Note' }, { id: asColumnId('size'), type: 'number', title: 'Size' }, { id: asColumnId('text'), type: 'long_text', title: 'Text' }], groups: [{ title: 'To do' }] }, OLGA);
  document.transact(() => {
    for (let n = 0; n < items; n += 1) createItem(document, { name: `Item ${n}`, position: `a${n.toString(36)}1`, values: { note: 'a note', size: n } }, OLGA);
  });
  return document;
}

/** Updates of somebody who works on a copy, each applied to the board right after it was judged. */
function measure(document: Document, what: string, write: (copy: Y.Doc, round: number) => void): void {
  const copy = new Y.Doc();
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(document));
  const updates: Uint8Array[] = [];
  copy.on('update', (update: Uint8Array) => { updates.push(update); });
  for (let round = 0; round < WARM_UP + ROUNDS; round += 1) write(copy, round);
  const times: number[] = [];
  for (const [at, bytes] of updates.entries()) {
    const started = performance.now();
    const verdict = judge({ doc: document, update: decode(bytes, LIMITS.maxStructs), sender: SENDER, maxDepth: LIMITS.maxDepth, authorOf: () => SENDER });
    const took = performance.now() - started;
    if (verdict !== 'fine') throw new Error(`${what}: ${verdict}`);
    Y.applyUpdate(document, bytes);
    if (at >= WARM_UP) times.push(took * 1000);
  }
  print(what, times);
  copy.destroy();
}

function print(what: string, times: number[]): void {
  times.sort((a, b) => a - b);
  const at = (part: number): string => (times[Math.floor(times.length * part)] ?? 0).toFixed(1).padStart(8);
  process.stdout.write(`  ${what.padEnd(34)}${at(0.5)} µs median ${at(0.99)} µs p99\n`);
}

for (const items of [1000, 10_000]) {
  const document = boardOf(items);
  const ids = listItems(document).map(({ id }) => id);
  const idAt = (round: number) => ids[(round * 7919) % ids.length] ?? ids[0];
  process.stdout.write(`${items} items\n`);
  measure(document, 'a cell', (copy, round) => { const id = idAt(round); if (id !== undefined) updateItem(copy, id, { values: { size: round } }, { userId: 'ann' }); });
  measure(document, 'a character of a long text', (copy, round) => { const id = idAt(round % 50); if (id !== undefined) longText(copy, id, asColumnId('text')).insert(0, 'x'); });
  const step2 = Y.encodeStateAsUpdate(document, Y.encodeStateVector(document));
  const known = new KnownUpdates();
  const first: number[] = [];
  const again: number[] = [];
  for (let round = 0; round < 200; round += 1) {
    let started = performance.now();
    judge({ doc: document, update: decode(step2, LIMITS.maxStructs), sender: SENDER, maxDepth: LIMITS.maxDepth, authorOf: () => SENDER });
    first.push((performance.now() - started) * 1000);
    known.add(document, step2);
    started = performance.now();
    known.has(document, step2);
    again.push((performance.now() - started) * 1000);
  }
  print(`a Step2 of nothing new (${step2.length} B)`, first);
  print('the same again', again);
  document.destroy();
}
