/**
 * What the guard keeps out, on real sockets: every kind of bad update by a hand-written client is refused with its own code, nothing of it
 * is stored, and nobody else on the board notices. And what it lets in: a commenter's comments, and everything honest.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FRAME } from '@sunday/extension-journal';
import * as encoding from 'lib0/encoding';
import * as Y from 'yjs';
import type { ErrorCode } from '../src/errors.ts';
import { startTestServer, type Api, type BoardBody, type TestServer } from './rest-support.ts';
import { authFrame, bare, committed, frameOf, stock, until, updateFrame, type BareSocket, type StockClient } from './stock-clients.ts';

const PAUSE_MS = 300;

let server: TestServer;
let owner: Api;
let boardId: string;
let itemId: string;
let commentId: string;
let witness: StockClient;
let seen = '';
type Id = readonly [client: number, clock: number];
/** Of the first character of a text of CHARACTERS letters and one that takes two. */
let textId: Id;

before(async () => {
  server = await startTestServer({ SUNDAY_MAX_UPDATE_STRUCTS: '1000', SUNDAY_MAX_WAITING_UPDATES: '5', SUNDAY_MAX_UPDATE_CLIENTS: '100' });
  owner = await server.as('olga');
  const { body: board } = await owner.expect<BoardBody>(201, 'POST', '/boards', {
    body: {
      name: 'Plan',
      columns: [
        { id: 'size', title: 'Size', type: 'number' }, { id: 'site', title: 'Site', type: 'link' }, { id: 'sum', title: 'Sum', type: 'formula', settings: { formula: '{Size} * 2' } },
        { id: 'votes', title: 'Votes', type: 'counter' }, { id: 'notes', title: 'Notes', type: 'long_text' },
      ],
    },
  });
  boardId = board.id;
  const { body: item } = await owner.expect<{ id: string }>(201, 'POST', `/boards/${boardId}/items`, { body: { name: 'First', values: { size: 3 } } });
  itemId = item.id;
  const { body: comment } = await owner.expect<{ id: string }>(201, 'POST', `/boards/${boardId}/items/${itemId}/comments`, { body: { body: 'Mine' } });
  commentId = comment.id;
  for (const [userId, role] of [['mallory', 'editor'], ['wendy', 'editor'], ['carl', 'commenter']]) await owner.expect(201, 'POST', `/boards/${boardId}/members`, { body: { userId, role } });
  witness = stock(server.url, boardId, await server.tokenOf('wendy'));
  await until('the witness is in', () => witness.provider.synced);
  itemOf(witness.doc).set('c:size', 4);
  await until('the witness is saved, and the plain value stamped by the server', () => !witness.provider.hasUnsyncedChanges && Array.isArray(itemOf(witness.doc).get('c:size')));
  witness.doc.getText(notes()).insert(0, `${'a'.repeat(CHARACTERS)}😀`);
  await until('the text is saved', () => !witness.provider.hasUnsyncedChanges);
  const text = witness.doc.getText(notes())._start ?? assert.fail();
  textId = [text.id.client, text.id.clock];
  seen = JSON.stringify(witness.doc.toJSON());
});
after(async () => {
  witness.close();
  await server.close();
});

const recordIn = (doc: Y.Doc, root: string, id: string): Y.Map<unknown> => {
  const record = doc.getMap(root).get(id);
  assert(record instanceof Y.Map);
  return record as Y.Map<unknown>;
};
const itemOf = (doc: Y.Doc): Y.Map<unknown> => recordIn(doc, 'items', itemId);

async function admitted(userId: string): Promise<BareSocket> {
  const socket = await bare(server.url);
  socket.websocket.send(authFrame(boardId, await server.tokenOf(userId)));
  await until('let in', () => socket.authenticated(boardId));
  return socket;
}

/** What a client that has the board would send for this. */
async function edit(write: (doc: Y.Doc) => void, clientId?: number): Promise<Uint8Array> {
  const doc = await committed(server.database, boardId);
  if (clientId !== undefined) doc.clientID = clientId;
  const before = Y.encodeStateVector(doc);
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => { updates.push(update); });
  doc.transact(() => { write(doc); });
  const [only] = updates;
  return updates.length === 1 && only !== undefined ? only : Y.encodeStateAsUpdate(doc, before);
}

