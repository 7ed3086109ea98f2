/**
 * Runs the embedded Postgres of a data dir: starts it, keeps it running, stops it.
 *
 * The server is a process of its own that outlives ours when ours is killed (nothing is lost with us), and the next Sunday process adopts it.
 * One live Sunday process owns a data dir, and the proof is an advisory lock held by a session in that very server: the kernel drops it with
 * the owner, however it dies, and no stale lock file is ever in the way.
 *
 * Lifecycle: starting → running → stopped; while running, the loss of the owner's session (the server was killed, or crashed and
 * restarted itself) moves to restarting, which retries with backoff until it runs again or is stopped.
 *
 * Guarantees: fsync, full page writes and synchronous commit are on; no TCP port; the server does not run as root.
 * Does not: back up, or upgrade between major versions.
 * Owns the server process, the owner's session, and its restart timer, until `stop()`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { connectClient, patientConfig, socketUrl } from '../connection.ts';
import { codeOf, DatabaseSetupError, isConnectionFailure } from '../errors.ts';
import { cannotRun, CLUSTER_USER, postgresEnvironment, prepareCluster, SOCKET_PORT, type Cluster } from './data-directory.ts';
import { spawnAs } from './os-user.ts';
import { isPostmasterOf, readPostmasterFile, removeStalePostmasterFile } from './postmaster-file.ts';

export const EMBEDDED_DATABASE = 'sunday';
/** Any fixed number: the key of the owner's advisory lock, in the cluster's `postgres` database that nothing else uses. */
const OWNER_LOCK = 7_825_301;
/** A killed owner's session ends within milliseconds of its process. */
const OWNER_WAIT_MS = 3_000;
/** Between looks while the server comes up (35–110 ms on a warm start). */
const POLL_MS = 10;
/** While it says that it is not ready: each of these looks is a line in its log. */
const POLL_BUSY_MS = 40;
/** While a dead postmaster's children or a leaving server are in the way, and between failing restarts. */
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 5_000;
/** A server that is not reachable after this long without being in recovery will not be. */
const START_TIMEOUT_MS = 60_000;
/** A fast shutdown writes a checkpoint: seconds on a slow disk. After this it is ended without one, and recovers at the next start. */
const STOP_TIMEOUT_MS = 30_000;
/** SQLSTATE "the database system is starting up", shutting down, or in recovery. */
const CANNOT_CONNECT_NOW = '57P03';
/** The log starts over above this size. */
const LOG_MAX_BYTES = 10_000_000;
const LOG_TAIL_BYTES = 4_000;

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  port: String(SOCKET_PORT),
  unix_socket_permissions: '0700',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  max_connections: '200',
  jit: 'off', // short statements only: compiling them costs more than it saves
  log_checkpoints: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** What a start or a restart came upon. */
type Attempt =
  | { readonly kind: 'reached'; readonly session: pg.Client; readonly adopted: boolean }
  /** `busy`: the server answers that it is starting up, recovering or shutting down */
  | { readonly kind: 'wait'; readonly busy: boolean };

export interface EmbeddedOptions {
  readonly dataDir: string;
  /** Progress and trouble, for a person to read. */
  readonly onStatus?: ((status: string) => void) | undefined;
}

export class EmbeddedPostgres {
  private readonly cluster: Cluster;
  private readonly onStatus: (status: string) => void;
  private readonly stopping = new AbortController();
  private child: ChildProcess | undefined;
  private childError: Error | undefined;
  private session: pg.Client | undefined;
  private restarting: Promise<void> | undefined;
  private stopped: Promise<void> | undefined;
  /** Where in the log the latest start begins. */
  private logStart = 0;

  private constructor(cluster: Cluster, onStatus: (status: string) => void) {
    this.cluster = cluster;
    this.onStatus = onStatus;
  }

  /** Resolves when the server takes connections and this process owns it. @throws DatabaseSetupError */
  static async start({ dataDir, onStatus = () => undefined }: EmbeddedOptions): Promise<EmbeddedPostgres> {
    const cluster = await prepareCluster(dataDir, onStatus);
    const server = new EmbeddedPostgres(cluster, onStatus);
    await server.bringUp();
    return server;
  }

