/** The history of a board over REST: what happened, as it happens, and versions to return to. */
import type { BoardDiff } from '@sunday/board-model';
import { ApiError, authorization, call } from './rest.ts';

export interface BoardEvent {
  id: string;
  type: string;
  aggregateId: string;
  aggregateType: 'board' | 'item';
  version: number;
  data: Record<string, unknown>;
  metadata: { userId: string | null };
  timestamp: string;
}

export interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

export interface Version {
  id: string;
  name: string | null;
  reason: 'named' | 'hourly' | 'before_restore';
  seq: number;
  createdBy: string | null;
  createdAt: string;
}

export interface VersionDiff {
  counts: { added: number; removed: number; changed: number };
  diff: BoardDiff;
}

const board = (id: string) => `/boards/${encodeURIComponent(id)}`;
const version = (boardId: string, id: string) => `${board(boardId)}/versions/${encodeURIComponent(id)}`;
const from = (cursor: string | null) => (cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`);

export const history = {
  /** The latest first. */
  events: (boardId: string, cursor: string | null, limit: number) => call<Page<BoardEvent>>('GET', `${board(boardId)}/events?order=desc&limit=${limit}${from(cursor)}`),
  ofItem: (boardId: string, itemId: string, cursor: string | null, limit: number) =>
    call<Page<BoardEvent>>('GET', `${board(boardId)}/items/${encodeURIComponent(itemId)}/history?limit=${limit}${from(cursor)}`),
  versions: (boardId: string, cursor: string | null) => call<Page<Version>>('GET', `${board(boardId)}/versions?limit=50${from(cursor)}`),
  keep: (boardId: string, name: string | null) => call<Version>('POST', `${board(boardId)}/versions`, { name }),
  remove: (boardId: string, id: string) => call<null>('DELETE', version(boardId, id)),
  /** From the version to the board as it is now. */
  diff: (boardId: string, id: string) => call<VersionDiff>('GET', `${version(boardId, id)}/diff?limit=200`),
  restore: (boardId: string, id: string, itemId: string | null) => call<{ undo: string; items: number }>('POST', `${version(boardId, id)}/restore`, itemId === null ? {} : { itemId }),
};

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 30_000;
/** Codes after which asking again with the same rights gives the same answer. */
const FINAL = new Set(['forbidden', 'board_not_found', 'not_found', 'unauthenticated']);

/** Calls back for every event after version `after`, until `signal` is aborted or the board is lost. Comes back by itself after a cut. */
export async function followEvents(boardId: string, after: number, signal: AbortSignal, onEvent: (event: BoardEvent) => void): Promise<void> {
  let seen = after;
  for (let wait = RETRY_FIRST_MS; !signal.aborted; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
    const before = seen;
    try {
      const ended = await readStream(`/v1/events/stream?boardId=${encodeURIComponent(boardId)}&after=${seen}`, signal, (event) => {
        if (event.version <= seen) return;
        seen = event.version;
        onEvent(event);
      });
      if (ended !== null && FINAL.has(ended)) return;
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) return;
    }
    if (seen > before) wait = RETRY_FIRST_MS;
    await pause(wait, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Reads one stream to its end; answers the code the server ended it with, or null for a cut. An EventSource cannot send the token. */
async function readStream(url: string, signal: AbortSignal, onEvent: (event: BoardEvent) => void): Promise<string | null> {
  const response = await fetch(url, { headers: { ...(await authorization()), accept: 'text/event-stream' }, signal });
  if (!response.ok || !response.body) throw new ApiError('internal', response.status, `The server answered ${response.status}.`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const messages = (rest + chunk.value).split('\n\n');
    rest = messages.pop() ?? '';
    for (const message of messages) {
      const data = /^data: (.*)$/m.exec(message)?.[1];
      if (data === undefined) continue;
      if (/^event: end$/m.test(message)) return (JSON.parse(data) as { code: string }).code;
      onEvent(JSON.parse(data) as BoardEvent);
    }
  }
  return null;
}
