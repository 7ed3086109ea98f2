/**
 * Configuration: the environment, read once, checked, typed. Nothing else in the server looks at `process.env`.
 *
 * Guarantees: `loadConfig` either returns a complete, consistent Config or throws ConfigError listing every problem at once, each naming
 * its variable and what would be right. A variable set to the empty string counts as unset. Values of secrets never appear in messages.
 * Does not: reach for the network, create the data dir or make the development secret (main.ts does).
 */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { BusConfig } from '@sunday/extension-event-bus';
import { z } from 'zod';
import { LIMITS, type Limits } from './limits.ts';
import { ALL_ROLES, ROLES, type Role, type Roles } from './roles.ts';

export type Config = {
  readonly production: boolean;
  /** Which parts this process runs. */
  readonly roles: Roles;
  readonly host: string;
  readonly port: number;
  /** HOST is an address only this machine can reach. */
  readonly loopback: boolean;
  /** Where users reach the server, without a trailing slash; for links and the origin check. */
  readonly publicUrl: string | undefined;
  /** Extra web origins that may open sockets and read REST; `*` in it allows all. Same-origin always may. */
  readonly allowedOrigins: readonly string[];
  /** As Fastify takes it: false, true, a number of hops, or addresses and subnets. */
  readonly trustProxy: boolean | number | string[];
  readonly dataDir: string;
  /** Unset: the embedded Postgres in dataDir. */
  readonly databaseUrl: string | undefined;
  /** Unset: this node is the only one. */
  readonly redis: { readonly url: string; readonly cluster: boolean } | undefined;
  /** What carries committed events to their consumers. */
  readonly eventBus: BusConfig;
  readonly auth: {
    readonly secret: string | undefined;
    readonly jwksUrl: string | undefined;
    readonly issuer: string | undefined;
    readonly audience: string | undefined;
  };
  /** Neither secret nor JWKS, not production: a secret is made in dataDir; sign-in by name works if HOST is loopback. */
  readonly devAuth: boolean;
  /** User ids that may revoke anybody's sessions. */
  readonly admins: readonly string[];
  readonly logLevel: LogLevel;
  readonly limits: Limits;
  /** Things that work but look wrong; main.ts logs them at start. */
  readonly warnings: readonly string[];
};

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration is not right:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\nSee docs/configuration.md.`);
    this.problems = problems;
  }
}

/** 32 bytes is the size of the HS256 hash; RFC 7518 asks for a key at least that long. */
const SECRET_BYTES = 32;
/** Below this a secret can be guessed offline from one token, so production refuses it. */
const SECRET_BYTES_MIN = 16;

const integer = (about: string, min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `must be a whole number (${about})`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be between ${min} and ${max} (${about})`);

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

const httpUrl = (example: string) =>
  z.string().refine((text) => /^https?:$/.test(urlOf(text)?.protocol ?? ''), `must be an http or https URL, like ${example}`);

const origin = z
  .string()
  .refine(
    (text) => text === '*' || urlOf(text)?.origin === text.replace(/\/$/, ''),
    'must be origins separated by commas, like https://app.example.com,https://admin.example.com',
  );

const roles = list.pipe(z.array(z.enum(ROLES, `must be of ${ROLES.join(', ')}, separated by commas`))).transform((given): Roles => {
  const named = new Set<Role>(given);
  return new Set(ROLES.filter((role) => named.has(role)));
});

const trustProxy = z.string().transform((text, context): boolean | number | string[] => {
  const value = text.trim();
  if (value === 'true') return true;
  if (value === 'false') return false;
  if (/^\d{1,3}$/.test(value)) return Number(value);
  const addresses = value.split(',').map((part) => part.trim());
  const named = new Set(['loopback', 'linklocal', 'uniquelocal']);
  if (addresses.every((address) => named.has(address) || isSubnet(address))) return addresses;
  context.addIssue({ code: 'custom', message: 'must be true, false, a number of proxies, or addresses like 10.0.0.0/8,loopback' });
  return z.NEVER;
});

