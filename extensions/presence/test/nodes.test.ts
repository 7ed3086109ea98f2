import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, seeds } from '@sunday/board-model/testing/random';
import { createPresence, type Presence, type PresencePeer } from '../src/index.ts';
import { encodeEntry, encodeNodeMessage, encodeUpdate } from '../src/wire.ts';
import { person as personOn } from './lane.ts';
import { type StockClient, withoutUser } from './stock-client.ts';
import { VirtualTime } from './virtual-time.ts';

interface Cluster {
  readonly time: VirtualTime;
  readonly nodes: Presence[];
  readonly published: { node: number; bytes: number }[];
  cut: boolean;
}

/** `skew`: by so much the clock of each node is wrong. */
function cluster(size: number, skew: (node: number) => number = () => 0): Cluster {
  const time = new VirtualTime();
  const nodes: Presence[] = [];
  const made: Cluster = { time, nodes, published: [], cut: false };
  for (let node = 0; node < size; node++) {
    nodes.push(
      createPresence({
        time: { now: () => time.now(), today: () => time.today() + skew(node), after: (ms, callback) => time.after(ms, callback) },
        node: { id: `node-${node}`, epoch: 1 },
        publish: (boardId, message) => {
          made.published.push({ node, bytes: message.length });
          if (!made.cut) for (const other of nodes) time.after(1, () => other.receiveRemote(boardId, message));
        },
      }),
    );
  }
  return made;
}

function person({ time, nodes }: Cluster, node: number, userId: string): StockClient {
  const lane = nodes[node];
  assert.ok(lane);
  return personOn(time, lane, userId);
}

const sees = (viewer: StockClient, whom: StockClient): boolean => viewer.others().has(whom.id);
const listed = (presence: Presence | undefined): number[] => presence?.list('board').map(({ clientId }) => clientId) ?? [];

test('people on different nodes see each other, those who were there before included', () => {
  const world = cluster(3);
  const ann = person(world, 0, 'ann');
  world.time.advance(5_000);
  const bob = person(world, 1, 'bob');
  const cyd = person(world, 2, 'cyd');
  world.time.advance(200);
  for (const one of [ann, bob, cyd]) for (const other of [ann, bob, cyd]) assert.ok(one === other || sees(one, other));
  assert.deepEqual(world.nodes.map((node) => listed(node).length), [3, 3, 3]);
  bob.quit();
  world.time.advance(200);
  assert.ok(!sees(ann, bob) && !sees(cyd, bob));
});

test('one publish a board and tick, whatever moved, whatever the number of nodes', () => {
  const world = cluster(4);
  const people = Array.from({ length: 10 }, (_, index) => person(world, 0, `user-${index}`));
  person(world, 1, 'ann');
  world.time.advance(1_000);
  world.published.length = 0;
  for (let ms = 0; ms < 1_000; ms += 10) {
    for (const one of people) one.set({ cursor: ms });
    world.time.advance(10);
  }
  assert.ok(world.published.every(({ node }) => node === 0));
  assert.ok(world.published.length <= 26, `${world.published.length}`);
});

test('the ghosts of a dead node go when it is removed, and when it comes back with a new epoch', () => {
  const world = cluster(2);
  const ann = person(world, 0, 'ann');
  const bob = person(world, 1, 'bob');
  world.time.advance(200);
  world.nodes[0]?.removeNode('node-1');
  world.time.advance(100);
  assert.ok(!sees(ann, bob));
  assert.deepEqual(listed(world.nodes[0]), [ann.id]);
  bob.heartbeat(); // it was not dead after all
  world.time.advance(100);
  assert.ok(sees(ann, bob));
  world.nodes[0]?.receiveRemote('another board', encodeNodeMessage('delta', { node: 'node-1', epoch: 2, clock: 1 }, { update: encodeUpdate([]), since: [] }));
  world.time.advance(100);
  assert.ok(!sees(ann, bob));
  bob.heartbeat();
  world.time.advance(100);
  assert.ok(!sees(ann, bob));
  assert.equal(world.nodes[0]?.drops.node_stale, 1);
});

test('after the way between nodes was cut, an announcement repairs what was missed', () => {
  const world = cluster(2);
  const [ann, bob, cyd] = [person(world, 0, 'ann'), person(world, 1, 'bob'), person(world, 1, 'cyd')];
  world.time.advance(200);
  world.cut = true;
  bob.quit();
  cyd.set({ cursor: 'moved' });
  const dan = person(world, 1, 'dan');
  world.time.advance(1_000);
  assert.ok(sees(ann, bob) && !sees(ann, dan));
  world.cut = false;
  for (const node of world.nodes) node.announce();
  world.time.advance(200);
  assert.ok(!sees(ann, bob) && sees(ann, dan) && sees(dan, ann));
  assert.equal(ann.others().size, 2);
});

