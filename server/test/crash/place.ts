/** Where the ordeal happens: one board with one long text, its editors as members, and what the database holds of it. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import * as Y from 'yjs';
import { token, type SundayProcess } from '../sunday-process.ts';
import { markersOf } from './editors.ts';

const OWNER = 'u_owner';
/** Everybody is back, and everything saved, within this time at the latest. */
const CONVERGE_MS = 60_000;

export async function preparePlace(server: SundayProcess, editors: number) {
  const board = await server.call<{ id: string; columns: { id: string; type: string }[] }>('POST', '/boards', OWNER, {
    name: 'Ordeal', columns: [{ title: 'Notes', type: 'long_text' }],
  });
  const column = board.columns.find((candidate) => candidate.type === 'long_text');
  const item = await server.call<{ id: string }>('POST', `/boards/${board.id}/items`, OWNER, { name: 'Typed into' });
  for (let index = 0; index < editors; index += 1) {
    await server.call('POST', `/boards/${board.id}/members`, OWNER, { userId: `u_${index}`, role: 'editor' });
  }
  if (column === undefined) throw new Error('the board has no long text column');
  return { url: server.url, boardId: board.id, itemId: item.id, columnId: column.id };
}

/** What a new node reads from the database. */
export async function storedText(server: SundayProcess, place: { boardId: string; itemId: string; columnId: string }): Promise<string> {
  await server.signal('SIGKILL');
  await server.start();
  const response = await fetch(`${server.url}/v1/boards/${place.boardId}/export?format=yjs`, { headers: { authorization: `Bearer ${await token(OWNER)}` } });
  assert.equal(response.status, 200);
  const doc = new Y.Doc();
  Y.applyUpdate(doc, new Uint8Array(await response.arrayBuffer()));
  return markersOf(doc, place.itemId, place.columnId).toString();
}

export async function until(what: string, condition: () => boolean, explain: () => string = () => ''): Promise<void> {
  const deadline = Date.now() + CONVERGE_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}. ${explain()}`);
    await delay(10);
  }
}
