/** The web app is built by the first start, and again after an update of its sources. A deployment without them serves what it has. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = ['web/src', 'client-sdk/src', 'board-model/src'].map((directory) => join(ROOT, directory));

/** When the newest file below a directory was written; ms since the epoch. */
async function newest(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Math.max(0, ...(await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).mtimeMs))));
}

export async function buildWebApp(say: (line: string) => void): Promise<void> {
  if (!SOURCES.every((directory) => existsSync(directory))) return;
  const built = await stat(join(ROOT, 'web/dist/index.html')).then(({ mtimeMs }) => mtimeMs, () => null);
  if (built !== null && built >= Math.max(...(await Promise.all(SOURCES.map(newest))))) return;
  say(built === null ? 'Building the web app (only the first time) ...' : 'Building the web app again: its sources have changed ...');
  await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: join(ROOT, 'web') });
}
