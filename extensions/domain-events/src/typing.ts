/**
 * Long text as it is typed: who put in and took out how much, and where. Bodies are the document's; an event tells of a run of typing.
 * Per transaction only new and deleted structs are looked at; the text itself is walked once a batch.
 */
import { asItemId, isId, type ChangedType } from '@sunday/board-model';
import type { BoardBooks, TextRunRow } from '@sunday/extension-journal';
import * as Y from 'yjs';
import { derivedId, type Actor } from './draft.ts';
import type { ClockRange, Tally, Typing } from './noted.ts';

/** More places than this in one batch: the run's range then covers those that are kept. */
const MAX_RANGES = 64;

const add = (tally: Tally, client: number, clock: number, length: number): void => {
  const { ranges } = tally;
  tally.count += length;
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
  const of = (who: Actor): Typing => {
    const name = `${root}/${who.userId ?? ''}`;
    const typing = into.get(name) ?? { itemId: asItemId(itemId), columnId, actor: who, inserted: { ranges: [], count: 0 }, deleted: { ranges: [], count: 0 } };
    into.set(name, typing);
    return typing;
  };
  const by = (client: number): Typing => {
    const owner = client === doc.clientID ? undefined : books.ownerOf(client);
    return of(owner === undefined || owner === actor.userId ? actor : { ...actor, userId: owner });
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
      add(by(client).inserted, client, from, length);
    }
  }
  Y.iterateDeletedStructs(transaction, transaction.deleteSet, (struct) => {
    if (!(struct instanceof Y.Item) || struct.parent !== type || struct.id.clock >= (transaction.beforeState.get(struct.id.client) ?? 0)) return;
    add(of(actor).deleted, struct.id.client, struct.id.clock, struct.length);
  });
}

/** What of a range is left without another one: nothing, one side, or both. */
const without = (range: ClockRange, from: number, to: number): ClockRange[] => {
  if (to < range.from || from > range.to) return [range];
  return [{ ...range, to: from - 1 }, { ...range, from: to + 1 }].filter((left) => left.from <= left.to);
};

const replace = (tally: Tally, ranges: readonly ClockRange[]): void => {
  const size = (all: readonly ClockRange[]): number => all.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  tally.count -= size(tally.ranges) - size(ranges);
  tally.ranges.splice(0, Infinity, ...ranges);
};

/** Another node has committed these deletions: they are that node's to tell of. */
export function forgetDeletions(typing: ReadonlyMap<string, Typing>, update: Uint8Array): void {
  const { ds } = Y.decodeUpdate(update);
  for (const { deleted } of typing.values()) {
    if (deleted.ranges.length === 0) continue;
    replace(deleted, deleted.ranges.flatMap((range) =>
      (ds.clients.get(range.client) ?? []).reduce((left, { clock, len }) => left.flatMap((each) => without(each, clock, clock + len - 1)), [range])));
  }
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

/** One row for each author and text. What another node has committed already is not told of again; the first of what is left names the event. */
export function textRuns(document: Y.Doc, books: BoardBooks, typing: ReadonlyMap<string, Typing>): TextRunRow[] {
  const rows: TextRunRow[] = [];
  for (const { itemId, columnId, actor, inserted, deleted } of typing.values()) {
    replace(inserted, inserted.ranges.flatMap((range) => without(range, 0, books.committedUpTo(range.client) - 1)));
    const [typed] = inserted.ranges;
    const [taken] = deleted.ranges;
    const first = typed === undefined ? taken && `${taken.client}:-${taken.from + 1}` : `${typed.client}:${typed.from}`;
    if (first === undefined) continue;
    const root = document.share.get(`text:${itemId}:${columnId}`);
    rows.push({
      itemId, columnId, userId: actor.userId, source: actor.source, eventId: derivedId(books.boardId, 'ItemUpdated', itemId, columnId, first),
      ...positions(root instanceof Y.Text ? root : undefined, [...inserted.ranges, ...deleted.ranges]), inserted: inserted.count, deleted: deleted.count,
    });
  }
  return rows;
}
