/** Messages to Postgres whose buffer is kept: none is overwritten by the next, and the buffer is the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from 'pg-protocol/dist/buffer-writer.js';
import '../src/wire-buffers.ts';
import { openTestDatabase } from '../src/testing.ts';

test('a message is its caller\'s own; the buffer stays, unless it was very large', () => {
  const writer = new Writer();
  const first = writer.addString('x'.repeat(100_000)).flush(0x42);
  const { buffer } = writer;
  const second = writer.addString('y'.repeat(50_000)).flush(0x42);
  assert.equal(writer.buffer, buffer, 'no new buffer');
  assert.deepEqual([first.length, first[0], first.readInt32BE(1), first.subarray(5).every((byte) => byte === 0x78)], [100_005, 0x42, 100_004, true]);
  assert.deepEqual([second.length, second.readInt32BE(1), second.subarray(5).every((byte) => byte === 0x79)], [50_005, 50_004, true]);
  writer.addString('z'.repeat(3_000_000)).flush(0x42);
  assert(writer.buffer.length < 1_000_000);
});

test('parameters of all sizes arrive as they were sent, however many statements are under way', async () => {
  await using opened = await openTestDatabase();
  const sizes = [0, 1, 200, 300, 5000, 70_000, 3_000_000];
  const answers = await Promise.all(Array.from({ length: 60 }, async (_, index) => {
    const size = sizes[index % sizes.length] ?? 0;
    const [text, bytes] = [String.fromCodePoint(97 + (index % 26)).repeat(size), Buffer.alloc(size, index)];
    const [row] = await opened.database.query<{ a: string; b: Buffer }>({ name: 'echo', text: 'SELECT $1::text AS a, $2::bytea AS b' }, [text, bytes]);
    return row?.a === text && row.b.equals(bytes);
  }));
  assert(answers.every(Boolean));
});
