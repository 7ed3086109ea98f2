/**
 * A plain Hocuspocus server whose acknowledgements are commits. Any stock `@hocuspocus/provider` may connect; a document's name is a UUID.
 *   node --conditions=sunday-source extensions/journal/examples/plain-hocuspocus.ts
 * PORT (1234) and DATA_DIR (.journal-example) may be set. The documents are any Yjs documents: nothing is projected into SQL rows.
 */
import { Server } from '@hocuspocus/server';
import { DatabaseUnavailable, openDatabase } from '@sunday/database';
import { Journal, PostgresStore, noProjection } from '@sunday/extension-journal';
import * as Y from 'yjs';

const database = await openDatabase({ dataDir: process.env['DATA_DIR'] ?? '.journal-example' });
const store = new PostgresStore(database, 'node-1');
const journal = new Journal({ store, isUnavailable: (error) => error instanceof DatabaseUnavailable, projection: noProjection });
const empty = { workspaceId: null, createdBy: 'example', state: Y.encodeStateAsUpdate(new Y.Doc()), items: [] };
/** Who opens a document that does not exist makes it. Put your own sign-in here, too: `return { userId }` says whose edits these are. */
async function onAuthenticate({ documentName: boardId }: { documentName: string }): Promise<{ userId: string }> {
  if ((await store.load(boardId)) === null) await journal.create({ boardId, ...empty, board: { name: boardId, description: '', columns: [], groups: [] } });
  return { userId: 'somebody' };
}
const server = new Server({ port: Number(process.env['PORT'] ?? 1234), address: '127.0.0.1', quiet: true, stopOnSignals: false, extensions: [journal.extension, { onAuthenticate }] });
await server.listen();
console.log(`Listening at ${server.webSocketURL}`);
process.once('SIGTERM', () => {
  void server.destroy().then(() => journal.drain()).then(() => journal.close()).then(() => database.close());
});
