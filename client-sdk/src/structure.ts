/**
 * The board's own fields, its columns and its groups: small, so they are read again as a whole, and keep the references of what is equal.
 * Also tells when what items read as may have changed (a column's type or settings, the set of groups).
 */
import { readBoard, updateBoard, type ColumnId, type ColumnView, type GroupId, type GroupView } from '@sunday/board-model';
import { equalityDeep } from 'lib0/function';
import type { Writes } from './writes.ts';
import { differences, type Reading } from './changes.ts';
import { Listeners } from './listeners.ts';
import { COLUMN, GROUP, type PartKind, type PartView } from './parts.ts';
import type {
  BoardInfo, Change, ColumnPatch, GroupPatch, InfoPatch, InfoReads, Listener, Neighbour, NewColumn, NewGroup, Unsubscribe
} from './types.ts';

export type StructureEffect = 'group_order' | 'all_items' | null;

export class Structure {
  readonly info: Info;
  readonly columns: Parts<ColumnId, ColumnView, NewColumn, ColumnPatch>;
  readonly groups: Parts<GroupId, GroupView, NewGroup, GroupPatch>;
  readonly #writes: Writes;
  #read = false;

  constructor(writes: Writes) {
    this.#writes = writes;
    const ensure = (): void => this.prime();
    this.info = new Info(writes, ensure);
    this.columns = new Parts(COLUMN, writes, ensure);
    this.groups = new Parts(GROUP, writes, ensure);
  }

  /** Reads again, and says what differs and what that means for the items. `announce` tells the listeners. */
  refresh(): { readonly changes: Change[]; readonly effect: StructureEffect; readonly announce: () => void } {
    const reading = (): Reading => ({ info: this.info.value, columns: this.columns.list, groups: this.groups.list, items: [] });
    const before = reading();
    this.#read = false;
    this.prime();
    const now = reading();
    const [was, is] = [ids(before.groups), ids(now.groups)];
    const same = String(was.toSorted()) === String(is.toSorted()) && cells(before.columns) === cells(now.columns);
    const announce = (): void => {
      for (const part of ['info', 'columns', 'groups'] as const) if (before[part] !== now[part]) this[part].listeners.emit();
    };
    return { changes: differences(before, now), effect: !same ? 'all_items' : String(was) === String(is) ? null : 'group_order', announce };
  }

  /** Reads, if that was not done since the last change. */
  prime(): void {
    if (this.#read) return;
    this.#read = true;
    const { columns, groups, ...info } = readBoard(this.#writes.doc());
    if (!equalityDeep(info, this.info.value)) this.info.value = info;
    this.columns.list = keepEqual(this.columns.list, columns);
    this.groups.list = keepEqual(this.groups.list, groups);
  }
}

const ids = (groups: readonly GroupView[]): readonly string[] => groups.map(({ id }) => id);

/** What items read as depends on this of the columns. */
const cells = (columns: readonly ColumnView[]): string => JSON.stringify(columns.map(({ id, type, settings }) => [id, type, settings]));

/** `after` with the references of `before` where equal; `before` itself when all are. */
function keepEqual<T extends { readonly id: string }>(before: readonly T[], after: readonly T[]): readonly T[] {
  const known = new Map(before.map((view) => [view.id, view]));
  const merged = after.map((view) => {
    const old = known.get(view.id);
    return old && equalityDeep(old, view) ? old : view;
  });
  return merged.length === before.length && merged.every((view, i) => view === before[i]) ? before : merged;
}

class Info implements InfoReads {
  readonly listeners = new Listeners();
  readonly #writes: Writes;
  readonly #ensure: () => void;
  value: BoardInfo = { name: '', description: '', schemaVersion: 1 };

  constructor(writes: Writes, ensure: () => void) {
    this.#writes = writes;
    this.#ensure = ensure;
  }

  get current(): BoardInfo {
    this.#ensure();
    return this.value;
  }

  subscribe(fn: Listener): Unsubscribe { return this.listeners.add(fn); }
  update(patch: InfoPatch): void { this.#writes.write((doc, ctx) => updateBoard(doc, patch, ctx)); }
}

class Parts<Id extends string, View extends PartView<Id> & New, New, Patch> {
  readonly listeners = new Listeners();
  readonly #kind: PartKind<Id, View, New, Patch>;
  readonly #writes: Writes;
  readonly #ensure: () => void;
  list: readonly View[] = [];

  constructor(kind: PartKind<Id, View, New, Patch>, writes: Writes, ensure: () => void) {
    this.#kind = kind;
    this.#writes = writes;
    this.#ensure = ensure;
  }

  get all(): readonly View[] {
    this.#ensure();
    return this.list;
  }

  get(id: string): View | undefined { return this.all.find((view) => view.id === id); }
  subscribe(fn: Listener): Unsubscribe { return this.listeners.add(fn); }
  create(part: New): Id { return this.#writes.write((doc, ctx) => this.#kind.create(doc, part, ctx)); }
  update(id: string, patch: Patch): void { this.#writes.write((doc, ctx) => this.#kind.update(doc, this.#kind.as(id), patch, ctx)); }
  remove(id: string): void { this.#writes.write((doc, ctx) => this.#kind.archive(doc, this.#kind.as(id), ctx)); }

  move(id: string, { before, after }: Neighbour): void {
    const kind = this.#kind;
    const spot = before === undefined ? (after === undefined ? {} : { after: kind.as(after) }) : { before: kind.as(before) };
    this.#writes.write((doc, ctx) => kind.move(doc, kind.as(id), spot, ctx));
  }
}
