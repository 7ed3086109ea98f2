/**
 * What a transaction did to the board, as views before and after: the base of undo, and of writing a refused draft again.
 *
 * `revert` and `replay` are fresh, validated writes. `revert` touches only what still stands as the change left it: a cell somebody wrote
 * since is left alone and named. Sets and counters are taken back element by element and as a difference, texts where the edits do not
 * overlap, so other people's parts stay.
 */
import {
  addComment, BoardModelError, createItem, deleteComment, deleteItem, editComment, mergeOf, moveItem, readBoard, readColumns, readComments, readItem,
  restoreComment, restoreItem, updateBoard, updateItem, type ColumnValue, type ColumnView, type GroupView, type ItemView
} from '@sunday/board-model';
import { equalityDeep } from 'lib0/function';
import type * as Y from 'yjs';
import { COLUMN, GROUP, type PartKind, type PartView } from './parts.ts';
import type { BoardInfo, Change, ReplayResult, SkippedChange } from './types.ts';
import type { Writes } from './writes.ts';

type Context = Parameters<Parameters<Writes['write']>[0]>[1];

/** Takes changes back, the last one first. */
export function revert(writes: Writes, changes: readonly Change[]): ReplayResult {
  return writes.write((doc, ctx) => {
    const run = new Run(doc, ctx, false);
    for (const change of changes.toReversed()) run.turn(change, true);
    return run.result();
  });
}

/** Makes changes again, over whatever stands there now. */
export function replay(writes: Writes, changes: readonly Change[]): ReplayResult {
  return writes.write((doc, ctx) => {
    const run = new Run(doc, ctx, true);
    for (const change of changes) run.turn(change, false);
    return run.result();
  });
}

class Run {
  readonly #doc: Y.Doc;
  readonly #ctx: Context;
  /** Write whatever stands there now, and make again what is gone. */
  readonly #force: boolean;
  #applied = 0;
  readonly #skipped: SkippedChange[] = [];

  constructor(doc: Y.Doc, ctx: Context, force: boolean) {
    this.#doc = doc;
    this.#ctx = ctx;
    this.#force = force;
  }

