/** What people, and the stock clients they use, see of each other on one node, and whose word counts. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createPresence } from '../src/index.ts';
import { HEARTBEAT_WAIT_MS } from '../src/limits.ts';
import { client, ids, lane, person, sees, state, update } from './lane.ts';

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
    const bob = client(time, 'bob');
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
    bob.link?.seat?.query();
    time.advance(5);
    assert.deepEqual(ids(bob.frames[before] ?? new Uint8Array()), new Set([ann.id, bob.id]));
  });

  test('a goodbye removes at once, an orderly close too', () => {
    const { time, presence } = lane();
    const [ann, bob, cyd] = [person(time, presence, 'ann'), person(time, presence, 'bob'), person(time, presence, 'cyd')];
    time.advance(100);
    bob.quit();
    cyd.link?.seat?.leave('clean');
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
      time.advance(HEARTBEAT_WAIT_MS + 100);
      assert.ok(ann.frames.length > seenByAnn && bob.frames.length > seenByBob);
      assert.ok((bob.awareness.meta.get(ann.id)?.clock ?? 0) > before, 'or bob would time ann out');
    }
    assert.equal(presence.drops.expired, 0);
  });

  test('someone alone on a board gets an echo: else the provider drops its socket', () => {
    const { time, presence } = lane();
    const ann = person(time, presence, 'ann');
    for (let round = 0; round < 4; round++) {
      time.advance(15_000);
      const before = ann.frames.length;
      ann.heartbeat();
      time.advance(HEARTBEAT_WAIT_MS + 100);
      assert.equal(ann.frames.length, before + 1);
    }
  });

  test('heartbeats are gathered, and go along with what is sent to all anyway; a move takes them along at once', () => {
    const { time, presence } = lane();
    const all = Array.from({ length: 10 }, (_, index) => person(time, presence, `user-${index}`));
    const [ann, bob] = all;
    assert.ok(ann !== undefined && bob !== undefined);
    const clockOf = (): number => bob.awareness.meta.get(ann.id)?.clock ?? 0;
    time.advance(5_000);
    const quiet = bob.frames.length;
    for (const one of all) {
      one.heartbeat();
      time.advance(100);
    }
    assert.equal(bob.frames.length, quiet);
    time.advance(HEARTBEAT_WAIT_MS);
    assert.equal(bob.frames.length, quiet + 1, 'one frame for ten heartbeats');

    let before = clockOf();
    ann.heartbeat();
    time.advance(10); // on its way
    presence.alongside('board');
    time.advance(10);
    assert.equal(bob.frames.length, quiet + 1, 'not with the very next edit: it would go with every one');
    time.advance(HEARTBEAT_WAIT_MS / 2);
    presence.alongside('board');
    time.advance(10);
    assert.equal(bob.frames.length, quiet + 2);
    assert.ok(clockOf() > before);

    before = clockOf();
    ann.heartbeat();
    bob.set({ cursor: 1 });
    time.advance(50);
    assert.ok(clockOf() > before);
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

  test('who is back without a word, and speaks a minute later, is seen: that is nothing they were shown', () => {
    const { time, presence } = lane();
    const [ann, bob] = [client(time, 'ann'), person(time, presence, 'bob')];
    ann.set({ cursor: 1 });
    ann.stuck = true; // nothing reaches it, on either socket
    ann.connect(presence);
    time.advance(1_000);
    ann.drop();
    time.advance(1_000);
    ann.set(null);
    ann.connect(presence); // what it said before its socket broke is still there, for the rest of the grace period
    for (let second = 0; second < 60; second++) {
      time.advance(1_000);
      if (second % 15 === 0) bob.heartbeat();
    }
    assert.equal(sees(bob, ann), undefined);
    ann.set({ cursor: 'again' });
    time.advance(100);
    assert.deepEqual(sees(bob, ann), state('ann', 'again'));
  });

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
    const old = bob.link?.seat;
    bob.drop(8_000); // nobody has noticed yet
    bob.connect(presence);
    time.advance(100);
    old?.receive(update(bob.id, 900, 'null'));
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
