/** Stands between a server and Postgres, and can be cut. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Cable {
  /** To be used instead of the target's. */
  readonly url: string;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** @param toDatabaseMs how long what is sent to Postgres, and the news of a closed connection, takes */
export async function cable(target: string, toDatabaseMs = 0): Promise<Cable> {
  const url = new URL(target);
  const directory = url.searchParams.get('host');
  const port = Number(url.port === '' ? 5432 : url.port);
  const open = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    const far = directory === null ? connect(port, url.hostname) : connect(`${directory}/.s.PGSQL.${port}`);
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        if (toDatabaseMs === 0) other.destroy();
        else setTimeout(() => other.destroy(), toDatabaseMs);
      });
    }
    far.pipe(near);
    if (toDatabaseMs === 0) near.pipe(far);
    else near.on('data', (chunk: Buffer) => { setTimeout(() => { if (far.writable) far.write(chunk); }, toDatabaseMs); });
    if (!whole) near.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  url.searchParams.delete('host');
  url.hostname = '127.0.0.1';
  url.port = String(address.port);
  return {
    url: url.href,
    cut() { whole = false; for (const socket of open) socket.destroy(); },
    mend() { whole = true; },
    async close() { for (const socket of open) socket.destroy(); server.close(); await once(server, 'close'); },
  };
}
