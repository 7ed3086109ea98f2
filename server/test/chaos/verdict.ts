/**
 * What has to hold when everything is whole again and nobody writes any more: one board everywhere (clients, nodes, journal, item rows), made of
 * its events and nothing else, every acknowledged edit in it, everybody who is there seen by everybody and by every node, and nobody who is not.
 */
import assert from 'node:assert/strict';
import { itemProjector, listItems, type ItemProjection } from '@sunday/board-model';
import { openDatabase, type Database } from '@sunday/database';
import { toldWhole } from '@sunday/extension-domain-events/testing';
import * as Y from 'yjs';
import { committed, holds, until } from '../stock-clients.ts';
import { token } from '../sunday-process.ts';
import type { Cluster, Node } from './cluster.ts';
import type { Person } from './people.ts';

/** Clients wait up to 10 s between two tries, and a busy machine has its own pace. */
const SETTLE_MS = 60_000;
/** Less than the 30 s after which clients and nodes forget who is silent: by then nobody is seen who is not there, for another reason than that. */
const PRESENT_MS = 20_000;
/** SQLSTATE: the head of a board was locked for 5 s, as by a node that stands still in its commit. Told, and tried again. */
const LOCK_TIMEOUT = '"code":"55P03"';

export interface Settled {
  /** From the last fault's end and the last edit until all held the same, ms. */
  readonly convergedAfterMs: number;
  /** From then until presence was right everywhere, ms. */
  readonly presentAfterMs: number;
  /** Of all boards. */
  readonly events: number;
}

/** @param gone people who left: what they were told is saved has to be there as well */
export async function judge(cluster: Cluster, boardIds: readonly string[], people: readonly Person[], gone: readonly Person[], dataDir: string): Promise<Settled> {
  const database = await openDatabase({ url: cluster.postgres.url, dataDir });
  try {
    const start = performance.now();
    await until('every node is well', () => everyNode(cluster, isWell), SETTLE_MS, () => cluster.nodes.map(({ process }) => process.log).join('\n'));
    await until('everybody is in step, and all is acknowledged', () => people.every((person) => person.settled), SETTLE_MS, () => unsettled(people));
    for (const boardId of boardIds) await oneBoard(cluster, database, boardId, people.filter((person) => person.boardId === boardId));
    const convergedAfterMs = performance.now() - start;
    for (const boardId of boardIds) await nothingLost(database, boardId, [...people, ...gone].filter((person) => person.boardId === boardId));
    for (const boardId of boardIds) await everybodySeen(cluster, boardId, people.filter((person) => person.boardId === boardId));
    const presentAfterMs = performance.now() - start - convergedAfterMs;
    const events = await everythingTold(database, boardIds);
    assert.deepEqual(people.filter(({ trouble }) => trouble !== null).map(({ name, trouble }) => `${name} ${trouble}`), []);
    assert.deepEqual(cluster.nodes.flatMap(({ name, process }) => process.trouble.filter((line) => !line.includes(LOCK_TIMEOUT)).map((line) => `${name}: ${line}`)), []);
    return { convergedAfterMs, presentAfterMs, events };
  } finally {
    await database.close();
  }
}

const unsettled = (people: readonly Person[]): string => people.filter(({ settled }) => !settled)
  .map((person) => `${person.name} (${person.kind}, ${person.trouble ?? person.state()}): ${describeClocks(person.doc)}; ${person.diary.lines.join(', ')}`).join('\n');

async function everyNode(cluster: Cluster, holdsFor: (node: Node) => Promise<boolean>): Promise<boolean> {
  return (await Promise.all(cluster.nodes.map(holdsFor))).every(Boolean);
}

async function isWell({ process }: Node): Promise<boolean> {
  const text = await fetch(`${process.url}/readyz`).then((answer) => answer.text(), () => '');
  return text.startsWith('status: ok') && text.includes('(3 nodes)');
}

async function exportOf({ process }: Node, boardId: string, userId: string): Promise<Y.Doc> {
  const answer = await fetch(`${process.url}/v1/boards/${boardId}/export?format=yjs`, { headers: { authorization: `Bearer ${await token(userId)}` } });
  assert.equal(answer.status, 200);
  const doc = new Y.Doc();
  Y.applyUpdate(doc, new Uint8Array(await answer.arrayBuffer()));
  return doc;
}

/** For the message of a failed run: how far a document is, and what it holds that it cannot apply yet. */
function describeClocks(doc: Y.Doc): string {
  const { sv, ds } = Y.snapshot(doc);
  const clocks = [...sv].toSorted(([a], [b]) => a - b).map(([client, clock]) => `${client}:${clock}`).join(' ');
  const deleted = [...ds.clients].toSorted(([a], [b]) => a - b).map(([client, ranges]) => `${client}:${ranges.reduce((sum, { len }) => sum + len, 0)}`).join(' ');
  return `clocks ${clocks} deleted ${deleted}${doc.store.pendingStructs === null ? '' : ` waiting for ${[...doc.store.pendingStructs.missing].join()}`}${doc.store.pendingDs === null ? '' : ', with deletions that wait'}`;
}

