/** Access on two nodes with one database, seen by stock providers. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import type { Database } from '@sunday/database';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { Client as PgClient } from 'pg';
import { closeClients, connect, connectionsOn, createBoard, setRole, startNode, tokenOf, until, type Client, type TestNode } from './plain-hocuspocus.ts';

let database: TestDatabase;
let databases: { here: Database; there: Database };
let here: TestNode;
let there: TestNode;
/** Anything that escapes a hook would end the server. */
const escaped: unknown[] = [];
process.on('unhandledRejection', (error) => { escaped.push(error); });

before(async () => {
  database = await openTestDatabase();
  databases = { here: database.another(), there: database.another() };
  here = await startNode(databases.here, { graceMs: 300 });
  there = await startNode(databases.there, { graceMs: 300 });
});

afterEach(() => {
  closeClients();
  here.gate = Promise.resolve();
  assert.deepEqual(escaped, []);
  assert.deepEqual([...here.trouble, ...there.trouble], []);
});

after(async () => {
  await here.stop();
  await there.stop();
  await database.close();
});

const operatorIn = async (name: string): Promise<PgClient> => {
  const url = new URL(database.connectionString);
  url.pathname = `/${name}`;
  const client = new PgClient({ connectionString: url.href });
  await client.connect();
  return client;
};

const ONE_SECOND = 1000;
const nowS = (): number => Math.floor(Date.now() / 1000);
const opened = (client: Client): Promise<number> => until('synced', () => client.provider.isSynced);
const refusedWith = (client: Client, code: string): Promise<number> => until(`refused with ${code}: ${client.refusals.join()}`, () => client.refusals.includes(code));
const write = (client: Client, key: string): void => { client.provider.document.getMap('board').set(key, true); };
const holds = (node: TestNode, boardId: string, key: string): boolean => node.hocuspocus.documents.get(boardId)?.getMap('board').has(key) ?? false;
const rejectsWith = (work: Promise<unknown>, code: string): Promise<void> => assert.rejects(work, { name: 'AccessError', code, reason: code });

test('a member opens a board with the rights of the role; others are told why not', async () => {
  const boardId = await createBoard(database.database, { ada: 'owner', ed: 'editor', cleo: 'commenter', vic: 'viewer' });
  for (const [userId, scope] of [['ada', 'read-write'], ['ed', 'read-write'], ['cleo', 'readonly'], ['vic', 'readonly']] as const) {
    const client = connect(here, boardId, await tokenOf(userId, { name: `${userId} L.` }));
    await opened(client);
    assert.equal(client.scope(), scope, userId);
  }
  const contexts = connectionsOn(here, boardId).map(({ context }) => [context.userId, context.user.name, context.role]);
  assert.deepEqual(contexts, [['ada', 'ada L.', 'owner'], ['ed', 'ed L.', 'editor'], ['cleo', 'cleo L.', 'commenter'], ['vic', 'vic L.', 'viewer']]);

  await refusedWith(connect(here, boardId, await tokenOf('mallory')), 'forbidden');
  await refusedWith(connect(here, randomUUID(), await tokenOf('ada')), 'board_not_found');
  await refusedWith(connect(here, boardId.toUpperCase(), await tokenOf('ada')), 'board_not_found');
  // `constructor` and the like never come this far: the gateway keeps them from Hocuspocus, which would trip over them
  for (const name of ['x'.repeat(5000), `${boardId}'`, ' ']) await refusedWith(connect(here, name, await tokenOf('ada')), 'board_not_found');
  await refusedWith(connect(here, boardId, await tokenOf('ada', { lifeS: -1 })), 'token_expired');
  for (const junk of ['junk', 'a.b.c', 'x'.repeat(100_000), '{}']) await refusedWith(connect(here, boardId, junk), 'unauthenticated');
});