const struct = (client: number, clock: number, info: number, ...rest: (number | string)[]): Uint8Array => {
  const encoder = encoding.createEncoder();
  for (const part of [1, 1, client, clock]) encoding.writeVarUint(encoder, part);
  encoding.writeUint8(encoder, info);
  for (const part of rest) {
    if (typeof part === 'number') encoding.writeVarUint(encoder, part);
    else encoding.writeVarString(encoder, part);
  }
  encoding.writeVarUint(encoder, 0);
  return encoding.toUint8Array(encoder);
};
const CONTENT_STRING = 4;
const CONTENT_GC = 0;
const CONTENT_DELETED = 1;
const HAS_ORIGIN = 0x80;
const HAS_RIGHT_ORIGIN = 0x40;
const HAS_KEY = 0x20;
const CONTENT_ANY = 8;
/** Something collected, and a struct between it and what is not. */
const besideCollected = (client: number, [leftClient, leftClock]: [number, number]): Uint8Array => {
  const encoder = encoding.createEncoder();
  for (const part of [1, 2, client, 0]) encoding.writeVarUint(encoder, part);
  encoding.writeUint8(encoder, CONTENT_GC);
  encoding.writeVarUint(encoder, 1);
  encoding.writeUint8(encoder, CONTENT_STRING | HAS_ORIGIN | HAS_RIGHT_ORIGIN);
  for (const part of [leftClient, leftClock, client, 0]) encoding.writeVarUint(encoder, part);
  encoding.writeVarString(encoder, 'x');
  encoding.writeVarUint(encoder, 0);
  return encoding.toUint8Array(encoder);
};
const lastIdUnder = (map: { readonly _map: ReadonlyMap<string, Y.Item> } | undefined, key: string): [number, number] => {
  const last = map?._map.get(key)?.lastId ?? assert.fail('nothing there');
  return [last.client, last.clock];
};
const notes = (): string => `text:${itemId}:notes`;

async function untouched(): Promise<void> {
  assert.equal(JSON.stringify(witness.doc.toJSON()), seen);
  assert.deepEqual([witness.denied, witness.closes], [[], []]);
  assert.deepEqual((await committed(server.database, boardId)).getMap('items').toJSON(), witness.doc.getMap('items').toJSON());
}

async function refusedWith(code: ErrorCode, frame: Uint8Array, userId = 'mallory'): Promise<void> {
  const socket = await admitted(userId);
  socket.websocket.send(frame);
  await until(`refused with ${code}`, () => socket.deniedFor(boardId).length > 0);
  assert.deepEqual(socket.deniedFor(boardId), [code]);
  socket.websocket.close();
  await untouched();
}

/** As lib0 reads it, infinity. */
const ENDLESS = [...Array.from({ length: 146 }, () => 0x80), 0x7f];
const CHARACTERS = 1000;

/** The id of a character of the text that everybody knows. */
const at = (index: number): Id => [textId[0], textId[1] + index];
const encoded = (...parts: readonly (number | string | Uint8Array)[]): Uint8Array => {
  const encoder = encoding.createEncoder();
  for (const part of parts) {
    if (typeof part === 'number') encoding.writeVarUint(encoder, part);
    else if (typeof part === 'string') encoding.writeVarString(encoder, part);
    else encoding.writeUint8Array(encoder, part);
  }
  return encoding.toUint8Array(encoder);
};

/** Pieces of text of one client, one after the other: what each stands behind, and before. */
const between = (client: number, pieces: readonly (readonly [Id | null, Id | null])[]): Uint8Array =>
  encoded(1, pieces.length, client, 0, ...pieces.flatMap(([left, right]) => [
    Uint8Array.of(CONTENT_STRING | (left === null ? 0 : HAS_ORIGIN) | (right === null ? 0 : HAS_RIGHT_ORIGIN)), ...(left ?? []), ...(right ?? []), ...(left === null && right === null ? [1, notes()] : []), 'x',
  ]), 0);
