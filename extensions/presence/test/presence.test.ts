import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { decodeUpdate, encodeEntry, encodeUpdate } from '../src/wire.ts';
import { createPresence, type Presence, type PresenceOptions, presenceColor } from '../src/index.ts';
import { StockClient } from './stock-client.ts';
import { VirtualTime } from './virtual-time.ts';

let clients: StockClient[] = [];

afterEach(() => {
  for (const client of clients) client.destroy();
  clients = [];
});

function lane(options: PresenceOptions = {}): { time: VirtualTime; presence: Presence } {
  const time = new VirtualTime();
  return { time, presence: createPresence({ time, ...options }) };
}

function person(time: VirtualTime, presence: Presence, userId: string, options: Partial<ConstructorParameters<typeof StockClient>[1]> = {}): StockClient {
  const client = new StockClient(time, { userId, ...options });
  clients.push(client);
  client.set({ cursor: `of ${userId}` });
  client.connect(presence);
  return client;
}

const sees = (viewer: StockClient, whom: StockClient): unknown => viewer.others().get(whom.id);
const state = (userId: string, cursor: unknown = `of ${userId}`): unknown => ({
  cursor, user: { id: userId, name: `Name of ${userId}`, picture: null, color: presenceColor(userId) },
});
const update = (id: number, clock: number, json: string): Uint8Array => encodeUpdate([encodeEntry(id, clock, json)]);
const ids = (frame: Uint8Array): Set<number> => new Set(decodeUpdate(frame)?.entries.map((entry) => entry.clientId));

describe('what people see', () => {
  test('two people see each other, named by the server', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const bob = person(time, presence, 'bob', { kind: 'y-websocket' });
    time.advance(100);
    assert.deepEqual(sees(ann, bob), state('bob'));
    assert.deepEqual(sees(bob, ann), state('ann'));
    for (const one of [ann, bob]) assert.deepEqual(one.awareness.getLocalState(), state(one.userId), 'and is told who the others take it for');
    assert.deepEqual(new Map(presence.list('board').map(({ clientId, user }) => [clientId, user.id])), new Map([[ann.id, 'ann'], [bob.id, 'bob']]));
    assert.deepEqual(presence.list('other board'), []);
  });

  test('an identity that the client wrote is replaced', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const eve = person(time, presence, 'eve');
    eve.set({ user: { id: 'ann', name: 'Ann', admin: true }, cursor: 1 });
    time.advance(100);
    assert.deepEqual(sees(ann, eve), state('eve', 1));
  });

  test('someone who only looks on (a client at clock 0) is seen at once', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const bob = new StockClient(time, { userId: 'bob' });
    clients.push(bob);
    bob.connect(presence);
    time.advance(100);
    assert.ok(sees(ann, bob));
  });

  test('who joins later sees everyone; asking again answers again', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    time.advance(5_000);
    const bob = person(time, presence, 'bob');
    time.advance(3);
    assert.deepEqual(sees(bob, ann), state('ann'), 'before any tick');
    time.advance(100);
    const before = bob.frames.length;
    presence.query('board', bob.link?.peerId ?? '');
    time.advance(5);
    assert.deepEqual(ids(bob.frames[before] ?? new Uint8Array()), new Set([ann.id, bob.id]));
  });

  test('a goodbye removes at once, an orderly close too', () => {
    const { time, presence } = lane();
    const [ann, bob, cyd] = [person(time, presence, 'ann'), person(time, presence, 'bob'), person(time, presence, 'cyd')];
    time.advance(100);
    bob.quit();
    presence.leave('board', cyd.link?.peerId ?? '', 'clean');
    time.advance(100);
    assert.deepEqual([...ann.others()], []);
    assert.deepEqual(presence.list('board').map(({ clientId }) => clientId), [ann.id]);
  });
});

