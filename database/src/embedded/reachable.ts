/**
 * Where the default data dir goes when root starts Sunday below a directory that nobody else may enter (a clone under /root):
 * Postgres does not run as root, so it could not reach its files there. A data dir that was chosen is never moved; it gets the
 * clear error of data-directory.ts instead.
 */
import { createHash } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import { existsSync } from 'node:fs';
import { blockedAt, isRoot, postgresUser } from './os-user.ts';

/** The usual place for a service's data (Filesystem Hierarchy Standard, /var/lib). */
const SYSTEM_DATA = '/var/lib/sunday';

/** @returns `preferred`, or where the same default is kept for this place when Postgres' user could not reach it. */
export function reachableDataDir(preferred: string): string {
  if (!isRoot()) return preferred;
  let existing = resolve(preferred);
  while (!existsSync(existing)) existing = dirname(existing);
  if (blockedAt(existing, postgresUser()) === undefined) return preferred;
  const place = createHash('sha256').update(resolve(preferred)).digest('hex').slice(0, 12);
  return join(SYSTEM_DATA, `${basename(dirname(resolve(preferred)))}-${place}`);
}