  get connectionString(): string {
    return socketUrl(this.socketDirectory, CLUSTER_USER, EMBEDDED_DATABASE);
  }

  get pid(): number | undefined {
    return this.session === undefined ? undefined : readPostmasterFile(this.cluster.directory)?.pid;
  }

  /** Fast shutdown: open transactions are rolled back, everything committed is on disk, the data dir is free for the next owner. */
  stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    return this.stopped;
  }

  /** An adopted server listens where its first owner told it to. */
  private get socketDirectory(): string {
    return readPostmasterFile(this.cluster.directory)?.socketDirectory ?? this.cluster.socketDirectory;
  }

  private async bringUp(): Promise<void> {
    let deadline = Date.now() + START_TIMEOUT_MS;
    let wait = RETRY_FIRST_MS;
    for (;;) {
      this.stopping.signal.throwIfAborted();
      const attempt = await this.reachOrSpawn();
      if (attempt.kind === 'reached' && (await this.own(attempt.session))) {
        if (attempt.adopted) this.onStatus('Found the database still running, and took it over');
        return;
      }
      const busy = attempt.kind === 'wait' && attempt.busy;
      if (busy) deadline = Date.now() + START_TIMEOUT_MS; // replaying the log takes as long as it takes
      if (Date.now() > deadline) throw this.neverReady();
      if (this.childRuns()) {
        await delay(busy ? POLL_BUSY_MS : POLL_MS);
      } else {
        await delay(wait, undefined, { signal: this.stopping.signal });
        wait = Math.min(wait * 2, RETRY_MAX_MS / 10);
      }
    }
  }

  private neverReady(): DatabaseSetupError {
    if (this.childRuns()) this.child?.kill('SIGQUIT');
    return new DatabaseSetupError('start_failed', `Postgres did not start in ${START_TIMEOUT_MS / 1000} s. The end of ${this.cluster.logFile}:\n${this.logTail()}`);
  }

  private async reachOrSpawn(): Promise<Attempt> {
    const { directory } = this.cluster;
    const file = readPostmasterFile(directory);
    let busy = false;
    if (file !== undefined) {
      try {
        const session = await connectClient(patientConfig(socketUrl(this.socketDirectory, CLUSTER_USER, 'postgres'), `sunday-owner ${process.pid}`));
        return { kind: 'reached', session, adopted: file.pid !== this.child?.pid };
      } catch (error) {
        if (!isConnectionFailure(error)) throw error;
        busy = codeOf(error) === CANNOT_CONNECT_NOW;
      }
    }
    if (this.childRuns()) return { kind: 'wait', busy };
    if (this.childError !== undefined) throw cannotRun(this.cluster.binaries.postgres, this.childError);
    if (this.child !== undefined && !this.diedOfAnother()) this.throwStartFailure(this.child);
    if (file !== undefined && isPostmasterOf(directory, file.pid) === true) {
      this.child = undefined;
      return { kind: 'wait', busy }; // somebody else's, coming up or going down
    }
    if (file !== undefined) await removeStalePostmasterFile(directory, file); // if it stays, Postgres judges it for itself
    this.spawnServer();
    return { kind: 'wait', busy };
  }

  private childRuns(): boolean {
    return this.child !== undefined && this.childError === undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Killed from outside, or another postmaster or its last processes were still there: worth another try. */
  private diedOfAnother(): boolean {
    return this.child?.exitCode === null || this.child?.exitCode === 0 || /lock file "[^"]*" already exists|pre-existing shared memory block|lock file "[^"]*" is empty/.test(this.logTail());
  }

  private throwStartFailure(child: ChildProcess): never {
    this.child = undefined;
    throw new DatabaseSetupError('start_failed', `Postgres would not start (exit code ${child.exitCode}). The end of ${this.cluster.logFile}:\n${this.logTail()}`);
  }

  private spawnServer(): void {
    const { directory, socketDirectory, logFile, user, binaries } = this.cluster;
    const settings = Object.entries({ ...SETTINGS, unix_socket_directories: socketDirectory });
    if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > LOG_MAX_BYTES) truncateSync(logFile);
    const log = openSync(logFile, 'a', 0o600);
    this.logStart = statSync(logFile).size;
    // detached: a Ctrl-C in the terminal is for Sunday, which drains first and stops the server last
    const child = spawn(binaries.postgres, ['-D', directory, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])], {
      ...spawnAs(user), cwd: '/', env: postgresEnvironment(), stdio: ['ignore', log, log], detached: true,
    });
    closeSync(log);
    child.once('error', (error) => { this.childError = error; });
    child.unref();
    this.child = child;
    this.childError = undefined;
  }

  private logTail(): string {
    try {
      return readFileSync(this.cluster.logFile).subarray(this.logStart).subarray(-LOG_TAIL_BYTES).toString('utf8').trim();
    } catch {
      return '(no log)';
    }
  }

  /** @returns false: the server went away while it was being taken over */
  private async own(session: pg.Client): Promise<boolean> {
    let ended = false;
    session.once('end', () => {
      ended = true;
      if (this.session === session) this.lost();
    });
    try {
      await this.takeOwnership(session);
      const { rowCount } = await session.query('SELECT 1 FROM pg_database WHERE datname = $1', [EMBEDDED_DATABASE]);
      if (rowCount === 0) await session.query(`CREATE DATABASE ${EMBEDDED_DATABASE}`);
    } catch (error) {
      await session.end().catch(() => undefined);
      if (isConnectionFailure(error)) return false;
      throw error;
    }
    if (ended) return false;
    this.session = session;
    return true;
  }

  private async takeOwnership(session: pg.Client): Promise<void> {
    const deadline = Date.now() + OWNER_WAIT_MS;
    for (;;) {
      const { rows } = await session.query<{ owner: boolean }>(`SELECT pg_try_advisory_lock(${OWNER_LOCK}) AS owner`);
      if (rows[0]?.owner === true) return;
      if (Date.now() > deadline) break;
      await delay(POLL_MS * 5);
    }
    const { rows } = await session.query<{ name: string }>(
      `SELECT application_name AS name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND objid = ${OWNER_LOCK} AND granted`,
    );
    const owner = rows[0]?.name.split(' ')[1];
    throw new DatabaseSetupError(
      'data_dir_in_use',
      `The database in ${this.cluster.directory} is in use by another Sunday process${owner === undefined ? '' : ` (process id ${owner})`}. ` +
        'Stop that one, or give this one a data dir of its own (SUNDAY_DATA_DIR) or one Postgres for both (DATABASE_URL).',
    );
  }

  private lost(): void {
    this.session = undefined;
    if (this.stopping.signal.aborted) return;
    this.onStatus('The database went away; bringing it back…');
    this.restarting = this.restart();
  }

  private async restart(): Promise<void> {
    const { signal } = this.stopping;
    for (let wait = RETRY_FIRST_MS; !signal.aborted; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
      try {
        await this.bringUp();
        this.onStatus('The database is back');
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.onStatus(`The database does not come back yet: ${error instanceof Error ? error.message : String(error)}`);
        await delay(wait, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private async shutDown(): Promise<void> {
    this.stopping.abort();
    await this.restarting;
    const owned = this.session === undefined ? undefined : readPostmasterFile(this.cluster.directory)?.pid;
    await this.session?.end().catch(() => undefined);
    // not owned: lost and not brought back, or taken over by another process, whose server is not ours to stop
    const pid = owned ?? (this.childRuns() ? this.child?.pid : undefined);
    if (pid === undefined) return;
    signalProcess(pid, 'SIGINT');
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (isPostmasterOf(this.cluster.directory, pid) === true) {
      if (Date.now() > deadline) {
        this.onStatus('The database does not stop; ending it without a checkpoint');
        signalProcess(pid, 'SIGQUIT');
        return;
      }
      await delay(POLL_MS);
    }
    const { directory, socketDirectory } = this.cluster;
    if (socketDirectory !== directory) await rmdir(socketDirectory).catch(() => undefined); // in /tmp: empty by now, or in use again
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error; // gone already
  }
}
