/**
 * Tells people on their open boards that a write of theirs was lost to another one of the same moment, and nobody else.
 *
 * Guarantees: every SDK attachment of the one who lost is told, on every node: here at once, elsewhere by NOTIFY on `sunday_conflicts`; who comes
 * back later is told with the greeting (`greet`). A message that is lost is made up for then. What the client answers (`resolve`) is
 * done once. Nothing here throws into Hocuspocus.
 * Owns its subscription, until `close()`.
 */
import type { Connection, Extension } from '@hocuspocus/server';
import { patiently, type Database } from '@sunday/database';
import type { ConflictRow } from '@sunday/extension-journal';
import { z } from 'zod';
import { markResolved, openConflictsOf, type ConflictSide } from '../boards/conflicts.ts';

const CHANNEL = 'sunday_conflicts';
/** Postgres takes up to 8000 bytes; a cell of the types this is for has some dozens. */
const MAX_PAYLOAD = 7_500;
/** $1 message */
const NOTIFY = { name: 'conflicts_notify', text: `SELECT pg_notify('${CHANNEL}', $1)` } as const;

const told = z.object({ node: z.string(), boardId: z.string(), userId: z.string(), message: z.record(z.string(), z.unknown()) });
const resolve = z.object({ sunday: z.literal('resolve'), id: z.uuid(), choice: z.enum(['mine', 'theirs']) });

export interface NoticesOptions {
  readonly database: Database;
  readonly node: string;
  /** Sends to every attachment of this user on this board, on this node. */
  readonly send: (boardId: string, userId: string, payload: string) => void;
  readonly onError: (error: unknown) => void;
}

interface Shown { readonly value: unknown; readonly userId: string | null; readonly at: number | null }
interface Conflict { readonly id: string; readonly itemId: string; readonly columnId: string; readonly policy: string; readonly kept: Shown; readonly lost: Shown }

const conflictMessage = ({ id, itemId, columnId, policy, kept, lost }: Conflict): object => ({ sunday: 'conflict', conflict: { id, itemId, columnId, policy, kept, lost } });

const userOf = (connection: Connection): string | null => {
  const context: unknown = connection.context;
  return typeof context === 'object' && context !== null && 'userId' in context && typeof context.userId === 'string' ? context.userId : null;
};

export class ConflictNotices {
  readonly extension: Extension;
  private readonly options: NoticesOptions;
  private unlisten: (() => Promise<void>) | null = null;

  constructor(options: NoticesOptions) {
    this.options = options;
    this.extension = {
      extensionName: 'conflicts',
      onStateless: ({ connection, documentName, payload }) => {
        if (payload.startsWith('{"sunday":"resolve"')) void this.resolve(connection, documentName, payload).catch(options.onError);
        return Promise.resolve();
      },
    };
  }

  async start(): Promise<void> {
    this.unlisten = await patiently(() => this.options.database.listen(CHANNEL, (payload) => { this.hear(payload); }));
  }

  private hear(payload: string): void {
    try {
      const { node, boardId, userId, message } = told.parse(JSON.parse(payload));
      if (node !== this.options.node) this.options.send(boardId, userId, JSON.stringify(message));
    } catch (error) {
      this.options.onError(error);
    }
  }

  /** Conflicts that a batch has brought, committed. */
  detected(boardId: string, conflicts: readonly ConflictRow[]): void {
    for (const conflict of conflicts) if (conflict.lost.userId !== null) this.tell(boardId, conflict.lost.userId, conflictMessage(conflict));
  }

  closed(boardId: string, conflictId: string, lostBy: string | null): void {
    if (lostBy !== null) this.tell(boardId, lostBy, { sunday: 'conflict_closed', id: conflictId });
  }

  private tell(boardId: string, userId: string, message: object): void {
    this.options.send(boardId, userId, JSON.stringify(message));
    const payload = JSON.stringify({ node: this.options.node, boardId, userId, message });
    if (Buffer.byteLength(payload) <= MAX_PAYLOAD) this.options.database.query(NOTIFY, [payload]).catch(this.options.onError);
  }

  /** An SDK has introduced itself: it is told of what it lost while it was away. */
  greet(connection: Connection): void {
    const userId = userOf(connection);
    if (userId === null) return;
    openConflictsOf(this.options.database, connection.document.name, userId).then((open) => {
      for (const conflict of open) connection.sendStateless(JSON.stringify(conflictMessage({ ...conflict, kept: shown(conflict.kept), lost: shown(conflict.lost) })));
    }).catch(this.options.onError);
  }

  private async resolve(connection: Connection, boardId: string, payload: string): Promise<void> {
    const userId = userOf(connection);
    const asked = resolve.safeParse(jsonOf(payload));
    if (userId === null || connection.readOnly || !asked.success) return;
    const { id, choice } = asked.data;
    const resolved = await this.options.database.transaction((tx) => markResolved(tx, boardId, id, choice, { userId, source: 'socket' }));
    // Somebody was faster: whoever asks is told that it is closed, all the same.
    if (resolved === null) connection.sendStateless(JSON.stringify({ sunday: 'conflict_closed', id }));
    else this.closed(boardId, id, resolved.lost.userId);
  }

  async close(): Promise<void> {
    await this.unlisten?.();
  }
}

const shown = ({ value, userId, at }: ConflictSide): Shown => ({ value, userId, at: at === null ? null : Date.parse(at) });

function jsonOf(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return null;
  }
}
