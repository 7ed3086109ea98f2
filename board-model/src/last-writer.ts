/**
 * Last-writer-wins, truly: Yjs lets the write of the higher client id win where two wrote one key without knowing of each other,
 * whatever the time. Here such races are found, exactly, and judged by the clock of their registers (SPEC.md, "Clock").
 *
 * A write knew of the one before it if and only if the first struct of its chain (of that transaction) has as `origin` the struct
 * that was the key's winner before. Comparing values or clocks would call sequential writes races, and miss real ones.
 *
 * Pure and cheap: a look at the structs a transaction brought. Call it from `afterTransaction`, while Yjs still has their content.
 */
import * as Y from 'yjs';
import { isId, isUserId } from './ids.ts';
import { atOf, isRegister, sameValue, valueOf } from './register.ts';
import { boardMap, columnsMap, groupsMap, itemsMap, type Store } from './schema.ts';

/** Two writes closer than this are the same moment: clocks of people's devices agree no better, and Yjs' choice stands. */
export const SAME_MOMENT_MS = 1000;

export interface StructId { client: number; clock: number }

/** One write of a register. */
export interface RegisterWrite {
  id: StructId;
  value: unknown;
  /** null: a plain value, which carries no time. */
  at: number | null;
  /** As the register names it; null: whoever owns the client id. */
  author: string | null;
}

/** What a transaction wrote to one key of a record, or of the board itself. */
export interface KeyWrites {
  root: 'board' | 'columns' | 'groups' | 'items';
  /** Column, group or item id; null: the board's own. */
  record: string | null;
  key: string;
  /** What the key held before; null: nothing, or what was deleted earlier. */
  prior: RegisterWrite | null;
  /** The last writes of each chain: none of them knew of another. `follows`: what the chain began on. */
  heads: { write: RegisterWrite; follows: StructId | null; knewPrior: boolean }[];
  /** What the key holds now, one of the above; null: it was deleted. */
  shown: RegisterWrite | null;
}

/** Keys of an item that are no registers, or that nobody writes for its value. */
const NO_REGISTERS: ReadonlySet<string> = new Set(['createdAt', 'createdBy', 'touched']);

const isRegisterKey = (root: KeyWrites['root'], key: string): boolean =>
  root !== 'items' || (!NO_REGISTERS.has(key) && !(key.startsWith('c:') && key.includes(':', 2)));

export const sameId = (a: StructId | null, b: StructId | null): boolean => a === b || (a !== null && b !== null && a.client === b.client && a.clock === b.clock);

const nameOf = (id: StructId | null): string => (id === null ? '' : `${id.client}:${id.clock}`);

/** A nested type is a record, not a value. */
const writeOf = (item: Y.Item): RegisterWrite | null => {
  const { content } = item;
  if (!(content instanceof Y.ContentAny) && !(content instanceof Y.ContentJSON)) return null;
  const stored: unknown = content.arr.at(-1);
  if (!isRegister(stored)) return { id: item.id, value: stored, at: null, author: null };
  return { id: item.id, value: valueOf(stored), at: atOf(stored), author: isUserId(stored[2]) ? stored[2] : null };
};

interface Place { root: KeyWrites['root']; record: string | null }

const placeOf = (doc: Y.Doc, type: unknown): Place | null => {
  if (type === boardMap(doc)) return { root: 'board', record: null };
  if (!(type instanceof Y.AbstractType) || type._item === null) return null;
  const { parent, parentSub } = type._item;
  if (parentSub === null || !isId(parentSub)) return null;
  if (parent === itemsMap(doc)) return { root: 'items', record: parentSub };
  if (parent === columnsMap(doc)) return { root: 'columns', record: parentSub };
  return parent === groupsMap(doc) ? { root: 'groups', record: parentSub } : null;
};

