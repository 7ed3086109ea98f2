import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import * as Y from 'yjs';
import { itemOrder } from '../src/item-order.ts';
import {
  applyInverse, asColumnId, BoardModelError, createItem, exportJson, exportTable, importJson, initBoard, listItems, projectBoard, projectItem, readBoard,
  readChanges, readComments, readItem, touchedBy, updateItem, type BoardChange, type ColumnType, type ItemId, type ItemProjection,
} from '../src/index.ts';
import { columnIdOf, edits, GROUPS, ITEMS, labels, lateIdOf, mess, TYPES, type Step } from './edits.ts';
import { PlainBoard } from './fold.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 150);
console.log(`board-model properties: FUZZ_SEED=${SEED} FUZZ_RUNS=${RUNS}`);

type Event = { kind: 'edit'; client: number; step: Step } | { kind: 'deliver'; from: number; to: number; count: number };
const clientIndex = fc.nat(2);
const events = (steps: fc.Arbitrary<Step>): fc.Arbitrary<Event[]> => fc.array(fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('edit' as const), client: clientIndex, step: steps }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deliver' as const), from: clientIndex, to: clientIndex, count: fc.integer({ min: 1, max: 6 }) }) },
), { minLength: 5, maxLength: 60 });

/** A client with its inboxes, the fold of everything it saw, and its rows: projections kept by touchedBy alone. */
class Client {
  readonly doc = new Y.Doc();
  readonly plain = new PlainBoard();
  readonly rows = new Map<string, ItemProjection>();
  readonly inbox: Uint8Array[][] = [[], [], []];

  constructor() {
    this.doc.on('afterTransaction', (transaction: Y.Transaction) => {
      for (const change of readChanges(transaction)) this.plain.apply(change);
      for (const id of touchedBy(transaction).items) {
        const row = projectItem(this.doc, id);
        if (row === undefined) this.rows.delete(id);
        else this.rows.set(id, row);
      }
    });
  }
}

const edit = (client: Client, index: number, work: Step): void => {
  try {
    work(client.doc, `user${index}`);
  } catch (error) {
    if (!(error instanceof BoardModelError)) throw error; // ids are drawn blindly: what does not exist yet is refused
  }
};

const readEverything = (doc: Y.Doc): unknown => ({
  board: readBoard(doc),
  all: projectBoard(doc),
  items: listItems(doc),
  deleted: listItems(doc, { deleted: true, archivedColumns: true }),
  each: ITEMS.map((id) => [readItem(doc, id), projectItem(doc, id), readComments(doc, id)]),
});

const check = (client: Client): void => {
  const { doc, plain } = client;
  readEverything(doc);
  const board = projectBoard(doc);
  assert.equal(plain.name, board.name);
  assert.deepEqual([...plain.columns.values()].length, board.columns.length);
  for (const column of board.columns) assert.deepEqual({ ...plain.columns.get(column.id), unknownType: 0 }, { ...column, unknownType: 0 });
  for (const known of board.groups) assert.deepEqual(plain.groups.get(known.id), known);
  const ids = new Set<ItemId>();
  doc.getMap('items').forEach((record, id) => {
    if (record instanceof Y.Map && projectItem(doc, id as ItemId) !== undefined) ids.add(id as ItemId);
  });
  assert.deepEqual([...plain.items.keys()].sort(), [...ids].sort());
  const texts = board.columns.filter((column) => column.type === 'long_text');
  for (const id of ids) {
    const row = projectItem(doc, id);
    assert.ok(row !== undefined);
    // updatedAt/By may be another's once authors become known; the rest of a row follows its item's own changes
    const { updatedBy: _by, ...kept } = client.rows.get(id) ?? row;
    const { updatedBy: _by2, ...live } = row;
    assert.ok(client.rows.has(id));
    assert.deepEqual(kept, live, 'the row kept by touchedBy is the item');
    assert.doesNotMatch(JSON.stringify(row), /\\u0000|\\ud[89a-f]/, 'a row is text that Postgres keeps');
    const values = { ...row.values };
    for (const column of texts) {
      assert.equal(plain.texts.get(`${id}:${column.id}`) ?? '', values[column.id] ?? '');
      delete values[column.id];
    }
    const { name, groupId, position, deletedAt } = row;
    assert.deepEqual(plain.items.get(id), { name, groupId, position, deletedAt, values }, 'the fold is the item');
    for (const comment of readComments(doc, id)) if (comment.deletedAt === undefined) assert.deepEqual(plain.comments.get(`${id}:${comment.id}`), comment);
  }
  // the kept order is what a scan of the board would give
  const order = itemOrder(doc);
  for (const id of ids) {
    const row = projectItem(doc, id);
    assert.deepEqual(order.place(id), { group: row?.groupId, position: row?.position });
  }
};

