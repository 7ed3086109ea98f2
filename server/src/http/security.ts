/**
 * Who may talk to the HTTP port from a browser, and what a page served by it may do.
 *
 * Guarantees: no script but the server's own runs on its pages (no inline, no eval, no foreign host); no other site frames them;
 * a web origin that is not this server's or in SUNDAY_ALLOWED_ORIGINS cannot read answers. `isAllowedOrigin` is the one rule; the
 * WebSocket gateway uses it too. Does not: authenticate; a program without an Origin header passes here and still needs a token.
 */
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';

type OriginConfig = Pick<Config, 'publicUrl' | 'allowedOrigins'>;

/** `host` is the Host header the request came with: a page may always call the server it was loaded from. */
export function isAllowedOrigin(origin: string | undefined, host: string | undefined, config: OriginConfig): boolean {
  if (origin === undefined) return true;
  if (config.allowedOrigins.includes('*') || config.allowedOrigins.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  if (config.publicUrl !== undefined && url.origin === new URL(config.publicUrl).origin) return true;
  return host !== undefined && url.host === host.toLowerCase();
}

/** A day; preflights of a long session should not double its requests. Chromium caps it at two hours anyway. */
const PREFLIGHT_MAX_AGE_S = 86_400;
const HSTS_MAX_AGE_S = 15_552_000; // 180 days, as Mozilla's observatory asks

export async function installSecurity(app: FastifyInstance, config: OriginConfig): Promise<void> {
  const https = config.publicUrl?.startsWith('https:') ?? false;
  await app.register(helmet, {
    // global:true adds the headers to every route, errors and the web app included
    global: true,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        scriptSrcAttr: ["'none'"],
        styleSrc: ["'self'"],
        // React and drag-and-drop set style attributes; style sheets come from files only
        styleSrcAttr: ["'unsafe-inline'"],
        // avatars come from anywhere; blob: and data: are previews made in the page
        imgSrc: ["'self'", 'data:', 'blob:', 'https:'],
        fontSrc: ["'self'", 'data:'],
        connectSrc: ["'self'", ...socketOrigins(config.publicUrl)],
        workerSrc: ["'self'", 'blob:'],
        manifestSrc: ["'self'"],
        mediaSrc: ["'self'", 'blob:'],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        // never upgrade-insecure-requests: it would break a plain-http server in the local network
      },
    },
    strictTransportSecurity: https ? { maxAge: HSTS_MAX_AGE_S, includeSubDomains: false } : false,
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginEmbedderPolicy: false,
    frameguard: { action: 'deny' },
  });
  await app.register(cors, {
    delegator: (request, done) => {
      const origin = request.headers.origin;
      done(null, {
        // reflected, not "*": an answer is for the origin that asked; bearer tokens need no credentials mode
        origin: origin !== undefined && isAllowedOrigin(origin, request.headers.host, config),
        methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
        allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'if-match', 'if-none-match', 'accept', 'last-event-id', 'x-request-id'],
        exposedHeaders: ['etag', 'location', 'retry-after', 'x-request-id', 'idempotency-replayed', 'content-disposition'],
        maxAge: PREFLIGHT_MAX_AGE_S,
        strictPreflight: false,
      });
    },
  });
}

/** Older Safari does not count wss: of the same host as 'self'. */
function socketOrigins(publicUrl: string | undefined): string[] {
  return publicUrl === undefined ? [] : [new URL(publicUrl).origin.replace(/^http/, 'ws')];
}
