/** The Redis driver on real servers: the common suite on a single one and on a cluster, and what only a network does. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { fanoutConformance } from '../src/conformance.ts';
import { RedisFanout, type FanoutHandlers } from '../src/index.ts';
import { noRedis, startRedis, type TestRedis } from '../src/testing.ts';

const skip = noRedis();

for (const cluster of [false, true]) {
  fanoutConformance(cluster ? 'Redis Cluster, sharded pub/sub' : 'Redis', async () => {
    const redis = await startRedis({ cluster });
    return {
      make: (node) => new RedisFanout({ node, url: redis.url, cluster }),
      kill: (fanout) => {
        assert(fanout instanceof RedisFanout);
        fanout.abandon();
        return Promise.resolve();
      },
      sever: () => redis.stop(),
      restore: () => redis.start(),
      close: () => redis.close(),
    };
  }, { skip });
}