const play = (sequence: Event[]): void => {
  const clients = [new Client(), new Client(), new Client()];
  clients.forEach((client, from) => client.doc.on('update', (update: Uint8Array, origin: unknown) => {
    if (origin !== 'remote') clients.forEach((other, to) => to !== from && other.inbox[from]?.push(update));
  }));
  const first = clients[0];
  assert.ok(first !== undefined);
  initBoard(first.doc, { name: 'Board', columns: TYPES.map((of) => ({ id: columnIdOf(of), type: of, title: of, settings: { labels } })), groups: GROUPS.slice(0, 2).map((id) => ({ id, title: id })) }, { userId: 'user0' });
  for (const id of ITEMS.slice(0, 4)) createItem(first.doc, { id, name: id }, { userId: 'user0' });
  const deliver = (from: number, to: number, count: number): void => {
    const target = clients[to];
    for (const update of target?.inbox[from]?.splice(0, count) ?? []) if (target !== undefined) Y.applyUpdate(target.doc, update, 'remote');
  };
  deliver(0, 1, Infinity);
  deliver(0, 2, Infinity);
  for (const event of sequence) {
    const client = clients[event.kind === 'edit' ? event.client : event.to];
    if (client === undefined) continue;
    if (event.kind === 'edit') edit(client, event.client, event.step);
    else deliver(event.from, event.to, event.count);
    check(client);
  }
  for (let from = 0; from < 3; from++) for (let to = 0; to < 3; to++) deliver(from, to, Infinity);
  for (const client of clients) {
    check(client);
    assert.deepEqual(readEverything(client.doc), readEverything(first.doc), 'all clients read the same board');
  }
  const copy = new Y.Doc();
  importJson(copy, JSON.parse(JSON.stringify(exportJson(first.doc))), { userId: 'user0' });
  const cells = (doc: Y.Doc): unknown => listItems(doc).map(({ id, name, groupId, values }) => {
    for (const stamp of ['updated_at', 'updated_by'] as const) for (const column of [columnIdOf(stamp), lateIdOf(stamp)]) delete values[column];
    // what was no text, and was exported as the text a person saw, is now that text
    for (const [column, shown] of Object.entries(readItem(first.doc, id)?.invalid ?? {})) if (values[column] === shown) delete values[column];
    return { id, name, groupId, values };
  });
  assert.deepEqual(cells(copy), cells(first.doc), 'an export imports as the same board');
  exportTable(first.doc);
};

test('any interleaving of edits with partial syncs converges, reads without throwing, and equals the fold of its changes', () => {
  fc.assert(fc.property(events(edits), play), { seed: SEED, numRuns: RUNS });
});

test('the same holds when stock clients write junk anywhere', () => {
  fc.assert(fc.property(events(fc.oneof({ weight: 2, arbitrary: edits }, { weight: 1, arbitrary: mess })), play), { seed: SEED, numRuns: RUNS });
});

/** What a person sees of a board, without who touched it last and when. */
const visible = (doc: Y.Doc): unknown =>
  JSON.parse(JSON.stringify({ ...readBoard(doc), items: listItems(doc), comments: ITEMS.map((id) => readComments(doc, id).filter(({ deletedAt }) => deletedAt === undefined)) }, (key, it: unknown) =>
    ['updatedAt', 'updatedBy', 'editedAt', 'col_updated_at', 'col_updated_by', 'late_updated_at', 'late_updated_by'].includes(key) ? undefined : it));

test('every edit can be undone and done again as fresh writes', () => {
  fc.assert(fc.property(fc.array(edits, { maxLength: 15 }), (steps) => {
    const doc = new Y.Doc();
    initBoard(doc, { name: 'Board', columns: TYPES.filter((of) => of !== 'long_text').map((of) => ({ id: columnIdOf(of), type: of, title: of, settings: { labels } })), groups: GROUPS.slice(0, 2).map((id) => ({ id, title: id })) }, { userId: 'u' });
    for (const id of ITEMS.slice(0, 4)) createItem(doc, { id, name: id }, { userId: 'u' });
    let log: BoardChange[] = [];
    doc.on('afterTransaction', (transaction: Y.Transaction) => log.push(...readChanges(transaction)));
    const recorded = (work: () => void): BoardChange[] => {
      log = [];
      work();
      return log;
    };
    const undos: { before: unknown; changes: BoardChange[] }[] = [];
    for (const step of steps) {
      const before = visible(doc);
      undos.push({ before, changes: recorded(() => {
        try {
          step(doc, 'u');
        } catch (error) {
          if (!(error instanceof BoardModelError)) throw error;
        }
      }) });
    }
    for (const { before, changes } of undos.reverse()) {
      if (changes.some(({ kind }) => kind === 'text_changed')) return; // long texts have the editor's undo
      const after = visible(doc);
      const redo = recorded(() => applyInverse(doc, changes, { userId: 'u' }));
      assert.deepEqual(visible(doc), before, `undo of ${JSON.stringify(changes)}`);
      const again = recorded(() => applyInverse(doc, redo, { userId: 'u' }));
      assert.deepEqual(visible(doc), after, `redo of ${JSON.stringify(changes)}`);
      applyInverse(doc, again, { userId: 'u' });
    }
  }), { seed: SEED, numRuns: RUNS });
});

test('undo leaves alone what somebody else changed since', () => {
  const doc = new Y.Doc();
  initBoard(doc, { name: 'Board', columns: ['text', 'counter', 'person'].map((of) => ({ id: asColumnId(of), type: of as ColumnType, title: of })) }, { userId: 'u' });
  const id = createItem(doc, { name: 'i', values: { text: 'a', counter: 1, person: ['x'] } }, { userId: 'u' });
  let mine: BoardChange[] = [];
  doc.on('afterTransaction', (transaction: Y.Transaction) => {
    if (transaction.origin === 'mine') mine = readChanges(transaction);
  });
  updateItem(doc, id, { name: 'mine', values: { text: 'mine', counter: 4, person: ['x', 'y'] } }, { userId: 'u', origin: 'mine' });
  updateItem(doc, id, { values: { text: 'theirs', counter: 14, person: ['y', 'z'] } }, { userId: 'other' });
  applyInverse(doc, mine, { userId: 'u' });
  assert.equal(readItem(doc, id)?.name, 'i');
  assert.deepEqual(readItem(doc, id)?.values, { text: 'theirs', counter: 11, person: ['z'] });
});