/** Every struct the transaction added that is a value under a key. */
const forEachKeyed = (transaction: Y.Transaction, visit: (item: Y.Item) => void): void => {
  // Not `for of`, which makes an array for each client that ever wrote.
  transaction.afterState.forEach((end, client) => {
    const start = transaction.beforeState.get(client) ?? 0;
    const structs = start < end ? transaction.doc.store.clients.get(client) : undefined;
    if (structs === undefined) return;
    for (let index = Y.findIndexSS(structs, start); index < structs.length; index += 1) {
      const struct = structs[index];
      if (struct instanceof Y.Item && struct.parentSub !== null && struct.id.clock >= start) visit(struct);
    }
  });
};

const isNew = (transaction: Y.Transaction, id: StructId): boolean => id.clock >= (transaction.beforeState.get(id.client) ?? 0);

/** What the key holds now, as one of the writes read already. */
const shownOf = (last: Y.Item | null, heads: KeyWrites['heads'], prior: RegisterWrite | null): RegisterWrite | null => {
  if (last === null || last.deleted) return null;
  const head = heads.find(({ write }) => sameId(write.id, last.id));
  if (head !== undefined) return head.write;
  return prior !== null && sameId(prior.id, last.id) ? prior : writeOf(last);
};

/** Where the chain begins that a write ends. What is found on the way is noted: thousands may end one chain, and each step is gone once. */
const beginOf = (head: Y.Item, byLast: ReadonlyMap<string, Y.Item>, begins: Map<Y.Item, Y.Item>): Y.Item => {
  const passed: Y.Item[] = [];
  let begin = head;
  for (;;) {
    const known = begins.get(begin);
    const before = known ?? byLast.get(nameOf(begin.origin));
    if (before === undefined) break;
    passed.push(begin);
    begin = before;
    if (known !== undefined) break;
  }
  for (const item of passed) begins.set(item, begin);
  return begin;
};

const readKey = (transaction: Y.Transaction, place: Place, key: string, added: readonly Y.Item[]): KeyWrites | null => {
  const [first] = added;
  const parent = first?.parent;
  if (first === undefined || !(parent instanceof Y.AbstractType)) return null;
  let prior: Y.Item | null = parent._map.get(key) ?? null;
  const last = prior;
  while (prior !== null && isNew(transaction, prior.id)) prior = prior.left;
  // What was deleted earlier says nothing any more, also where Yjs has not collected it yet.
  const gone = prior !== null && prior.deleted && !Y.isDeleted(transaction.deleteSet, prior.id);
  const before = prior === null || gone ? null : writeOf(prior);
  const heads: KeyWrites['heads'] = [];
  if (added.length === 1) {
    const write = writeOf(first);
    if (write === null) return null;
    heads.push({ write, follows: first.origin, knewPrior: sameId(first.origin, prior?.lastId ?? null) });
    return { root: place.root, record: place.record, key, heads, prior: before, shown: shownOf(last, heads, before) };
  }
  // By their last ids: writes that Yjs has cleaned up at their author's are merged into one struct.
  const byLast = new Map(added.map((item) => [nameOf(item.lastId), item]));
  const begins = new Map<Y.Item, Y.Item>();
  const followed = new Set(added.map((item) => nameOf(item.origin)));
  for (const item of added) {
    if (followed.has(nameOf(item.lastId))) continue;
    // Its author has overwritten it, knowing of something else.
    const write = writeOf(item);
    if (write === null) continue;
    const { origin } = beginOf(item, byLast, begins);
    heads.push({ write, follows: origin, knewPrior: sameId(origin, prior?.lastId ?? null) });
  }
  if (heads.length === 0) return null;
  return { root: place.root, record: place.record, key, heads, prior: before, shown: shownOf(last, heads, before) };
};

