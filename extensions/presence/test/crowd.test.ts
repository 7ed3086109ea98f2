/** More people on a board than can all be told everything: what those in one view, those elsewhere, and stock clients see, and what it costs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeEntry, encodeUpdate } from '../src/wire.ts';
import type { Presence, PresenceCrowd, PresenceOptions, PresenceSeat } from '../src/index.ts';
import { client, lane } from './lane.ts';
import type { State, StockClient } from './stock-client.ts';
import type { VirtualTime } from './virtual-time.ts';

function person(time: VirtualTime, presence: Presence, userId: string, state: State, options: Parameters<typeof client>[2] = {}): StockClient {
  const made = client(time, userId, options);
  made.set(state);
  made.connect(presence);
  return made;
}

const cursorOf = (viewer: StockClient, whom: StockClient): unknown => (viewer.others().get(whom.id) as State | undefined)?.['cursor'];

/** A board that is crowded with `people` idle others, each in a view of their own, and has come to rest. */
function crowded(people: number, options: PresenceOptions = {}): { time: VirtualTime; presence: Presence; seats: PresenceSeat[] } {
  const { presence, time } = lane(options);
  const seats = Array.from({ length: people }, (_, index) => {
    const user = { id: `idle-${index}`, name: '', picture: null, color: '#000000' };
    const seat = presence.join('board', { id: `idle-${index}`, user, bufferedBytes: 0, send: () => undefined });
    seat.receive(encodeUpdate([encodeEntry(1_000_000 + index, 1, `{"view":"of ${index}"}`)]));
    return seat;
  });
  time.advance(10_000);
  return { presence, time, seats };
}

/** How long until it holds, in steps of 10 ms. */
function took(time: VirtualTime, holds: () => boolean): number {
  for (let ms = 0; ms <= 20_000; ms += 10) {
    if (holds()) return ms;
    time.advance(10);
  }
  throw new Error('not within 20 s');
}

test('a move is told at the tick to those in the same view, within seconds to all others, and nothing of it is lost', () => {
  const { time, presence } = crowded(400);
  const ann = person(time, presence, 'ann', { cursor: 0, view: 'group-1' });
  const bob = person(time, presence, 'bob', { cursor: 0, view: ['group-0', 'group-1'] });
  const cyd = person(time, presence, 'cyd', { cursor: 0, view: 'group-2' });
  time.advance(10_000);
  ann.set({ cursor: 1, view: 'group-1' });
  assert.ok(took(time, () => cursorOf(bob, ann) === 1) <= 50);
  const later = took(time, () => cursorOf(cyd, ann) === 1);
  assert.ok(later > 1_000 && later < 2_500, `${later} ms`);
  for (let move = 2; move <= 50; move++) {
    ann.set({ cursor: move, view: 'group-1' });
    time.advance(40);
  }
  time.advance(10);
  assert.equal(cursorOf(bob, ann), 50);
  time.advance(2_500);
  assert.equal(cursorOf(cyd, ann), 50);
});

test('who turns to something else sees at once what is going on there, and is seen to come and to go', () => {
  const { time, presence } = crowded(1_000);
  const [ann, bob] = [person(time, presence, 'ann', { cursor: 0, view: 'here' }), person(time, presence, 'bob', { cursor: 0, view: 'here' })];
  const cyd = person(time, presence, 'cyd', { cursor: 0, view: 'there' });
  time.advance(10_000);
  cyd.set({ cursor: 1, view: 'there' });
  time.advance(200);
  assert.equal(cursorOf(ann, cyd), 0);
  ann.set({ cursor: 1, view: 'there' });
  time.advance(60);
  assert.deepEqual([cursorOf(ann, cyd), cursorOf(cyd, ann), cursorOf(bob, ann)], [1, 1, 1]);
  ann.set({ cursor: 2, view: 'there' });
  time.advance(60);
  assert.deepEqual([cursorOf(cyd, ann), cursorOf(bob, ann)], [2, 1]);
});

test('who comes or goes is told to everybody at once', () => {
  const { time, presence, seats } = crowded(400);
  const ann = person(time, presence, 'ann', { cursor: 0, view: 'here' });
  time.advance(10_000);
  const bob = person(time, presence, 'bob', { cursor: 0, view: 'there' });
  assert.ok(took(time, () => ann.others().has(bob.id)) < 300);
  bob.quit();
  assert.ok(took(time, () => !ann.others().has(bob.id)) < 300);
  seats[7]?.leave('abnormal');
  assert.ok(took(time, () => !ann.others().has(1_000_007)) < 5_500);
});

