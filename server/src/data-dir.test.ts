import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dataDirForRoot } from './data-dir.ts';

test('root in a home closed to others keeps its data where Postgres can reach it; everybody else where they are', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'sunday-home-'));
  t.after(() => { rmSync(home, { recursive: true, force: true }); });
  const clone = join(home, 'boards', 'sunday');
  mkdirSync(clone, { recursive: true });
  chmodSync(home, 0o700);

  const moved = dataDirForRoot({}, clone, 0);
  assert.match(moved?.dataDir ?? '', /^\/var\/lib\/sunday\/[0-9a-f]{8}$/);
  assert.ok(moved?.note.includes(`cannot enter ${home}.`));
  assert.notEqual(dataDirForRoot({}, join(home, 'boards'), 0)?.dataDir, moved?.dataDir, 'another clone has data of its own');

  assert.equal(dataDirForRoot({}, clone, 1000), undefined);
  assert.equal(dataDirForRoot({ SUNDAY_DATA_DIR: 'here' }, clone, 0), undefined);
  assert.equal(dataDirForRoot({ DATABASE_URL: 'postgres://db/sunday' }, clone, 0), undefined);
  chmodSync(home, 0o711);
  assert.equal(dataDirForRoot({ SUNDAY_DATA_DIR: ' ' }, clone, 0), undefined);
});