test('who moves to another node never vanishes, though the first has not noticed', () => {
  const world = cluster(2);
  const ann = person(world, 0, 'ann');
  const bob = person(world, 0, 'bob');
  world.time.advance(6_000);
  let vanished = 0;
  ann.awareness.on('change', ({ removed }: { removed: number[] }) => { vanished += removed.filter((id) => id === bob.id).length; });
  bob.drop(8_000);
  const other = world.nodes[1];
  assert.ok(other);
  bob.connect(other);
  for (let second = 0; second < 40; second++) {
    if (second % 10 === 0) for (const one of [ann, bob]) one.heartbeat();
    if (second === 20) bob.set({ cursor: 'there' });
    world.time.advance(1_000);
  }
  assert.equal(vanished, 0);
  assert.ok(sees(ann, bob) && sees(bob, ann));
  assert.deepEqual(withoutUser(ann.awareness.getStates().get(bob.id) ?? null), { cursor: 'there' });
});

test('who moved to a node whose clock is behind, while the nodes could not hear each other, is heard there as soon as it goes on speaking', () => {
  const world = cluster(2, (node) => node * 5_000);
  const ann = person(world, 0, 'ann');
  person(world, 1, 'cyd');
  world.time.advance(200);
  world.cut = true;
  world.time.advance(200);
  const bob = person(world, 1, 'bob');
  world.time.advance(200);
  bob.drop(60_000);
  const [here] = world.nodes;
  assert.ok(here);
  bob.connect(here);
  bob.set({ cursor: 'here' });
  world.time.advance(200);
  world.cut = false;
  for (const node of world.nodes) node.announce();
  for (let second = 0; second < 5; second++) {
    world.time.advance(1_000);
    assert.ok(sees(ann, bob));
  }
  bob.set({ cursor: 'still here' });
  world.time.advance(100);
  assert.deepEqual(withoutUser(ann.awareness.getStates().get(bob.id) ?? null), { cursor: 'still here' });
  bob.drop(0);
  world.time.advance(6_000);
  assert.ok(!sees(ann, bob));
});

test('people who wander from node to node see everybody, and are seen, within a second of arriving, though the clocks of the nodes differ: no heartbeat is waited for', () => {
  for (const seed of [715_761_003, 715_725_219, ...seeds(40)]) {
    const random = new Random(seed);
    const world = cluster(3, (node) => (node - 1) * (seed % 3) * 500);
    const people = Array.from({ length: 5 }, (_, index) => person(world, random.below(3), `user-${index}`));
    world.time.advance(1_000);
    for (let round = 0; round < 40; round++) {
      for (const one of people) one.heartbeat();
      const wanderers = people.filter(() => random.below(3) === 0);
      for (const one of wanderers) one.drop(random.pick([0, 0, 50, 3_000]));
      world.time.advance(random.pick([10, 100, 1_000, 6_000]));
      for (const one of people) if (random.below(3) === 0) one.set({ cursor: round });
      for (const one of wanderers) {
        const lane = world.nodes[random.below(3)];
        assert.ok(lane);
        one.connect(lane);
        world.time.advance(random.below(100));
      }
      world.time.advance(1_000);
      for (const viewer of people) {
        for (const whom of people) assert.ok(viewer === whom || sees(viewer, whom), `seed ${seed}, round ${round}: ${viewer.userId} does not see ${whom.userId}`);
      }
    }
  }
});

test('no node can speak for a client of another user, and junk of nodes is counted', () => {
  const world = cluster(1);
  const [ann, bob] = [person(world, 0, 'ann'), person(world, 0, 'bob')];
  world.time.advance(200);
  const lane = world.nodes[0];
  const forged = { user: { id: 'eve', name: 'Eve', picture: null, color: '#000000' } };
  const say = (json: string): void => lane?.receiveRemote('board', encodeNodeMessage('delta', { node: 'node-9', epoch: 1, clock: 1 }, { update: encodeUpdate([encodeEntry(bob.id, 99, json)]), since: [2 ** 50] }));
  say(JSON.stringify(forged));
  say('{"cursor":"without a user"}');
  say('{');
  say('null');
  lane?.receiveRemote('board', new Uint8Array([1, 2, 3]));
  world.time.advance(200);
  assert.deepEqual(withoutUser(ann.awareness.getStates().get(bob.id) ?? null), { cursor: 'of bob' });
  assert.deepEqual([lane?.drops.foreign, lane?.drops.node_malformed], [1, 3]);
});

test('a publish that throws costs the peers of this node nothing', () => {
  const time = new VirtualTime();
  const lane = createPresence({ time, publish: () => { throw new Error('redis is away'); } });
  const frames: Uint8Array[] = [];
  const peer = (id: string): PresencePeer => ({
    id, user: { id, name: id, picture: null, color: '#000000' }, bufferedBytes: 0, send: (frame) => frames.push(frame),
  });
  lane.join('board', peer('ann')).receive(encodeUpdate([encodeEntry(1, 1, '{}')]));
  time.advance(100);
  assert.equal(frames.length, 2, 'what lifts its clock, and its own state');
  assert.ok(lane.drops.publish_failed > 0);
});