const deletions = (client: number, ranges: readonly (readonly [number, number])[]): Uint8Array => encoded(0, 1, client, ranges.length, ...ranges.flat());
/** Names of the item, none of which followed on another. */
const strangers = (client: number, count: number): Uint8Array => {
  const record = witness.doc.getMap('items')._map.get(itemId)?.id ?? assert.fail();
  return encoded(1, count, client, 0, ...Array.from({ length: count }, () => [CONTENT_ANY | HAS_KEY, 0, record.client, record.clock, 'c:size', 1, 125, 1]).flat(), 0);
};
/** Something collected of each of so many clients. */
const collected = (clients: number): Uint8Array => encoded(clients, ...Array.from({ length: clients }, (_, n) => [1, 10_000 + n, 0, CONTENT_GC, 1]).flat(), 0);
/** What the witness wrote first, said to stand behind half of a character. */
const cutting = (): Uint8Array => {
  const [client, clock] = textId;
  const [first] = witness.doc.store.clients.get(witness.doc.clientID) ?? [];
  return encoded(1, 1, first?.id.client ?? 0, first?.id.clock ?? 0, Uint8Array.of(CONTENT_DELETED | HAS_ORIGIN), client, clock + CHARACTERS, first?.length ?? 1, 0);
};

type Bad = readonly [what: string, code: ErrorCode, frame: () => Promise<Uint8Array> | Uint8Array, userId?: string];
const update = async (write: (doc: Y.Doc) => void, clientId?: number): Promise<Uint8Array> => updateFrame(boardId, await edit(write, clientId));
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
/** Its key `__proto__` makes it one whose prototype are bytes for whoever reads it. */
const asBytes = (): object => Object.defineProperty({}, '__proto__', { value: Uint8Array.of(1), enumerable: true });

