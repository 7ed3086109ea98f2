/**
 * Edits of every kind, and every mess a stock client could make, as fast-check arbitraries: what the property tests of this package and
 * of those that derive something from documents are fed with.
 */
import * as fc from 'fast-check';
import * as Y from 'yjs';
import {
  addComment, archiveColumn, archiveGroup, asColumnId, asCommentId, asGroupId, asItemId, COLUMN_TYPES, createColumn, createGroup, createItem, deleteComment, deleteItem, editComment,
  longText, moveColumn, moveItem, restoreColumn, restoreGroup, restoreItem, updateBoard, updateColumn, updateGroup, updateItem,
  type ColumnId, type ColumnValue,
} from '../src/index.ts';

export const TYPES = COLUMN_TYPES;
export const columnIdOf = (type: string): ColumnId => asColumnId(`col_${type}`);
export const ITEMS = ['i0', 'i1', 'i2', 'i3', 'i4', 'i5'].map(asItemId);
export const GROUPS = ['g0', 'g1', 'g2'].map(asGroupId);
export const labels = [{ id: 'a', title: 'A', color: '' }, { id: 'b', title: 'B', color: '' }];

const value = (type: string): fc.Arbitrary<ColumnValue | null> => {
  const text = fc.string({ unit: 'binary', maxLength: 8 });
  const ids = fc.array(fc.constantFrom('u1', 'u2', 'u3', 'u:4', '🔥'), { maxLength: 4 });
  const day = fc.constantFrom('2024-01-01', '2024-02-29', '2025-12-31');
  switch (type) {
    case 'number': return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'counter': case 'maximum': return fc.integer({ min: -5, max: 20 });
    case 'checkbox': return fc.boolean();
    case 'rating': return fc.integer({ min: 0, max: 5 });
    case 'link': return fc.constantFrom({ url: 'https://example.com' }, { url: 'mailto:a@example.com', text: 'x' });
    case 'email': return fc.constant('a@example.com');
    case 'location': return fc.constantFrom({ address: 'Bern' }, { lat: 1, lng: 2 });
    case 'status': case 'dropdown': return fc.constantFrom({ labelId: 'a' }, { labelId: 'b' });
    case 'date': return day.map((date) => ({ date }));
    case 'timeline': return day.map((from) => ({ from, to: '2026-01-01' }));
    case 'person': case 'tags': case 'relation': case 'files': return ids;
    case 'long_text': return fc.string({ maxLength: 8 }); // an editor's position must not fall inside a character
    default: return text;
  }
};

/** Anything Yjs can hold. */
const junk = fc.oneof(fc.anything({ maxDepth: 2, withBigInt: false, values: [fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null)] }).filter((it) => it !== undefined && JSON.stringify(it) !== undefined),
  fc.tuple(fc.oneof(fc.string(), fc.constant(null), fc.integer()), fc.oneof(fc.double(), fc.integer(), fc.string())),
  fc.constantFrom('map', 'array', 'text').map((kind) => ({ shared: kind })),
  // what JSON or a timestamp cannot say, alone and beside a value
  fc.constantFrom<unknown>(1n, Number.NaN, -Infinity, -0, new Uint8Array(2), [undefined, 1n], { a: 1n }, { labelId: 'a', x: 1n }, { date: '2024-01-01', x: new Uint8Array(1) }, { title: 'A', order: Number.NaN })
    .chain((raw) => fc.constantFrom({ raw }, { raw: [raw, 1e300] }, { raw: [raw, -1e300] }, { raw: [raw, 1, 'a\0b'] })));

const toShared = (it: unknown): unknown => {
  if (typeof it === 'object' && it !== null && 'raw' in it) return it.raw;
  const kind = (it as { shared?: unknown } | null)?.shared;
  return kind === 'map' ? new Y.Map([['x', 1]]) : kind === 'array' ? Y.Array.from([1]) : kind === 'text' ? new Y.Text('t') : JSON.parse(JSON.stringify(it)) as unknown;
};

const item = fc.constantFrom(...ITEMS);
const group = fc.constantFrom(...GROUPS);
const type = fc.constantFrom(...TYPES);
/** Columns that are made during the run, so that cells may arrive before their column does. */
export const lateIdOf = (of: string): ColumnId => asColumnId(`late_${of}`);
const cell = fc.tuple(type, fc.boolean()).chain(([it, late]) => value(it).map((filled) => ({ column: late ? lateIdOf(it) : columnIdOf(it), value: filled })));
const oddKey = fc.constantFrom('name', 'place', 'createdAt', 'createdBy', 'deletedAt', 'touched', 'type', 'title', 'settings', 'position', 'archivedAt', 'label:a', 'label:', 'body', 'mentions', 'author', '__proto__', 'constructor', 'c:', 'c::', ...TYPES.flatMap((it) => [`c:col_${it}`, `c:col_${it}:u1`, `c:late_${it}`, `c:late_${it}:7`]));

export type Step = (doc: Y.Doc, userId: string) => void;
const step = (arbitrary: fc.Arbitrary<Step>): fc.Arbitrary<Step> => arbitrary;

