/**
 * Any sequence of what clients, links, nodes and attackers do: once things are quiet, the Awareness of every attached client
 * and `list()` say the same, no client lost a state of its own, and nothing threw. Repeat a run with SEED=<number>.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, seeds } from '@sunday/board-model/testing/random';
import { encodeAwarenessUpdate } from 'y-protocols/awareness';
import { decodeUpdate } from '../src/wire.ts';
import { createPresence, type Presence } from '../src/index.ts';
import { StockClient, withoutUser } from './stock-client.ts';
import { VirtualTime } from './virtual-time.ts';

class World {
  readonly time = new VirtualTime();
  readonly random: Random;
  readonly lanes: Presence[] = [];
  readonly clients: StockClient[] = [];
  readonly #crowd: number | undefined;
  readonly #epochs: number[] = [];
  #beating = true;
  #beatAt = 0;
  /** Messages between nodes arrive in order. */
  readonly #arrivals = new Map<string, number>();

  /** `crowd`: from so many people on, those in the same view are told first. */
  constructor(seed: number, nodes: number, people: number, { crowd }: { crowd?: number } = {}) {
    this.random = new Random(seed);
    this.#crowd = crowd;
    this.#beat();
    for (let node = 0; node < nodes; node++) this.startLane(node);
    for (let index = 0; index < people; index++) {
      this.clients.push(
        new StockClient(this.time, {
          kind: this.random.pick(['hocuspocus', 'y-websocket'] as const),
          userId: `user-${this.random.below(Math.ceil(people * 0.7))}`, // some have two tabs
          clientId: 1_000 + index,
          latency: () => this.random.below(30) + (this.random.below(20) === 0 ? 300 : 0),
        }),
      );
    }
  }

  startLane(node: number): void {
    const epoch = (this.#epochs[node] ?? 0) + 1;
    this.#epochs[node] = epoch;
    const lane: Presence = createPresence({
      time: this.time,
      slowdown: () => 1 + (Math.floor(this.time.now() / 3_000) % 4),
      limits: { bufferedBytes: 3_000, ...(this.#crowd === undefined ? {} : { fullRatePeople: this.#crowd }) },
      node: { id: `node-${node}`, epoch },
      publish: (boardId, message) => {
        if (this.lanes[node] === lane) this.#tellOthers(node, (other) => { other.receiveRemote(boardId, message); });
      },
    });
    this.lanes[node] = lane;
  }

  #tellOthers(node: number, tell: (lane: Presence) => void): void {
    for (const other of this.lanes.keys()) {
      if (other === node) continue;
      const way = `${node}>${other}`;
      const at = Math.max(this.#arrivals.get(way) ?? 0, this.time.now() + 1 + this.random.below(40));
      this.#arrivals.set(way, at);
      this.time.after(at - this.time.now(), () => {
        const lane = this.lanes[other];
        if (lane !== undefined) tell(lane);
      });
    }
  }

  step(): void {
    const client = this.random.pick(this.clients);
    const lane = this.random.pick(this.lanes);
    switch (this.random.below(19)) {
      case 0: case 1: case 2: case 3: case 4: case 5:
        client.set({ cursor: this.random.below(1_000_000), ...this.#view() });
        break;
      case 6: client.heartbeat(); break;
      case 7: if (this.random.below(4) === 0) client.set(null); break;
      case 8: case 9: case 10: if (client.link === undefined) client.connect(lane); break;
      case 11: client.drop(this.random.pick([0, 0, 100, 3_000, 9_000])); break;
      case 12: if (this.random.below(2) === 0) client.quit(); break;
      case 13: client.recreate({ cursor: 'anew' }); break;
      case 14: client.stuck = true; break;
      case 15: client.unstick(); break;
      case 16: this.#attack(client); break;
      case 17: client.link?.seat?.query(); break;
      case 18: lane.alongside(client.board); break;
    }
    this.time.advance(this.random.pick([0, 1, 5, 20, 50, 300, 1_000, 6_000]));
  }

  /** Where somebody looks: nowhere that is said, at one of three things, at two of them, or at nonsense. */
  #view(): { view?: unknown } {
    if (this.#crowd === undefined) return {};
    const name = (): string => `view-${this.random.below(3)}`;
    return this.random.pick([() => ({}), () => ({ view: name() }), () => ({ view: name() }), () => ({ view: [name(), name()] }), () => ({ view: [7, null, 'x'.repeat(100)] })])();
  }

  #attack(client: StockClient): void {
    const { random } = this;
    const victim = random.pick(this.clients);
    const claimed = encodeAwarenessUpdate(victim.awareness, victim.awareness.meta.has(victim.id) ? [victim.id] : []);
    const broken = claimed.slice();
    broken[random.below(broken.length)] = random.below(256);
    const junk = random.pick([random.bytes(random.below(40)), broken.subarray(random.below(3)), claimed.subarray(0, -1)]);
    // an own entry that was tampered with would be a state the application never set: send junk as somebody without a client
    const user = { id: 'attacker', name: '', picture: null, color: '#000000' };
    const lane = client.link?.presence ?? random.pick(this.lanes);
    const seat = lane.join(client.board, { id: 'attacker', user, bufferedBytes: 0, send: () => undefined });
    for (const frame of [junk, claimed]) {
      // an id that nobody holds would be its own from now on: allowed, and then the client of that id is rightly not seen
      const present = new Set(lane.list(client.board).map(({ clientId }) => clientId));
      const claims = decodeUpdate(frame)?.entries.some((entry) => entry.clientId >= 1_000 && !present.has(entry.clientId));
      if (!claims) seat.receive(frame);
    }
    seat.leave('clean');
    lane.receiveRemote(client.board, random.bytes(random.below(30)));
  }

  restart(node: number): void {
    const old = this.lanes[node];
    old?.close();
    for (const client of this.clients) if (client.link?.presence === old) client.drop();
    this.#tellOthers(node, (lane) => { lane.removeNode(`node-${node}`); }); // as the fan-out does when it hears of its next life
    this.startLane(node);
  }

  /** What every Awareness does by itself, in real time. */
  #beat(): void {
    this.time.after(1_000, () => {
      if (this.#beating && this.time.now() - this.#beatAt >= 15_000) {
        this.#beatAt = this.time.now();
        for (const client of this.clients) client.heartbeat();
      }
      this.#beat();
    });
  }

  /** Everyone is attached and reads; nobody changes anything any more. */
  settle(): void {
    this.time.advance(16_000); // 9 s until a dead socket is noticed, 4 s of grace, a sweep
    this.#beating = false; // which would repair what must be right without
    for (const client of this.clients) {
      client.unstick();
      if (client.link === undefined && this.random.below(3) > 0) client.connect(this.random.pick(this.lanes));
    }
    this.time.advance(this.#crowd === undefined ? 2_000 : 7_000); // 4 s until all are told what happens elsewhere, a round, and up to two busy seconds until it is their turn
    this.#beating = true;
  }

  check(): void {
    for (const lane of this.lanes) {
      const listed = new Map(lane.list('board').map(({ clientId, state }) => [clientId, state]));
      const here = this.clients.filter((client) => client.link !== undefined && client.said !== null);
      assert.deepEqual(new Set(listed.keys()), new Set(here.map((client) => client.id)), 'everyone who is attached, and nobody else');
      for (const client of here) assert.deepEqual(withoutUser(listed.get(client.id) ?? null), withoutUser(client.said));
      for (const client of this.clients) {
        client.checkOwnState();
        if (client.link?.presence !== lane) continue;
        // who only looks on cannot be told from a newcomer, and learns of the idle with their heartbeats
        if (client.said === null) continue;
        assert.deepEqual(client.others(), new Map([...listed].filter(([id]) => id !== client.id)), `as client ${client.id} sees it`);
      }
    }
  }

  close(): void {
    for (const client of this.clients) client.destroy();
    for (const lane of this.lanes) lane.close();
  }
}

/** `known`: seeds that once failed. */
function run(name: string, count: number, scenario: (seed: number) => void, known: readonly number[] = []): void {
  test(name, () => {
    for (const seed of [...known, ...seeds(count)]) {
      try {
        scenario(seed);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
}

run('one node: all agree, at once, whatever happened before', 150, (seed) => {
  const world = new World(seed, 1, 3 + (seed % 8));
  try {
    for (let round = 0; round < 3; round++) {
      for (let step = 0; step < 80; step++) world.step();
      world.settle();
      world.check();
    }
  } finally {
    world.close();
  }
}, [478_782_084 /* somebody who had only looked on came back with a state */, 720_283_052 /* who had only looked on said something */]);

run('one crowded node, where those in the same view are told first: all agree once things are quiet', 150, (seed) => {
  const world = new World(seed, 1, 5 + (seed % 16), { crowd: 1 + (seed % 5) });
  try {
    for (let round = 0; round < 3; round++) {
      for (let step = 0; step < 120; step++) world.step();
      world.settle();
      world.check();
    }
  } finally {
    world.close();
  }
}, [819_011_377 /* who came back without a word, and spoke after half a minute */]);

run('three crowded nodes: all agree, at once, whatever happened before', 60, (seed) => {
  const world = new World(seed, 3, 12, { crowd: 1 + (seed % 5) });
  try {
    for (let round = 0; round < 3; round++) {
      for (let step = 0; step < 100; step++) world.step();
      world.settle();
      world.check();
    }
  } finally {
    world.close();
  }
});

for (const restarts of [false, true]) {
  run(`three nodes${restarts ? ' that are restarted' : ''}: all agree, at once, whatever happened before`, 60, (seed) => {
    const world = new World(seed, 3, 9);
    try {
      for (let round = 0; round < 3; round++) {
        for (let step = 0; step < 80; step++) {
          world.step();
          if (restarts && world.random.below(40) === 0) world.restart(world.random.below(3));
        }
        world.settle();
        world.check();
      }
    } finally {
      world.close();
    }
  });
}