describe('stock clients', () => {
  test('a heartbeat is forwarded though nothing changed, and echoed to its sender', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const bob = person(time, presence, 'bob');
    time.advance(1_000);
    for (let round = 0; round < 4; round++) {
      time.advance(15_000);
      const [seenByAnn, seenByBob] = [ann.frames.length, bob.frames.length];
      const before = bob.awareness.meta.get(ann.id)?.clock ?? 0;
      ann.heartbeat();
      bob.heartbeat();
      time.advance(100);
      assert.ok(ann.frames.length > seenByAnn && bob.frames.length > seenByBob);
      assert.ok((bob.awareness.meta.get(ann.id)?.clock ?? 0) > before, 'or bob would time ann out');
    }
    assert.equal(presence.drops.expired, 0);
  });

  test('someone alone on a board gets an echo within a tick: else the provider drops its socket', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    for (let round = 0; round < 4; round++) {
      time.advance(15_000);
      const before = ann.frames.length;
      ann.heartbeat();
      time.advance(100);
      assert.equal(ann.frames.length, before + 1);
    }
  });

  test('a broken socket leaves its person visible for 4 s, then removes them', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const bob = person(time, presence, 'bob');
    time.advance(100);
    bob.drop();
    time.advance(3_900);
    assert.ok(sees(ann, bob));
    time.advance(1_500);
    assert.equal(sees(ann, bob), undefined);
    assert.deepEqual(presence.list('board').map(({ clientId }) => clientId), [ann.id]);
  });

  test('who is back within the grace period never vanishes', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const bob = person(time, presence, 'bob');
    time.advance(100);
    let vanished = 0;
    ann.awareness.on('change', ({ removed }: { removed: number[] }) => { vanished += removed.filter((id) => id === bob.id).length; });
    bob.drop();
    time.advance(3_000);
    bob.connect(presence);
    time.advance(10_000);
    assert.ok(sees(ann, bob));
    assert.equal(vanished, 0);
  });

  for (const kind of ['hocuspocus', 'y-websocket'] as const) {
    test(`who returns after removal is visible at once, and sees everyone at once (${kind})`, () => {
      const { time, presence } = lane();
      const ann = person(time, presence, 'ann', { kind });
      const bob = person(time, presence, 'bob', { kind });
      for (let round = 0; round < 5; round++) {
        time.advance(1_000);
        bob.drop();
        time.advance(9_000);
        assert.equal(sees(ann, bob), undefined);
        ann.heartbeat();
        bob.connect(presence); // announces the clock it had before
        time.advance(100);
        assert.deepEqual(sees(ann, bob), state('bob'));
        assert.deepEqual(sees(bob, ann), state('ann'));
      }
    });

    test(`a provider made anew on the same document (clock from zero) is visible at once (${kind})`, () => {
      const { time, presence } = lane();
      const ann = person(time, presence, 'ann', { kind });
      const bob = person(time, presence, 'bob', { kind });
      for (let move = 0; move < 50; move++) {
        bob.set({ cursor: move });
        time.advance(50);
      }
      for (let round = 0; round < 3; round++) {
        bob.recreate({ cursor: 'new' });
        time.advance(round * 3_000);
        bob.connect(presence);
        time.advance(100);
        assert.deepEqual(sees(ann, bob), state('bob', 'new'));
        for (let move = 0; move < 5; move++) {
          bob.set({ cursor: move });
          time.advance(100);
          assert.deepEqual(sees(ann, bob), state('bob', move));
        }
      }
    });
  }

  for (const end of ['the server was restarted', 'everybody had left'] as const) {
    test(`everyone is visible at once after ${end}, also with a provider made anew (clock from zero)`, () => {
      const { time, presence } = lane();
      const people = [person(time, presence, 'ann'), person(time, presence, 'bob', { kind: 'y-websocket' }), person(time, presence, 'cyd')];
      for (let move = 0; move < 50; move++) {
        for (const one of people) one.set({ cursor: move });
        time.advance(100);
      }
      if (end === 'the server was restarted') presence.close();
      for (const one of people) one.drop();
      time.advance(end === 'everybody had left' ? 10_000 : 0);
      assert.equal(presence.boards, 0);
      const next = end === 'everybody had left' ? presence : createPresence({ time });
      people.at(-1)?.recreate({ cursor: 'anew' });
      for (const one of people) one.connect(next);
      time.advance(100);
      for (const viewer of people) for (const whom of people) assert.ok(viewer === whom || sees(viewer, whom), `${viewer.userId} sees ${whom.userId}`);
    });
  }

  test('y-websocket clients, which send back what they receive, fall silent when nobody acts', () => {
    const { time, presence } = lane();
    const all = ['ann', 'bob', 'cyd', 'dan'].map((name) => person(time, presence, name, { kind: 'y-websocket' }));
    time.advance(2_000);
    for (const client of all) client.drop();
    time.advance(6_000);
    for (const client of all) client.connect(presence);
    time.advance(1_000);
    const sent = all.map((client) => client.sent);
    time.advance(10_000);
    assert.deepEqual(all.map((client) => client.sent), sent);
    assert.ok(presence.drops.foreign > 0);
  });

  test('the goodbye of the old socket does not remove who is back on a new one', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const bob = person(time, presence, 'bob');
    time.advance(100);
    const old = bob.link?.peerId ?? '';
    bob.drop(8_000); // nobody has noticed yet
    bob.connect(presence);
    time.advance(100);
    presence.receive('board', old, update(bob.id, 900, 'null'));
    time.advance(20_000);
    assert.ok(sees(ann, bob));
  });

  test('without heartbeat for 30 s a client is removed; the next one brings it back', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const bob = person(time, presence, 'bob');
    for (const _ of [1, 2, 3]) {
      time.advance(14_000);
      ann.heartbeat();
    }
    assert.equal(sees(ann, bob), undefined);
    assert.equal(presence.drops.expired, 1);
    bob.heartbeat();
    time.advance(100);
    assert.ok(sees(ann, bob));
  });
});

