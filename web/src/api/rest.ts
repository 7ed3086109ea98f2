/**
 * The REST calls of the app: lists, members, import, sign-in. Board data goes through the live SDK instead.
 * Every failure is an ApiError with the server's stable code, or `network` when no answer came.
 */
import { isEnding, session, signIn, signOut } from '../app/session.ts';
import type { Session, SessionUser } from '../app/session.ts';

export type Role = 'owner' | 'editor' | 'commenter' | 'viewer';

export interface BoardSummary {
  id: string;
  name: string;
  description: string;
  createdAt: string;
  updatedAt: string;
  role: Role;
  columns: { id: string; title: string; type: string; settings: { labels?: { id: string; color: string }[] } }[];
  groups: { id: string; title: string; color: string }[];
}

export interface Member {
  userId: string;
  name: string | null;
  picture: string | null;
  role: Role;
}

export interface NewBoard {
  name: string;
  template?: string;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = status;
  }
}

interface Problem {
  code?: string;
  title?: string;
  detail?: string;
}

function failure(status: number, body: unknown): ApiError {
  const problem: Problem = typeof body === 'object' && body !== null ? body : {};
  return new ApiError(problem.code ?? 'internal', status, problem.detail ?? problem.title ?? `The server answered ${status}.`);
}

/** The session's token; one made by name is renewed when it ends, every other is for its owner to renew. */
export async function freshToken(): Promise<string> {
  const current = session.get();
  if (!current) return '';
  if (!current.byName || !isEnding(current.token)) return current.token;
  const renewed = await api.devSession(current.user.name);
  signIn({ ...renewed, byName: true });
  return renewed.token;
}

export async function authorization(): Promise<Record<string, string>> {
  const token = await freshToken();
  return token ? { authorization: `Bearer ${token}` } : {};
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers = path.startsWith('/dev/') ? {} : await authorization();
  let response: Response;
  try {
    response = await fetch(`/v1${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new ApiError('network', 0, 'No answer from the server. Are you offline?', { cause });
  }
  const data: unknown = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) {
    if (response.status === 401 && !path.startsWith('/dev/')) signOut();
    throw failure(response.status, data);
  }
  return data as T;
}

async function all<T>(path: string): Promise<T[]> {
  const rows: T[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
    const page: { data: T[]; nextCursor: string | null } = await call('GET', `${path}?limit=100${query}`);
    rows.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor);
  return rows;
}

const board = (id: string) => `/boards/${encodeURIComponent(id)}`;
const member = (boardId: string, userId: string) => `${board(boardId)}/members/${encodeURIComponent(userId)}`;

export const api = {
  devSession: (name: string) => call<Session & { user: SessionUser }>('POST', '/dev/sessions', { name }),
  boards: () => all<BoardSummary>('/boards'),
  createBoard: (input: NewBoard) => call<BoardSummary>('POST', '/boards', input),
  duplicateBoard: (id: string) => call<BoardSummary>('POST', `${board(id)}/duplicate`, {}),
  deleteBoard: (id: string) => call<null>('DELETE', board(id)),
  members: (id: string) => all<Member>(`${board(id)}/members`),
  addMember: (id: string, userId: string, role: Role) => call<Member>('POST', `${board(id)}/members`, { userId, role }),
  setRole: (id: string, userId: string, role: Role) => call<Member>('PATCH', member(id, userId), { role }),
  removeMember: (id: string, userId: string) => call<null>('DELETE', member(id, userId)),
};

export type ImportProgress = { phase: 'uploading'; fraction: number } | { phase: 'working'; stage: string; done: number; total: number };

export interface Imported {
  board: BoardSummary;
  itemCount: number;
}

/** One line of the server's answer to an import. */
interface ImportLine {
  stage?: string;
  done?: number;
  total?: number;
  board?: BoardSummary;
  itemCount?: number;
  error?: unknown;
}

/**
 * Sends a CSV (or a Sunday export) as a new board and follows the server's progress. XMLHttpRequest, because fetch tells nothing of an
 * upload's progress.
 */
export async function importBoard(file: File, name: string, onProgress: (progress: ImportProgress) => void): Promise<Imported> {
  const headers = await authorization();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/v1/boards/import?name=${encodeURIComponent(name)}`);
    const isJson = file.name.toLowerCase().endsWith('.json');
    request.setRequestHeader('content-type', isJson ? 'application/json' : 'text/csv');
    request.setRequestHeader('accept', 'application/x-ndjson, application/problem+json');
    for (const [key, value] of Object.entries(headers)) request.setRequestHeader(key, value);
    request.upload.addEventListener('progress', (event) => {
      if (event.lengthComputable) onProgress({ phase: 'uploading', fraction: event.loaded / event.total });
    });
    request.addEventListener('progress', () => {
      const line = lastLine(request.responseText);
      if (line?.total !== undefined) onProgress({ phase: 'working', stage: line.stage ?? '', done: line.done ?? 0, total: line.total });
    });
    request.addEventListener('error', () => reject(new ApiError('network', 0, 'No answer from the server. Are you offline?')));
    request.addEventListener('load', () => {
      const line = lastLine(request.responseText);
      if (request.status >= 300) reject(failure(request.status, line));
      else if (line?.board) resolve({ board: line.board, itemCount: line.itemCount ?? 0 });
      else reject(failure(500, line?.error));
    });
    request.send(file);
  });
}

/** The last whole line of an NDJSON answer (an error answer is one JSON document). */
function lastLine(text: string): ImportLine | null {
  const lines = text.trimEnd().split('\n');
  for (const line of lines.toReversed()) {
    try {
      return JSON.parse(line) as ImportLine;
    } catch {
      // the line is still arriving: the one before it is whole
    }
  }
  return null;
}

/** A board as a file of the browser's downloads. */
export const downloadBoard = (id: string, format: 'csv' | 'json', name: string): Promise<void> => download(`${board(id)}/export?format=${format}`, name, format);
/** All that ever happened to a board, as a file. */
export const downloadActivity = (id: string, name: string): Promise<void> => download(`${board(id)}/events/export?format=csv`, `${name} activity`, 'csv');

async function download(path: string, name: string, format: string): Promise<void> {
  const response = await fetch(`/v1${path}`, { headers: await authorization() });
  if (!response.ok) throw failure(response.status, await response.json().catch(() => null));
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = `${name.replaceAll(/[\\/:*?"<>|]+/g, ' ').trim() || 'board'}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