const environment = z.object({
  NODE_ENV: z.string().default('development'),
  SUNDAY_ROLES: roles.refine((named) => named.size > 0, `must name at least one of ${ROLES.join(', ')}`).default(ALL_ROLES),
  PORT: integer('a TCP port; 0 picks a free one', 0, 65_535).default(3000),
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]+$/, 'must be a host name or address, like 127.0.0.1')
    .default('127.0.0.1'),
  SUNDAY_PUBLIC_URL: httpUrl('https://boards.example.com')
    .transform((text) => text.replace(/\/+$/, ''))
    .optional(),
  SUNDAY_ALLOWED_ORIGINS: list.pipe(z.array(origin.transform((text) => text.replace(/\/$/, '')))).default([]),
  SUNDAY_TRUST_PROXY: trustProxy.default(false),
  SUNDAY_DATA_DIR: z.string().default('.sunday'),
  DATABASE_URL: z
    .string()
    .refine((text) => /^postgres(ql)?:$/.test(urlOf(text)?.protocol ?? ''), 'must be a Postgres URL, like postgres://user@host:5432/sunday')
    .optional(),
  REDIS_URL: z
    .string()
    .refine((text) => /^rediss?:$/.test(urlOf(text)?.protocol ?? ''), 'must be a Redis URL, like redis://host:6379')
    .optional(),
  REDIS_CLUSTER: z.enum(['true', 'false'], 'must be true or false').default('false'),
  EVENT_BUS: z.enum(['embedded', 'redis', 'kafka'], 'must be embedded, redis or kafka').default('embedded'),
  KAFKA_BROKERS: list.pipe(z.array(z.string().regex(/^[^\s:]+:\d{1,5}$/, 'must be brokers separated by commas, like kafka-1:9092,kafka-2:9092'))).default([]),
  KAFKA_TLS: z.enum(['true', 'false'], 'must be true or false').default('false'),
  KAFKA_SASL_MECHANISM: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], 'must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512').default('SCRAM-SHA-512'),
  KAFKA_SASL_USERNAME: z.string().optional(),
  KAFKA_SASL_PASSWORD: z.string().optional(),
  SUNDAY_JWT_SECRET: z.string().optional(),
  SUNDAY_JWKS_URL: httpUrl('https://login.example.com/.well-known/jwks.json').optional(),
  SUNDAY_JWT_ISSUER: z.string().optional(),
  SUNDAY_JWT_AUDIENCE: z.string().optional(),
  SUNDAY_ADMINS: list.default([]),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
});

/** Every variable `loadConfig` reads. */
export const VARIABLES: readonly string[] = [...Object.keys(environment.shape), ...Object.values(LIMITS).map((limit) => limit.env)];

