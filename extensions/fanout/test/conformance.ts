/**
 * What every fan-out driver has to do, as a suite for node:test. A driver's test calls `fanoutConformance` with a way to make
 * nodes, to kill one, and to close and open the way between them; names below are what `fanout.ts` promises.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { untilWithin } from '@sunday/board-model/testing/until';
import type { BoardMessage, Fanout, FanoutState, NodeIdentity } from '../src/fanout.ts';

const until = untilWithin(20_000);

export interface FanoutHarness {
  make(node: NodeIdentity): Fanout;
  /** The node's process is gone, without goodbye. */
  kill(fanout: Fanout): Promise<void>;
  /** The way between all nodes is down, and open again. */
  sever(): Promise<void>;
  restore(): Promise<void>;
  close(): Promise<void>;
}

interface Heard {
  readonly boardId: string;
  readonly message: BoardMessage;
  readonly from: NodeIdentity;
}

interface TestNode {
  readonly fanout: Fanout;
  readonly heard: Heard[];
  readonly missed: (string | null)[];
  readonly here: string[];
  readonly gone: string[];
  readonly states: FanoutState[];
  readonly drops: string[];
}

/** The promise is five seconds; the rest is a busy machine. */
const DEAD_WITHIN_MS = 6_000;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const batch = (seq: number, text = `update ${seq}`): BoardMessage => ({ kind: 'batch', seq, update: bytes(text) });
const seqs = (node: TestNode, boardId: string): number[] =>
  node.heard.flatMap((heard) => (heard.boardId === boardId && heard.message.kind === 'batch' ? [heard.message.seq] : []));

