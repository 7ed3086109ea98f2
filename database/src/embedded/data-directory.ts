/**
 * The cluster on disk: where it lies, whom it belongs to, that it is ours to run, and how a new one is made.
 *
 * Guarantees: a cluster appears under its final name only when initdb has finished and synced it, whatever is killed meanwhile; two
 * processes that start at once end up with one cluster. Every problem a person must solve is a DatabaseSetupError that says how.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, statSync, type Stats } from 'node:fs';
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { codeOf, DatabaseSetupError } from '../errors.ts';
import { findBinaries, unsupported, type Binaries } from './binaries.ts';
import { blockedAt, isRoot, postgresUser, spawnAs, type OsUser } from './os-user.ts';

export interface Cluster {
  /** PGDATA */
  readonly directory: string;
  readonly socketDirectory: string;
  readonly logFile: string;
  readonly user: OsUser;
  readonly binaries: Binaries;
}

/** Superuser of the cluster, and the name of Sunday's database in it. */
export const CLUSTER_USER = 'sunday';
/** Names the socket file `.s.PGSQL.<port>`; nothing listens on TCP. */
export const SOCKET_PORT = 5432;
/** What the kernel takes for the path of a Unix socket, in bytes. */
const SOCKET_PATH_MAX = process.platform === 'darwin' ? 103 : 107;
/** Containers are sometimes run as a user id that has no entry in /etc/passwd; initdb insists on one. */
const NAMELESS_USER = '\nPostgres needs an entry for this user in /etc/passwd. Add one, run as another user, or set DATABASE_URL.';
/** A half-made cluster this old belongs to a process that died. */
const ABANDONED_AFTER_MS = 10 * 60_000;

export async function prepareCluster(dataDir: string, onStatus: (status: string) => void): Promise<Cluster> {
  const base = resolve(dataDir);
  const directory = join(base, 'postgres');
  await makeBase(base);
  const user = postgresUser(ownerOf(directory));
  requireReach(base, user);
  const binaries = await findBinaries(user, join(base, 'postgres-binaries'));
  if (!(await isCluster(directory))) {
    onStatus('Creating the database (first start)…');
    await createCluster(base, directory, user, binaries);
  }
  await requireVersion(directory, binaries.major);
  requireOwner(directory, user);
  return { directory, socketDirectory: await socketDirectoryFor(directory, user), logFile: join(base, 'postgres.log'), user, binaries };
}

async function makeBase(base: string): Promise<void> {
  try {
    if (!existsSync(base)) await mkdir(base, { recursive: true, mode: isRoot() ? 0o711 : 0o700 });
    // root's own data dir must let Postgres' user pass to its part of it
    else if (isRoot() && statSync(base).uid === 0) await chmod(base, statSync(base).mode | 0o011);
  } catch (error) {
    throw new DatabaseSetupError('data_dir_unreachable', `The data dir ${base} cannot be made or entered (${codeOf(error) ?? String(error)}). Set SUNDAY_DATA_DIR to a directory this user may write.`, { cause: error });
  }
}

