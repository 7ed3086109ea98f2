/**
 * The promise on size, kept: bundled by esbuild from source, minified, gzipped. 1 KB = 1024 bytes.
 * `whole`: everything a page loads for `import { createClient } from '@sunday/client'`, yjs included. `own`: the code of this folder.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const KB = 1024;
const LIBRARIES = ['yjs', 'lib0/*', 'y-protocols/*', 'fractional-indexing'];

async function size(entry: string, external: string[]): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../src/${entry}`, import.meta.url))], bundle: true, minify: true, format: 'esm', target: 'es2022', write: false,
    conditions: ['sunday-source'], external
  });
  return gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length / KB;
}

test('the SDK stays small', async (t) => {
  const whole = await size('index.ts', []);
  const own = await size('index.ts', [...LIBRARIES, '@sunday/board-model']);
  const withModel = await size('index.ts', LIBRARIES);
  const react = await size('react.ts', ['react']);
  t.diagnostic(`whole ${whole.toFixed(1)} KB, own ${own.toFixed(1)} KB, own with its part of board-model ${withModel.toFixed(1)} KB, React hooks ${react.toFixed(1)} KB`);
  assert.ok(whole <= 45, `SDK with yjs: ${whole.toFixed(2)} KB gzipped`);
  assert.ok(own <= 12, `own code: ${own.toFixed(2)} KB gzipped`);
  assert.ok(react <= 1.5, `React hooks: ${react.toFixed(2)} KB gzipped`);
});
