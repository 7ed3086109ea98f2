/**
 * Where in a board a struct lies: a Yjs struct names its parent, or only its neighbours, whose parent it shares.
 *
 * Guarantees: finds the place of anything in the document in a few steps, whatever the board's size; never creates a root type.
 * What lies where a board has nothing (from before there was a guard) is `elsewhere`; what is collected or deleted is `gone`.
 */
import { isId, parseRoot, type FieldsOf } from '@sunday/board-model';
import * as Y from 'yjs';

export type RecordsOf = 'columns' | 'groups' | 'items' | 'comments';

export type Place =
  /** A root that holds records; of comments, one root an item. */
  | { readonly kind: 'records'; readonly of: RecordsOf; readonly root: string; readonly itemId: string | null }
  /** A record, or one of the two roots that hold values themselves. `live`: as the document has it; null: made by this update. */
  | { readonly kind: 'fields'; readonly of: FieldsOf; readonly id: string; readonly itemId: string | null; readonly live: AnyType | null }
  | { readonly kind: 'text'; readonly root: string; readonly itemId: string; readonly columnId: string }
  | { readonly kind: 'gone' }
  | { readonly kind: 'elsewhere' };

/** A shared type of Yjs, whatever class it has been asked for by so far. */
export interface AnyType {
  readonly _item: Y.Item | null;
  readonly _map: ReadonlyMap<string, Y.Item>;
}

/** In something deleted. */
export const GONE: Place = { kind: 'gone' };
/** Collected: Yjs collects whatever refers to it. */
export const COLLECTED: Place = { kind: 'gone' };
export const ELSEWHERE: Place = { kind: 'elsewhere' };

/** The place of a root type, by its name. */
export function rootPlace(doc: Y.Doc, name: string): Place {
  switch (name) {
    case 'columns':
    case 'groups':
    case 'items':
      return { kind: 'records', of: name, root: name, itemId: null };
    case 'board':
    case 'authors':
      return { kind: 'fields', of: name, id: '', itemId: null, live: doc.share.get(name) ?? null };
    default: {
      const parsed = parseRoot(name);
      if (parsed === null || !isId(parsed.itemId)) return ELSEWHERE;
      if (parsed.kind === 'comments') return { kind: 'records', of: 'comments', root: name, itemId: parsed.itemId };
      return isId(parsed.columnId) ? { kind: 'text', root: name, itemId: parsed.itemId, columnId: parsed.columnId } : ELSEWHERE;
    }
  }
}

/** The place that a record makes for its fields. */
export const recordPlace = (records: Extract<Place, { kind: 'records' }>, id: string, live: AnyType | null): Place =>
  ({ kind: 'fields', of: records.of, id, itemId: records.itemId, live });

/** Finding a root's name means scanning all roots, and a board with long texts has thousands: each is looked for once. */
const rootNames = new WeakMap<object, string>();

function rootName(doc: Y.Doc, type: AnyType): string {
  const known = rootNames.get(type);
  if (known !== undefined) return known;
  doc.share.forEach((root, name) => { rootNames.set(root, name); });
  return rootNames.get(type) ?? '';
}

/** Types never move: what a type is, is found out once. */
const places = new WeakMap<AnyType, Place>();

/** The place of a type in the document. */
export function placeOf(doc: Y.Doc, type: AnyType): Place {
  const holder = type._item;
  if (holder?.deleted === true) return GONE;
  const known = places.get(type);
  if (known !== undefined) return known;
  const place = holder === null ? rootPlace(doc, rootName(doc, type)) : nestedPlace(doc, type, holder);
  places.set(type, place);
  return place;
}

function nestedPlace(doc: Y.Doc, type: AnyType, { parent, parentSub }: Y.Item): Place {
  if (!(parent instanceof Y.AbstractType) || !(type instanceof Y.Map)) return ELSEWHERE;
  const records = placeOf(doc, parent);
  return records.kind === 'records' && isId(parentSub) ? recordPlace(records, parentSub, type) : ELSEWHERE;
}

/** What the document holds under a key of a type; undefined: nothing. */
export function valueAt(type: AnyType | undefined | null, key: string): unknown {
  const item = type?._map.get(key);
  return item === undefined || item.deleted ? undefined : item.content.getContent().at(-1);
}

/** Whether two structs may be neighbours. */
export function samePlace(a: Place, b: Place): boolean {
  switch (a.kind) {
    case 'records':
    case 'text':
      return b.kind === a.kind && b.root === a.root;
    case 'fields':
      return b.kind === 'fields' && b.of === a.of && b.id === a.id && b.itemId === a.itemId;
    case 'gone':
    case 'elsewhere':
      return b.kind === a.kind;
  }
}
