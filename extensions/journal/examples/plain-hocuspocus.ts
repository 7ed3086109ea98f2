/**
 * A plain Hocuspocus server whose acknowledgements are commits. Any stock `@hocuspocus/provider` may connect; a document's name is a UUID.
 *   node --conditions=sunday-source extensions/journal/examples/plain-hocuspocus.ts
 * Keeps its data in DATABASE_URL, else in an embedded Postgres in .sunday-journal; listens on PORT (1234). The documents may be any Yjs
 * documents: nothing is projected into SQL rows.
 */
import { Server } from '@hocuspocus/server';
import { DatabaseUnavailable, openDatabase } from '@sunday/database';
import { Journal, PostgresStore, noProjection } from '@sunday/extension-journal';
import * as Y from 'yjs';

const database = await openDatabase({ url: process.env['DATABASE_URL'], dataDir: '.sunday-journal' });
const store = new PostgresStore(database, 'node-1');
const journal = new Journal({ store, isUnavailable: (error) => error instanceof DatabaseUnavailable, projection: noProjection });
const empty = { workspaceId: null, createdBy: 'example', state: Y.encodeStateAsUpdate(new Y.Doc()), items: [] };
const extensions = [
  // Who opens a document that does not exist makes it.
  { priority: 1001, async onLoadDocument({ documentName: boardId }: { documentName: string }) {
    if ((await store.load(boardId)) === null) await journal.create({ boardId, ...empty, board: { name: boardId, description: '', columns: [], groups: [] } });
  } },
  journal.extension,
  // Your own sign-in goes here; what it returns says whose edits these are.
  { onAuthenticate: () => Promise.resolve({ userId: 'somebody' }) },
];
const server = new Server({ port: Number(process.env['PORT'] ?? 1234), address: '127.0.0.1', quiet: true, stopOnSignals: false, extensions });
await server.listen();
console.log(`Listening at ${server.webSocketURL}`);
process.once('SIGTERM', () => {
  void server.destroy().then(() => journal.drain()).then(() => journal.close()).then(() => database.close());
});