test('a viewer\'s edits are not applied', async () => {
  const boardId = await createBoard(database.database, { vic: 'viewer', ed: 'editor' });
  const viewer = connect(here, boardId, await tokenOf('vic'));
  const editor = connect(here, boardId, await tokenOf('ed'));
  await Promise.all([opened(viewer), opened(editor)]);
  write(viewer, 'by the viewer');
  write(editor, 'by the editor');
  await until('the editor\'s edit', () => holds(here, boardId, 'by the editor'));
  await until('the viewer reads it', () => viewer.provider.document.getMap('board').has('by the editor'));
  assert.equal(holds(here, boardId, 'by the viewer'), false);
});

test('a change of role reaches an open board on another node within a second, both ways', async () => {
  const boardId = await createBoard(database.database, { vic: 'viewer' });
  const client = connect(there, boardId, await tokenOf('vic'));
  await opened(client);
  const [connection] = connectionsOn(there, boardId);
  assert(connection !== undefined);

  await setRole(database.database, boardId, 'vic', 'editor');
  assert(await until('promoted', () => there.promoted.includes(connection)) < ONE_SECOND);
  await until('told', () => client.stateless.length === 1);
  assert.deepEqual([connection.readOnly, connection.context.role, client.stateless], [false, 'editor', [{ sunday: 'read_only', reason: null }]]);
  write(client, 'as editor');
  await until('applied', () => holds(there, boardId, 'as editor'));

  await setRole(database.database, boardId, 'vic', 'owner'); // may write as before: nothing to tell
  await until('owner', () => connection.context.role === 'owner');
  await setRole(database.database, boardId, 'vic', 'commenter');
  assert(await until('told', () => client.stateless.length === 2) < ONE_SECOND);
  assert.deepEqual([connection.readOnly, connection.context.role, client.stateless[1]], [true, 'commenter', { sunday: 'read_only', reason: 'forbidden' }]);
  assert.equal(there.promoted.filter((promoted) => promoted === connection).length, 1);
  assert.equal(await here.access.roleOn(boardId, 'vic'), 'commenter');
});

test('who is removed is out within a second, on every node, on this board only', async () => {
  const boardId = await createBoard(database.database, { ada: 'owner', ed: 'editor' });
  const other = await createBoard(database.database, { ed: 'editor' });
  const out = [connect(here, boardId, await tokenOf('ed')), connect(there, boardId, await tokenOf('ed'))];
  const stay = [connect(there, boardId, await tokenOf('ada')), connect(there, other, await tokenOf('ed'))];
  await Promise.all([...out, ...stay].map(opened));
  await setRole(database.database, boardId, 'ed', null);
  for (const client of out) assert(await refusedWith(client, 'forbidden') < ONE_SECOND);
  await until('detached', () => connectionsOn(there, boardId).length === 1);
  for (const node of [here, there]) await rejectsWith(node.access.roleOn(boardId, 'ed'), 'forbidden');
  for (const client of stay) assert.deepEqual(client.refusals, []);

  await setRole(database.database, boardId, 'ed', 'viewer'); // and may come back
  await opened(connect(here, boardId, await tokenOf('ed')));
});

test('a deleted board ends for everybody within a second, on every node', async () => {
  const boardId = await createBoard(database.database, { ada: 'owner', vic: 'viewer' });
  const all = [connect(here, boardId, await tokenOf('ada')), connect(there, boardId, await tokenOf('vic'))];
  await Promise.all(all.map(opened));
  await here.access.deleteBoard(boardId, 'ada');
  await rejectsWith(here.access.roleOn(boardId, 'ada'), 'board_not_found');
  for (const client of all) assert(await refusedWith(client, 'board_not_found') < ONE_SECOND);
  await here.access.deleteBoard(boardId, 'ada'); // again is harmless
  await refusedWith(connect(there, boardId, await tokenOf('ada')), 'board_not_found');
});

