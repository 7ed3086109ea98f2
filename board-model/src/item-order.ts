/**
 * Where each item stands: one ordered list per group, kept up to date from the document's transactions.
 *
 * Built on the first write that needs it (a document that is only read or synced never pays), then a few microseconds per
 * moved item instead of a scan of the board per insert. Owns one `afterTransaction` listener per document, for its life.
 */
import type * as Y from 'yjs';
import { isId } from './ids.ts';
import { byPosition, readPosition, type Placed } from './order.ts';
import { valueOf } from './register.ts';
import { child, forEachChild, itemsMap, type Cells, type Store } from './schema.ts';

export interface Place { group: string | null; position: string }

/** The place a record holds; a malformed one reads as ungrouped and first. */
export const readPlace = (item: Cells): Place => {
  const place = valueOf(item.get('place'));
  if (!Array.isArray(place)) return { group: null, position: '' };
  const group: unknown = place[0];
  return { group: isId(group) ? group : null, position: readPosition(place[1]) };
};

/** Index at which an entry stands or would stand. */
export const search = (list: readonly Placed[], entry: Placed): number => {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = list[middle];
    if (at !== undefined && byPosition(at, entry) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
};

export class ItemOrder {
  private readonly places = new Map<string, Place>();
  private readonly lists = new Map<string | null, Placed[]>();

  constructor(doc: Y.Doc) {
    const items = itemsMap(doc);
    forEachChild(items, (item, id) => {
      const place = readPlace(item);
      this.places.set(id, place);
      this.list(place.group).push({ id, position: place.position });
    });
    for (const list of this.lists.values()) list.sort(byPosition);
    doc.on('afterTransaction', (transaction: Y.Transaction) => {
      for (const [type, keys] of transaction.changed) {
        const parent: unknown = type._item === null ? null : type._item.parent;
        if ((type as unknown) === items) {
          for (const id of keys) if (id !== null) this.refresh(items, id);
        } else if (parent === items && keys.has('place')) {
          this.refresh(items, type._item?.parentSub ?? '');
        }
      }
    });
  }

  /** Ordered entries of a group as stored; null: without a group. Do not change the answer. */
  list(group: string | null): Placed[] {
    const found = this.lists.get(group);
    if (found !== undefined) return found;
    const made: Placed[] = [];
    this.lists.set(group, made);
    return made;
  }

  groups(): Iterable<string | null> {
    return this.lists.keys();
  }

  place(id: string): Place | undefined {
    return this.places.get(id);
  }

  put(id: string, place: Place | null): void {
    const before = this.places.get(id);
    if (before !== undefined && place !== null && before.group === place.group && before.position === place.position) return;
    if (before !== undefined) {
      const list = this.list(before.group);
      const at = search(list, { id, position: before.position });
      if (list[at]?.id === id) list.splice(at, 1);
      this.places.delete(id);
    }
    if (place !== null) {
      const list = this.list(place.group);
      const entry = { id, position: place.position };
      list.splice(search(list, entry), 0, entry);
      this.places.set(id, place);
    }
  }

  private refresh(items: Store, id: string): void {
    const item = child(items, id);
    this.put(id, item === undefined ? null : readPlace(item));
  }
}

const orders = new WeakMap<Y.Doc, ItemOrder>();

export const itemOrder = (doc: Y.Doc): ItemOrder => {
  const known = orders.get(doc);
  if (known !== undefined) return known;
  const made = new ItemOrder(doc);
  orders.set(doc, made);
  return made;
};
