/**
 * What `postmaster.pid` says, and whether to believe it: after a crash of the machine or a restart of a container the process id in it may
 * belong to somebody else, or to a zombie that nobody reaps, and Postgres would then refuse to start for ever.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface PostmasterFile {
  readonly pid: number;
  readonly socketDirectory: string | undefined;
  readonly sharedMemoryId: string | undefined;
}

const fileOf = (cluster: string): string => join(cluster, 'postmaster.pid');

/** Lines: pid, data directory, start time, port, socket directory, listen address, shared memory key and id, status. */
export function readPostmasterFile(cluster: string): PostmasterFile | undefined {
  let lines: string[];
  try {
    lines = readFileSync(fileOf(cluster), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, socketDirectory: lines[4]?.trim() || undefined, sharedMemoryId: lines[6]?.trim().split(/\s+/)[1] };
}

/** @returns whether the process is a postmaster of this cluster; undefined if it cannot be told. */
export function isPostmasterOf(cluster: string, pid: number): boolean | undefined {
  const command = commandOf(pid);
  return command === undefined ? undefined : command.includes('postgres') && command.includes(cluster);
}

/** '' for a process that is gone or a zombie. */
function commandOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return '';
  }
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return process.platform === 'linux' ? '' : undefined;
  }
}

/**
 * Removes the file if its process is certainly no postmaster of this cluster and no server process of the dead one is still attached to
 * its shared memory. A postmaster killed by -9 leaves such processes for some milliseconds; starting beside them would corrupt the data.
 */
export async function removeStalePostmasterFile(cluster: string, file: PostmasterFile): Promise<boolean> {
  if (isPostmasterOf(cluster, file.pid) !== false || hasAttached(file.sharedMemoryId)) return false;
  await rm(fileOf(cluster), { force: true });
  return true;
}

function hasAttached(sharedMemoryId: string | undefined): boolean {
  if (sharedMemoryId === undefined) return false;
  try {
    const [header = '', ...rows] = readFileSync('/proc/sysvipc/shm', 'utf8').trim().split('\n').map((line) => line.trim());
    const names = header.split(/\s+/);
    const row = rows.map((line) => line.split(/\s+/)).find((fields) => fields[names.indexOf('shmid')] === sharedMemoryId);
    return row !== undefined && Number(row[names.indexOf('nattch')]) > 0;
  } catch {
    return false; // no such file on macOS: Postgres makes its own check when it starts
  }
}
