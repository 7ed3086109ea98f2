import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DatabaseUnavailable } from '@sunday/database';
import { Known } from './known.ts';

const read = (value: string) => () => Promise.resolve(value);
const away = (): Promise<string> => Promise.reject(new DatabaseUnavailable('away'));
const MINUTE = 60_000;

test('a value is read once for all who ask at one moment, and used again while it is fresh', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 0 });
  const known = new Known<string>();
  let reads = 0;
  const counted = (): Promise<string> => Promise.resolve(`read ${++reads}`);
  assert.deepEqual(await Promise.all([known.get('k', counted), known.get('k', counted)]), ['read 1', 'read 1']);
  t.mock.timers.setTime(MINUTE - 1);
  assert.equal(await known.get('k', counted), 'read 1');
  t.mock.timers.setTime(MINUTE);
  assert.equal(await known.get('k', counted), 'read 2');
});

test('what was dropped or doubted during a read is read again, for everybody who waits', async () => {
  for (const change of ['drop', 'doubt', 'doubtAll', 'dropWhere'] as const) {
    const known = new Known<string>();
    let reads = 0;
    const changing = (): Promise<string> => {
      if (++reads === 1) {
        if (change === 'doubtAll') known.doubtAll();
        else if (change === 'dropWhere') known.dropWhere(() => true);
        else known[change]('k');
        return change === 'drop' ? Promise.reject(new Error('forbidden, before the change')) : Promise.resolve('before');
      }
      return Promise.resolve('after');
    };
    assert.deepEqual(await Promise.all([known.get('k', changing), known.get('k', changing)]), ['after', 'after'], change);
    assert.equal(await known.get('k', read('never')), 'after', change);
  }
});

test('while the database is away a doubted value works for a while, a dropped or unknown one does not', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 0 });
  const known = new Known<string>();
  await known.get('doubted', read('old'));
  await known.get('dropped', read('old'));
  known.doubtAll();
  known.drop('dropped');
  assert.equal(await known.get('doubted', away), 'old');
  await assert.rejects(known.get('dropped', away), DatabaseUnavailable);
  await assert.rejects(known.get('unknown', away), DatabaseUnavailable);
  t.mock.timers.setTime(15 * MINUTE);
  await assert.rejects(known.get('doubted', away), DatabaseUnavailable);
  assert.equal(await known.get('doubted', read('new')), 'new');
});

test('a failure of another kind is passed on and not remembered, and what was known before it is not used', async () => {
  const known = new Known<string>();
  await known.get('k', read('old'));
  known.doubt('k');
  await assert.rejects(known.get('k', () => Promise.reject(new Error('forbidden'))), /forbidden/);
  await assert.rejects(known.get('k', away), DatabaseUnavailable);
  assert.equal(await known.get('k', read('new')), 'new');
});
