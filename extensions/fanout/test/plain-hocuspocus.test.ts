/** The fan-out between plain Hocuspocus servers with the journal, on real Postgres: a way that loses, repeats and delays, and the README's example. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, before, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { Hocuspocus, type Document } from '@hocuspocus/server';
import { seededRandom } from '@sunday/board-model/testing/random';
import { untilWithin } from '@sunday/board-model/testing/until';
import { DatabaseUnavailable } from '@sunday/database';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { Journal, noProjection, PostgresStore, type Batch, type JournalStore, type Outcome, type StoredBoard } from '@sunday/extension-journal';
import * as Y from 'yjs';
import { Hub, InProcessFanout, joinFanout, type Fanout, type FanoutHandlers } from '../src/index.ts';
import { noRedis, startRedis } from '../src/testing.ts';

const until = untilWithin(10_000);

let database: TestDatabase;
before(async () => { database = await openTestDatabase(); });
after(async () => { await database.close(); });

interface Faults {
  on: boolean;
  readonly chance: () => number;
}

/** Loses, repeats, delays and reorders what arrives; says nothing of it. */
function lossy(fanout: Fanout, faults: Faults): Fanout {
  const start = (handlers: FanoutHandlers): Promise<void> => fanout.start({
    ...handlers,
    message(...given) {
      const chance = faults.on ? faults.chance() : 1;
      if (chance < 0.3) return;
      if (chance < 0.4) handlers.message(...given);
      if (chance < 0.6) setTimeout(() => { handlers.message(...given); }, faults.chance() * 20);
      else handlers.message(...given);
    },
  });
  return Object.assign(Object.create(fanout) as Fanout, {
    start, node: fanout.node, open: (boardId: string) => fanout.open(boardId), close: (boardId: string) => { fanout.close(boardId); },
    publish: fanout.publish.bind(fanout), stop: () => fanout.stop(),
  });
}

/**
 * Commits at once and says so late: others commit on top, and are heard, before this node knows of its own commit. Reads at once and answers late:
 * others commit between what a load has read and the moment the board is open.
 */
function slowToAnswer(store: JournalStore, chance: () => number): JournalStore {
  return Object.assign(Object.create(store) as JournalStore, {
    async commit(batches: readonly Batch[]): Promise<Outcome[]> {
      const outcomes = await store.commit(batches);
      if (chance() < 0.5) await new Promise((resolve) => { setTimeout(resolve, chance() * 15); });
      return outcomes;
    },
    async load(boardId: string): Promise<StoredBoard | null> {
      const stored = await store.load(boardId);
      await new Promise((resolve) => { setTimeout(resolve, chance() * 30); });
      return stored;
    },
  });
}

async function startNode(hub: Hub, faults: Faults) {
  const id = randomUUID();
  const inner = new InProcessFanout({ id, epoch: 1 }, hub);
  const journal = new Journal({
    store: slowToAnswer(new PostgresStore(database.another(), id), faults.chance), projection: noProjection, isUnavailable: (error) => error instanceof DatabaseUnavailable,
    events: { batch: ({ boardId, seq, update }) => { inner.publish(boardId, { kind: 'batch', seq, update }); } },
  });
  const fanout = lossy(inner, faults);
  Object.defineProperties(fanout, { state: { get: () => inner.state }, boards: { get: () => inner.boards } });
  const nodes = joinFanout({ fanout, journal });
  const hocuspocus = new Hocuspocus({ extensions: [nodes.extension, journal.extension], quiet: true });
  await nodes.start();
  return {
    journal,
    open: async (boardId: string): Promise<Document> => {
      const { document } = await hocuspocus.openDirectConnection(boardId, {});
      assert(document !== null);
      return document;
    },
    async stop() {
      await journal.drain();
      await nodes.stop();
      await journal.close();
    },
  };
}

const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env['FUZZ'] ?? 5);

