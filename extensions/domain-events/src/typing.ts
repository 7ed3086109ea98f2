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

export interface TypedText {
  readonly root: string;
  readonly itemId: string;
  readonly columnId: string;
}

/** The text `changed` concerns, or null. */
export function textOf({ root, depth }: ChangedType): TypedText | null {
  if (depth !== 0 || !root.startsWith('text:')) return null;
  const [, itemId = '', columnId = ''] = root.split(':');
  return isId(itemId) && isId(columnId) ? { root, itemId, columnId } : null;
}

/** Adds what the transaction did to these texts, by author. Its structs are gone through once, however many texts it changed. */
export function noteTyping(transaction: Y.Transaction, texts: ReadonlyMap<unknown, TypedText>, books: BoardBooks, actor: Actor, into: Map<string, Typing>): void {
  if (texts.size === 0) return;
  const { doc } = transaction;
  const of = ({ root, itemId, columnId }: TypedText, who: Actor): Typing => {
    const name = `${root}/${who.userId ?? ''}`;
    const typing = into.get(name) ?? { itemId: asItemId(itemId), columnId, actor: who, inserted: { ranges: [], count: 0 }, deleted: { ranges: [], count: 0 } };
    into.set(name, typing);
    return typing;
  };
  const typist = (client: number): Actor => {
    const owner = client === doc.clientID ? undefined : books.ownerOf(client);
    return owner === undefined || owner === actor.userId ? actor : { ...actor, userId: owner };
  };
  for (const [client, end] of transaction.afterState) {
    const start = transaction.beforeState.get(client) ?? 0;
    const structs = doc.store.clients.get(client);
    if (start >= end || structs === undefined) continue;
    const who = typist(client);
    for (let index = Y.findIndexSS(structs, start); index < structs.length; index += 1) {
      const struct = structs[index];
      const text = struct instanceof Y.Item && struct.countable ? texts.get(struct.parent) : undefined;
      if (struct === undefined || text === undefined) continue;
      // A struct that grew by this transaction counts only by what is new of it.
      const from = Math.max(start, struct.id.clock);
      const length = struct.id.clock + struct.length - from;
      add(of(text, who).inserted, client, from, length);
    }
  }
  Y.iterateDeletedStructs(transaction, transaction.deleteSet, (struct) => {
    const text = struct instanceof Y.Item ? texts.get(struct.parent) : undefined;
    if (text === undefined || struct.id.clock >= (transaction.beforeState.get(struct.id.client) ?? 0)) return;
    add(of(text, actor).deleted, struct.id.client, struct.id.clock, struct.length);
  });
}

interface Clocks { readonly clock: number; readonly len: number }

/** What of a range is left without others, which are in order. */
function without(range: ClockRange, others: readonly Clocks[]): ClockRange[] {
  const left: ClockRange[] = [];
  let { from } = range;
  for (const { clock, len } of others) {
    if (clock > range.to) break;
    if (clock > from) left.push({ ...range, from, to: clock - 1 });
    from = Math.max(from, clock + len);
  }
  if (from <= range.to) left.push({ ...range, from });
  return left;
}

/** Takes out what has been told of; `others`: of a client, in order. Of very many places not all are kept. */
function takeOut(tally: Tally, others: (client: number) => readonly Clocks[]): void {
  const size = (all: readonly ClockRange[]): number => all.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  const left = tally.ranges.flatMap((range) => without(range, others(range.client)));
  tally.count -= size(tally.ranges) - size(left);
  tally.ranges.splice(0, Infinity, ...left.slice(0, MAX_RANGES));
}

/** Another node has committed these deletions: they are that node's to tell of. */
export function forgetDeletions(typing: ReadonlyMap<string, Typing>, update: Uint8Array): void {
  const { ds } = Y.decodeUpdate(update);
  const inOrder = new Map<number, readonly Clocks[]>();
  for (const [client, ranges] of ds.clients) inOrder.set(client, ranges.toSorted((a, b) => a.clock - b.clock));
  for (const { deleted } of typing.values()) takeOut(deleted, (client) => inOrder.get(client) ?? []);
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
    takeOut(inserted, (client) => [{ clock: 0, len: books.committedUpTo(client) }]);
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
