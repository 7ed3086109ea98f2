/**
 * Long text as it is typed: who put in and took out how much, and where. Bodies are the document's; an event tells of a run of typing.
 * Per transaction only new and deleted structs are looked at; the text itself is walked once a batch.
 */
import { asItemId, isId, type ChangedType } from '@sunday/board-model';
import type { BoardBooks, TextRunRow } from '@sunday/extension-journal';
import * as Y from 'yjs';
import { derivedId, type Actor } from './draft.ts';
import type { ClockRange, Typing } from './noted.ts';

/** More places than this in one batch: the run's range then covers those that are kept. */
const MAX_RANGES = 64;

const widen = (ranges: ClockRange[], client: number, clock: number, length: number): void => {
  const last = ranges.at(-1);
  if (last !== undefined && last.client === client && clock <= last.to + 1 && clock + length > last.from) {
    last.from = Math.min(last.from, clock);
    last.to = Math.max(last.to, clock + length - 1);
  } else if (ranges.length < MAX_RANGES) {
    ranges.push({ client, from: clock, to: clock + length - 1 });
  }
};

/** The text `changed` concerns, or null. */
export function textOf({ root, depth }: ChangedType): { itemId: string; columnId: string } | null {
  if (depth !== 0 || !root.startsWith('text:')) return null;
  const [, itemId = '', columnId = ''] = root.split(':');
  return isId(itemId) && isId(columnId) ? { itemId, columnId } : null;
}

/** Adds what the transaction did to this text, by author. */
export function noteTyping(
  transaction: Y.Transaction, { root, type }: ChangedType, { itemId, columnId }: { itemId: string; columnId: string },
  books: BoardBooks, actor: Actor, into: Map<string, Typing>,
): void {
  const { doc } = transaction;
  const by = (client: number, clock: number): Typing => {
    const owner = client === doc.clientID ? undefined : books.ownerOf(client);
    const who = owner === undefined || owner === actor.userId ? actor : { ...actor, userId: owner };
    const name = `${root}/${who.userId ?? ''}`;
    const known = into.get(name);
    if (known !== undefined) return known;
    const made: Typing = { itemId: asItemId(itemId), columnId, actor: who, ranges: [], first: { client, clock }, inserted: 0, deleted: 0 };
    into.set(name, made);
    return made;
  };
  for (const [client, end] of transaction.afterState) {
    const start = transaction.beforeState.get(client) ?? 0;
    const structs = doc.store.clients.get(client);
    if (start >= end || structs === undefined) continue;
    for (let index = Y.findIndexSS(structs, start); index < structs.length; index += 1) {
      const struct = structs[index];
      if (!(struct instanceof Y.Item) || struct.parent !== type || !struct.countable) continue;
      // A struct that grew by this transaction counts only by what is new of it.
      const from = Math.max(start, struct.id.clock);
      const length = struct.id.clock + struct.length - from;
      const typing = by(client, from);
      typing.inserted += length;
      widen(typing.ranges, client, from, length);
    }
  }
  Y.iterateDeletedStructs(transaction, transaction.deleteSet, (struct) => {
    if (!(struct instanceof Y.Item) || struct.parent !== type || struct.id.clock >= (transaction.beforeState.get(struct.id.client) ?? 0)) return;
    const name = `${root}/${actor.userId ?? ''}`;
    const typing = into.get(name) ?? { itemId: asItemId(itemId), columnId, actor, ranges: [], first: { client: struct.id.client, clock: -struct.id.clock - 1 }, inserted: 0, deleted: 0 };
    into.set(name, typing);
    typing.deleted += struct.length;
    widen(typing.ranges, struct.id.client, struct.id.clock, struct.length);
  });
}

/** Where in the text these structs stand now: from the first to the end of the last. */
function positions(text: Y.Text | undefined, ranges: readonly ClockRange[]): { from: number; to: number } {
  const byClient = Map.groupBy(ranges, ({ client }) => client);
  let at = 0;
  let from = Infinity;
  let to = 0;
  for (let item = text?._start ?? null; item !== null; item = item.right) {
    const { client, clock } = item.id;
    const length = item.deleted || !item.countable ? 0 : item.length;
    for (const range of byClient.get(client) ?? []) {
      if (range.to < clock || range.from >= clock + item.length) continue;
      const start = at + (length === 0 ? 0 : Math.max(range.from - clock, 0));
      const end = at + (length === 0 ? 0 : Math.min(range.to - clock + 1, item.length));
      from = Math.min(from, start);
      to = Math.max(to, end);
    }
    at += length;
  }
  return from === Infinity ? { from: 0, to: 0 } : { from, to };
}

/** One row for each author and text. What another node has committed already is not told of again. */
export function textRuns(document: Y.Doc, books: BoardBooks, typing: ReadonlyMap<string, Typing>): TextRunRow[] {
  const rows: TextRunRow[] = [];
  for (const { itemId, columnId, actor, ranges, first, inserted, deleted } of typing.values()) {
    if (inserted > 0 && ranges.every(({ client, to }) => books.isCommitted(client, to))) continue;
    const root = document.share.get(`text:${itemId}:${columnId}`);
    rows.push({
      itemId, columnId, userId: actor.userId, source: actor.source,
      eventId: derivedId(books.boardId, 'ItemUpdated', itemId, columnId, `${first.client}:${first.clock}`),
      ...positions(root instanceof Y.Text ? root : undefined, ranges), inserted, deleted,
    });
  }
  return rows;
}
