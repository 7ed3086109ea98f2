import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { ConfigError, isLoopbackHost, loadConfig, VARIABLES } from './config.ts';
import { isAllowedOrigin } from './http/security.ts';
import { LIMITS } from './limits.ts';

const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    loadConfig(env);
  } catch (error) {
    assert(error instanceof ConfigError);
    return error.problems;
  }
  throw new Error('the configuration was accepted');
};

test('with nothing set it runs on this machine with development sign-in', () => {
  const config = loadConfig({});
  assert.equal(config.host, '127.0.0.1');
  assert.equal(config.port, 3000);
  assert.equal(config.devAuth, true);
  assert.equal(config.loopback, true);
  assert.equal(config.limits.maxBodyBytes, LIMITS.maxBodyBytes.default);
  assert.deepEqual(config.warnings, []);
});

test('an empty variable counts as unset', () => {
  assert.equal(loadConfig({ PORT: '', DATABASE_URL: ' ', SUNDAY_JWT_SECRET: '' }).devAuth, true);
});

test('every problem is listed at once and names its variable', () => {
  const problems = problemsOf({ PORT: '70000', DATABASE_URL: 'mysql://x', SUNDAY_MAX_BODY_BYTES: 'big', SUNDAY_TRUST_PROXY: 'maybe', SUNDAY_ALLOWED_ORIGINS: 'example.com' });
  for (const name of ['PORT', 'DATABASE_URL', 'SUNDAY_MAX_BODY_BYTES', 'SUNDAY_TRUST_PROXY', 'SUNDAY_ALLOWED_ORIGINS']) {
    assert.equal(problems.filter((problem) => problem.startsWith(name)).length, 1, `${name} in ${problems.join('; ')}`);
  }
});

test('production does not start without a way to verify tokens, nor with a secret that can be guessed, and never shows the secret', () => {
  assert.match(problemsOf({ NODE_ENV: 'production' }).join(), /SUNDAY_JWT_SECRET or SUNDAY_JWKS_URL/);
  const weak = problemsOf({ NODE_ENV: 'production', SUNDAY_JWT_SECRET: 'hunter2' }).join();
  assert.match(weak, /SUNDAY_JWT_SECRET/);
  assert.doesNotMatch(weak, /hunter2/);
  assert.equal(loadConfig({ NODE_ENV: 'production', SUNDAY_JWT_SECRET: 'x'.repeat(32) }).devAuth, false);
});

test('secret and JWKS at once is refused: a token is verified by one of them', () => {
  assert.match(problemsOf({ SUNDAY_JWT_SECRET: 'x'.repeat(32), SUNDAY_JWKS_URL: 'https://a.example/jwks' }).join(), /both set/);
});

test('roles are a set of known names; all of them when nothing is said', () => {
  const rolesOf = (value: string) => [...loadConfig({ SUNDAY_ROLES: value, DATABASE_URL: 'postgres://x/y', REDIS_URL: 'redis://x' }).roles];
  assert.deepEqual(rolesOf(''), ['sync', 'api', 'relay', 'workers']);
  assert.deepEqual(rolesOf('workers, relay,workers'), ['relay', 'workers']);
  assert.match(problemsOf({ SUNDAY_ROLES: 'sync,worker' }).join(), /SUNDAY_ROLES must be of sync, api, relay, workers/);
  assert.match(problemsOf({ SUNDAY_ROLES: ',' }).join(), /SUNDAY_ROLES must name at least one/);
});

test('a process that leaves roles to others, and shares nothing with them, is warned about', () => {
  assert.match(loadConfig({ SUNDAY_ROLES: 'api' }).warnings.join(), /SUNDAY_ROLES leaves parts/);
  assert.deepEqual(loadConfig({ SUNDAY_ROLES: 'api', DATABASE_URL: 'postgres://x/y', REDIS_URL: 'redis://x' }).warnings, []);
});

test('a misspelt variable is warned about', () => {
  assert.match(loadConfig({ SUNDAY_ALLOWED_ORIGIN: 'https://a.example' }).warnings.join(), /SUNDAY_ALLOWED_ORIGIN is not a variable/);
});

test('proxies are trusted as written', () => {
  const trust = (value: string) => loadConfig({ SUNDAY_TRUST_PROXY: value }).trustProxy;
  assert.equal(trust('true'), true);
  assert.equal(trust('2'), 2);
  assert.deepEqual(trust('10.0.0.0/8, loopback'), ['10.0.0.0/8', 'loopback']);
});

test('only addresses of this machine are loopback', () => {
  for (const host of ['127.0.0.1', '127.8.8.8', 'localhost', '::1', '[::1]']) assert.equal(isLoopbackHost(host), true, host);
  for (const host of ['0.0.0.0', '::', '192.168.1.2', 'localhost.example.com', '127.0.0.1.example.com']) assert.equal(isLoopbackHost(host), false, host);
});

test('a page may call the server it came from and those the operator allows, no other', () => {
  const config = loadConfig({ SUNDAY_PUBLIC_URL: 'https://boards.example.com/', SUNDAY_ALLOWED_ORIGINS: 'https://app.example.com' });
  assert.equal(isAllowedOrigin(undefined, 'x', config), true);
  assert.equal(isAllowedOrigin('http://127.0.0.1:3000', '127.0.0.1:3000', config), true);
  assert.equal(isAllowedOrigin('https://boards.example.com', 'internal:3000', config), true);
  assert.equal(isAllowedOrigin('https://app.example.com', 'internal:3000', config), true);
  assert.equal(isAllowedOrigin('https://evil.example', '127.0.0.1:3000', config), false);
  assert.equal(isAllowedOrigin('null', '127.0.0.1:3000', config), false);
});

test('events go over Postgres, or over the Redis or Kafka that is named; one that is not named is a problem', () => {
  assert.deepEqual(loadConfig({}).eventBus, { kind: 'embedded' });
  assert.deepEqual(loadConfig({ EVENT_BUS: 'redis', REDIS_URL: 'redis://r:6379', DATABASE_URL: 'postgres://x/y' }).eventBus, { kind: 'redis', url: 'redis://r:6379', cluster: false });
  assert.deepEqual(
    loadConfig({ EVENT_BUS: 'kafka', KAFKA_BROKERS: 'a:9092, b:9092', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p' }).eventBus,
    { kind: 'kafka', brokers: ['a:9092', 'b:9092'], tls: false, sasl: { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' } },
  );
  assert.match(problemsOf({ EVENT_BUS: 'redis' }).join(), /REDIS_URL is not set/);
  assert.match(problemsOf({ EVENT_BUS: 'kafka' }).join(), /KAFKA_BROKERS is not set/);
  assert.match(problemsOf({ EVENT_BUS: 'kafka', KAFKA_BROKERS: 'no-port', KAFKA_SASL_USERNAME: 'u' }).join(), /must be brokers/);
  assert.match(problemsOf({ EVENT_BUS: 'kafka', KAFKA_BROKERS: 'a:1', KAFKA_SASL_USERNAME: 'u' }).join(), /belong together/);
  assert.match(problemsOf({ EVENT_BUS: 'rabbit' }).join(), /must be embedded, redis or kafka/);
});

test('docs/configuration.md tells every variable and every default limit', async () => {
  const page = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  for (const name of VARIABLES) assert(page.includes(`\`${name}\``), `${name} is not in docs/configuration.md`);
  for (const limit of Object.values(LIMITS)) assert(page.includes(`| \`${limit.env}\` | ${limit.default} |`), `default of ${limit.env}`);
});