export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''));
  const problems: string[] = [];
  const parsed = environment.safeParse(set);
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`));
  const limits = readLimits(set, problems);
  if (!parsed.success) throw new ConfigError(problems);

  const vars = parsed.data;
  const production = vars.NODE_ENV === 'production';
  const secret = vars.SUNDAY_JWT_SECRET;
  if (secret !== undefined && vars.SUNDAY_JWKS_URL !== undefined) {
    problems.push('SUNDAY_JWT_SECRET and SUNDAY_JWKS_URL are both set: a token is verified by one of them, remove the other');
  }
  if (production && secret === undefined && vars.SUNDAY_JWKS_URL === undefined) {
    problems.push('SUNDAY_JWT_SECRET or SUNDAY_JWKS_URL must be set when NODE_ENV is production, so that user tokens can be verified');
  }
  if (production && secret !== undefined && Buffer.byteLength(secret) < SECRET_BYTES_MIN) {
    problems.push(
      `SUNDAY_JWT_SECRET is shorter than ${SECRET_BYTES_MIN} bytes and can be guessed: use 32 random bytes, e.g. from "openssl rand -base64 32"`,
    );
  }
  const redis = vars.REDIS_URL === undefined ? undefined : { url: vars.REDIS_URL, cluster: vars.REDIS_CLUSTER === 'true' };
  const eventBus = eventBusOf(vars, redis, problems);
  if (problems.length > 0) throw new ConfigError(problems);

  const loopback = isLoopbackHost(vars.HOST);
  return {
    production,
    roles: vars.SUNDAY_ROLES,
    host: vars.HOST,
    port: vars.PORT,
    loopback,
    publicUrl: vars.SUNDAY_PUBLIC_URL,
    allowedOrigins: vars.SUNDAY_ALLOWED_ORIGINS,
    trustProxy: vars.SUNDAY_TRUST_PROXY,
    dataDir: resolve(vars.SUNDAY_DATA_DIR),
    databaseUrl: vars.DATABASE_URL,
    redis,
    eventBus,
    auth: { secret, jwksUrl: vars.SUNDAY_JWKS_URL, issuer: vars.SUNDAY_JWT_ISSUER, audience: vars.SUNDAY_JWT_AUDIENCE },
    devAuth: !production && secret === undefined && vars.SUNDAY_JWKS_URL === undefined,
    admins: vars.SUNDAY_ADMINS,
    logLevel: vars.LOG_LEVEL,
    limits,
    warnings: warningsOf(set, { roles: vars.SUNDAY_ROLES, secret, loopback, publicUrl: vars.SUNDAY_PUBLIC_URL, origins: vars.SUNDAY_ALLOWED_ORIGINS }),
  };
}

function eventBusOf(vars: z.infer<typeof environment>, redis: Config['redis'], problems: string[]): BusConfig {
  switch (vars.EVENT_BUS) {
    case 'embedded':
      return { kind: 'embedded' };
    case 'redis':
      if (redis === undefined) problems.push('EVENT_BUS is redis and REDIS_URL is not set: name the Redis that carries events');
      return redis === undefined ? { kind: 'embedded' } : { kind: 'redis', ...redis };
    case 'kafka': {
      const { KAFKA_BROKERS: brokers, KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = vars;
      if (brokers.length === 0) problems.push('EVENT_BUS is kafka and KAFKA_BROKERS is not set: name its brokers, like kafka-1:9092,kafka-2:9092');
      if ((username === undefined) !== (password === undefined)) problems.push('KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD belong together: set both or neither');
      return { kind: 'kafka', brokers, tls: vars.KAFKA_TLS === 'true', ...(username === undefined || password === undefined ? {} : { sasl: { mechanism, username, password } }) };
    }
  }
}

function readLimits(set: Record<string, string | undefined>, problems: string[]): Limits {
  const limits: Record<string, number> = {};
  for (const [name, limit] of Object.entries(LIMITS)) {
    const text = set[limit.env];
    const parsed = integer(limit.about, limit.min, limit.max).safeParse(text ?? String(limit.default));
    if (parsed.success) limits[name] = parsed.data;
    else problems.push(`${limit.env} ${parsed.error.issues[0]?.message ?? 'is not valid'}`);
  }
  return limits as Limits;
}

function warningsOf(
  set: Record<string, string | undefined>,
  config: { roles: Roles; secret: string | undefined; loopback: boolean; publicUrl: string | undefined; origins: readonly string[] },
): string[] {
  const warnings: string[] = [];
  const known = new Set(VARIABLES);
  if (set['REDIS_URL'] !== undefined && set['DATABASE_URL'] === undefined) {
    warnings.push('REDIS_URL is set and DATABASE_URL is not: nodes that share boards share a Postgres, which the embedded one cannot be');
  }
  if (config.roles.size < ROLES.length && (set['REDIS_URL'] === undefined || set['DATABASE_URL'] === undefined)) {
    warnings.push('SUNDAY_ROLES leaves parts to other processes, which this one only shares boards with through DATABASE_URL and REDIS_URL: set both');
  }
  for (const name of Object.keys(set)) {
    if (name.startsWith('SUNDAY_') && !known.has(name)) warnings.push(`${name} is not a variable this version reads: is it misspelt?`);
  }
  if (config.secret !== undefined && Buffer.byteLength(config.secret) < SECRET_BYTES) {
    warnings.push(`SUNDAY_JWT_SECRET is shorter than ${SECRET_BYTES} bytes: tokens are easier to forge than HS256 allows for`);
  }
  if (!config.loopback && config.publicUrl === undefined) {
    warnings.push('HOST is not loopback and SUNDAY_PUBLIC_URL is not set: links will point at the listening address');
  }
  if (config.origins.includes('*')) warnings.push('SUNDAY_ALLOWED_ORIGINS has *: any web page may call this server with a token it holds');
  return warnings;
}

/** Names that always mean this machine. A wildcard address (0.0.0.0, ::) is reachable from outside and is not one. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

function urlOf(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function isSubnet(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  const family = isIP(address);
  return family !== 0 && more === undefined && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)));
}
