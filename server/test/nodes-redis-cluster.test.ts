/** Whole servers on a Redis Cluster (REDIS_CLUSTER): boards, presence and events over sharded pub/sub, and one of the cluster's servers dying. Real servers. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openTestDatabase, type TestDatabase } from '@sunday/database/testing';
import { noRedis, startRedisCluster, type TestRedis } from '@sunday/extension-fanout/testing';
import { connect, readiness, until } from './nodes-support.ts';
import { startTestServer, type BoardBody, type TestServer } from './rest-support.ts';

const BOARDS = 6;

describe('two nodes on a Redis Cluster', { skip: noRedis() }, () => {
  let servers: readonly TestRedis[];
  let database: TestDatabase;
  let nodes: readonly TestServer[];

  before(async () => {
    servers = await startRedisCluster(3);
    database = await openTestDatabase();
    const env = { REDIS_URL: servers[0]?.url ?? '', REDIS_CLUSTER: 'true' };
    nodes = [await startTestServer(env, undefined, { database, node: 'one' }), await startTestServer(env, undefined, { database, node: 'two' })];
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    await database.close();
    await Promise.all(servers.map((server) => server.close()));
  });

  test('edits and cursors cross on whichever server a board lies, and go on crossing when one of them has died', async (t) => {
    const [one, two] = nodes;
    assert(one !== undefined && two !== undefined);
    const owner = await one.as('ann');
    const pairs = await Promise.all(Array.from({ length: BOARDS }, async (_, index) => {
      const { body: { id } } = await owner.expect<BoardBody>(201, 'POST', '/boards', { body: { name: `Board ${index}` } });
      return { here: await connect(t, one, id, 'ann'), there: await connect(t, two, id, 'ann') };
    }));
    await until('all are synced', () => pairs.every(({ here, there }) => here.provider.synced && there.provider.synced));
    for (const node of nodes) await until('the nodes know each other', async () => (await readiness(node)).includes('redis: ok (2 nodes)'));
    const cross = async (edit: number, withinMs?: number): Promise<number> => {
      for (const { here } of pairs) {
        here.cells.set('edit', edit);
        here.awareness.setLocalState({ cursor: edit });
      }
      return until(`edit ${edit} has crossed on every board`, () => pairs.every(({ there }) => there.cells.get('edit') === edit), withinMs);
    };
    await cross(1);
    await until('and cursors', () => pairs.every(({ here, there }) => there.awareness.getStates().get(here.doc.clientID)?.['cursor'] === 1));
    // Not the one that the nodes were told of.
    await servers[2]?.stop();
    t.diagnostic(`with one server dead after ${(await cross(2)).toFixed(0)} ms`);
    await servers[2]?.start();
    await until('the nodes are well again', async () => (await Promise.all(nodes.map(readiness))).every((text) => text.includes('redis: ok (2 nodes)')), 30_000);
    t.diagnostic(`with all of them back after ${(await cross(3)).toFixed(0)} ms`);
    await until('all is saved', () => pairs.every(({ here }) => !here.provider.hasUnsyncedChanges));
  });
});
