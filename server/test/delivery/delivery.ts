/**
 * People edit two boards on two nodes, one board made by hand and one imported; nodes and the node of the consumers are killed -9 in the middle of what matters,
 * and started again; at last the bus repeats all it ever carried. At the end each consumer group holds a copy of the boards, made of what it was delivered and
 * nothing else; it has to be the board.
 * Everything random comes from one seed; what the machine does in between does not, so a seed narrows, not replays.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { storedBoard, toldWhole, withoutLongText } from '@sunday/extension-domain-events/testing';
import { EVENT_COLUMNS, decodeEvent, eventOfRow, type BoardEvent, type EventRow } from '@sunday/extension-event-bus';
import * as Y from 'yjs';
import { nameOf } from '../chaos/boards.ts';
import { act, COLUMNS } from '../chaos/deeds.ts';
import { KINDS, makePerson, type Person } from '../chaos/people.ts';
import { between, pick, seededRandom, shuffled } from '../random.ts';
import { until } from '../stock-clients.ts';
import { deal, repeatAll, type Blow } from './blows.ts';
import { GROUPS, MAKE_EFFECTS } from './groups.ts';
import { Received } from './received.ts';
import { openReceiver, type Receiver } from './receiver.ts';
import { openSite, type Bus, type Site } from './site.ts';

const OWNER = 'u_owner';
const PEOPLE = 6;
const FIRST_ITEMS = 8;
const EDIT_EVERY_MS = 150;
/** Events committed between two blows. */
const EVENTS = { least: 20, most: 50 } as const;
/** The machine is busy; typed text is told of after a pause of 5 s. */
const SETTLE_MS = 60_000;
/**
 * What a node says on a busy machine, and should: a commit took longer than half a second, or a query longer than a moment, and the REST request that waited for
 * it was answered 503; a lock was waited for longer than 5 s.
 */
const BUSY = /"part":"http".*database is away|"code":"55P03"/i;
const DEALT: readonly Blow[] = ['node in its commit', 'node in its commit', 'node', 'worker in its transaction', 'worker before it notes what it did'];

export interface DeliveryOptions {
  readonly seed: number;
  readonly bus: Bus;
  readonly say: (line: string) => void;
}

export interface DeliveryResult {
  readonly events: number;
  /** Batches committed after the death of the node that had begun them. */
  readonly orphans: number;
  /** What the group with effects elsewhere was told of again, and dropped. */
  readonly repeated: number;
}

export async function delivery({ seed, bus, say }: DeliveryOptions): Promise<DeliveryResult> {
  const stream = (purpose: number): (() => number) => seededRandom(seed * 7919 + purpose); // one more deed does not change the next blow
  const outside = new Received(bus.ordersTopics);
  const receiver = await openReceiver(outside);
  const site = await openSite(bus, async ({ database }) => {
    await database.query(MAKE_EFFECTS);
    return receiver.url;
  }, stream(1));
  const people: Person[] = [];
  const over = new AbortController();
  const pace: Pace = { resting: false };
  let busy: Promise<unknown>[] = [];
  try {
    const boardIds = await makeBoards(site);
    for (let index = 0; index < PEOPLE; index += 1) {
      const boardId = boardIds[index % boardIds.length] ?? '';
      people.push(await makePerson(KINDS[Math.floor(index / boardIds.length) % KINDS.length] ?? 'sdk', nameOf(index), { boardId, line: await site.door(), patience: 'short' }));
    }
    await until('everybody is in', () => people.every(({ settled }) => settled), SETTLE_MS);
    busy = people.map((person, index) => busyAt(person, stream(100 + index), pace, over.signal));
    const orphans = await strike({ site, receiver, boardIds, pace, next: stream(2), say });
    over.abort();
    await Promise.all(busy);
    await settled({ site, receiver, people, boardIds, outside });
    return { ...(await judge({ site, people, boardIds, outside, bus })), orphans };
  } finally {
    over.abort();
    await Promise.all(busy);
    await Promise.all(people.map((person) => person.close()));
    await site.close();
    await Promise.all(people.map(({ line }) => line.close()));
    await receiver.close();
  }
}

async function makeBoards(site: Site): Promise<string[]> {
  const server = site.someNode();
  await until('the groups are there', async () => (await site.database.database.query('SELECT FROM consumer_groups')).length === Object.keys(GROUPS).length, SETTLE_MS, () => site.worker.process.log);
  const { id } = await server.call<{ id: string }>('POST', '/boards', OWNER, { name: 'Made', columns: COLUMNS });
  for (const title of ['Now', 'Later']) await server.call('POST', `/boards/${id}/groups`, OWNER, { title });
  for (let item = 0; item < FIRST_ITEMS; item += 1) await server.call('POST', `/boards/${id}/items`, OWNER, { name: `Item ${item}`, values: { n: item } });
  const file = await server.call<unknown>('GET', `/boards/${id}/export?format=json`, OWNER);
  const imported = await server.call<{ id: string }>('POST', '/boards/import?name=Imported', OWNER, file);
  const boardIds = [id, imported.id];
  for (const boardId of boardIds) {
    for (let person = 0; person < PEOPLE; person += 1) await server.call('POST', `/boards/${boardId}/members`, OWNER, { userId: nameOf(person), role: 'editor' });
  }
  return boardIds;
}

/** Whether people edit: they rest while all that is waited for is a process that starts, however long the machine takes for it. */
interface Pace { resting: boolean }

async function busyAt(person: Person, next: () => number, pace: Pace, over: AbortSignal): Promise<void> {
  for (let count = 1; !over.aborted; count += 1) {
    await delay(EDIT_EVERY_MS * 2 * next());
    if (pace.resting) continue;
    person.write(() => { act(person.hands, `${person.name}-${count}`, next); }, []);
  }
}

