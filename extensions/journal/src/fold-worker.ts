/** Worker thread: folds updates into one, with Yjs' garbage collection (merging bytes alone would keep every overwritten value). */
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import * as Y from 'yjs';

export interface FoldRequest {
  readonly id: number;
  readonly updates: readonly Uint8Array[];
}

export type FoldReply = { readonly id: number; readonly bytes: Uint8Array } | { readonly id: number; readonly error: string };

function fold(updates: readonly Uint8Array[]): Uint8Array {
  const document = new Y.Doc({ gc: true });
  document.transact(() => { for (const update of updates) Y.applyUpdate(document, update); });
  const bytes = Y.encodeStateAsUpdate(document);
  document.destroy();
  return bytes;
}

// Nobody waits for a compaction as people wait for the event loop, which may share a core with this thread. On Linux this is of the thread alone.
if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL);

parentPort?.on('message', (request: FoldRequest) => {
  let reply: FoldReply;
  try {
    reply = { id: request.id, bytes: fold(request.updates) };
  } catch (error) {
    reply = { id: request.id, error: String(error) };
  }
  parentPort?.postMessage(reply);
});
