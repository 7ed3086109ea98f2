/**
 * The items of a board as the screen needs them: cached views with stable references.
 *
 * Guarantees: a view keeps its reference until its item changes, a list until one of its items does; an edit of one cell reads that one
 * item again, whatever the board's size; lists are made when somebody asks. A change of what columns hold or of the groups reads all.
 */
import {
  asItemId, createItem, deleteItem, listItems, moveItem, readItem, restoreItem, updateItem, type GroupId, type GroupView, type ItemId, type ItemView
} from '@sunday/board-model';
import type * as Y from 'yjs';
import type { Writes } from './writes.ts';
import { KeyedListeners, Listeners } from './listeners.ts';
import type { Change, ItemPatch, ItemPlace, ItemReads, Listener, NewItem, Unsubscribe } from './types.ts';

const byPlace = (a: ItemView, b: ItemView): number =>
  a.position < b.position ? -1 : a.position > b.position ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0;

type Group = GroupId | null;

/** One reading of the whole board, kept in step item by item. */
interface Cache {
  readonly views: Map<string, ItemView>;
  /** Living items by group, in order; an emptied group keeps its list. */
  readonly groups: Map<Group, readonly ItemView[]>;
  deleted: readonly ItemView[];
  /** Made from the above when asked for. */
  all: readonly ItemView[] | null;
}

const NONE: readonly ItemView[] = [];

export class Items implements ItemReads {
  readonly #writes: Writes;
  readonly #order: () => readonly GroupView[];
  readonly #any = new Listeners();
  readonly #one = new KeyedListeners();
  #cache: Cache | null = null;

  constructor(writes: Writes, groupOrder: () => readonly GroupView[]) {
    this.#writes = writes;
    this.#order = groupOrder;
  }

  get all(): readonly ItemView[] {
    const cache = this.prime();
    cache.all ??= [...this.#order().map(({ id }) => id), null].flatMap((group) => cache.groups.get(group) ?? NONE);
    return cache.all;
  }

  get deleted(): readonly ItemView[] { return this.prime().deleted; }

  inGroup(groupId: string | null): readonly ItemView[] {
    return this.prime().groups.get(groupId as Group) ?? NONE;
  }

  get(itemId: string): ItemView | undefined {
    // Inside a batch the document is ahead of the cache.
    if (this.#writes.batching()) return readItem(this.#writes.doc(), itemId as ItemId);
    return this.prime().views.get(itemId);
  }

  subscribe(fn: Listener): Unsubscribe;
  subscribe(itemId: string, fn: Listener): Unsubscribe;
  subscribe(...args: [Listener] | [string, Listener]): Unsubscribe {
    return args.length === 1 ? this.#any.add(args[0]) : this.#one.add(...args);
  }

  create(item: NewItem): ItemId {
    return this.#writes.write((doc, ctx) => createItem(doc, item, ctx));
  }

  update(itemId: string, patch: ItemPatch): void {
    this.#writes.write((doc, ctx) => updateItem(doc, asItemId(itemId), patch, ctx));
  }

  move(itemId: string, place: ItemPlace): void {
    this.#writes.write((doc, ctx) => moveItem(doc, asItemId(itemId), place, ctx));
  }

  delete(itemId: string): void {
    this.#writes.write((doc, ctx) => deleteItem(doc, asItemId(itemId), ctx));
  }

  restore(itemId: string): void {
    this.#writes.write((doc, ctx) => restoreItem(doc, asItemId(itemId), ctx));
  }

  /** Reads these items again, if anybody ever read them; says what differs. `announce` tells the listeners. */
  refresh(itemIds: Iterable<ItemId>): Change[] {
    const cache = this.#cache;
    const changes: Change[] = [];
    if (!cache) return changes;
    for (const id of itemIds) {
      const before = cache.views.get(id);
      const after = this.#refresh(cache, this.#writes.doc(), id);
      changes.push({ kind: 'item', id, before, after });
    }
    this.#sort(cache);
    return changes;
  }

  announce(itemIds: ReadonlySet<ItemId>): void {
    if (itemIds.size === 0) return;
    this.#one.emit(itemIds);
    this.#any.emit();
  }

  /** The order of the groups changed, nothing else. */
  reorder(): void {
    if (this.#cache) this.#cache.all = null;
    this.#any.emit();
  }

  /** Everything may read differently. */
  reset(): void {
    this.#cache = null;
    this.#one.emit();
    this.#any.emit();
  }

  /** Reads everything, if that was not done: so what a write changes can be told from what was before. */
  prime(): Cache {
    this.#cache ??= this.#build(this.#writes.doc());
    return this.#cache;
  }

  #build(doc: Y.Doc): Cache {
    const living = listItems(doc);
    const deleted = listItems(doc, { deleted: true });
    const groups = Map.groupBy(living, ({ groupId }) => groupId);
    return { views: new Map([...living, ...deleted].map((view) => [view.id, view])), groups, deleted, all: living };
  }

  /** What changed by one touch is gathered here and put into the lists at once: an import touches thousands. */
  readonly #replaced = new Map<Group | 'deleted', Map<string, ItemView | null>>();

  #refresh(cache: Cache, doc: Y.Doc, id: ItemId): ItemView | undefined {
    const before = cache.views.get(id);
    const after = readItem(doc, id);
    if (before) this.#note(listOf(before), id, null);
    if (after) {
      cache.views.set(id, after);
      this.#note(listOf(after), id, after);
    } else cache.views.delete(id);
    return after;
  }

  #note(list: Group | 'deleted', id: string, view: ItemView | null): void {
    const changes = this.#replaced.get(list) ?? new Map<string, ItemView | null>();
    changes.set(id, view);
    this.#replaced.set(list, changes);
  }

  #sort(cache: Cache): void {
    for (const [list, changes] of this.#replaced) {
      const before = list === 'deleted' ? cache.deleted : (cache.groups.get(list) ?? NONE);
      const after = merge(before, changes);
      if (list === 'deleted') cache.deleted = after.sort((a, b) => (b.deletedAt ?? 0) - (a.deletedAt ?? 0));
      else {
        cache.groups.set(list, after.sort(byPlace)); // one pass where it is in order already
        cache.all = null;
      }
    }
    this.#replaced.clear();
  }
}

const listOf = (view: ItemView): Group | 'deleted' => (view.deletedAt === null ? view.groupId : 'deleted');

/** The list with changed views in the place of the old ones, leavers gone and newcomers at the end. Empties `left`, the changes. */
function merge(before: readonly ItemView[], left: Map<string, ItemView | null>): ItemView[] {
  const after: ItemView[] = [];
  for (const view of before) {
    const change = left.get(view.id);
    if (change !== null) after.push(change ?? view);
    left.delete(view.id);
  }
  for (const view of left.values()) if (view) after.push(view);
  return after;
}