const BAD: readonly Bad[] = [
  ['a struct of no length', 'malformed_update', () => updateFrame(boardId, struct(7, 0, CONTENT_GC, 0))],
  ['a struct that follows on its own future', 'malformed_update', () => updateFrame(boardId, struct(7, 0, CONTENT_STRING | HAS_ORIGIN, 7, 5, 'x'))],
  ['a struct between a live one and a collected one', 'malformed_update', () => updateFrame(boardId, besideCollected(7, lastIdUnder(itemOf(witness.doc), 'name')))],
  ['far too many structs', 'update_too_complex', () => update((doc) => { for (let n = 0; n < 1200; n += 1) doc.getText(notes()).insert(0, 'x'); })],
  ['one piece each of more clients than anybody works with', 'update_too_complex', () => updateFrame(boardId, collected(101))],
  ['the same, of so many that nothing is made of them', 'update_too_complex', () => updateFrame(boardId, collected(5000))],
  ['a value nested too deep', 'update_too_deep', () => update((doc) => { itemOf(doc).set('c:later', nested(30)); })],
  ['a handshake with a hole', 'update_incomplete', () => frameOf(boardId, FRAME.sync, 1, struct(7, 3, CONTENT_STRING, 1, notes(), 'x'))],
  ['a deletion of what will be', 'update_incomplete', () => frameOf(boardId, FRAME.sync, 1, new Uint8Array([0, 1, 7, 1, 0, 100]))],
  ['a deletion of what a gap only seems to bring', 'update_incomplete', () => frameOf(boardId, FRAME.sync, 1, new Uint8Array([1, 1, 7, 100, 10, 5, 1, 7, 1, 0, 100]))],
  ['a value that Yjs reads and cannot write again', 'malformed_update', () => update((doc) => { itemOf(doc).set('c:later', [[asBytes()], 5]); })],
  ['a client id without end', 'malformed_update', () => updateFrame(boardId, Uint8Array.from([1, 1, ...ENDLESS, 0, CONTENT_GC, 1, 0]))],
  ['a deletion of a client id without end', 'malformed_update', () => updateFrame(boardId, Uint8Array.from([0, 1, ...ENDLESS, 1, 0, 1]))],
  ['one deletion many times', 'malformed_update', () => updateFrame(boardId, deletions(witness.doc.clientID, Array.from({ length: 1000 }, () => [0, 1])))],
  ['a piece of text that stands before what it stands behind', 'malformed_update', () => updateFrame(boardId, between(7, [[at(3), at(1)]]))],
  ['a piece of text that reaches back over what it brings', 'malformed_update', () => updateFrame(boardId, between(7, [[at(3), at(4)], [at(0), [7, 0]]]))],
  ['many pieces of text that follow nothing', 'update_too_complex', () => updateFrame(boardId, between(7, Array.from({ length: 800 }, (_, n) => [null, at(n % 1000)])))],
  ['many pieces of text that precede nothing', 'update_too_complex', () => updateFrame(boardId, between(7, Array.from({ length: 800 }, (_, n) => [at(n), null])))],
  ['many values that know nothing of each other', 'update_too_complex', () => updateFrame(boardId, strangers(7, 800))],
  ['what is known, in the middle of a character', 'malformed_update', () => updateFrame(boardId, cutting())],
  ['a root of its own', 'update_unknown_path', () => update((doc) => { doc.getMap('secrets').set('a', 1); })],
  ['a field that items do not have', 'update_unknown_path', () => update((doc) => { itemOf(doc).set('color', 'red'); })],
  ['a type inside a field', 'update_wrong_type', () => update((doc) => { itemOf(doc).set('name', new Y.Map()); })],
  ['a value where a record belongs', 'update_wrong_type', () => update((doc) => { doc.getMap('items').set('x', 5); })],
  ['a list of records', 'update_wrong_type', () => update((doc) => { doc.getMap('items').set('x', new Y.Array()); })],
  ['an image in a text', 'update_wrong_type', () => update((doc) => { doc.getText(notes()).insertEmbed(0, { image: 'https://example.org/' }); })],
  ['a second record under one id', 'update_duplicate_record', () => update((doc) => { doc.getMap('items').set(itemId, new Y.Map([['name', 'Other']])); })],
  ['an item erased', 'update_removes_record', () => update((doc) => { doc.getMap('items').delete(itemId); })],
  ['a name erased', 'update_removes_record', () => update((doc) => { itemOf(doc).delete('name'); })],
  ['a column overwritten by what is deleted', 'update_removes_record', () => updateFrame(boardId, struct(7, 0, CONTENT_DELETED | HAS_ORIGIN, ...lastIdUnder(witness.doc.share.get('columns'), 'size'), 1))],
  ['a name overwritten by what is deleted', 'update_removes_record', () => updateFrame(boardId, struct(7, 0, CONTENT_DELETED | HAS_ORIGIN, ...lastIdUnder(itemOf(witness.doc), 'name'), 1))],
  ['a name overwritten and erased', 'update_removes_record', () => update((doc) => { itemOf(doc).set('name', 'short'); itemOf(doc).delete('name'); })],
  ['another creation time', 'update_fixed_field', () => update((doc) => { itemOf(doc).set('createdAt', 1); })],
  ['another column type', 'update_fixed_field', () => update((doc) => { recordIn(doc, 'columns', 'size').set('type', ['text', 1]); })],
  ['a word in a number column', 'update_invalid_value', () => update((doc) => { itemOf(doc).set('c:size', ['much', Date.now()]); })],
  ['a script as a link', 'update_invalid_link', () => update((doc) => { itemOf(doc).set('c:site', { url: 'javascript:alert(1)' }); })],
  ['a script behind a word', 'update_invalid_link', () => update((doc) => { doc.getText(notes()).insert(0, 'word', { link: 'javascript:alert(1)' }); })],
  ['the result of a formula', 'update_computed_column', () => update((doc) => { itemOf(doc).set('c:sum', 7); })],
  ['a text of no item', 'update_unknown_item', () => update((doc) => { doc.getText('text:nothing:notes').insert(0, 'x'); })],
  ['a value signed by somebody else', 'update_foreign_author', () => update((doc) => { itemOf(doc).set('name', ['Mine', Date.now(), 'wendy']); })],
  ['a comment signed by somebody else', 'update_foreign_author', () => update((doc) => { doc.getMap(`comments:${itemId}`).set('x', new Y.Map<unknown>([['author', 'wendy'], ['createdAt', 1], ['body', 'Mine']])); })],
  ['an item made by somebody else', 'update_foreign_author', () => update((doc) => { doc.getMap('items').set('x', new Y.Map<unknown>([['name', 'x'], ['createdBy', 'wendy']])); })],
  ['a client id claimed for somebody else', 'update_foreign_author', () => update((doc) => { doc.getMap('authors').set(String(doc.clientID), 'wendy'); })],
  ['with the client id of somebody who is there', 'update_foreign_client', () => update((doc) => { itemOf(doc).set('c:size', 5); }, witness.doc.clientID)],
  ['with the client id of the server', 'update_foreign_client', () => update((doc) => { itemOf(doc).set('c:size', 5); }, serverClient())],
  ['the votes of somebody else', 'update_foreign_part', () => update((doc) => { itemOf(doc).set(`c:votes:${witness.doc.clientID}`, 5); })],
  ['a commenter who edits', 'update_not_allowed', () => update((doc) => { itemOf(doc).set('c:size', 5); }), 'carl'],
  ['a commenter who deletes', 'update_not_allowed', () => update((doc) => { itemOf(doc).delete('c:size'); }), 'carl'],
  ['a commenter who edits the comment of somebody else', 'update_not_allowed', () => update((doc) => { recordIn(doc, `comments:${itemId}`, commentId).set('body', ['Yours', Date.now()]); }), 'carl'],
  ['a commenter who signs nothing', 'update_invalid_value', () => update((doc) => { doc.getMap(`comments:${itemId}`).set('x', new Y.Map<unknown>([['createdAt', 1], ['body', 'Nobody']])); }), 'carl'],
];

