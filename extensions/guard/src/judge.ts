/**
 * Judges one decoded update against the live document: where each new struct lies, what it holds, whose it is, what is deleted.
 *
 * Guarantees: throws `Refusal` for the first thing that may not be; reads the document and changes nothing. The cost follows the update,
 * not the board. What concurrent changes of the schema could make of an honest edit is not held against it (grammar.ts).
 * Does not: ask anybody; who owns which client id, and what they may, is known before.
 */
import {
  columnTypeOf, depthOf, isFixed, isId, isKey, isColumnType, isRequired, isStructureLocked, judgeEntry, judgeFormat, type ColumnType, type EntryFault,
} from '@sunday/board-model';
import * as Y from 'yjs';
import type { Decoded, Struct } from './decode.ts';
import { Distance } from './distance.ts';
import { faultCode, Refusal } from './faults.ts';
import { comesAfter, visitInOrder } from './order.ts';
import { COLLECTED, ELSEWHERE, GONE, placeOf, recordPlace, rootPlace, samePlace, valueAt, type AnyType, type Place } from './places.ts';
import { fieldName, Overlay } from './overlay.ts';

export type Role = 'owner' | 'editor' | 'commenter' | 'viewer';

/** Somebody whose words an update holds. */
export interface Author {
  /** null: nobody knows; then it is not judged who says what. */
  readonly userId: string | null;
  readonly role: Role;
}

export interface Judgement {
  readonly doc: Y.Doc;
  readonly update: Decoded;
  /** Who sent it: answers for all of it. */
  readonly sender: Author;
  /** Whose client id this is: the sender's, or that of somebody whose structs are passed on. */
  readonly authorOf: (client: number) => Author;
  readonly maxDepth: number;
}

/**
 * `incomplete`: something that it builds on is missing. `untidy`: it is fine but for deletions of formatting that has no effect, as a page makes by itself behind
 * others who format, also that of somebody who may not write: those are not to be applied.
 */
export type Verdict = 'fine' | 'incomplete' | 'untidy';

/** @throws Refusal */
export function judge(judgement: Judgement): Verdict {
  refuseCuts(judgement);
  const court = new Court(judgement);
  if (!visitInOrder(judgement.doc.store, judgement.update, (struct) => { court.hear(struct); })) return 'incomplete';
  if (!court.judgeDeletions()) return 'incomplete';
  court.close();
  return court.untidy ? 'untidy' : 'fine';
}

/**
 * Yjs looks up what a struct refers to also where it knows the struct, and divides what it finds there: between the two halves of a character, which are lost then,
 * in this copy alone, since nothing is sent on. @throws Refusal
 */
function refuseCuts({ doc: { store }, update }: Judgement): void {
  for (const { client, structs } of update.sections.values()) {
    const state = Y.getState(store, client);
    for (const struct of structs) {
      if (struct.id.clock >= state) break;
      if (!(struct instanceof Y.Item)) continue;
      const { origin, rightOrigin } = struct;
      if ((origin !== null && cutsCharacter(store, origin.client, origin.clock + 1)) || (rightOrigin !== null && cutsCharacter(store, rightOrigin.client, rightOrigin.clock))) {
        throw new Refusal('malformed_update');
      }
    }
  }
}

