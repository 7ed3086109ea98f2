/**
 * Build of the web app: one hashed bundle in dist/, served by the Sunday server at `/`.
 * The server's CSP allows nothing inline and no other host, so nothing here may inline scripts, styles or fonts.
 * `npm run dev -w @sunday/web` proxies the API and the sockets to a running server (SUNDAY_URL, default :3000).
 */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const server = process.env['SUNDAY_URL'] ?? 'http://127.0.0.1:3000';

export default defineConfig({
  root: import.meta.dirname,
  base: '/',
  plugins: [react()],
  resolve: { conditions: ['sunday-source', 'module', 'browser', 'development|production'], dedupe: ['react', 'react-dom', 'yjs', 'lib0'] },
  build: {
    outDir: 'dist',
    target: ['chrome123', 'firefox121', 'safari17.5'], // light-dark() and color-mix() carry the two themes
    assetsInlineLimit: 0, // data: URLs are not in the CSP's default-src
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: {
      '/v1': server,
      '/sync': { target: server, ws: true },
    },
  },
});