  result(): ReplayResult {
    return { applied: this.#applied, skipped: this.#skipped };
  }

  /** Brings what changed from the one state to the other: `back` from after to before. */
  turn(change: Change, back: boolean): void {
    switch (change.kind) {
      case 'item':
        this.#item(change, ...states(change, back));
        return;
      case 'column':
        this.#part(COLUMN, change, ...states(change, back));
        return;
      case 'group':
        this.#part(GROUP, change, ...states(change, back));
        return;
      case 'board':
        this.#board(change, ...states(change, back));
        return;
      case 'comment':
        this.#comment(change, back ? change.before : change.after);
    }
  }

  #board(change: Change, from: BoardInfo | undefined, to: BoardInfo | undefined): void {
    const now = readBoard(this.#doc);
    for (const field of ['name', 'description'] as const) {
      if (from && to && from[field] !== to[field]) {
        this.#guard(change, now[field] === from[field], field, () => updateBoard(this.#doc, { [field]: to[field] }, this.#ctx));
      }
    }
  }

  #item(change: Extract<Change, { kind: 'item' }>, from: ItemView | undefined, to: ItemView | undefined): void {
    const [doc, ctx, id] = [this.#doc, this.#ctx, change.id];
    const current = readItem(doc, id);
    const shown = (view: ItemView | undefined): boolean => view !== undefined && view.deletedAt === null;
    if (!current) {
      if (!to || !this.#force) this.#skip(change, 'gone');
      else this.#write(change, () => createItem(doc, { ...to, values: this.#writable(to) }, ctx));
      return;
    }
    if (shown(from) && !shown(to)) {
      const untouched = from !== undefined && current.name === from.name && equalityDeep(current.values, from.values);
      if (untouched || this.#force) this.#write(change, () => deleteItem(doc, id, ctx));
      else this.#skip(change, 'overwritten');
    } else if (!shown(from) && shown(to)) this.#write(change, () => restoreItem(doc, id, ctx));
    if (!from || !to) return;
    if (from.name !== to.name) this.#guard(change, current.name === from.name, 'name', () => updateItem(doc, id, { name: to.name }, ctx));
    if (from.groupId !== to.groupId || from.position !== to.position) {
      const stands = current.groupId === from.groupId && current.position === from.position;
      this.#guard(change, stands, 'place', () => moveItem(doc, id, { groupId: to.groupId, position: to.position }, ctx));
    }
    const cells = new Set([...Object.keys(from.values), ...Object.keys(to.values)]);
    for (const columnId of cells) {
      if (!equalityDeep(from.values[columnId], to.values[columnId])) this.#cell(change, columnId, current.values[columnId], from.values[columnId], to.values[columnId]);
    }
  }

  #cell(change: Extract<Change, { kind: 'item' }>, columnId: string, current?: ColumnValue, from?: ColumnValue, to?: ColumnValue): void {
    const column = readColumns(this.#doc, { archived: true }).find(({ id }) => id === columnId);
    const merge = column ? mergeOf(column.type) : 'register';
    if (merge === 'computed') return;
    const value = equalityDeep(current, from) ? (to ?? null) : combine(merge, current, from, to, this.#force);
    // A high-water mark never goes down.
    const possible = value !== undefined && !(merge === 'maximum' && count(value) < count(current));
    this.#guard(change, possible, columnId, () => updateItem(this.#doc, change.id, { values: { [columnId]: value ?? null } }, this.#ctx), true);
  }

  #part<Id extends string, View extends PartView<Id> & New, New, Patch>(
    kind: PartKind<Id, View, New, Patch>, change: Change & { readonly id: Id }, from: View | undefined, to: View | undefined
  ): void {
    const [doc, ctx, { id }] = [this.#doc, this.#ctx, change];
    const current = kind.read(doc, { archived: true }).find((part) => part.id === id);
    if (!current && to) this.#write(change, () => kind.create(doc, to, ctx));
    else if (!to) this.#write(change, () => kind.archive(doc, id, ctx));
    else if (!from) this.#write(change, () => kind.restore(doc, id, ctx));
    if (!current || !from || !to) return;
    const [now, was, next] = [kind.patch(current), kind.patch(from), kind.patch(to)];
    for (const field of Object.keys(next) as (keyof Patch & string)[]) {
      if (!equalityDeep(was[field], next[field])) {
        this.#guard(change, equalityDeep(now[field], was[field]), field, () => kind.update(doc, id, { [field]: next[field] } as Patch, ctx));
      }
    }
    if (from.position !== to.position) this.#guard(change, current.position === from.position, 'place', () => kind.move(doc, id, { position: to.position }, ctx));
  }

  #comment(change: Extract<Change, { kind: 'comment' }>, to: typeof change.after): void {
    const [doc, ctx, { itemId, id }] = [this.#doc, this.#ctx, change];
    const current = readComments(doc, itemId).find((comment) => comment.id === id);
    this.#write(change, () => {
      if (!current && to) addComment(doc, itemId, { id, body: to.body, mentions: to.mentions }, ctx);
      else if (!to || to.deletedAt !== undefined) deleteComment(doc, itemId, id, ctx);
      else {
        restoreComment(doc, itemId, id, ctx);
        editComment(doc, itemId, id, { body: to.body, mentions: to.mentions }, ctx);
      }
    });
  }

  #writable(view: ItemView): Record<string, ColumnValue> {
    const plain = new Set(readColumns(this.#doc, { archived: true }).filter(({ type }) => mergeOf(type) !== 'computed').map(({ id }) => id as string));
    return Object.fromEntries(Object.entries(view.values).filter(([columnId]) => plain.has(columnId)));
  }

  #guard(change: Change, stands: boolean, field: string, write: () => void, strict = false): void {
    if (stands || (this.#force && !strict)) this.#write(change, write, field);
    else this.#skip(change, 'overwritten', field);
  }

  #write(change: Change, write: () => unknown, field?: string): void {
    try {
      write();
      this.#applied += 1;
    } catch (error) {
      if (!(error instanceof BoardModelError)) throw error;
      this.#skip(change, error.code.startsWith('unknown_') ? 'gone' : 'invalid', field);
    }
  }

  #skip(change: Change, reason: SkippedChange['reason'], field?: string): void {
    this.#skipped.push({ change, reason, ...(field !== undefined && { field }) });
  }
}

const count = (value: ColumnValue | null | undefined): number => Number(value ?? 0);

/** The value that takes `from → to` onto `current`, which differs from `from`; undefined: cannot without undoing somebody's write. */
function combine(merge: string, current: ColumnValue | undefined, from: ColumnValue | undefined, to: ColumnValue | undefined, force: boolean): ColumnValue | null | undefined {
  const list = (value: ColumnValue | undefined): string[] => (Array.isArray(value) ? value : []);
  if (merge === 'set') {
    const either = [...new Set([...list(current), ...list(to)])];
    return either.filter((element) => !list(from).includes(element) || (list(current).includes(element) && list(to).includes(element)));
  }
  if (merge === 'counter') return count(current) + count(to) - count(from);
  if (merge === 'text') {
    const [now, was, next] = [current ?? '', from ?? '', to ?? ''].map(String) as [string, string, string];
    return mergeText(was, next, now);
  }
  return force ? (to ?? null) : undefined;
}

/** `now` with the edit `was → next` made in it, when that edit and `was → now` touch different places; else undefined. */
function mergeText(was: string, next: string, now: string): string | undefined {
  const mine = difference(was, next);
  const theirs = difference(was, now);
  const isBefore = mine.end <= theirs.start;
  if (!isBefore && theirs.end > mine.start) return undefined;
  const shift = isBefore ? 0 : now.length - was.length;
  return now.slice(0, mine.start + shift) + mine.text + now.slice(mine.end + shift);
}

/** The one replacement that turns `a` into `b`: `a[start…end)` by `text`. */
function difference(a: string, b: string): { start: number; end: number; text: string } {
  const most = Math.min(a.length, b.length);
  let start = 0;
  while (start < most && a[start] === b[start]) start += 1;
  let tail = 0;
  while (tail < most - start && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  return { start, end: a.length - tail, text: b.slice(start, b.length - tail) };
}

function states<View>({ before, after }: { readonly before: View; readonly after: View }, back: boolean): [from: View, to: View] {
  return back ? [after, before] : [before, after];
}

/** A board, or parts of it, as read at one moment. */
export interface Reading {
  readonly info: BoardInfo;
  readonly columns: readonly ColumnView[];
  readonly groups: readonly GroupView[];
  readonly items: readonly ItemView[];
}

export function differences(before: Reading, after: Reading): Change[] {
  const changes: Change[] = [];
  if (!equalityDeep(before.info, after.info)) changes.push({ kind: 'board', id: '', before: before.info, after: after.info });
  compare(before.columns, after.columns, (id, old, now) => changes.push({ kind: 'column', id, before: old, after: now }));
  compare(before.groups, after.groups, (id, old, now) => changes.push({ kind: 'group', id, before: old, after: now }));
  compare(before.items, after.items, (id, old, now) => changes.push({ kind: 'item', id, before: old, after: now }));
  return changes;
}

/** Changes between two readings of lists keyed by id. */
export function compare<T extends { readonly id: string }>(before: readonly T[], after: readonly T[], visit: (id: T['id'], before: T | undefined, after: T | undefined) => void): void {
  const known = new Map<string, T>(before.map((view) => [view.id, view]));
  for (const view of after) {
    const old = known.get(view.id);
    known.delete(view.id);
    if (old !== view && !equalityDeep(old, view)) visit(view.id, old, view);
  }
  for (const view of known.values()) visit(view.id, view, undefined);
}
