/** A port for a server that a test starts, stops and starts again. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below what Linux gives to connections that go out: one of those would take the port of a server that is down just then, and two tests that
 * asked the system would often be given the same. From there up to the end there is room for a node of Redis Cluster, which listens 10 000 above its port, too.
 */
const FIRST = 10_000;
const COUNT = 12_000;

/** Nobody listens at it at this moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => { resolve(false); });
      server.listen(port, '127.0.0.1', () => { resolve(true); });
    });
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
