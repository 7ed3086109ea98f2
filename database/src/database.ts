/**
 * Postgres as the rest of Sunday sees it: statements, transactions, notifications, and whether it is there.
 *
 * Guarantees: a failure of the connection is always DatabaseUnavailable, saying whether the outcome is unknown; anything else thrown by a
 * statement is the statement's own error. While the database is down calls fail at once, without waiting for a timeout. A transaction
 * is committed when `transaction` has resolved, and rolled back when it has rejected with `outcomeUnknown` unset.
 * Does not: retry statements.
 * Owns the pool, the LISTEN connection, the probe, and the embedded server if there is one, until `close()`.
 */
import { Pool, type PoolClient } from 'pg';
import { Availability } from './availability.ts';
import { connectClient, patientConfig, sessionConfig } from './connection.ts';
import { DatabaseUnavailable, isConnectionFailure } from './errors.ts';
import { Listener } from './listener.ts';

/** A named statement is prepared once on each connection. `timeoutMs`: no answer for so long, and its connection counts as lost. */
export type Statement = string | { readonly name: string; readonly text: string; readonly timeoutMs?: number };

export interface Tx {
  query<Row = Record<string, unknown>>(sql: Statement, params?: readonly unknown[]): Promise<Row[]>;
}

export interface TransactionOptions {
  /** Default: read committed. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
}

export interface Database extends Tx {
  /** `work` must await all its queries; when it throws, nothing of it remains. Isolation `serializable` may throw 40001: run it again. */
  transaction<T>(work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * @param onReconnect called after a loss, once subscribed again: notifications in between are gone
   * @returns a function that unsubscribes
   */
  listen(channel: string, onNotify: (payload: string) => void, onReconnect?: () => void): Promise<() => Promise<void>>;
  /** False from the first connection failure until a probe succeeded. */
  readonly up: boolean;
  onUp(listener: () => void): () => void;
  onDown(listener: () => void): () => void;
  readonly connectionString: string;
  /** Process id of the embedded server; undefined with a server given by URL, or while it is down. */
  readonly serverPid: number | undefined;
  close(): Promise<void>;
}

export interface DatabaseParts {
  readonly connectionString: string;
  readonly onStatus: (status: string) => void;
  readonly poolSize: number;
  readonly server: { readonly pid: number | undefined; stop(): Promise<void> } | undefined;
}

/** Over this a request waits for a free connection. The embedded server takes 100 in all, several nodes share one with a URL. */
export const DEFAULT_POOL_SIZE = 16;

export class PooledDatabase implements Database {
  readonly connectionString: string;
  private readonly server: DatabaseParts['server'];
  private readonly pool: Pool;
  private readonly availability: Availability;
  private readonly listener: Listener;
  private readonly madeAt = new WeakMap<PoolClient, number>();
  /** Checked out. */
  private readonly busy = new Set<PoolClient>();
  /** Connections made before a loss are not used again: where a server vanished without a word, each would cost a timeout. */
  private lostAt = 0;
  private closed: Promise<void> | undefined;

  constructor({ connectionString, onStatus, poolSize, server }: DatabaseParts) {
    this.connectionString = connectionString;
    this.server = server;
    this.availability = new Availability(() => probe(connectionString));
    this.pool = new Pool({ ...sessionConfig(connectionString, 'sunday'), max: poolSize });
    this.pool.on('error', (error) => { if (isConnectionFailure(error)) this.availability.suspect(); });
    // a checked-out client whose server dies between two queries emits an error that nobody else listens to
    this.pool.on('connect', (client) => {
      client.on('error', () => undefined);
      this.madeAt.set(client, performance.now());
    });
    this.listener = new Listener({
      connectionString,
      onLoss: (silent) => { this.lost(silent); },
      onSubscriberError: (error) => { onStatus(`A notification was not handled: ${String(error)}`); },
    });
  }

  get up(): boolean {
    return this.availability.up;
  }

  get serverPid(): number | undefined {
    return this.server?.pid;
  }

  onUp(listener: () => void): () => void {
    return this.availability.onUp(listener);
  }

  onDown(listener: () => void): () => void {
    return this.availability.onDown(listener);
  }

