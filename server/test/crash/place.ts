/** Where the ordeal happens: one board with items and one long text that all type into, its editors as members, and what the database holds of it. */
import assert from 'node:assert/strict';
import { untilWithin } from '@sunday/board-model/testing/until';
import { connectRunning, DatabaseUnavailable } from '@sunday/database';
import { toldWhole } from '@sunday/extension-domain-events/testing';
import * as Y from 'yjs';
import { COLUMNS, NOTES } from '../chaos/deeds.ts';
import { token, type SundayProcess } from '../sunday-process.ts';
import { markersOf } from './editors.ts';

const OWNER = 'u_owner';
const FIRST_ITEMS = 8;
/** Everybody is back, and everything saved, within this time at the latest. */
const CONVERGE_MS = 60_000;

const converge = untilWithin(CONVERGE_MS);
export const until = (what: string, holds: () => unknown, explain?: () => string): Promise<number> => converge(what, holds, undefined, explain);

export async function preparePlace(server: SundayProcess, editors: number) {
  const board = await server.call<{ id: string }>('POST', '/boards', OWNER, { name: 'Ordeal', columns: COLUMNS });
  for (const title of ['Now', 'Later']) await server.call('POST', `/boards/${board.id}/groups`, OWNER, { title });
  const item = await server.call<{ id: string }>('POST', `/boards/${board.id}/items`, OWNER, { name: 'Typed into' });
  for (let other = 1; other < FIRST_ITEMS; other += 1) await server.call('POST', `/boards/${board.id}/items`, OWNER, { name: `Item ${other}` });
  for (let index = 0; index < editors; index += 1) {
    await server.call('POST', `/boards/${board.id}/members`, OWNER, { userId: `u_${index}`, role: 'editor' });
  }
  return { url: server.url, boardId: board.id, itemId: item.id, columnId: NOTES };
}

/**
 * Looks at the database past the server, whatever goes on: what is committed is told of, whole and once.
 * @returns how many events there are; `null` if Postgres was killed while this looked
 */
export async function eventsTold(server: SundayProcess, boardId: string): Promise<number | null> {
  const database = connectRunning({ dataDir: server.dataDir });
  if (database === undefined) return null;
  try {
    return (await toldWhole(database, boardId)).version;
  } catch (error) {
    if (error instanceof DatabaseUnavailable) return null;
    throw error;
  } finally {
    await database.close();
  }
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