test('revoked: every earlier token stops at once on every node, those of the same second too; one issued after the answer works', async () => {
  const boardId = await createBoard(database.database, { eve: 'editor', ada: 'owner' });
  const old = await tokenOf('eve');
  const victim = connect(there, boardId, old);
  const bystander = connect(there, boardId, await tokenOf('ada'));
  await Promise.all([opened(victim), opened(bystander)]);
  await there.access.authenticate(old);

  const justBefore = await tokenOf('eve', { issuedAt: nowS() });
  const revoking = here.access.revokeSessions('eve');
  assert(await refusedWith(victim, 'token_revoked') < ONE_SECOND);
  await revoking;
  const after = await tokenOf('eve', { issuedAt: nowS() });
  for (const node of [here, there]) {
    for (const token of [old, justBefore]) await rejectsWith(node.access.authenticate(token), 'token_revoked');
    assert.equal((await node.access.authenticate(after)).userId, 'eve');
  }
  await refusedWith(connect(here, boardId, old), 'token_revoked');
  await opened(connect(here, boardId, after));
  assert.deepEqual(bystander.refusals, []);
});

test('a token that ends is asked for anew, and the board stays open with the new one', async () => {
  const boardId = await createBoard(database.database, { ed: 'editor' });
  let issuedAt = nowS() - 60;
  const client = connect(here, boardId, () => tokenOf('ed', { issuedAt: issuedAt++, lifeS: 3 }));
  await opened(client);
  const [connection] = connectionsOn(here, boardId);
  const firstEnd = connection?.context.expiresAt ?? 0;
  await until('well past the end of the first token', () => Date.now() > firstEnd + 2500);
  assert.deepEqual(client.refusals, []);
  assert(client.asked >= 3, `asked ${client.asked} times`);
  assert((connection?.context.expiresAt ?? 0) > Date.now());
  write(client, 'after renewal');
  await until('applied', () => holds(here, boardId, 'after renewal'));
});

test('a token that ends and is not renewed ends the board', async () => {
  const boardId = await createBoard(database.database, { ed: 'editor' });
  const token = await tokenOf('ed', { lifeS: 3 });
  const client = connect(here, boardId, token);
  await opened(client);
  const end = connectionsOn(here, boardId)[0]?.context.expiresAt ?? 0;
  await refusedWith(client, 'token_expired');
  assert(Date.now() >= end, 'not before its end');
  assert(Date.now() < end + 300 + 2 * ONE_SECOND, 'soon after it');
});

test('a renewal with somebody else\'s token ends the board', async () => {
  const boardId = await createBoard(database.database, { ed: 'editor', ada: 'owner' });
  let user = 'ed';
  const client = connect(here, boardId, () => tokenOf(user));
  await opened(client);
  user = 'ada';
  connectionsOn(here, boardId)[0]?.requestToken();
  await refusedWith(client, 'forbidden');
  await until('detached', () => connectionsOn(here, boardId).length === 0);
});

test('what changes while a board is still loading counts as well', async () => {
  const boardId = await createBoard(database.database, { ed: 'editor', una: 'editor', max: 'viewer' });
  let open = (): void => undefined;
  here.gate = new Promise((resolve) => { open = resolve; });
  const [demoted, removed, promoted] = [connect(here, boardId, await tokenOf('ed')), connect(here, boardId, await tokenOf('una')), connect(here, boardId, await tokenOf('max'))];
  await until('three let in', () => [demoted, removed, promoted].every((client) => client.scope() !== undefined));
  for (const client of [demoted, removed]) write(client, 'too early');
  await setRole(database.database, boardId, 'ed', 'viewer');
  await setRole(database.database, boardId, 'una', null);
  await setRole(database.database, boardId, 'max', 'editor');
  await until('announced', async () => await here.access.roleOn(boardId, 'max') === 'editor');
  // one round trip more, so that the look-up after the announcement is over
  await until('looked up', async () => { await database.database.query('SELECT pg_sleep(0.05)'); return true; });
  open();
  here.gate = Promise.resolve();
  await refusedWith(removed, 'forbidden');
  await opened(promoted);
  write(promoted, 'as editor');
  await until('applied', () => holds(here, boardId, 'as editor'));
  await until('only two are left', () => connectionsOn(here, boardId).length === 2);
  assert.equal(holds(here, boardId, 'too early'), false);
  assert.deepEqual(connectionsOn(here, boardId).map(({ context, readOnly }) => `${context.userId} ${context.role} ${readOnly}`).sort(), ['ed viewer true', 'max editor false']);
});