export const edits: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: step(fc.tuple(item, group, fc.option(cell), fc.boolean()).map(([id, groupId, filled, grouped]) => (doc, userId) => createItem(doc, { id, name: id, groupId: grouped ? groupId : null, ...(filled === null ? {} : { values: { [filled.column]: filled.value } }) }, { userId }))) },
  { weight: 8, arbitrary: step(fc.tuple(item, cell).map(([id, filled]) => (doc, userId) => updateItem(doc, id, { values: { [filled.column]: filled.value } }, { userId }))) },
  { weight: 2, arbitrary: step(fc.tuple(item, type).map(([id, of]) => (doc, userId) => updateItem(doc, id, { values: { [columnIdOf(of)]: null } }, { userId }))) },
  { weight: 2, arbitrary: step(fc.tuple(item, fc.string({ maxLength: 5 })).map(([id, name]) => (doc, userId) => updateItem(doc, id, { name }, { userId }))) },
  { weight: 5, arbitrary: step(fc.tuple(item, item, group, fc.constantFrom('before', 'after', 'end')).map(([id, other, groupId, where]) => (doc, userId) => moveItem(doc, id, where === 'end' ? { groupId } : { [where]: other }, { userId }))) },
  { weight: 2, arbitrary: step(item.map((id) => (doc, userId) => deleteItem(doc, id, { userId }))) },
  { weight: 2, arbitrary: step(item.map((id) => (doc, userId) => restoreItem(doc, id, { userId }))) },
  { weight: 2, arbitrary: step(type.map((of) => (doc, userId) => createColumn(doc, { id: lateIdOf(of), type: of, title: of, settings: { labels } }, { userId }))) },
  { weight: 1, arbitrary: step(type.map((of) => (doc, userId) => archiveColumn(doc, columnIdOf(of), { userId }))) },
  { weight: 1, arbitrary: step(type.map((of) => (doc, userId) => restoreColumn(doc, columnIdOf(of), { userId }))) },
  { weight: 1, arbitrary: step(fc.tuple(type, type).map(([of, other]) => (doc, userId) => moveColumn(doc, columnIdOf(of), { before: columnIdOf(other) }, { userId }))) },
  { weight: 1, arbitrary: step(fc.tuple(type, fc.constantFrom('c', 'd')).map(([of, id]) => (doc, userId) => updateColumn(doc, columnIdOf(of), { title: id, settings: { labels: [...labels, { id, title: id, color: '' }], unit: id } }, { userId }))) },
  { weight: 2, arbitrary: step(group.map((id) => (doc, userId) => createGroup(doc, { id, title: id }, { userId }))) },
  { weight: 1, arbitrary: step(group.map((id) => (doc, userId) => archiveGroup(doc, id, { userId }))) },
  { weight: 1, arbitrary: step(group.map((id) => (doc, userId) => restoreGroup(doc, id, { userId }))) },
  { weight: 1, arbitrary: step(group.map((id) => (doc, userId) => updateGroup(doc, id, { title: userId, color: 'red' }, { userId }))) },
  { weight: 1, arbitrary: step(fc.string({ maxLength: 4 }).map((name) => (doc, userId) => updateBoard(doc, { name }, { userId }))) },
  { weight: 2, arbitrary: step(fc.tuple(item, fc.nat(20), fc.string({ maxLength: 4 })).map(([id, at, body]) => (doc) => {
    const text = longText(doc, id, columnIdOf('long_text'));
    text.insert(Math.min(at, text.length), body);
    if (at % 3 === 0) text.delete(0, Math.min(2, text.length));
  })) },
  { weight: 1, arbitrary: step(fc.tuple(item, fc.constantFrom('c1', 'c2').map(asCommentId)).map(([id, commentId]) => (doc, userId) => addComment(doc, id, { id: commentId, body: `by ${userId}`, mentions: ['u1'] }, { userId, at: 1000 }))) },
  { weight: 1, arbitrary: step(fc.tuple(item, fc.constantFrom('c1', 'c2').map(asCommentId)).map(([id, commentId]) => (doc, userId) => editComment(doc, id, commentId, { body: 'edited', mentions: [] }, { userId }))) },
  { weight: 1, arbitrary: step(fc.tuple(item, fc.constantFrom('c1', 'c2').map(asCommentId)).map(([id, commentId]) => (doc, userId) => deleteComment(doc, id, commentId, { userId }))) },
);

const strayId = fc.oneof(item as fc.Arbitrary<string>, group as fc.Arbitrary<string>, type.map((it): string => columnIdOf(it)), fc.constantFrom('__proto__', 'constructor', 'x'.repeat(5000), 'name', 'schemaVersion', 'c1'));
const root = fc.oneof(fc.constantFrom('board', 'columns', 'groups', 'items', 'authors'), item.map((id) => `comments:${id}`));
export const mess: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: step(fc.tuple(root, strayId, oddKey, junk).map(([name, id, key, it]) => (doc) => {
    const record = doc.getMap(name).get(id);
    if (record instanceof Y.Map) record.set(key, toShared(it));
    else doc.getMap(name).set(id, new Y.Map([[key, toShared(it)]]));
  })) },
  { weight: 1, arbitrary: step(fc.tuple(root, strayId, junk).map(([name, id, it]) => (doc) => void doc.getMap(name).set(id, toShared(it)))) },
  { weight: 1, arbitrary: step(fc.tuple(root, strayId).map(([name, id]) => (doc) => doc.getMap(name).delete(id))) },
  { weight: 1, arbitrary: step(fc.tuple(root, strayId, oddKey).map(([name, id, key]) => (doc) => {
    const record = doc.getMap(name).get(id);
    if (record instanceof Y.Map) record.delete(key);
  })) },
);
