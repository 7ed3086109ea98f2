/**
 * Reading what happened to a board: its events in order, the history of an item or a cell, and the whole log as a file.
 *
 * Whoever may read a board may read its log: it says nothing of other boards, but what has been deleted since is still told of in it.
 */
import { escapeFormula } from '@sunday/board-model';
import type { BoardEvent } from '@sunday/extension-event-bus';
import { csvOfRows } from './csv.ts';
import { decodeCursor, encodeCursor, pageOf } from './cursor.ts';
import { eventsAfter, eventsBefore, eventsOfItem } from './event-log.ts';
import { requireRole, type BoardsParts } from './parts.ts';
import type { Actor, Page } from './resources.ts';

export const EVENT_ORDERS = ['asc', 'desc'] as const;
export const EVENT_EXPORTS = ['csv', 'ndjson'] as const;
export type EventExport = (typeof EVENT_EXPORTS)[number];
/** Rows read at a time for an export: some hundred kB. */
const EXPORT_ROWS = 500;

type Listing = { readonly limit: number; readonly cursor?: string | undefined };

export type EventQueries = {
  /** asc: after version `after`, gap-free; desc: the latest first. */
  listEvents(actor: Actor, boardId: string, listing: Listing & { after: number; order: (typeof EVENT_ORDERS)[number] }): Promise<Page<BoardEvent>>;
  /** The latest first. */
  itemHistory(actor: Actor, boardId: string, itemId: string, listing: Listing & { columnId?: string | undefined }): Promise<Page<BoardEvent>>;
  /** The whole log, oldest first, piece by piece. Checks the caller's role before each piece. */
  exportEvents(actor: Actor, boardId: string, format: EventExport): Promise<AsyncGenerator<string>>;
};

export function eventQueries(parts: BoardsParts): EventQueries {
  const { database } = parts;

  async function* pieces(actor: Actor, boardId: string, format: EventExport): AsyncGenerator<string> {
    if (format === 'csv') yield csvOfRows([CSV_HEADER]);
    for (let after = 0; ; ) {
      await requireRole(parts, actor, boardId, 'viewer');
      const events = await eventsAfter(database, boardId, after, EXPORT_ROWS);
      const last = events.at(-1);
      if (last === undefined) return;
      after = last.version;
      yield format === 'csv' ? csvOfRows(events.map(csvRow)) : events.map((event) => `${JSON.stringify(event)}\n`).join('');
    }
  }

  return {
    async listEvents(actor, boardId, { after, order, limit, cursor }) {
      await requireRole(parts, actor, boardId, 'viewer');
      const list = ['events', boardId, order];
      const [from = null] = decodeCursor(list, cursor, 1) ?? [];
      const found = order === 'asc'
        ? await eventsAfter(database, boardId, from === null ? after : Number(from), limit + 1)
        : await eventsBefore(database, boardId, from, limit + 1);
      return pageOf(found, limit, (event) => event, (last) => encodeCursor(list, [String(last.version)]));
    },

    async itemHistory(actor, boardId, itemId, { columnId, limit, cursor }) {
      await requireRole(parts, actor, boardId, 'viewer');
      const list = ['history', boardId, itemId, columnId ?? null];
      const [before = null] = decodeCursor(list, cursor, 1) ?? [];
      const found = await eventsOfItem(database, { boardId, itemId, columnId: columnId ?? null }, before, limit + 1);
      return pageOf(found, limit, (event) => event, (last) => encodeCursor(list, [String(last.version)]));
    },

    async exportEvents(actor, boardId, format) {
      await requireRole(parts, actor, boardId, 'viewer');
      return pieces(actor, boardId, format);
    },
  };
}

const CSV_HEADER = ['version', 'timestamp', 'type', 'itemId', 'userId', 'source', 'correlationId', 'causationId', 'traceId', 'id', 'data'];

/** An export for people to look through in a spreadsheet: what that would run as a formula is a text. */
const csvRow = ({ version, timestamp, type, aggregateType, aggregateId, metadata, id, data }: BoardEvent): string[] => [
  String(version),
  timestamp,
  ...[type, aggregateType === 'item' ? aggregateId : '', metadata.userId, metadata.source, metadata.correlationId, metadata.causationId, metadata.traceId].map((cell) => escapeFormula(cell ?? '')),
  id,
  JSON.stringify(data),
];
