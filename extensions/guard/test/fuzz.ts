/**
 * Hostile frames against a live board with honest people on it. Used by fuzz.test.ts for some seconds, and for a million frames by
 *
 *   npm run fuzz -w @sunday/extension-guard -- 1000000
 *
 * Whatever passes the guard must leave a board that reads, that holds nothing back, and that everybody has alike.
 */
import assert from 'node:assert/strict';
import { addComment, asColumnId, BoardModelError, createItem, listItems, longText, moveItem, readBoard, readComments, updateItem, type ItemId } from '@sunday/board-model';
import { Random, seedOf } from '@sunday/board-model/testing/random';
import * as Y from 'yjs';
import { damaged, invented } from './mutations.ts';
import { Client, startPlainServer, syncFrame, turn, until, type PlainServer } from './plain-hocuspocus.ts';

/** Frames between two looks at the whole board. */
const LOOK_EVERY = 125 * 16;
/** Each hands over one frame a turn, so that every frame is judged: those behind a refused one are not. */
const ATTACKERS = 16;
/** Looks at one board; then a new one, so that the last frame is as quick as the first. */
const LOOKS = 25;

export interface FuzzReport {
  readonly frames: number;
  readonly codes: ReadonlyMap<string, number>;
  readonly tookMs: number;
}

export async function fuzz(seed: number, frames: number, enough: () => boolean = () => false): Promise<FuzzReport> {
  const random = new Random(seed);
  const started = performance.now();
  const codes = new Map<string, number>();
  let done = 0;
  while (done < frames && !enough()) done += await fuzzOneBoard(random, Math.min(frames - done, LOOKS * LOOK_EVERY), codes, enough);
  return { frames: done, codes, tookMs: performance.now() - started };
}

async function fuzzOneBoard(random: Random, frames: number, codes: Map<string, number>, enough: () => boolean): Promise<number> {
  const failures: unknown[] = [];
  const server = startPlainServer({ failed: (_board, error) => { failures.push(error); } });
  const honest = ['ann', 'bob'].map((user) => new Client(server, user, new Y.Doc()));
  await until('the honest are in', () => honest.every(({ synced }) => synced));
  const real: Uint8Array[] = [];
  let itemIds: string[] = [];
  let attackers: Client[] = [];
  let done = 0;
  while (done < frames && !enough()) {
    if (done % LOOK_EVERY === 0) {
      for (const client of honest) {
        try {
          work(random, client, client === honest[0] ? 'ann' : 'bob');
        } catch (error) {
          // An attacker who may edit may also archive a column, or put another value where one was: then the write is turned down here.
          if (!(error instanceof BoardModelError)) throw error;
        }
      }
      for (const client of honest) real.push(...client.sent.splice(0));
      await turn();
      await look(server, honest, failures);
      itemIds = listItems(server.document()).map(({ id }) => id);
    }
    for (const refused of attackers.filter(({ closeReason }) => closeReason !== null)) refused.close();
    attackers = attackers.filter(({ closeReason }) => closeReason === null);
    while (attackers.length < ATTACKERS) attackers.push(new Client(server, random.pick(['mallory', 'mallory', 'mallory:commenter'])));
    await until('the attackers are in', () => attackers.every(({ authenticated }) => authenticated));
    for (const attacker of attackers) {
      const update = random.below(2) === 0 ? damaged(random, real) : invented(random, server.document(), itemIds);
      if (update.length >= 2) attacker.raw(syncFrame(1 + random.below(2), update));
      done += 1;
    }
    await turn();
    await turn();
  }
  await turn();
  await look(server, honest, failures);
  for (const client of [...honest, ...attackers]) client.close();
  for (const [code, count] of server.refusals) codes.set(code, (codes.get(code) ?? 0) + count);
  return done;
}

/** What people do all day, and mean. */
function work(random: Random, { doc }: Client, userId: string): void {
  assert(doc !== null);
  const user = { userId };
  const items = listItems(doc);
  const itemId: ItemId = items.length === 0 || random.below(3) === 0 ? createItem(doc, { name: 'made' }, user) : random.pick(items).id;
  updateItem(doc, itemId, { values: { number: random.below(100), text: 'written', person: ['ann', 'bob'].slice(random.below(2)), counter: random.below(9), status: { labelId: 'done' } } }, user);
  longText(doc, itemId, asColumnId('long_text')).insert(0, 'words ');
  moveItem(doc, itemId, {}, user);
  addComment(doc, itemId, { body: 'said' }, user);
}

async function look(server: PlainServer, honest: readonly Client[], failures: readonly unknown[]): Promise<void> {
  const document = server.document();
  assert.deepEqual(failures, []);
  for (const client of honest) assert.equal(client.closeReason, null, 'an honest client was refused');
  assert.equal(document.store.pendingStructs, null);
  assert.equal(document.store.pendingDs, null);
  const copy = new Y.Doc();
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(document));
  const reading = read(document);
  assert.equal(difference(read(copy), reading), '', 'a copy of the board reads differently');
  await until('everybody has the same board', () => honest.every(({ doc }) => doc !== null && read(doc) === reading));
  assert.equal(readBoard(document).columns.length, readBoard(copy).columns.length);
}

/** Around the first character that differs. */
function difference(one: string, other: string): string {
  if (one === other) return '';
  let at = 0;
  while (one[at] === other[at]) at += 1;
  return [one, other].map((text) => text.slice(Math.max(0, at - 200), at + 100)).join('\n');
}

function read(doc: Y.Doc): string {
  const items = [...listItems(doc), ...listItems(doc, { deleted: true })];
  // The order of keys is that of arrival.
  const sorted = (_key: string, value: unknown): unknown => (value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value);
  return JSON.stringify({ board: readBoard(doc), items, comments: items.map(({ id }) => readComments(doc, id)), texts: items.map(({ id }): unknown => longText(doc, id, asColumnId('long_text')).toDelta()) }, sorted);
}

if (process.argv[1] === import.meta.filename) {
  const seed = seedOf(process.env['SEED']);
  process.stdout.write(`seed ${seed}\n`);
  const report = await fuzz(seed, Number(process.argv[2] ?? 1_000_000));
  process.stdout.write(`${report.frames} frames in ${(report.tookMs / 1000).toFixed(0)} s; refused:\n`);
  for (const [code, count] of [...report.codes].toSorted(([, a], [, b]) => b - a)) process.stdout.write(`${String(count).padStart(9)} ${code}\n`);
}