/** Which client wrote the board's first item: the REST write did. */
const serverClient = (): number => witness.doc.getMap('items')._map.get(itemId)?.id.client ?? assert.fail('no item');

for (const [what, code, frame, userId] of BAD) test(`${what}: ${code}`, async () => { await refusedWith(code, await frame(), userId); });

test('who repeats what others wrote is not taken for its writer', async () => {
  const socket = await admitted('mallory');
  socket.websocket.send(updateFrame(boardId, Y.encodeStateAsUpdate(await committed(server.database, boardId))));
  socket.websocket.send(await update((doc) => { itemOf(doc).set('c:size', 5); }, serverClient()));
  await until('refused', () => socket.deniedFor(boardId).length > 0);
  assert.deepEqual(socket.deniedFor(boardId), ['update_foreign_client']);
  socket.websocket.close();
  await untouched();
  assert.deepEqual(await server.database.database.query('SELECT user_id FROM board_clients WHERE board_id = $1 AND client_id = $2', [boardId, serverClient()]), []);
});

test('where the owner locked the structure an editor still edits, and adds no column', async () => {
  const olga = stock(server.url, boardId, await server.tokenOf('olga'));
  await until('in', () => olga.provider.synced);
  olga.doc.getMap('board').set('structureLocked', true);
  // A plain value becomes a register as it arrives.
  const stored = (): unknown => witness.doc.getMap('board').get('structureLocked');
  const holds = (value: boolean) => () => { const found = stored(); return Array.isArray(found) && found[0] === value; };
  await until('locked', holds(true));
  seen = JSON.stringify(witness.doc.toJSON());
  await refusedWith('update_structure_locked', await update((doc) => { doc.getMap('columns').set('more', new Y.Map<unknown>([['type', 'text'], ['title', 'More'], ['position', 'z1']])); }));
  olga.doc.getMap('board').set('structureLocked', false);
  await until('unlocked', holds(false));
  olga.close();
  seen = JSON.stringify(witness.doc.toJSON());
});

test('what follows a refusal is neither stored nor acknowledged, and a stock client is told once and does not come again', async () => {
  const mallory = stock(server.url, boardId, await server.tokenOf('mallory'));
  await until('in', () => mallory.provider.synced && !mallory.provider.hasUnsyncedChanges);
  itemOf(mallory.doc).set('c:site', { url: 'javascript:alert(1)' });
  for (let n = 0; n < 20; n += 1) itemOf(mallory.doc).set('c:size', 100 + n);
  await until('told', () => mallory.denied.length > 0);
  itemOf(mallory.doc).set('c:size', 200);
  await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); }); // for something not to happen
  assert.deepEqual(mallory.denied, ['update_invalid_link']);
  assert(mallory.provider.hasUnsyncedChanges);
  assert.deepEqual(mallory.closes, []);
  await untouched();
  const live = await fetch(`${server.url}/metrics`).then((answer) => answer.text());
  assert.match(live, /sunday_guard_updates_total\{code="update_invalid_link"\} [1-9]/);
  mallory.close();
});