/** What the transaction wrote to registers, key by key; not what came with a record that is new. */
export const readKeyWrites = (transaction: Y.Transaction): KeyWrites[] => {
  const { doc } = transaction;
  const found = new Map<unknown, { place: Place; keys: Map<string, Y.Item[]> } | null>();
  forEachKeyed(transaction, (item) => {
    const { parent, parentSub } = item;
    if (parentSub === null || item.content instanceof Y.ContentType) return;
    let record = found.get(parent);
    if (record === undefined) {
      // Nobody can have raced for what is in a record that is new itself.
      const isNewRecord = parent instanceof Y.AbstractType && parent._item !== null && isNew(transaction, parent._item.id);
      const place = isNewRecord ? null : placeOf(doc, parent);
      record = place === null ? null : { place, keys: new Map() };
      found.set(parent, record);
    }
    if (record === null || !isRegisterKey(record.place.root, parentSub)) return;
    const items = record.keys.get(parentSub);
    if (items === undefined) record.keys.set(parentSub, [item]);
    else items.push(item);
  });
  const writes: KeyWrites[] = [];
  for (const record of found.values()) {
    if (record === null) continue;
    for (const [key, items] of record.keys) {
      const read = readKey(transaction, record.place, key, items);
      if (read !== null) writes.push(read);
    }
  }
  return writes;
};

/** What is to be kept of writes none of which knew of the others, and what loses. */
export interface Verdict {
  kept: RegisterWrite;
  lost: RegisterWrite[];
  /** Kept because it is later, or, within a moment, because Yjs chose it. */
  policy: 'later_write' | 'same_moment';
}

/**
 * Judges the writes of one key; null where nobody raced. `timeOf` gives each write's time, in ms: its own `at`, within what the server believes.
 * Values may be equal: then there is nothing to tell anybody.
 */
export const judge = (writes: KeyWrites, timeOf: (write: RegisterWrite) => number): Verdict | null => {
  const { shown, prior, heads } = writes;
  const candidates = heads.map(({ write }) => write);
  if (prior !== null && heads.every(({ knewPrior }) => !knewPrior)) candidates.push(prior);
  if (shown === null || candidates.length < 2) return null;
  let latest = shown;
  for (const write of candidates) if (timeOf(write) > timeOf(latest)) latest = write;
  const later = timeOf(latest) - timeOf(shown) > SAME_MOMENT_MS;
  const kept = later ? latest : shown;
  const lost = candidates.filter((write) => !sameId(write.id, kept.id));
  const close = lost.every((write) => Math.abs(timeOf(kept) - timeOf(write)) <= SAME_MOMENT_MS);
  return { kept, lost, policy: close ? 'same_moment' : 'later_write' };
};

const rootOf = (doc: Y.Doc, root: KeyWrites['root']): Store => {
  switch (root) {
    case 'board':
      return boardMap(doc);
    case 'columns':
      return columnsMap(doc);
    case 'groups':
      return groupsMap(doc);
    case 'items':
      return itemsMap(doc);
  }
};

/** The record under which a key's register stands; undefined: it is gone. */
const storeOf = (doc: Y.Doc, { root, record }: Pick<KeyWrites, 'root' | 'record'>): Store | undefined => {
  if (record === null) return boardMap(doc);
  const found = rootOf(doc, root).get(record);
  return found instanceof Y.Map ? (found as Store) : undefined;
};

/** The struct under a key, of a record or (record: null) of the root itself; null: nothing ever stood there. */
export const structUnder = (doc: Y.Doc, root: KeyWrites['root'], record: string | null, key: string): (StructId & { deleted: boolean }) | null => {
  const map = record === null ? rootOf(doc, root) : storeOf(doc, { root, record });
  const item = map?._map.get(key);
  return item === undefined ? null : { client: item.id.client, clock: item.id.clock, deleted: item.deleted };
};

export interface Restatement extends Pick<KeyWrites, 'root' | 'record' | 'key'> {
  /** The write it corrects: if another one is shown by now, somebody has written since, and nothing is done. */
  over: StructId;
  value: unknown;
  at: number;
  author: string | null;
}

/** Writes a register again, with its own time and author. Tells whether there was anything to write. */
export const restate = (doc: Y.Doc, { over, value, at, author, key, ...place }: Restatement): boolean => {
  const store = storeOf(doc, place);
  const current = store?._map.get(key);
  if (store === undefined || current === undefined || current.deleted || !sameId(current.id, over)) return false;
  const register = author === null ? [value, at] : [value, at, author];
  if (sameValue(store.get(key), register)) return false;
  store.set(key, register);
  return true;
};