const same = (a: Y.Doc, b: Y.Doc): boolean => Y.equalSnapshots(Y.snapshot(a), Y.snapshot(b));

async function oneBoard(cluster: Cluster, database: Database, boardId: string, people: readonly Person[]): Promise<void> {
  const [first] = people;
  assert(first !== undefined);
  const differing = (doc: Y.Doc): Person[] => people.filter((person) => !same(person.doc, doc));
  await until(
    `all clients hold the committed board ${boardId}`,
    async () => differing(await committed({ database }, boardId)).length === 0,
    SETTLE_MS,
    () => people.map((person) => `${person.name} (${person.kind}, ${person.state()}): ${describeClocks(person.doc)}; ${person.diary.lines.join(', ')}`).join('\n'),
  );
  const journal = await committed({ database }, boardId);
  for (const node of cluster.nodes) {
    const held = await exportOf(node, boardId, first.name);
    assert(same(held, journal), `${node.name} holds the committed board ${boardId}`);
    assert.deepEqual(listItems(held), listItems(first.doc), `${node.name} shows the items that clients show`);
  }
  for (const { doc, name } of people) assert.deepEqual(listItems(doc), listItems(first.doc), `${name} sees the items that ${first.name} sees`);
  assert.deepEqual(await storedItems(database, boardId), projectedItems(journal), `the item rows of ${boardId} are those of its document`);
}

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);

function projectedItems(doc: Y.Doc): ItemProjection[] {
  const project = itemProjector(doc);
  return [...listItems(doc), ...listItems(doc, { deleted: true })].map(({ id }) => project(id)).filter((item) => item !== undefined).toSorted(byId);
}

async function storedItems(database: Database, boardId: string): Promise<ItemProjection[]> {
  const rows = await database.query<{ item: ItemProjection }>(
    `SELECT jsonb_build_object('id', item_id, 'groupId', group_id, 'name', name, 'values', item_values, 'position', position,
       'createdAt', round(extract(epoch FROM created_at) * 1000), 'createdBy', created_by, 'updatedAt', round(extract(epoch FROM updated_at) * 1000),
       'updatedBy', updated_by, 'deletedAt', round(extract(epoch FROM deleted_at) * 1000)) AS item
     FROM items WHERE board_id = $1`,
    [boardId],
  );
  return rows.map(({ item }) => item).toSorted(byId);
}

async function nothingLost(database: Database, boardId: string, people: readonly Person[]): Promise<void> {
  const doc = await committed({ database }, boardId);
  for (const { name, kind, books } of people) {
    const acknowledged = books.edits.filter(({ ackedAt }) => ackedAt !== null).map(({ update }) => update);
    if (acknowledged.length === 0 || holds(doc, Y.mergeUpdates(acknowledged))) continue;
    const lost = acknowledged.filter((update) => !holds(doc, update)).length;
    assert.fail(`${lost} of ${acknowledged.length} acknowledged edits of ${name} (${kind}) are lost`);
  }
}

/** Folded from the first, the events of each board are its rows and its document; none is told twice. @returns how many there are */
async function everythingTold(database: Database, boardIds: readonly string[]): Promise<number> {
  const told = await Promise.all(boardIds.map((boardId) => toldWhole(database, boardId)));
  const ids = told.flatMap(({ events }) => events.map(({ id }) => id));
  assert.equal(new Set(ids).size, ids.length, 'no two events have one id');
  return ids.length;
}

async function everybodySeen(cluster: Cluster, boardId: string, people: readonly Person[]): Promise<void> {
  const there = people.map(({ doc }) => doc.clientID).toSorted((a, b) => a - b);
  const sorted = (ids: Iterable<number>): string => [...ids].toSorted((a, b) => a - b).join();
  const [first] = people;
  assert(first !== undefined);
  const authorization = `Bearer ${await token(first.name)}`;
  const onNode = async ({ process }: Node): Promise<string> => {
    const answer = await fetch(`${process.url}/v1/boards/${boardId}/presence`, { headers: { authorization } });
    const { data } = (await answer.json()) as { data: { clientId: number }[] };
    return sorted(data.map(({ clientId }) => clientId));
  };
  const named = (ids: string): string => ids.split(',').map((id) => people.find(({ doc }) => String(doc.clientID) === id)?.name ?? `ghost ${id}`).join(' ');
  let seen: string[] = [];
  const wrong = (): Person[] => people.filter((person) => sorted(person.sees()) !== sorted(there.filter((id) => id !== person.doc.clientID)));
  await until(`everybody on ${boardId} is seen by every node, and nobody else`, async () => {
    seen = await Promise.all(cluster.nodes.map(onNode));
    return seen.every((ids) => ids === sorted(there));
  }, PRESENT_MS, () => `there are ${people.map(({ name, kind }) => `${name} (${kind})`).join(' ')}; nodes see: ${seen.map(named).join(' | ')}`);
  await until(`everybody on ${boardId} sees everybody, and nobody else`, () => wrong().length === 0, PRESENT_MS, () => wrong().map((person) => `${person.name} (${person.kind}) sees ${named(sorted(person.sees()))} of ${people.map(({ name }) => name).join(' ')}`).join('; '));
}