test('stock clients, which say nothing of a view, see each other at the tick and all others later', () => {
  const { time, presence } = crowded(400);
  const [ann, bob] = [person(time, presence, 'ann', { cursor: 0 }), person(time, presence, 'bob', { cursor: 0 }, { kind: 'y-websocket' })];
  const cyd = person(time, presence, 'cyd', { cursor: 0, view: 'there' });
  time.advance(10_000);
  ann.set({ cursor: 1 });
  cyd.set({ cursor: 1, view: 'there' });
  time.advance(60);
  assert.deepEqual([cursorOf(bob, ann), cursorOf(bob, cyd), cursorOf(cyd, ann)], [1, 0, 0]);
  time.advance(2_500);
  assert.deepEqual([cursorOf(bob, cyd), cursorOf(cyd, ann)], [1, 1]);
});

test('where nobody says what they look at a tick tells some of the people, and the next tick the next; each gets one frame, of all that happened', () => {
  const { time, presence } = lane({ limits: { fullRatePeople: 10 } });
  const all = Array.from({ length: 30 }, (_, index) => person(time, presence, `user-${index}`, { cursor: 0 }));
  const [ann, bob] = all;
  assert.ok(ann !== undefined && bob !== undefined);
  time.advance(5_000);
  const before = all.map((each) => each.frames.length);
  const got = (): number => all.filter((each, index) => each.frames.length > (before[index] ?? 0)).length;
  ann.set({ cursor: 1 });
  time.advance(10);
  assert.equal(got(), 10);
  bob.set({ cursor: 1 });
  time.advance(40);
  assert.equal(got(), 20);
  assert.ok(took(time, () => all.slice(1).every((other) => cursorOf(other, ann) === 1)) <= 40);
  const lately = all.slice(20);
  assert.ok(lately.every((other) => cursorOf(other, bob) === 1 && other.frames.length === (before[all.indexOf(other)] ?? 0) + 1));
  time.advance(10_000);
  assert.ok(all.every((other) => other === bob || cursorOf(other, bob) === 1));
});

for (const slowdown of [1, 4]) test(`a tick never sends more frames than a full board has people, whatever a crowd does, and nobody waits for longer than the others (slowdown ${slowdown})`, () => {
  const { time, presence } = lane({ slowdown: () => slowdown });
  let frames = 0;
  const last = new Map<number, number>();
  let longest = 0;
  const seats = new Map<number, PresenceSeat>();
  const peer = (index: number): void => {
    seats.set(index, presence.join('board', {
      id: `${index}`, user: { id: `user-${index}`, name: '', picture: null, color: '#000000' }, bufferedBytes: 0,
      send: () => {
        frames++;
        longest = Math.max(longest, time.now() - (last.get(index) ?? time.now()));
        last.set(index, time.now());
      },
    }));
  };
  for (let index = 0; index < 1_000; index++) peer(index);
  const move = (index: number, at: number): void => {
    // half of them all look at one thing, the others at something of their own
    seats.get(index)?.receive(encodeUpdate([encodeEntry(index + 1, at, `{"at":${at},"view":"${index % 2 === 0 ? 'all' : index}"}`)]));
  };
  for (let index = 0; index < 1_000; index++) move(index, 1);
  time.advance(10_000);
  last.clear();
  longest = 0;
  let most = 0;
  for (let ms = 10; ms < 10_000; ms += 10) {
    for (let index = (ms / 10) % 100; index < 1_000; index += 100) move(index, ms);
    if (ms > 9_000) {
      // and some come and go
      seats.get(ms % 1_000)?.leave('clean');
      peer(ms % 1_000);
      last.delete(ms % 1_000);
    }
    frames = 0;
    time.advance(10);
    if (ms <= 9_000) most = Math.max(most, frames);
  }
  assert.ok(most <= 100 / Math.min(slowdown, 2.5), `${most} frames`);
  assert.ok(longest > 300 && longest <= 1_300 * Math.min(slowdown, 2), `${longest} ms`);
});

test('in the largest crowd heartbeats arrive in time, and y-websocket clients fall silent when nobody acts', () => {
  const { time, presence } = crowded(2_000);
  const ann = person(time, presence, 'ann', { cursor: 0, view: 'here' });
  const bob = person(time, presence, 'bob', { cursor: 0, view: 'there' }, { kind: 'y-websocket' });
  time.advance(10_000);
  let heard = time.now();
  let longest = 0;
  bob.awareness.on('update', ({ updated }: { updated: number[] }) => {
    if (!updated.includes(ann.id)) return;
    longest = Math.max(longest, time.now() - heard);
    heard = time.now();
  });
  for (let beat = 0; beat < 10; beat++) {
    ann.heartbeat();
    bob.heartbeat();
    const sent = bob.sent;
    time.advance(14_000);
    assert.ok(bob.sent - sent <= 3, `${bob.sent - sent} frames for one heartbeat`);
    time.advance(1_000);
  }
  assert.ok(longest > 0 && longest < 22_000, `${longest} ms: an Awareness takes somebody silent for 30 s to be gone`);
});