function ownerOf(directory: string): Stats | undefined {
  try {
    return statSync(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new DatabaseSetupError('data_dir_unreachable', `The database in ${directory} cannot be looked at (${codeOf(error) ?? String(error)}).`, { cause: error });
  }
}

function requireReach(base: string, user: OsUser): void {
  const blocked = blockedAt(base, user);
  if (blocked === undefined) return;
  throw new DatabaseSetupError(
    'data_dir_unreachable',
    user.isSelf
      ? `The data dir ${base} is out of reach: this user cannot enter ${blocked}. Set SUNDAY_DATA_DIR to a directory it may use.`
      : `The data dir ${base} is out of reach: Postgres does not run as root, so it runs as user ${user.uid}, which cannot enter ${blocked}. ` +
        `Run Sunday as an ordinary user, or set SUNDAY_DATA_DIR to a directory outside ${blocked} (for example /var/lib/sunday), or allow passing it: chmod o+x ${blocked}`,
  );
}

function requireOwner(directory: string, user: OsUser): void {
  const { uid } = statSync(directory);
  if (uid === 0) throw new DatabaseSetupError('data_dir_unreachable', `The database in ${directory} belongs to root, and Postgres does not run as root. Give it to another user: chown -R 65534:65534 ${directory}`);
  if (uid !== user.uid) throw new DatabaseSetupError('data_dir_unreachable', `The database in ${directory} belongs to user ${uid}, but Sunday runs as user ${user.uid}. Run it as that user, or set SUNDAY_DATA_DIR.`);
}

async function isCluster(directory: string): Promise<boolean> {
  let entries: string[];
  try {
    entries = await readdir(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw new DatabaseSetupError('data_dir_unreachable', `The database in ${directory} cannot be read by this user (${codeOf(error) ?? String(error)}). Run Sunday as the user that made it, or set SUNDAY_DATA_DIR.`, { cause: error });
  }
  if (entries.length === 0) return false;
  if (entries.includes('PG_VERSION')) return true;
  throw new DatabaseSetupError('data_dir_foreign', `${directory} holds something that is not a Postgres database. Move it away, or set SUNDAY_DATA_DIR.`);
}

async function requireVersion(directory: string, major: number): Promise<void> {
  const found = Number.parseInt(await readFile(join(directory, 'PG_VERSION'), 'utf8'), 10);
  if (found === major) return;
  throw new DatabaseSetupError(
    'data_dir_version',
    `The database in ${directory} was made by Postgres ${found}, this Sunday brings Postgres ${major}. ` +
      (found > major ? 'Start the newer Sunday that made it.' : `Export it with Postgres ${found}'s pg_dump, move the folder away, and restore into the new one.`),
  );
}

async function createCluster(base: string, directory: string, user: OsUser, binaries: Binaries): Promise<void> {
  for (const name of await readdir(base)) {
    if (!name.startsWith('postgres.new-')) continue;
    const abandoned = join(base, name);
    const age = Date.now() - (await stat(abandoned).then(({ mtimeMs }) => mtimeMs, () => Date.now()));
    if (age > ABANDONED_AFTER_MS) await rm(abandoned, { recursive: true, force: true });
  }
  const draft = join(base, `postgres.new-${process.pid}-${Date.now().toString(36)}`);
  await mkdir(draft, { mode: 0o700 });
  if (!user.isSelf) await chown(draft, user.uid, user.gid);
  try {
    await initdb(draft, user, binaries);
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!(await isCluster(directory))) throw error; // else another process made it first
  }
}

/** Trust is safe: the socket lies in a directory that only Postgres' own user (and root) can enter, and nothing listens on TCP. */
function initdb(directory: string, user: OsUser, binaries: Binaries): Promise<void> {
  const options = ['--auth=trust', '--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--data-checksums', '--no-instructions'];
  const child = spawn(binaries.initdb, ['-D', directory, `--username=${CLUSTER_USER}`, ...options], {
    ...spawnAs(user), cwd: '/', env: postgresEnvironment(), stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output += text; });
  return new Promise((done, failed) => {
    child.once('error', (error) => { failed(cannotRun(binaries.initdb, error)); });
    child.once('close', (code) => {
      if (code === 0) done();
      else failed(new DatabaseSetupError('start_failed', `initdb failed (${code ?? 'killed'}): ${output.trim()}${/could not look up effective user ID/.test(output) ? NAMELESS_USER : ''}`));
    });
  });
}

export function cannotRun(binary: string, error: Error): DatabaseSetupError {
  // the file is there, so what is missing is its loader: binaries for glibc on a musl system
  if (codeOf(error) === 'ENOENT' && existsSync(binary)) return unsupported('its binaries need glibc, and this system has another C library', error);
  return new DatabaseSetupError('start_failed', `${binary} cannot be run: ${error.message}`, { cause: error });
}

/** Nothing of the caller's environment: a stray PGDATA, PGOPTIONS or LC_ALL would change what Postgres does. */
export const postgresEnvironment = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' });

/** The cluster's own directory is private already; where its path is too long for a socket, a private one with a short name. */
async function socketDirectoryFor(directory: string, user: OsUser): Promise<string> {
  if (fitsSocket(directory)) return directory;
  const name = `sunday-${createHash('sha256').update(directory).digest('hex').slice(0, 16)}`;
  const short = [join(tmpdir(), name), join('/tmp', name)].find((path) => fitsSocket(path) && blockedAt(resolve(path, '..'), user) === undefined);
  if (short === undefined) throw new DatabaseSetupError('socket_path', `No path for a Unix socket is short enough: ${directory}. Set SUNDAY_DATA_DIR to a shorter path.`);
  await mkdir(short, { mode: 0o700 }).then(
    () => (user.isSelf ? undefined : chown(short, user.uid, user.gid)),
    (error: unknown) => { if (codeOf(error) !== 'EEXIST') throw error; },
  );
  // the name can be guessed, so somebody else may have been there first
  const found = await lstat(short);
  if (!found.isDirectory() || found.uid !== user.uid || (found.mode & 0o077) !== 0) {
    throw new DatabaseSetupError('socket_path', `${short} is not a private directory of user ${user.uid}. Remove it, or set SUNDAY_DATA_DIR to a path shorter than ${SOCKET_PATH_MAX} bytes.`);
  }
  return short;
}

const fitsSocket = (directory: string): boolean => Buffer.byteLength(join(directory, `.s.PGSQL.${SOCKET_PORT}`)) <= SOCKET_PATH_MAX;
