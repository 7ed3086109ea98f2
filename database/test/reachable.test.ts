import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { reachableDataDir } from '@sunday/database';

test('the default data dir of a clone that only root may enter is kept where Postgres can reach it', { skip: process.getuid?.() === 0 ? false : 'needs root' }, async () => {
  const closed = await mkdtemp(join(tmpdir(), 'sunday-closed-')); // mkdtemp makes it 0700
  const open = join('/', 'var', 'lib');
  try {
    const inside = join(closed, 'clone', '.sunday');
    const moved = reachableDataDir(inside);
    assert.match(moved, /^\/var\/lib\/sunday\/clone-[0-9a-f]{12}$/);
    assert.equal(reachableDataDir(inside), moved, 'the same clone finds its data again');
    assert.notEqual(reachableDataDir(join(closed, 'other', '.sunday')), moved);
    assert.equal(reachableDataDir(join(open, 'sunday-anything')), join(open, 'sunday-anything'), 'a place within reach is kept');
  } finally {
    await rm(closed, { recursive: true });
  }
});