test(`a way between nodes that loses, repeats and delays is made good by the journal: three nodes converge (seed ${SEED}, ${RUNS} runs)`, async () => {
  for (let run = 0; run < RUNS; run++) {
    const faults: Faults = { on: true, chance: seededRandom(SEED + run) };
    const hub = new Hub();
    const nodes = await Promise.all([startNode(hub, faults), startNode(hub, faults), startNode(hub, faults)]);
    const boardId = randomUUID();
    const [first] = nodes;
    await first?.journal.create({
      boardId, workspaceId: null, createdBy: 'fuzz', state: Y.encodeStateAsUpdate(new Y.Doc()), items: [],
      board: { name: 'Fuzz', description: '', columns: [], groups: [] },
    });
    const documents: Document[] = [];
    let edits = 0;
    for (let step = 0; step < 300; step++) {
      // The second and third open the board while it is edited.
      const node = nodes[documents.length];
      if (node !== undefined && step % 40 === 0) documents.push(await node.open(boardId));
      const document = documents[Math.floor(faults.chance() * documents.length)];
      document?.getMap('cells').set(`cell ${++edits}`, edits);
      document?.getText('text').insert(0, 'x');
      if (faults.chance() < 0.3) await new Promise((resolve) => { setTimeout(resolve, faults.chance() * 8); });
    }
    await Promise.all(nodes.map(({ journal }) => journal.drain()));
    await new Promise((resolve) => { setTimeout(resolve, 25); }); // what is delayed arrives
    faults.on = false;
    const allTheSame = (when: string): Promise<number> => until(`all are the same (seed ${SEED + run}, ${when})`, () => documents.every(
      (document) => document.getMap('cells').size === edits && document.getText('text').length === edits,
    ), 2_000).catch((error: unknown) => {
      throw new Error(`${documents.map((document) => `${document.getMap('cells').size}/${document.getText('text').length}`).join(', ')} of ${edits}`, { cause: error });
    });
    const edit = (document: Document | undefined): void => {
      document?.getMap('cells').set(`cell ${++edits}`, edits);
      document?.getText('text').insert(0, 'x');
    };
    // The next batch of anybody shows each what it lacks: no need to wait for the look at the heads.
    edit(documents[0]);
    await allTheSame('after the next batch');
    // Without faults nothing has to be waited for, though batches arrive while a node's own commit is out.
    for (let burst = 1; burst <= 10; burst++) {
      for (let step = 0; step < 20; step++) {
        edit(documents[step % 3]);
        await new Promise((resolve) => { setTimeout(resolve, faults.chance() * 3); });
      }
      await allTheSame(`burst ${burst}`);
    }
    for (const node of nodes) await node.stop();
  }
});

test(`a board opened while its last edit is committed elsewhere has that edit, 40 times (seed ${SEED})`, async () => {
  const chance = seededRandom(SEED);
  const hub = new Hub();
  const [one, two] = [await startNode(hub, { on: false, chance }), await startNode(hub, { on: false, chance })];
  for (let run = 1; run <= 40; run++) {
    const boardId = randomUUID();
    await one.journal.create({
      boardId, workspaceId: null, createdBy: 'test', state: Y.encodeStateAsUpdate(new Y.Doc()), items: [],
      board: { name: 'Test', description: '', columns: [], groups: [] },
    });
    const there = await one.open(boardId);
    const opening = two.open(boardId);
    await new Promise((resolve) => { setTimeout(resolve, chance() * 30); });
    there.getMap('cells').set('last', run);
    await one.journal.drain();
    const here = await opening;
    // Sooner than the look at the heads, every 5 s, would find it.
    await until(`the edit is there (run ${run})`, () => here.getMap('cells').get('last') === run, 1_000);
  }
  await one.stop();
  await two.stop();
});

const EXAMPLE = fileURLToPath(new URL('../examples/plain-hocuspocus.ts', import.meta.url));

async function startExample(t: TestContext, env: Record<string, string>): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ['--conditions=sunday-source', EXAMPLE], { env: { ...process.env, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => { child.kill('SIGKILL'); });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^Listening at (ws:\S+)$/.exec(line)?.[1];
    if (url !== undefined) return { url, child };
  }
  throw new Error('the example ended without listening');
}

test('two plain Hocuspocus servers are one, through the death of either', { skip: noRedis() }, async (t) => {
  const redis = await startRedis();
  t.after(() => redis.close());
  const start = (NODE: string) => startExample(t, { NODE, DATABASE_URL: database.connectionString, REDIS_URL: redis.url });
  const [one, two] = [await start('a'), await start('b')];
  const name = randomUUID();
  const connect = (url: string) => {
    const websocketProvider = new HocuspocusProviderWebsocket({ url });
    const provider = new HocuspocusProvider({ websocketProvider, name, document: new Y.Doc(), token: 'any' });
    provider.attach();
    t.after(() => { provider.destroy(); websocketProvider.destroy(); });
    return provider;
  };
  const [ada, bob] = [connect(one.url), connect(two.url)];
  await until('both are in sync', () => ada.isSynced && bob.isSynced);
  ada.document.getText('notes').insert(0, 'hello');
  await until('the other node has it', () => bob.document.getText('notes').toJSON() === 'hello', 2_000);
  one.child.kill('SIGKILL');
  await once(one.child, 'exit');
  bob.document.getText('notes').insert(5, ' world');
  await until('it is saved', () => !bob.hasUnsyncedChanges);
  const three = await start('a');
  const cleo = connect(three.url);
  await until('a new node has all of it', () => cleo.document.getText('notes').toJSON() === 'hello world');
  bob.document.getText('notes').insert(11, '!');
  await until('and follows', () => cleo.document.getText('notes').toJSON() === 'hello world!', 2_000);
  cleo.destroy();
  cleo.configuration.websocketProvider.destroy();
  three.child.kill('SIGTERM');
  await once(three.child, 'exit');
  assert.equal(three.child.exitCode, 0);
});

test('the README shows this example', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const shown = /```ts\n([^]*?)```/.exec(readme)?.[1] ?? '';
  assert(shown.includes('joinFanout') && readFileSync(EXAMPLE, 'utf8').endsWith(shown));
});
