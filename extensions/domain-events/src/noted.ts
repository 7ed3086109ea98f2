/** What has happened to a board since its last cut, as far as events need it. Grows with each transaction; plain data. */
import type { BoardProjection, ItemId, ItemState } from '@sunday/board-model';
import type { ConflictRow } from '@sunday/extension-journal';
import type { StructId } from '@sunday/board-model';
import type { Actor } from './draft.ts';

export interface NotedItem {
  /** As it is committed. */
  before: ItemState | undefined;
  /** Keys written, by whom last; '' for the record itself. */
  readonly keys: Map<string, Actor>;
}

export interface NotedStructure {
  /** As it is committed. */
  before: BoardProjection;
  /** `{root}/{record}` → its keys, and who wrote there last. */
  readonly records: Map<string, { actor: Actor; readonly keys: Set<string> }>;
}

/** Consecutive clocks of one client, inclusive. */
export interface ClockRange { client: number; from: number; to: number }

/** What one user did to one long text. */
export interface Typing {
  readonly itemId: ItemId;
  readonly columnId: string;
  readonly actor: Actor;
  readonly inserted: Tally;
  readonly deleted: Tally;
}

/** So many characters, and where: of very many places not all are kept. */
export interface Tally {
  readonly ranges: ClockRange[];
  count: number;
}

export interface NotedConflict {
  readonly row: ConflictRow;
  readonly actor: Actor;
  readonly structs: readonly StructId[];
}

export class Noted {
  readonly items = new Map<ItemId, NotedItem>();
  /** Items whose rows are to be written though nothing in their record changed: long texts. */
  readonly texted = new Set<ItemId>();
  structure: NotedStructure | null = null;
  /** Columns or groups were changed since, here or elsewhere. */
  restructured = false;
  /** `{itemId}/{commentId}` → who wrote there last. */
  readonly comments = new Map<string, Actor>();
  /** `{root}/{userId}` → what that user typed there. */
  readonly typing = new Map<string, Typing>();
  conflicts: NotedConflict[] = [];

  /** What was noted before this comes first again: its cut was taken back. */
  prepend(earlier: Readonly<Noted>): void {
    for (const [id, item] of earlier.items) {
      const since = this.items.get(id);
      if (since === undefined) this.items.set(id, item);
      else {
        since.before = item.before;
        for (const [key, actor] of item.keys) if (!since.keys.has(key)) since.keys.set(key, actor);
      }
    }
    for (const id of earlier.texted) this.texted.add(id);
    this.restructured ||= earlier.restructured;
    if (earlier.structure !== null) {
      const { before, records } = earlier.structure;
      this.structure ??= { before, records: new Map() };
      this.structure.before = before;
      for (const [name, record] of records) {
        const since = this.structure.records.get(name);
        if (since === undefined) this.structure.records.set(name, record);
        else for (const key of record.keys) since.keys.add(key);
      }
    }
    for (const [name, actor] of earlier.comments) if (!this.comments.has(name)) this.comments.set(name, actor);
    for (const [name, typing] of earlier.typing) {
      const since = this.typing.get(name);
      if (since === undefined) this.typing.set(name, typing);
      else {
        for (const what of ['inserted', 'deleted'] as const) {
          since[what].ranges.unshift(...typing[what].ranges);
          since[what].count += typing[what].count;
        }
      }
    }
    this.conflicts = [...earlier.conflicts, ...this.conflicts];
  }
}
