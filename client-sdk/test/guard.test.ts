/** The SDK against a real server's guard: a change it refuses comes back as a draft, and a commenter is offered comments only. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import type { Client } from '../src/index.ts';
import { connect, until } from './rig.ts';
import { startSunday, tokenFor, type Sunday } from './sunday.ts';

type TestContext = Parameters<typeof startSunday>[0];

const clientOf = (t: TestContext, sunday: Sunday, userId: string): Client => connect(t, sunday.url, { token: () => tokenFor(userId), user: { id: userId } });

suite('the SDK and the guard', () => {
  test('a refused change: the code and the draft, nothing of it for others, and the rest is written again with a new client id', async (t) => {
    const sunday = await startSunday(t);
    const boardId = await sunday.board('ada', ['grace']);
    const board = clientOf(t, sunday, 'grace').open(boardId);
    const adas = clientOf(t, sunday, 'ada').open(boardId);
    await Promise.all([board.ready, adas.ready]);
    const id = board.items.create({ name: 'kept' });
    await board.saved();
    const before = board.doc.clientID;
    const record = board.doc.getMap('items').get(id);
    assert.ok(record instanceof Y.Map);
    record.set('c:size', ['a word', Date.now()]); // past the SDK's own checks
    board.items.update(id, { name: 'written after it' });
    await until('refused', () => board.status.refused !== null);
    assert.equal(board.status.refused?.code, 'update_invalid_value');
    assert.equal(board.status.sync, 'offline');
    await assert.rejects(board.saved(), { reason: 'update_invalid_value' });
    assert.equal(adas.items.get(id)?.name, 'kept');
    const { skipped } = await board.startFresh({ replay: true });
    assert.deepEqual(skipped, []);
    assert.notEqual(board.doc.clientID, before);
    await board.saved();
    await until('ada has the draft', () => adas.items.get(id)?.name === 'written after it');
    assert.equal(adas.items.get(id)?.values['size'], undefined);
    assert.equal(board.status.refused, null);
  });

  test('a commenter writes comments and nothing else; promoted, everything; as a viewer, nothing', async (t) => {
    const sunday = await startSunday(t);
    const boardId = await sunday.board('ada', ['grace']);
    const become = (role: string) => sunday.call('PATCH', `/boards/${boardId}/members/grace`, 'ada', { role });
    await become('commenter');
    const board = clientOf(t, sunday, 'grace').open(boardId);
    const adas = clientOf(t, sunday, 'ada').open(boardId);
    await Promise.all([board.ready, adas.ready]);
    const id = adas.items.create({ name: 'talked about' });
    await until('it is there, and grace knows what she may', () => board.items.get(id) !== undefined && board.status.readOnly === 'comments_only');
    const comment = board.comments.add(id, { body: 'Well done' });
    assert.throws(() => board.items.update(id, { name: 'mine' }), { code: 'read_only', reason: 'comments_only' });
    board.comments.edit(id, comment, 'Very well done');
    await board.saved();
    await until('ada reads it', () => adas.comments.of(id)[0]?.body === 'Very well done');
    await become('editor');
    await until('may write', () => board.status.readOnly === null);
    board.items.update(id, { name: 'ours' });
    await board.saved();
    await become('viewer');
    await until('may not', () => board.status.readOnly === 'forbidden');
    assert.throws(() => board.comments.add(id, { body: 'no' }), { code: 'read_only' });
    await become('commenter');
    await until('may comment', () => board.status.readOnly === 'comments_only');
    board.comments.add(id, { body: 'Again' });
    await board.saved();
    assert.equal(board.status.refused, null);
  });
});
