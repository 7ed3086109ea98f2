/**
 * A relay or a worker in a process of its own, for tests that kill it. Argument: a Role as JSON. Says `ready` when it runs. A worker writes what it handles into
 * `effects`; with `dieAt` it kills itself, as kill -9 would, when it has handled so many events and not committed the last.
 */
import { openDatabase } from '@sunday/database';
import { Consumers, openEventBus, Relay, type BusConfig } from '../src/index.ts';

export interface Role {
  readonly role: 'relay' | 'worker';
  readonly url: string;
  readonly bus: BusConfig;
  readonly leaseMs: number;
  readonly group?: string;
  readonly dieAt?: number;
}

const role = JSON.parse(process.argv[2] ?? '') as Role;
const database = await openDatabase({ url: role.url, dataDir: '' });
const bus = await openEventBus(role.bus, { database, limits: { leaseMs: role.leaseMs } });
if (role.role === 'relay') {
  const relay = new Relay({ database, bus, leaseMs: role.leaseMs, sweepMs: 100, observe: { published: (events) => { process.stdout.write(`published ${events}\n`); } } });
  relay.start();
} else {
  let handled = 0;
  const consumers = new Consumers({ database, bus });
  consumers.register({
    group: role.group ?? '', topics: ['board-events', 'item-events'], from: 'beginning', afterParked: 'continue', in: 'transaction',
    handle: async (event, tx) => {
      await tx.query('INSERT INTO effects (consumer_group, event_id, board_id, version) VALUES ($1, $2, $3, $4)', [role.group, event.id, event.boardId, event.version]);
      if (++handled === role.dieAt) process.kill(process.pid, 'SIGKILL');
    },
  });
  consumers.start();
}
process.stdout.write('ready\n');
