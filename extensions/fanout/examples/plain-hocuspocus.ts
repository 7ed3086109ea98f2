/**
 * Plain Hocuspocus servers that are one: start as many as you like with the same DATABASE_URL and REDIS_URL, each with a NODE of its own.
 *   DATABASE_URL=… REDIS_URL=… NODE=a PORT=1234 node --conditions=sunday-source extensions/fanout/examples/plain-hocuspocus.ts
 * Any stock `@hocuspocus/provider` may connect to any of them; a document's name is a UUID.
 */
import { Server } from '@hocuspocus/server';
import { DatabaseUnavailable, nextEpoch, openDatabase } from '@sunday/database';
import { joinFanout, RedisFanout } from '@sunday/extension-fanout';
import { Journal, PostgresStore, noProjection } from '@sunday/extension-journal';
import * as Y from 'yjs';

const id = process.env['NODE'] ?? 'a';
const database = await openDatabase({ url: process.env['DATABASE_URL'], dataDir: '.sunday-fanout' });
const store = new PostgresStore(database, id);
const fanout = new RedisFanout({ node: { id, epoch: await nextEpoch(database) }, url: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379' });
const journal = new Journal({
  store, projection: noProjection,
  isUnavailable: (error) => error instanceof DatabaseUnavailable,
  events: {
    batch: ({ boardId, seq, update }) => { fanout.publish(boardId, { kind: 'batch', seq, update }); },
    volatile: ({ boardId, ...batch }) => { fanout.publish(boardId, { kind: 'volatile', ...batch }); },
  },
});
const nodes = joinFanout({ fanout, journal });
const empty = { workspaceId: null, createdBy: 'example', state: Y.encodeStateAsUpdate(new Y.Doc()), items: [] };
const extensions = [
  nodes.extension,
  // Who opens a document that does not exist makes it; another node may be doing so, too.
  { priority: 1001, async onLoadDocument({ documentName: boardId }: { documentName: string }) {
    if ((await store.load(boardId)) !== null) return;
    const made = journal.create({ boardId, ...empty, board: { name: boardId, description: '', columns: [], groups: [] } });
    await made.catch(async (error: unknown) => { if ((await store.load(boardId)) === null) throw error; });
  } },
  journal.extension,
  // Your own sign-in goes here; what it returns says whose edits these are.
  { onAuthenticate: () => Promise.resolve({ userId: 'somebody' }) },
];
await nodes.start();
const server = new Server({ port: Number(process.env['PORT'] ?? 1234), address: '127.0.0.1', quiet: true, stopOnSignals: false, extensions });
await server.listen();
console.log(`Listening at ${server.webSocketURL}`);
process.once('SIGTERM', () => {
  void server.destroy().then(() => journal.drain()).then(() => nodes.stop()).then(() => journal.close()).then(() => database.close());
});