/** Whether a character lies across this clock. */
function cutsCharacter(store: Y.Doc['store'], client: number, clock: number): boolean {
  if (clock >= Y.getState(store, client)) return false;
  const item: unknown = Y.getItem(store, Y.createID(client, clock));
  if (!(item instanceof Y.Item) || !(item.content instanceof Y.ContentString) || clock === item.id.clock) return false;
  const { str } = item.content;
  return isHighSurrogate(str.charCodeAt(clock - item.id.clock - 1));
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;

type Fields = Extract<Place, { kind: 'fields' }>;

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

class Court {
  private readonly doc: Y.Doc;
  private readonly judgement: Judgement;
  /** It takes away formatting, of somebody who may not. */
  untidy = false;
  private readonly overlay = new Overlay();
  private readonly distance: Distance;
  /** One more value was looked at. @throws Refusal update_too_complex */
  private readonly step = (): void => { this.distance.spend(1); };
  /** The items that texts and comments are about. */
  private readonly mentioned = new Set<string>();
  /** Fields that no record may be without, and that the update writes to. */
  private readonly required = new Map<string, { readonly place: Fields; readonly key: string }>();

  constructor(judgement: Judgement) {
    this.judgement = judgement;
    this.doc = judgement.doc;
    this.distance = new Distance(judgement.doc.store, judgement.update.count);
  }

  /** One new struct; all it refers to is in the document or was heard before. */
  hear(struct: Struct): void {
    if (!(struct instanceof Y.Item)) {
      this.overlay.add(struct, { place: COLLECTED, key: null, opens: null });
      return;
    }
    const { place, key } = this.whereIs(struct);
    if (place !== COLLECTED) this.checkBeginning(struct, place, key);
    this.measure(struct, place, key);
    const author = this.judgement.authorOf(struct.id.client);
    const opens = this.judgeStruct(struct, place, key, author);
    this.overlay.add(struct, { place, key, opens });
  }

  private measure(struct: Y.Item, place: Place, key: string | null): void {
    switch (place.kind) {
      case 'text':
        this.distance.measure(struct, `text ${place.root}`, () => this.doc.share.get(place.root)?._start ?? null);
        return;
      case 'fields':
        if (key !== null) this.distance.measure(struct, `field ${fieldName(place, key)}`, () => this.foremost(place.live, key));
        return;
      case 'records':
        if (key !== null) this.distance.measure(struct, `record ${place.root} ${key}`, () => this.foremost(this.doc.share.get(place.root), key));
        return;
      case 'gone':
      case 'elsewhere':
    }
  }

  /** The first of all values that were written under a key. */
  private foremost(type: AnyType | undefined | null, key: string): Y.Item | null {
    let item = type?._map.get(key) ?? null;
    for (; item !== null && item.left !== null; item = item.left) this.step();
    return item;
  }

  /** A struct whose beginning is known goes on where that lies: Yjs puts it there unseen, and breaks where there is nothing to follow. */
  private checkBeginning({ id }: Y.Item, place: Place, key: string | null): void {
    const state = Y.getState(this.doc.store, id.client);
    if (id.clock >= state) return;
    const known = this.lookUp(Y.createID(id.client, state - 1));
    // In something deleted it does not matter where; but what is collected has nothing beside it.
    if (known.place === COLLECTED || (place.kind !== 'gone' && (known.key !== key || !samePlace(known.place, place)))) throw new Refusal('malformed_update');
  }

  private whereIs(struct: Y.Item): { place: Place; key: string | null } {
    const parent: unknown = struct.parent;
    if (typeof parent === 'string') return { place: rootPlace(this.doc, parent), key: struct.parentSub };
    if (parent instanceof Y.ID) return { place: this.openedBy(parent), key: struct.parentSub };
    const left = struct.origin === null ? null : this.lookUp(struct.origin);
    const right = struct.rightOrigin === null ? null : this.lookUp(struct.rightOrigin);
    const beside = left ?? right;
    if (beside === null) throw new Refusal('malformed_update');
    // Yjs would collect it, but cut what lies on the other side in two first, here and not where the outcome is sent: between two halves of a character for good.
    if (left !== null && right !== null && (left.place === COLLECTED) !== (right.place === COLLECTED)) throw new Refusal('malformed_update');
    if (beside.place === COLLECTED) return beside;
    if (left !== null && right !== null && (left.key !== right.key || !samePlace(left.place, right.place))) throw new Refusal('malformed_update');
    return beside;
  }

  private lookUp(id: Y.ID): { place: Place; key: string | null } {
    const seen = this.overlay.at(id);
    if (seen !== null) return seen;
    const item: unknown = Y.getItem(this.doc.store, id);
    if (!(item instanceof Y.Item) || !(item.parent instanceof Y.AbstractType)) return { place: COLLECTED, key: null };
    return { place: placeOf(this.doc, item.parent), key: item.parentSub };
  }

  /** The place that a struct opens for others: a record, if it is one. */
  private openedBy(id: Y.ID): Place {
    const seen = this.overlay.at(id);
    if (seen !== null) return seen.opens ?? COLLECTED;
    const item: unknown = Y.getItem(this.doc.store, id);
    return item instanceof Y.Item && item.content instanceof Y.ContentType ? placeOf(this.doc, item.content.type) : COLLECTED;
  }

  /** Answers the place that the struct opens. */
  private judgeStruct(struct: Y.Item, place: Place, key: string | null, author: Author): Place | null {
    switch (place.kind) {
      case 'gone':
        // Yjs collects what lies in something collected, and keeps what lies in something deleted.
        return place !== COLLECTED && struct.content instanceof Y.ContentType ? GONE : null;
      case 'elsewhere':
        throw new Refusal('update_unknown_path');
      case 'records':
        return this.judgeRecord(struct, place, key, author);
      case 'fields':
        this.judgeField(struct, place, key, author);
        return null;
      case 'text':
        this.judgeText(struct, place, key, author);
        return null;
    }
  }

  private judgeRecord(struct: Y.Item, place: Extract<Place, { kind: 'records' }>, id: string | null, author: Author): Place | null {
    if (!isId(id)) throw new Refusal(id === null ? 'update_wrong_type' : 'update_unknown_path');
    this.mayWrite(place, null, author);
    if (place.itemId !== null) this.mentioned.add(place.itemId);
    const taken = this.doc.share.get(place.root)?._map.get(id);
    const live = taken === undefined || taken.deleted ? null : taken;
    if (struct.content instanceof Y.ContentDeleted) {
      if (live !== null && comesAfter(this.doc, struct, live, this.step)) throw new Refusal('update_removes_record');
      return COLLECTED; // made and erased again before anybody saw it
    }
    if (!(struct.content instanceof Y.ContentType) || !(struct.content.type instanceof Y.Map)) throw new Refusal('update_wrong_type');
    if (live !== null || !this.overlay.make(place, id)) throw new Refusal('update_duplicate_record');
    return recordPlace(place, id, null);
  }

  private judgeField(struct: Y.Item, place: Fields, key: string | null, author: Author): void {
    if (key === null) throw new Refusal('update_wrong_type');
    this.mayWrite(place, key, author);
    if (!isKey(place.of, key)) throw new Refusal('update_unknown_path');
    this.overlay.bring(place, key, struct);
    if (isRequired(place.of, key)) this.required.set(fieldName(place, key), { place, key });
    if (struct.content instanceof Y.ContentDeleted) return; // overwritten again before it came
    const values: unknown[] = struct.content instanceof Y.ContentAny ? struct.content.arr : [];
    if (values.length === 0) throw new Refusal('update_wrong_type');
    // Of several the last is what the key holds: Yjs keeps what one client overwrote in a row as one, where it keeps it at all.
    const stored = values.at(-1);
    if (values.some((value) => depthOf(value, this.judgement.maxDepth) > this.judgement.maxDepth)) throw new Refusal('update_too_deep');
    if (isFixed(place.of, key) && valueAt(place.live, key) !== undefined) throw new Refusal('update_fixed_field');
    refuseFor(judgeEntry(place.of, key, stored, { author: author.userId, client: struct.id.client, typeOf: (columnId) => this.typeOf(columnId) }));
    this.overlay.write(place, key, stored);
  }

  private judgeText({ content }: Y.Item, place: Extract<Place, { kind: 'text' }>, key: string | null, author: Author): void {
    this.mayWrite(place, null, author);
    this.mentioned.add(place.itemId);
    const type = this.typeOf(place.columnId);
    if (type !== undefined && type !== 'long_text') throw new Refusal('update_unknown_path');
    if (key !== null) throw new Refusal('update_wrong_type');
    if (content instanceof Y.ContentFormat) refuseFor(judgeFormat(content.key, content.value));
    else if (!(content instanceof Y.ContentString || content instanceof Y.ContentDeleted)) throw new Refusal('update_wrong_type');
  }

  private typeOf(columnId: string): ColumnType | undefined {
    const made = this.overlay.columnType(columnId);
    if (isColumnType(made)) return made;
    const column = valueAt(this.doc.share.get('columns'), columnId);
    return column instanceof Y.Map ? columnTypeOf(column) : undefined;
  }

  /** Both whose words these are and who brings them must be allowed to write there. */
  private mayWrite(place: Place, key: string | null, author: Author): void {
    const { sender } = this.judgement;
    if (!this.allows(place, key, sender) || (author !== sender && !this.allows(place, key, author))) throw new Refusal('update_not_allowed');
  }

  private allows(place: Place, key: string | null, { role, userId }: Author): boolean {
    switch (role) {
      case 'owner':
        return true;
      case 'editor':
        if (place.kind === 'text' || place.kind === 'gone' || place.kind === 'elsewhere' || !isStructure(place.of)) return true;
        if (isStructureLocked(this.doc)) throw new Refusal('update_structure_locked');
        return key !== 'structureLocked';
      case 'commenter':
        if (place.kind === 'records') return place.of === 'comments';
        if (place.kind !== 'fields') return false;
        return place.of === 'authors' || (place.of === 'comments' && (place.live === null || asText(valueAt(place.live, 'author')) === userId));
      case 'viewer':
        return false;
    }
  }

  /** `false`: something is deleted that is not there. */
  judgeDeletions(): boolean {
    const { store } = this.doc;
    for (const [client, ranges] of this.judgement.update.deletions) {
      const state = Y.getState(store, client);
      const end = Math.max(state, this.judgement.update.sections.get(client)?.end ?? 0);
      const structs = store.clients.get(client) ?? [];
      for (const { clock, len } of ranges) {
        if (clock + len > end) return false;
        // what this update brings itself it may take away again
        if (clock >= state) continue;
        for (let at = Y.findIndexSS(structs, clock); at < structs.length; at += 1) {
          const struct = structs[at];
          if (struct === undefined || struct.id.clock >= clock + len) break;
          if (!struct.deleted && struct instanceof Y.Item) this.judgeDeletion(struct);
        }
      }
    }
    return true;
  }

  private judgeDeletion(item: Y.Item): void {
    const { sender } = this.judgement;
    const place = item.parent instanceof Y.AbstractType ? placeOf(this.doc, item.parent) : ELSEWHERE;
    if (place.kind === 'text' && item.content instanceof Y.ContentFormat && !this.allows(place, null, sender)) {
      this.untidy = true;
      return;
    }
    this.mayWrite(place, item.parentSub, sender);
    switch (place.kind) {
      case 'gone':
      case 'elsewhere':
      case 'text':
        return;
      case 'records':
        throw new Refusal('update_removes_record');
      case 'fields':
        if (item.parentSub !== null && isRequired(place.of, item.parentSub) && !this.isReplaced(item, place, item.parentSub)) throw new Refusal('update_removes_record');
    }
  }

  /** Whether the update puts another value in its stead: one that follows on it, or one written without knowing of it that Yjs places after it. */
  private isReplaced(item: Y.Item, place: Fields, key: string): boolean {
    return this.holdsSomething(place, key) && this.goesOnAfter(item, place, key);
  }

  /** What the update brings to a field is not all taken away by the update itself. */
  private holdsSomething(place: Fields, key: string): boolean {
    return this.overlay.broughtTo(place, key).some(({ content, id }) => !(content instanceof Y.ContentDeleted) && !this.judgement.update.isDeleted(id));
  }

  private goesOnAfter(item: Y.Item, place: Fields, key: string): boolean {
    return this.overlay.broughtTo(place, key).some((struct) => comesAfter(this.doc, struct, item, this.step));
  }

  /** What can only be told at the end, since clients may send in any order. */
  close(): void {
    // Yjs deletes what a new value follows on, also when that one is deleted itself.
    for (const { place, key } of this.required.values()) {
      const live = place.live?._map.get(key);
      if (live !== undefined && !live.deleted && !this.holdsSomething(place, key) && this.goesOnAfter(live, place, key)) throw new Refusal('update_removes_record');
    }
    const items = this.doc.share.get('items');
    for (const itemId of this.mentioned) {
      if (!this.overlay.made('items', itemId) && !(valueAt(items, itemId) instanceof Y.Map)) throw new Refusal('update_unknown_item');
    }
    // one without an author would be nobody's, and anybody's
    if (this.overlay.hasAnonymousComment()) throw new Refusal('update_invalid_value');
  }
}

const isStructure = (of: string): boolean => of === 'board' || of === 'columns' || of === 'groups';

function refuseFor(fault: EntryFault | null): void {
  if (fault !== null) throw new Refusal(faultCode(fault));
}