test('updates that come before their handshake wait for it unapplied; too many are refused', async () => {
  const socket = await admitted('mallory');
  const late = (clock: number): Uint8Array => updateFrame(boardId, struct(70_001, clock, CONTENT_STRING, 1, notes(), 'x'));
  for (let clock = 1; clock <= 5; clock += 1) socket.websocket.send(late(clock));
  await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); }); // for something not to happen
  assert.deepEqual(socket.deniedFor(boardId), []);
  socket.websocket.send(late(6));
  await until('refused', () => socket.deniedFor(boardId).length > 0);
  assert.deepEqual(socket.deniedFor(boardId), ['update_incomplete']);
  socket.websocket.close();
  // What they waited for comes from somebody else: they must not come to life, for nobody has judged them.
  const other = await admitted('mallory');
  other.websocket.send(updateFrame(boardId, struct(70_001, 0, CONTENT_STRING, 1, notes(), 'first')));
  await until('the first is there', () => witness.doc.getText(notes()).toString().includes('first'));
  assert.equal(witness.doc.getText(notes()).toString().split('a', 1)[0], 'first');
  other.websocket.close();
  seen = JSON.stringify(witness.doc.toJSON());
});

test('a handshake with what somebody who is here has not told is put off, and let in once they are gone', async () => {
  const walter = stock(server.url, boardId, await server.tokenOf('wendy'));
  await until('in', () => walter.provider.synced && !walter.provider.hasUnsyncedChanges);
  itemOf(walter.doc).set('c:size', 5);
  await until('saved', () => !walter.provider.hasUnsyncedChanges && JSON.stringify(witness.doc.toJSON()).includes('"c:size":[5'));
  // What mallory's client saw on another node, of the same client as here.
  const passedOn = frameOf(boardId, FRAME.sync, 1, await edit((doc) => { itemOf(doc).set('c:size', [6, Date.now()]); }, walter.doc.clientID));
  const early = await admitted('mallory');
  const closed = new Promise<number>((resolve) => { early.websocket.once('close', (code: number) => { resolve(code); }); });
  early.websocket.send(passedOn);
  assert.equal(await closed, 4503);
  assert.deepEqual(early.deniedFor(boardId), []);
  walter.close();
  for (let tries = 0; !JSON.stringify(witness.doc.toJSON()).includes('"c:size":[6'); tries += 1) {
    assert.ok(tries < 50, 'never let in');
    const again = await admitted('mallory');
    again.websocket.send(passedOn);
    await new Promise((resolve) => { setTimeout(resolve, 100); });
    again.websocket.close();
  }
  seen = JSON.stringify(witness.doc.toJSON());
});

test('a commenter comments over the socket and over REST, edits and deletes the own comment, and is acknowledged', async () => {
  const carl = stock(server.url, boardId, await server.tokenOf('carl'));
  await until('in', () => carl.provider.synced);
  carl.doc.getMap(`comments:${itemId}`).set('c1', new Y.Map<unknown>([['author', 'carl'], ['createdAt', Date.now()], ['body', ['Looks good', Date.now()]]]));
  carl.doc.getMap('authors').set(String(carl.doc.clientID), 'carl');
  const body = (): unknown => recordIn(witness.doc, `comments:${itemId}`, 'c1').get('body');
  await until('others read it', () => witness.doc.getMap(`comments:${itemId}`).has('c1'));
  recordIn(carl.doc, `comments:${itemId}`, 'c1').set('body', ['Looks better', Date.now()]);
  await until('others read the edit', () => Array.isArray(body()) && JSON.stringify(body()).includes('better'));
  recordIn(carl.doc, `comments:${itemId}`, 'c1').set('deletedAt', [Date.now(), Date.now()]);
  await until('saved', () => !carl.provider.hasUnsyncedChanges);
  const api = await server.as('carl');
  await api.expect(201, 'POST', `/boards/${boardId}/items/${itemId}/comments`, { body: { body: 'By REST' } });
  await api.expect(403, 'PATCH', `/boards/${boardId}/items/${itemId}`, { body: { name: 'Mine' } });
  assert.deepEqual(carl.denied, []);
  carl.close();
});