test('everybody is told that a crowd has come, how large it is, and when it is gone', () => {
  const { time, presence } = lane({ limits: { fullRatePeople: 10 } });
  const told = new Map<string, (PresenceCrowd | null)[]>();
  const seats = new Map<number, PresenceSeat>();
  const join = (id: number): void => {
    const news: (PresenceCrowd | null)[] = [];
    told.set(`${id}`, news);
    const user = { id: `user-${id}`, name: '', picture: null, color: '#000000' };
    const seat = presence.join('board', { id: `${id}`, user, bufferedBytes: 0, send: () => undefined, crowd: (crowd) => { news.push(crowd); } });
    seat.receive(encodeUpdate([encodeEntry(id, 1, '{}')]));
    seats.set(id, seat);
  };
  for (let id = 1; id <= 10; id++) join(id);
  time.advance(5_000);
  assert.deepEqual(told.get('1'), []);
  for (let id = 11; id <= 20; id++) join(id);
  assert.deepEqual(told.get('20'), [{ people: 20, everyMs: 80, othersMs: 500 }]);
  time.advance(1_000);
  assert.deepEqual(told.get('1'), [{ people: 20, everyMs: 80, othersMs: 500 }]);
  join(21);
  time.advance(3_000);
  assert.equal(told.get('1')?.length, 1, 'one more is not worth telling');
  for (let id = 9; id <= 21; id++) seats.get(id)?.leave('clean');
  time.advance(2_000);
  assert.equal(told.get('1')?.at(-1), null);
  time.advance(5_000);
  assert.equal(told.get('1')?.length, 2);
});

/** Bytes a second that each client gets on a board where everybody moves once a second, or more often. */
function bytesPerClient(people: number, viewOf: (index: number) => string | undefined, movesPerSecond: number): { bytes: number; frames: number } {
  const { time, presence } = lane();
  let bytes = 0;
  let frames = 0;
  const seats = Array.from({ length: people }, (_, index) => {
    const user = { id: `user-${index}`, name: `Person number ${index}`, picture: null, color: '#336699' };
    return presence.join('board', { id: `${index}`, user, bufferedBytes: 0, send: (update) => { bytes += update.length; frames++; } });
  });
  const run = (seconds: number): void => {
    const step = 1_000 / movesPerSecond;
    const start = time.now();
    for (let ms = 0; ms < seconds * 1_000; ms += 10) {
      const at = Math.round(start + ms);
      const slot = ms % step;
      for (let index = 0; index < people; index++) {
        if (Math.floor((index / people) * (step / 10)) * 10 !== slot) continue;
        const view = viewOf(index);
        const state = { cell: { itemId: `item-${Math.floor(at / 10)}`, columnId: 'status' }, ...(view === undefined ? {} : { view }) };
        seats[index]?.receive(encodeUpdate([encodeEntry(index + 1, at + 1, JSON.stringify(state))]));
      }
      time.advance(10);
    }
  };
  run(8);
  bytes = 0;
  frames = 0;
  run(10);
  presence.close();
  return { bytes: bytes / people / 10, frames: frames / 10 };
}

test('in views of twenty, a crowd costs each client a fraction, and the node no more frames', (t) => {
  for (const [people, moves, atMost] of [[200, 1, 1.15], [200, 5, 0.7], [400, 1, 0.85], [1_000, 1, 0.35]] as const) {
    const without = bytesPerClient(people, () => undefined, moves);
    const within = bytesPerClient(people, (index) => `page-${index % Math.ceil(people / 20)}`, moves);
    t.diagnostic(`${people} people, ${moves} moves/s each: ${(without.bytes / 1024).toFixed(0)} KiB/s a client without views, ${(within.bytes / 1024).toFixed(0)} in views of 20; ${without.frames.toFixed(0)} and ${within.frames.toFixed(0)} frames/s`);
    assert.ok(within.bytes <= without.bytes * atMost, `${within.bytes / without.bytes}`);
    assert.ok(within.frames < Math.max(3_000, without.frames * 1.2), `${within.frames} frames/s`);
  }
});