test('what was announced while LISTEN was cut is found out when it is back', async () => {
  const boardId = await createBoard(database.database, { ed: 'editor', rex: 'editor', vic: 'viewer' });
  const [ed, rex, vic] = [connect(there, boardId, await tokenOf('ed')), connect(there, boardId, await tokenOf('rex')), connect(there, boardId, await tokenOf('vic'))];
  await Promise.all([ed, rex, vic].map(opened));
  const name = new URL(database.connectionString).pathname.slice(1);
  const inside = await operatorIn(name);
  const outside = await operatorIn('postgres'); // a database cannot be closed from within
  await outside.query(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`);
  try {
    await inside.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    await inside.query(`DELETE FROM members WHERE board_id = $1 AND user_id = 'ed'`, [boardId]);
    await inside.query(`UPDATE members SET role = 'editor' WHERE board_id = $1 AND user_id = 'vic'`, [boardId]);
    await inside.query(`INSERT INTO session_revocations VALUES ('rex', now())`);
    await until('the node knows the database is away', () => !databases.there.up);
    assert.equal(await there.access.roleOn(boardId, 'ed'), 'editor', 'what was known goes on working');
    await assert.rejects(there.access.roleOn(boardId, 'stranger'), { name: 'DatabaseUnavailable' });
    await opened(connect(there, boardId, await tokenOf('ed')));
    await refusedWith(connect(there, boardId, await tokenOf('stranger')), 'database_unavailable');
    assert.deepEqual([ed.refusals, rex.refusals, vic.stateless], [[], [], []], 'nobody can know yet');
  } finally {
    await outside.query(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`);
    await Promise.all([inside.end(), outside.end()]);
  }
  await refusedWith(ed, 'forbidden');
  await refusedWith(rex, 'token_revoked');
  await until('promoted', () => vic.stateless.length === 1);
  await until('both nodes are up', () => database.database.query('SELECT 1').then(() => true, () => false));
});

test('odd user ids and names are people like others', async () => {
  const users = ['__proto__', 'constructor', 'a b', '用户', `o'neil; DROP TABLE users`, 'x'.repeat(255)];
  const boardId = await createBoard(database.database, {});
  for (const userId of users) {
    await setRole(database.database, boardId, userId, 'editor');
    await opened(connect(here, boardId, await tokenOf(userId, { name: `\0${'n'.repeat(5000)}` })));
    const [row] = await database.database.query<{ name: string }>('SELECT name FROM users WHERE id = $1', [userId]);
    assert.equal(row?.name.length, 200);
  }
  await setRole(database.database, boardId, '__proto__', null);
  await until('one less', () => connectionsOn(here, boardId).length === users.length - 1);
  await here.access.revokeSessions('constructor');
  await until('two less', () => connectionsOn(here, boardId).length === users.length - 2);
  assert.equal(await here.access.roleOn(boardId, 'constructor'), 'editor');
});

test('a person\'s name follows their newest token', async () => {
  const nameOf = async (): Promise<string | undefined> => (await database.database.query<{ name: string }>(`SELECT name FROM users WHERE id = 'nina'`))[0]?.name;
  await here.access.authenticate(await tokenOf('nina', { name: 'Nina', issuedAt: nowS() - 50 }));
  assert.equal(await nameOf(), 'Nina');
  await here.access.authenticate(await tokenOf('nina', { name: 'Nina Simone', issuedAt: nowS() - 40 }));
  assert.equal(await nameOf(), 'Nina Simone');
  await here.access.authenticate(await tokenOf('nina', { name: 'Nina', issuedAt: nowS() - 50 }));
  assert.equal(await nameOf(), 'Nina Simone');
});

test('everything that was opened and closed is forgotten', async () => {
  const boardId = await createBoard(database.database, { ed: 'editor' });
  const client = connect(here, boardId, await tokenOf('ed'));
  await opened(client);
  assert(here.access.openAttachments > 0);
  closeClients();
  await until('nothing is attached', () => here.access.openAttachments === 0 && there.access.openAttachments === 0);
});
