/** What the lane costs, and what it does with those who do not read, and with junk. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { client, ids, lane, person, sees, state, update } from './lane.ts';

describe('cost', () => {
  test('a tick is one frame of what changed, the same bytes for everyone', () => {
    const { time, presence } = lane();
    const all = Array.from({ length: 30 }, (_, index) => person(time, presence, `user-${index}`));
    time.advance(1_000);
    const frames = all.map((client) => client.frames.length);
    for (const mover of all.slice(0, 3)) for (let move = 0; move < 10; move++) mover.set({ cursor: move });
    time.advance(40);
    assert.deepEqual(all.map((client, index) => client.frames.length - (frames[index] ?? 0)), all.map(() => 1));
    const [first] = all.map((client) => client.frames.at(-1));
    assert.ok(first && all.every((client) => client.frames.at(-1) === first));
    assert.deepEqual(ids(first), new Set(all.slice(0, 3).map((client) => client.id)));
  });

  test('no timer runs while nobody is there, and nothing is kept', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const bob = person(time, presence, 'bob');
    time.advance(100);
    ann.quit();
    bob.drop();
    time.advance(10_000);
    assert.equal(time.pending, 0);
    assert.equal(presence.boards, 0);
  });

  test('once the lane is closed nothing is sent, kept or waited for, whoever still holds a place', () => {
    const { time, presence } = lane();
    const [ann, bob] = [person(time, presence, 'ann'), person(time, presence, 'bob')];
    time.advance(100);
    const [frames, seat] = [ann.frames.length, bob.link?.seat];
    presence.close();
    seat?.receive(update(bob.id, 50, '{"cursor":"late"}'));
    seat?.query();
    seat?.leave('clean');
    presence.join('board', { id: 'cyd', user: { id: 'cyd', name: '', picture: null, color: '#000000' }, bufferedBytes: 0, send: () => assert.fail('sent') }).receive(update(7, 1, '{}'));
    assert.equal(time.pending, 0);
    time.advance(10_000);
    assert.equal(ann.frames.length, frames);
    assert.deepEqual(presence.list('board'), []);
  });

  test('peers that announce nothing cost no timer', () => {
    const { time, presence } = lane();
    const ann = client(time, 'ann');
    ann.set(null);
    ann.connect(presence);
    time.advance(100);
    assert.equal(time.pending, 0);
    ann.drop();
    time.advance(10);
    assert.equal(presence.boards, 0);
  });

  test('a move that waits goes along with what else is sent, once, and not less than half a tick after the last frame', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const bob = person(time, presence, 'bob');
    time.advance(1_000);
    const before = bob.frames.length;
    ann.set({ cursor: 1 });
    time.advance(1);
    presence.alongside('board');
    presence.alongside('board');
    time.advance(1);
    assert.equal(bob.frames.length, before + 1);
    assert.deepEqual(sees(bob, ann), state('ann', 1));
    ann.set({ cursor: 2 });
    time.advance(10);
    presence.alongside('board');
    time.advance(1);
    assert.equal(bob.frames.length, before + 1);
    time.advance(40);
    assert.deepEqual(sees(bob, ann), state('ann', 2));
    assert.equal(bob.frames.length, before + 2);
    presence.alongside('board');
    presence.alongside('a board that nobody is on');
    time.advance(1);
    assert.equal(bob.frames.length, before + 2);
  });

  test('in a busy process a move goes along sooner than the slow tick would tell it, a quarter of one after the last frame', () => {
    const { time, presence } = lane({ slowdown: () => 4 });
    const ann = person(time, presence, 'ann');
    const bob = person(time, presence, 'bob');
    time.advance(1_000);
    ann.set({ cursor: 1 });
    time.advance(10);
    const before = bob.frames.length;
    ann.set({ cursor: 2 });
    time.advance(20);
    presence.alongside('board');
    assert.equal(bob.frames.length, before, 'too early');
    time.advance(25);
    presence.alongside('board');
    time.advance(1);
    assert.equal(bob.frames.length, before + 1);
    assert.deepEqual(sees(bob, ann), state('ann', 2));
  });

  test('a person alone gets a move within milliseconds; a moving crowd 25 frames a second; a larger one fewer', () => {
    const framesPerSecond = (people: number): number => {
      const { time, presence } = lane();
      const frames: Uint8Array[] = [];
      const seats = Array.from({ length: people }, (_, index) => {
        const user = { id: `user-${index}`, name: '', picture: null, color: '#000000' };
        return presence.join('board', { id: `${index}`, user, bufferedBytes: 0, send: (frame) => { if (index === 0) frames.push(frame); } });
      });
      const start = 2_000;
      for (let ms = 0; ms < start + 10_000; ms += 10) {
        for (let index = ms % 100; index < people; index += 100) seats[index]?.receive(update(index + 1, ms + 1, `{"at":${ms}}`));
        if (ms === start) frames.length = 0;
        time.advance(10);
      }
      presence.close();
      return frames.length / 10;
    };
    assert.equal(framesPerSecond(100), 25);
    assert.ok(Math.abs(framesPerSecond(400) - 6.25) < 0.1);
    assert.equal(framesPerSecond(2_000), 2);
  });
});

describe('pressure and junk', () => {
  test('who does not read is shed, and caught up once drained: arrivals, moves and departures', () => {
    const { time, presence } = lane({ limits: { bufferedBytes: 2_000 } });
    const [ann, bob, cyd] = [person(time, presence, 'ann'), person(time, presence, 'bob'), person(time, presence, 'cyd')];
    time.advance(100);
    cyd.stuck = true;
    for (let move = 0; move < 500; move++) {
      ann.set({ cursor: move });
      time.advance(40);
      const unread = cyd.link?.unread.reduce((sum, frame) => sum + frame.length, 0) ?? 0;
      assert.ok(unread < 2_400, `${unread} bytes`);
      if (move % 100 === 0) for (const client of [ann, bob, cyd]) client.heartbeat();
    }
    assert.ok(presence.drops.shed > 400);
    bob.quit();
    const dan = person(time, presence, 'dan');
    time.advance(300);
    cyd.unstick();
    time.advance(300); // nobody moves
    assert.deepEqual(cyd.others(), new Map([[ann.id, state('ann', 499)], [dan.id, state('dan')]]));
  });

  test('a departure in the very tick that is shed is told later', () => {
    const { time, presence } = lane({ limits: { bufferedBytes: 500 } });
    const [, bob, cyd] = [person(time, presence, 'ann'), person(time, presence, 'bob'), person(time, presence, 'cyd')];
    time.advance(100);
    cyd.stuck = true;
    for (let move = 0; presence.drops.shed === 0; move++) {
      const unread = cyd.link?.unread.reduce((sum, frame) => sum + frame.length, 0) ?? 0;
      if (unread > 500) bob.quit();
      else bob.set({ cursor: move });
      time.advance(40);
    }
    cyd.unstick();
    time.advance(300);
    assert.equal(sees(cyd, bob), undefined);
  });

  test('a socket that throws costs nobody else a frame', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const user = { id: 'broken', name: '', picture: null, color: '#000000' };
    presence.join('board', { id: 'broken', user, bufferedBytes: 0, send: () => { throw new Error('EPIPE'); } });
    const bob = person(time, presence, 'bob');
    time.advance(100);
    assert.ok(sees(ann, bob) && sees(bob, ann));
    assert.ok(presence.drops.send_failed > 0);
  });

  test('what cannot be read is refused with a code, and changes nothing', () => {
    const { time, presence } = lane({ limits: { frameBytes: 20_000 } });
    const ann = person(time, presence, 'ann');
    time.advance(100);
    ann.forging = true;
    const seat = ann.link?.seat;
    const before = presence.list('board');
    const id = ann.id;
    const good = update(id, 50, '{"cursor":"new"}');
    const cases: [Uint8Array, string][] = [
      [new Uint8Array(), 'malformed_update'],
      [new Uint8Array([255, 255, 255, 255, 255, 255, 255, 255, 255]), 'malformed_update'],
      [good.subarray(0, good.length - 3), 'malformed_update'], // the bytes after it belong to somebody else
      [update(id, 50, '{"cursor":'), 'malformed_update'],
      [update(id, 50, '[]'), 'malformed_update'],
      [update(id, 50, '7'), 'malformed_update'],
      [update(id, Number.MAX_SAFE_INTEGER, '{}'), 'malformed_update'],
      [update(id, 50, JSON.stringify({ cursor: 'x'.repeat(5_000) })), 'too_large'],
      [update(id, 50, JSON.stringify({ cursor: 'x'.repeat(30_000) })), 'too_large'],
    ];
    for (const [frame, code] of cases) assert.deepEqual(seat?.receive(frame), { ok: false, code });
    assert.deepEqual(presence.list('board'), before);
    assert.deepEqual(seat?.receive(good), { ok: true });
    assert.deepEqual([presence.userOf('board', id), presence.userOf('board', id + 1), presence.userOf('no board', id)], ['ann', undefined, undefined]);
    seat.leave('abnormal');
    seat.leave('clean');
    seat.query();
    assert.deepEqual(seat.receive(update(id, 51, '{"cursor":"late"}')), { ok: false, code: 'unknown_peer' });
    assert.deepEqual(presence.list('board').map(({ state }) => state), [state('ann', 'new')]);
    assert.deepEqual(presence.drops, { ...presence.drops, malformed: 7, too_large: 2, unknown_peer: 2 });
  });

  test('nobody can lead a client id to clocks at which its client is refused', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const eve = person(time, presence, 'eve', { clientId: 77 });
    eve.forging = true;
    time.advance(100);
    for (let power = 30; power < 53; power++) eve.raw(update(77, 2 ** power, '{}'));
    time.advance(100);
    eve.link?.seat?.leave('clean');
    time.advance(100);
    const bob = person(time, presence, 'bob', { clientId: 77 });
    for (let move = 0; move < 5; move++) {
      time.advance(100);
      bob.set({ cursor: move });
    }
    time.advance(100);
    assert.deepEqual(sees(ann, bob), state('bob', 4));
  });

  test('a state of prototype tricks or deep nesting stays data', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const eve = person(time, presence, 'eve');
    time.advance(100);
    eve.forging = true;
    eve.raw(update(eve.id, 50, '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"cursor":1}'));
    eve.raw(update(eve.id, 51, `{"cursor":${'['.repeat(2_000)}${']'.repeat(2_000)}}`));
    time.advance(100);
    assert.ok(sees(ann, eve));
    assert.equal(JSON.stringify(sees(ann, eve)).includes('[['), false, 'too deep for browsers');
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
  });

  test('a flood is bounded in rate, and its sender is told', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const eve = person(time, presence, 'eve');
    time.advance(100);
    eve.forging = true;
    const before = ann.frames.length;
    let refused = 0;
    for (let move = 0; move < 10_000; move++) {
      if (eve.link?.seat?.receive(update(eve.id, 100 + move, `{"cursor":${move}}`)).ok === false) refused++;
      if (move % 10 === 0) time.advance(1);
    }
    assert.equal(presence.drops.rate_limited, refused);
    assert.ok(refused > 8_500, `${refused}`);
    assert.ok(ann.frames.length - before <= 27);
  });

  test('client ids that come and go are remembered up to a bound', () => {
    const { time, presence } = lane({ limits: { rememberedClients: 10 } });
    person(time, presence, 'ann');
    for (let index = 0; index < 30; index++) {
      const guest = person(time, presence, 'guest');
      time.advance(50);
      guest.quit();
      time.advance(50);
    }
    assert.equal(presence.drops.forgotten, 20);
  });
});
