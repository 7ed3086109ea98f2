/**
 * Where the embedded Postgres keeps its data when nobody said: `.sunday` in the current directory, unless that cannot work.
 *
 * Postgres refuses to run as root, so for root it runs as another user, who has to be able to enter every folder above the data. A
 * clone in root's own home is closed to everybody else; then the data goes to a folder of this clone's own under /var/lib/sunday.
 */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const DEFAULT = '.sunday';
const SYSTEM = '/var/lib/sunday';
const MAY_ENTER = 0o001; // "others" may pass through a directory

/** The directory a stranger cannot enter on the way to `path`, from the top; undefined if there is none. */
function closedAbove(path: string): string | undefined {
  const parent = dirname(path);
  const above = parent === path ? undefined : closedAbove(parent);
  if (above !== undefined) return above;
  return existsSync(parent) && (statSync(parent).mode & MAY_ENTER) === 0 ? parent : undefined;
}

export interface DataDirChoice {
  readonly dataDir: string;
  /** Why it is not the default, for people. */
  readonly note: string;
}

/** @returns undefined where the configured or default data dir is right */
export function dataDirForRoot(env: Readonly<Record<string, string | undefined>>, cwd: string, uid = process.getuid?.()): DataDirChoice | undefined {
  const isSet = (name: string): boolean => (env[name] ?? '').trim() !== '';
  if (uid !== 0 || isSet('SUNDAY_DATA_DIR') || isSet('DATABASE_URL')) return undefined;
  const usual = resolve(cwd, DEFAULT);
  const closed = closedAbove(usual);
  if (closed === undefined) return undefined;
  const dataDir = join(SYSTEM, createHash('sha256').update(usual).digest('hex').slice(0, 8));
  return { dataDir, note: `Data is kept in ${dataDir}: Postgres does not run as root, and the user it runs as cannot enter ${closed}. SUNDAY_DATA_DIR names another place.` };
}