  async query<Row>(sql: Statement, params?: readonly unknown[]): Promise<Row[]> {
    const client = await this.checkOut();
    try {
      const rows = await run<Row>(client, sql, params);
      this.giveBack(client);
      return rows;
    } catch (error) {
      if (!isConnectionFailure(error)) {
        this.giveBack(client);
        throw error;
      }
      this.giveBack(client, true);
      throw this.unavailable(error, true);
    }
  }

  async transaction<T>(work: (tx: Tx) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const client = await this.checkOut();
    let phase: 'open' | 'committing' | 'over' = 'open';
    const tx: Tx = {
      query: async <Row>(sql: Statement, params?: readonly unknown[]) => {
        if (phase !== 'open') throw new Error('This transaction is over');
        return run<Row>(client, sql, params);
      },
    };
    try {
      await client.query(begin(options));
      const result = await work(tx);
      phase = 'committing';
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT') throw new Error('The transaction was rolled back: a statement in it had failed');
      this.giveBack(client);
      return result;
    } catch (error) {
      const outcomeUnknown = phase === 'committing';
      phase = 'over';
      if (isConnectionFailure(error)) {
        this.giveBack(client, true);
        throw this.unavailable(error, outcomeUnknown);
      }
      const rolledBack = await client.query('ROLLBACK').then(() => true, () => false);
      this.giveBack(client, !rolledBack);
      throw error;
    } finally {
      phase = 'over';
    }
  }

  async listen(channel: string, onNotify: (payload: string) => void, onReconnect?: () => void): Promise<() => Promise<void>> {
    try {
      return await this.listener.listen(channel, onNotify, onReconnect);
    } catch (error) {
      throw isConnectionFailure(error) ? this.unavailable(error, false) : error;
    }
  }

  close(): Promise<void> {
    this.closed ??= this.closeAll();
    return this.closed;
  }

  private async closeAll(): Promise<void> {
    this.availability.close();
    await this.listener.close();
    await this.pool.end();
    await this.server?.stop();
  }

  private async checkOut(): Promise<PoolClient> {
    if (!this.up) throw new DatabaseUnavailable('The database is away');
    const full = this.pool.totalCount >= this.pool.options.max;
    try {
      for (;;) {
        const client = await this.pool.connect();
        if ((this.madeAt.get(client) ?? 0) < this.lostAt) {
          client.release(true);
          continue;
        }
        this.busy.add(client);
        return client;
      }
    } catch (error) {
      if (!isConnectionFailure(error)) throw error;
      // every connection was busy for CONNECT_TIMEOUT_MS: overloaded, not away
      if (full && this.pool.totalCount >= this.pool.options.max) throw new DatabaseUnavailable('The database is too busy', { cause: error });
      throw this.unavailable(error, false);
    }
  }

  private giveBack(client: PoolClient, broken = false): void {
    this.busy.delete(client);
    client.release(broken);
  }

  private unavailable(error: unknown, outcomeUnknown: boolean): DatabaseUnavailable {
    this.lost();
    return new DatabaseUnavailable('The database is away', { cause: error, outcomeUnknown });
  }

  /** `silent`: what waits for an answer would get none, and wait for its timeout. */
  private lost(silent = false): void {
    this.lostAt = performance.now();
    if (silent) for (const client of this.busy) void client.end().catch(() => undefined);
    this.availability.suspect();
  }
}

async function run<Row>(client: PoolClient, sql: Statement, params: readonly unknown[] = []): Promise<Row[]> {
  const statement = typeof sql === 'string' ? { text: sql } : { name: sql.name, text: sql.text, ...(sql.timeoutMs === undefined ? {} : { query_timeout: sql.timeoutMs }) };
  const { rows } = await client.query({ ...statement, values: [...params] });
  return rows as Row[]; // the caller states the shape of its statement's rows: this is the decoder's edge
}

const begin = ({ isolation, readOnly }: TransactionOptions): string =>
  `BEGIN${isolation === undefined ? '' : ` ISOLATION LEVEL ${isolation.toUpperCase()}`}${readOnly === true ? ' READ ONLY' : ''}`;

/** A standby answers, but takes no writes: not up. */
async function probe(connectionString: string): Promise<void> {
  const client = await connectClient({ ...patientConfig(connectionString, 'sunday-probe'), query_timeout: 5_000 });
  try {
    const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    if (rows[0]?.standby !== false) throw new Error('The database takes no writes');
  } finally {
    void client.end().catch(() => undefined);
  }
}
