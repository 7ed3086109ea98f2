/**
 * Events are exactly the changes (invariants 4 and 5): folding a board's events from nothing gives its documents on all nodes and its
 * item rows, whatever people, stock clients and several nodes do at once. On real Postgres.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { BoardModelError, createColumn, createGroup, initBoard, listItems } from '@sunday/board-model';
import { columnIdOf, edits, GROUPS, labels, mess, TYPES, type Step } from '@sunday/board-model/testing';
import { seededRandom } from '@sunday/board-model/testing/random';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { Hub } from '@sunday/extension-fanout';
import { projectedRows, type Journal } from '@sunday/extension-journal';
import * as fc from 'fast-check';
import * as Y from 'yjs';
import { newBoardEvents } from '../src/index.ts';
import { Person, settle, startNode } from './rig.ts';
import { shownBy, toldWhole } from './testing.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 6);
const STEPS = 250;

let database: TestDatabase;
before(async () => { database = await openTestDatabase(); });
after(async () => { await database.close(); });

async function createBoard(journal: Journal, boardId: string): Promise<void> {
  const doc = new Y.Doc();
  initBoard(doc, { name: 'Fuzz', columns: [] }, { userId: 'owner' });
  for (const type of TYPES) createColumn(doc, { id: columnIdOf(type), type, title: type, settings: { labels } }, { userId: 'owner' });
  for (const id of GROUPS) createGroup(doc, { id, title: id }, { userId: 'owner' });
  const { items, board } = projectedRows(doc, listItems(doc).map((item) => item.id), true);
  assert(board !== null);
  const made = { boardId, workspaceId: null, createdBy: 'owner', items, board };
  await journal.create({ ...made, state: Y.encodeStateAsUpdate(doc), events: newBoardEvents({ ...made, source: 'rest' }) });
}

for (const [what, steps] of [['people', edits], ['people and clients that write junk', fc.oneof({ weight: 4, arbitrary: edits }, { weight: 1, arbitrary: mess })]] as const) {
  test(`folding the events gives documents and rows: ${what} on two nodes (seed ${SEED}, ${RUNS} runs)`, async () => {
    for (let run = 0; run < RUNS; run += 1) await oneRun(SEED + run, steps);
  });
}

/** Three people, each on a document of their own, sometimes offline, on two nodes; some updates reach both nodes. */
async function oneRun(seed: number, steps: fc.Arbitrary<Step>): Promise<void> {
  const random = seededRandom(seed);
  const hub = new Hub();
  const nodes = [await startNode(database, hub, random), await startNode(database, hub, random)] as const;
  const boardId = randomUUID();
  await createBoard(nodes[0].journal, boardId);
  const documents = [await nodes[0].open(boardId), await nodes[1].open(boardId)];
  const people = ['ann', 'bob', 'cyd'].map((userId) => new Person(userId));
  for (const [index, step] of fc.sample(steps, { seed, numRuns: STEPS }).entries()) {
    const person = people[Math.floor(random() * people.length)];
    const document = documents[Math.floor(random() * 2)];
    assert(person !== undefined && document !== undefined);
    try {
      if (index === 0) person.receive(document);
      step(person.doc, person.userId);
    } catch (error) {
      if (!(error instanceof BoardModelError)) throw error; // ids are drawn blindly: what does not exist yet is refused
    }
    if (random() < 0.6) person.send(document);
    if (random() < 0.05) for (const each of documents) person.send(each);
    if (random() < 0.4) person.receive(document);
    if (random() < 0.3) await new Promise((resolve) => { setTimeout(resolve, random() * 6); });
  }
  const [first, second] = documents;
  assert(first !== undefined && second !== undefined);
  for (const person of people) person.send(first);
  await settle(nodes, documents);
  try {
    const { rows } = await toldWhole(database.database, boardId);
    for (const document of documents) assert.deepEqual(shownBy(document), rows);
    assert.deepEqual(nodes.flatMap(({ errors }) => errors), []);
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  } finally {
    for (const node of nodes) await node.stop();
  }
}