describe('ownership', () => {
  test('nobody moves, removes or takes the cursor of somebody else', () => {
    const { time, presence } = lane();
    const [ann, bob, eve] = [person(time, presence, 'ann'), person(time, presence, 'bob'), person(time, presence, 'eve')];
    time.advance(100);
    eve.raw(update(bob.id, 1_000, 'null'));
    eve.raw(update(bob.id, 1_001, '{"cursor":"elsewhere"}'));
    time.advance(100);
    eve.drop();
    eve.set(null);
    eve.connect(presence); // and as the first thing it says on a new socket:
    eve.raw(update(bob.id, 1_002, '{"cursor":"elsewhere"}'));
    time.advance(100);
    assert.deepEqual(sees(ann, bob), state('bob'));
    assert.equal(presence.drops.foreign, 3);
  });

  test('a client id is free again once its user has left', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const bob = person(time, presence, 'bob', { clientId: 77 });
    time.advance(100);
    bob.quit();
    time.advance(100);
    const cyd = person(time, presence, 'cyd', { clientId: 77 });
    time.advance(100);
    assert.deepEqual(sees(ann, cyd), state('cyd'));
  });

  test('two tabs of one person see each other, whichever came first', () => {
    const { time, presence } = lane();
    const one = person(time, presence, 'ann');
    time.advance(1_000);
    const two = person(time, presence, 'ann', { kind: 'y-websocket' });
    time.advance(100);
    assert.ok(sees(one, two) && sees(two, one));
    one.drop();
    time.advance(10_000);
    one.connect(presence);
    time.advance(100);
    assert.ok(sees(one, two) && sees(two, one));
  });

  test('the same user may take the client id along to a new socket while the old one lingers', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    const bob = person(time, presence, 'bob');
    time.advance(100);
    bob.drop(60_000);
    bob.connect(presence);
    bob.set({ cursor: 'moved' });
    time.advance(100);
    assert.deepEqual(sees(ann, bob), state('bob', 'moved'));
  });
});

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

  test('peers that announce nothing cost no timer', () => {
    const { time, presence } = lane();
    const ann = new StockClient(time, { userId: 'ann' });
    clients.push(ann);
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

  test('a person alone gets a move within milliseconds; a moving crowd 25 frames a second; a larger one fewer', () => {
    const framesPerSecond = (people: number): number => {
      const { time, presence } = lane();
      const frames: Uint8Array[] = [];
      for (let index = 0; index < people; index++) {
        const user = { id: `user-${index}`, name: '', picture: null, color: '#000000' };
        presence.join('board', { id: `${index}`, user, bufferedBytes: 0, send: (frame) => { if (index === 0) frames.push(frame); } });
      }
      const start = 2_000;
      for (let ms = 0; ms < start + 10_000; ms += 10) {
        for (let index = ms % 100; index < people; index += 100) presence.receive('board', `${index}`, update(index + 1, ms + 1, `{"at":${ms}}`));
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
    const peerId = ann.link?.peerId ?? '';
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
    for (const [frame, code] of cases) assert.deepEqual(presence.receive('board', peerId, frame), { ok: false, code });
    assert.deepEqual(presence.receive('board', 'nobody', good), { ok: false, code: 'unknown_peer' });
    assert.deepEqual(presence.receive('no board', peerId, good), { ok: false, code: 'unknown_peer' });
    assert.deepEqual(presence.list('board'), before);
    assert.deepEqual(presence.receive('board', peerId, good), { ok: true });
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
    presence.leave('board', eve.link?.peerId ?? '', 'clean');
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
      const result = presence.receive('board', eve.link?.peerId ?? '', update(eve.id, 100 + move, `{"cursor":${move}}`));
      if (!result.ok) refused++;
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
