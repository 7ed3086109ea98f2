/**
 * Which operating system user Postgres runs as, and what that user can reach. Postgres refuses to run as root.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';

export interface OsUser {
  readonly uid: number;
  readonly gid: number;
  /** Whether this process is already that user: nothing to switch to. */
  readonly isSelf: boolean;
}

/** `nobody` on Linux and macOS images alike; needs no entry in /etc/passwd. */
const UNPRIVILEGED_ID = 65_534;

export const isRoot = (): boolean => process.getuid?.() === 0;

/** @param owner of an existing data directory: as root, Postgres runs as that user */
export function postgresUser(owner?: { uid: number; gid: number }): OsUser {
  if (isRoot()) return { uid: owner?.uid ?? UNPRIVILEGED_ID, gid: owner?.gid ?? UNPRIVILEGED_ID, isSelf: false };
  return { uid: process.getuid?.() ?? -1, gid: process.getgid?.() ?? -1, isSelf: true };
}

/** For `spawn`: root drops its rights, anybody else stays who they are. */
export const spawnAs = (user: OsUser): { uid?: number; gid?: number } => (user.isSelf ? {} : { uid: user.uid, gid: user.gid });

/** @returns the directory on the way to `path` (itself included) that `user` cannot pass, judged by owner and mode; undefined if all is open. */
export function blockedAt(path: string, user: OsUser): string | undefined {
  const parent = dirname(path);
  const above = parent === path ? undefined : blockedAt(parent, user);
  return above ?? (canPass(path, user) ? undefined : path);
}

function canPass(directory: string, user: OsUser): boolean {
  if (user.isSelf) {
    try {
      accessSync(directory, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  }
  const { mode, uid, gid } = statSync(directory);
  if (uid === user.uid) return (mode & 0o100) !== 0;
  return (mode & (gid === user.gid ? 0o010 : 0o001)) !== 0;
}