/** Who died is started again while people go on. @returns how many batches were committed after the death of their node */
async function strike({ site, receiver, boardIds, pace, next, say }: {
  site: Site; receiver: Receiver; boardIds: readonly string[]; pace: Pace; next: () => number; say: (line: string) => void;
}): Promise<number> {
  const edited = async (): Promise<void> => {
    const enough = await committedEvents(site) + between(EVENTS.least, EVENTS.most, next);
    pace.resting = false;
    await until('people have edited', async () => await committedEvents(site) >= enough, SETTLE_MS);
    pace.resting = true;
  };
  let orphans = 0;
  await edited();
  for (const [index, blow] of shuffled(DEALT, next).entries()) {
    const boardId = pick(boardIds, next);
    pace.resting = false;
    const dealt = await deal(blow, { site, receiver, boardId, next });
    orphans += dealt.orphans;
    say(`${index + 1} of ${DEALT.length}, ${await committedEvents(site)} events: ${dealt.victim.name} is killed: ${blow}${dealt.orphans > 0 ? ', which is committed all the same' : ''}`);
    await changeStructure(site, boardId, index);
    await Promise.all([site.start(dealt.victim), edited()]);
  }
  const repetitions = await repeatAll(site);
  await edited();
  await repetitions.dropped(SETTLE_MS);
  return orphans;
}

/** The board itself changes, too, by REST and on whichever node answers. A request whose node dies with it may have been done. */
async function changeStructure(site: Site, boardId: string, round: number): Promise<void> {
  for (const [method, path, body] of [
    ['PATCH', '', { name: `Renamed ${round}` }],
    ['POST', '/columns', { type: 'text', title: `Column ${round}` }],
    ['POST', '/groups', { title: `Group ${round}` }],
  ] as const) {
    await until(`${method} ${path}`, () => site.someNode().call(method, `/boards/${boardId}${path}`, OWNER, body).then(() => true, () => false), SETTLE_MS);
  }
}

async function committedEvents(site: Site): Promise<number> {
  const [row] = await site.database.database.query<{ events: number }>('SELECT coalesce(sum(event_version), 0)::int AS events FROM board_heads');
  return row?.events ?? 0;
}

/** Everything is saved and everywhere, all that was typed is told of, and the groups have it. */
async function settled({ site, receiver, people, boardIds, outside }: { site: Site; receiver: Receiver; people: readonly Person[]; boardIds: readonly string[]; outside: Received }): Promise<void> {
  const { database } = site.database;
  await until('everybody is in step', () => people.every((person) => person.settled), SETTLE_MS, () => people.filter((person) => !person.settled).map((person) => `${person.name} (${person.kind}): ${person.state()}`).join('; '));
  for (const boardId of boardIds) {
    const here = people.filter((person) => person.boardId === boardId);
    await until(`all hold the committed board ${boardId}`, async () => {
      const snapshot = Y.snapshot((await storedBoard(database, boardId)).document);
      return here.every(({ doc }) => Y.equalSnapshots(Y.snapshot(doc), snapshot));
    }, SETTLE_MS);
  }
  await until('what was typed is told of', async () => (await database.query('SELECT FROM text_runs')).length === 0, SETTLE_MS);
  const has = async (): Promise<string> => `inside ${(await database.query('SELECT FROM received')).length}, outside ${outside.events.size} of ${await committedEvents(site)}`;
  await until('both groups have all', async () => {
    assert.deepEqual(receiver.trouble, []);
    return /^inside (\d+), outside \1 of \1$/.test(await has());
  }, SETTLE_MS, () => site.worker.process.log);
}

async function judge({ site, people, boardIds, outside, bus }: { site: Site; people: readonly Person[]; boardIds: readonly string[]; outside: Received; bus: Bus }): Promise<Omit<DeliveryResult, 'orphans'>> {
  const { database } = site.database;
  const inside = new Received(bus.ordersTopics);
  for (const { event } of await database.query<{ event: unknown }>('SELECT event FROM received ORDER BY n')) inside.take(decodeEvent(event));
  assert.equal(inside.repeated, 0, 'an effect in the transaction is there once');
  let events = 0;
  for (const boardId of boardIds) {
    const { version, rows } = await toldWhole(database, boardId);
    const log = (await database.query<EventRow>(`SELECT ${EVENT_COLUMNS} FROM board_events e WHERE board_id = $1 ORDER BY version`, [boardId])).map(eventOfRow);
    for (const [name, group] of [['inside', inside], ['outside', outside]] as const) {
      const delivered = [...group.events.values()].filter((event) => event.boardId === boardId).toSorted((a: BoardEvent, b: BoardEvent) => a.version - b.version);
      assert.deepEqual(delivered, log, `${name} was delivered the log of ${boardId}, whole`);
      assert.deepEqual(group.fold(boardId).shown, withoutLongText(rows), `what ${name} was delivered folds to the board ${boardId}`);
    }
    events += version;
  }
  assert(outside.repeated > 0, 'a death between effect and note repeats the effect, and the receiver knows it again');
  assert.deepEqual(await database.query('SELECT consumer_group, count(*)::int AS events FROM consumed_events GROUP BY 1 ORDER BY 1'), Object.values(GROUPS).toSorted().map((consumer_group) => ({ consumer_group, events })));
  assert.deepEqual(await database.query('SELECT FROM failed_deliveries'), []);
  assert.deepEqual(people.filter(({ trouble }) => trouble !== null).map(({ name, trouble }) => `${name} ${trouble}`), []);
  assert.deepEqual([...site.nodes, site.worker].flatMap(({ name, process }) => process.trouble.filter((line) => !BUSY.test(line)).map((line) => `${name}: ${line}`)), []);
  return { events, repeated: outside.repeated };
}