export function fanoutConformance(name: string, openHarness: () => Promise<FanoutHarness>, options: { skip?: string | false } = {}): void {
  describe(`fan-out: ${name}`, { skip: options.skip ?? false }, () => {
    let harness: FanoutHarness;
    const running = new Set<Fanout>();
    let epoch = 1;

    before(async () => { harness = await openHarness(); });
    after(async () => {
      await stopAll();
      await harness.close();
    });

    async function stopAll(): Promise<void> {
      await Promise.all([...running].map((fanout) => fanout.stop()));
      running.clear();
    }

    async function start(id: string = randomUUID(), onMessage: (heard: Heard) => void = () => undefined): Promise<TestNode> {
      const node: TestNode = { fanout: harness.make({ id, epoch: ++epoch }), heard: [], missed: [], here: [], gone: [], states: [], drops: [] };
      running.add(node.fanout);
      await node.fanout.start({
        message(boardId, message, from) {
          // Views are valid while they are handed over: what is kept is copied.
          const kept = structuredClone(message);
          node.heard.push({ boardId, message: kept, from: { ...from } });
          onMessage({ boardId, message: kept, from });
        },
        missed: (boardId) => { node.missed.push(boardId); },
        nodeHere: ({ id }) => { node.here.push(id); },
        nodeGone: ({ id }) => { node.gone.push(id); },
        state: (state) => { node.states.push(state); },
        dropped: (drop) => { node.drops.push(drop); },
      });
      return node;
    }

    test('every message arrives at every other node that has the board open, whole, in order, once, and nowhere else', async () => {
      const [a, b, c, elsewhere] = [await start(), await start(), await start(), await start()];
      const boardId = randomUUID();
      for (const node of [a, b, c]) await node.fanout.open(boardId);
      await elsewhere.fanout.open(randomUUID());
      const binary = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
      const sent: BoardMessage[] = [
        { kind: 'batch', seq: 1, update: binary },
        { kind: 'batch', seq: 2 ** 40, update: bytes('x') },
        { kind: 'head', seq: 3 },
        { kind: 'volatile', update: binary, authors: ['ada', 'grace'], clients: new Map([[4_294_967_295, 'ada'], [1, 'gräce']]) },
        { kind: 'presence', message: bytes('cursor') },
      ];
      for (const message of sent) a.fanout.publish(boardId, message);
      b.fanout.publish(boardId, batch(9));
      await until('all have arrived', () => b.heard.length >= sent.length && c.heard.length >= sent.length + 1 && a.heard.length >= 1);
      const fromA = c.heard.filter(({ from }) => from.id === a.fanout.node.id);
      assert.deepEqual(fromA.map(({ message }) => message), sent);
      assert.deepEqual(fromA[0]?.from, a.fanout.node);
      assert.deepEqual(b.heard.map(({ message }) => message), sent);
      assert.deepEqual(seqs(a, boardId), [9], 'nobody gets their own');
      assert.deepEqual(elsewhere.heard, []);
      await stopAll();
    });

    test('what is published after `open` has resolved arrives, 50 boards at once; after `close` nothing does', async () => {
      const [a, b] = [await start(), await start()];
      const boardIds = Array.from({ length: 50 }, () => randomUUID());
      await Promise.all(boardIds.map(async (boardId) => {
        await b.fanout.open(boardId);
        a.fanout.publish(boardId, batch(7));
      }));
      await until('all have arrived', () => b.heard.length === boardIds.length);
      const [closed = '', open = ''] = boardIds;
      b.fanout.close(closed);
      b.fanout.close(closed);
      assert.equal([...b.fanout.boards].includes(closed), false);
      await b.fanout.open(open); // again: no harm
      a.fanout.publish(closed, batch(8));
      a.fanout.publish(open, batch(8));
      await until('the open one goes on', () => seqs(b, open).length === 2);
      assert.deepEqual(seqs(b, closed), [7]);
      await b.fanout.open(closed);
      a.fanout.publish(closed, batch(9));
      await until('an opened one again', () => seqs(b, closed).includes(9));
      assert.deepEqual(seqs(b, closed), [7, 9]);
      await stopAll();
    });

    test('a thousand messages keep their order', async () => {
      const [a, b] = [await start(), await start()];
      const boardId = randomUUID();
      await b.fanout.open(boardId);
      for (let seq = 1; seq <= 1000; seq++) a.fanout.publish(boardId, batch(seq));
      await until('all have arrived', () => b.heard.length === 1000);
      assert.deepEqual(seqs(b, boardId), Array.from({ length: 1000 }, (_, index) => index + 1));
      await stopAll();
    });

    test('a handler that throws harms nobody: the board is reported missed, and the next message comes', async () => {
      const a = await start();
      const b = await start(undefined, ({ message }) => { if (message.kind === 'batch' && message.seq === 1) throw new Error('not taken'); });
      const boardId = randomUUID();
      await b.fanout.open(boardId);
      a.fanout.publish(boardId, batch(1));
      a.fanout.publish(boardId, batch(2));
      await until('the second has arrived', () => seqs(b, boardId).includes(2));
      assert.deepEqual(b.missed.filter((id) => id !== null), [boardId]);
      assert.deepEqual(b.drops, ['handler']);
      await stopAll();
    });

    test('nodes know each other, and one that says goodbye is gone at once', async () => {
      const [a, b] = [await start(), await start()];
      const { id } = b.fanout.node;
      await until('they know each other', () => a.here.includes(id) && b.here.includes(a.fanout.node.id));
      assert.deepEqual(a.fanout.nodes, [b.fanout.node]);
      running.delete(b.fanout);
      await b.fanout.stop();
      const left = performance.now();
      await until('it is gone', () => a.gone.includes(id));
      assert(performance.now() - left < 1_000, 'a goodbye is not waited for');
      assert.deepEqual(a.fanout.nodes, []);
      await stopAll();
    });

    test('a node that dies is gone within seconds; its next life is another', async () => {
      const [a, b] = [await start(), await start()];
      const { id } = b.fanout.node;
      await until('they know each other', () => a.here.includes(id));
      running.delete(b.fanout);
      const died = performance.now();
      await harness.kill(b.fanout);
      await until('it is gone', () => a.gone.includes(id));
      assert(performance.now() - died < DEAD_WITHIN_MS, `noticed after ${Math.round(performance.now() - died)} ms`);
      const next = await start(id);
      await until('it is here again', () => a.here.filter((each) => each === id).length === 2);
      assert.deepEqual(a.fanout.nodes, [next.fanout.node]);
      await stopAll();
    });

    test('while the way is down nothing blocks, throws or is queued without bound; when it is open again all are told, and messages flow', async () => {
      const [a, b] = [await start(), await start()];
      const [boardId, opened] = [randomUUID(), randomUUID()];
      await Promise.all([a.fanout.open(boardId), b.fanout.open(boardId)]);
      await until('they know each other', () => a.here.length === 1 && b.here.length === 1);
      await harness.sever();
      await until('both know', () => a.fanout.state === 'degraded' && b.fanout.state === 'degraded');
      // One of a node's two connections may end before the other does.
      await until('nothing is taken any more', () => {
        a.fanout.publish(boardId, batch(0));
        return a.drops.at(-1) === 'offline';
      });
      const before = a.drops.length;
      const began = performance.now();
      for (let seq = 1; seq <= 10_000; seq++) a.fanout.publish(boardId, batch(seq, 'y'.repeat(10_000)));
      await b.fanout.open(opened);
      assert(performance.now() - began < 5_000, 'publishing and opening do not wait for the way');
      const drops = a.drops.slice(before);
      assert(drops.length >= 10_000 && drops.every((drop) => drop === 'offline'), `dropped: ${drops.length}`);
      const [missedByA, missedByB] = [a.missed.length, b.missed.length];
      await harness.restore();
      await until('both are well', () => a.fanout.state === 'ok' && b.fanout.state === 'ok');
      await until('both were told', () => a.missed.slice(missedByA).includes(null) && b.missed.slice(missedByB).includes(null));
      a.fanout.publish(boardId, batch(10_001));
      a.fanout.publish(opened, batch(1));
      await until('messages flow, also of a board opened meanwhile', () => seqs(b, boardId).includes(10_001) && seqs(b, opened).includes(1));
      assert.deepEqual(seqs(b, boardId), [10_001], 'what was published meanwhile is not delivered late');
      assert.deepEqual([a.gone, b.gone], [[], []], 'nobody is taken for dead while nobody can be heard');
      assert.deepEqual(a.states.slice(-2), ['degraded', 'ok']);
      await stopAll();
    });
  });
}
