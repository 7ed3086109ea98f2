/** The cable that other tests break is broken as a network would be. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { openLine } from './cable.ts';

test('who hangs up while nothing passes is heard to have, once something does; what was sent before comes first', async (t) => {
  const accepted: Socket[] = [];
  const server = createServer((socket) => { accepted.push(socket); });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  const line = await openLine(() => connect(address.port, '127.0.0.1'));
  t.after(async () => {
    await line.close();
    server.close();
  });
  const near = connect(line.port, '127.0.0.1');
  await once(server, 'connection');
  let heard = '';
  near.on('data', (bytes: Buffer) => { heard += bytes.toString(); });
  line.hang();
  accepted[0]?.end('goodbye');
  await new Promise((resolve) => { setTimeout(resolve, 100); });
  assert.deepEqual([heard, near.destroyed], ['', false]);
  const closed = once(near, 'close');
  line.mend();
  await closed;
  assert.equal(heard, 'goodbye');
});
