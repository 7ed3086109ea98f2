/** The deployment files agree with the code: what they set exists, what they need is asked for, what they watch is measured. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { createMetrics } from '../../server/src/metrics.ts';
import { VARIABLES } from '../../server/src/config.ts';
import { DEFAULT_LIMITS } from '../../server/src/limits.ts';
import { ALL_ROLES } from '../../server/src/roles.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly read_only?: boolean;
  readonly volumes?: readonly string[];
}
const compose = parse(read('docker-compose.yml')) as { services: Readonly<Record<string, Service>> };
const { sunday, nginx } = compose.services;

test('docker-compose.yml sets only variables that the server reads', () => {
  const set = Object.keys(sunday?.environment ?? {});
  assert.deepEqual(set.filter((name) => !VARIABLES.includes(name)), []);
  assert.equal(sunday?.environment?.['NODE_ENV'], 'production');
});

test('no secret has a default: what is missing stops docker compose, or Sunday, with its name', () => {
  const text = read('docker-compose.yml').replaceAll(/^\s*#.*$/gm, '');
  const secrets = [...text.matchAll(/\$\{(\w*(?:PASSWORD|SECRET)\w*)([^}]*)\}/g)].map(([, name, rest]) => ({ name, rest }));
  assert.ok(secrets.length >= 3);
  for (const { name, rest } of secrets) assert.ok(rest?.startsWith(':?') || (name === 'SUNDAY_JWT_SECRET' && rest === ':-'), `${name}${rest}`);
});

test('a node is given longer to stop than it needs to drain', () => {
  const seconds = Number(/^(\d+)s$/.exec(sunday?.stop_grace_period ?? '')?.[1]);
  assert.ok(seconds * 1000 > Number(sunday?.environment?.['SUNDAY_SHUTDOWN_GRACE_MS']));
});

test('health is readiness, and nothing but Postgres keeps anything on disk', () => {
  assert.ok(sunday?.healthcheck?.test.join(' ').includes('/readyz'));
  assert.ok(sunday?.read_only === true && nginx?.read_only === true);
  assert.equal(sunday?.volumes, undefined);
});

test('nginx lets an import of the largest size through', () => {
  const megabytes = Number(/client_max_body_size (\d+)m;/.exec(read('deploy/nginx.conf'))?.[1]);
  assert.ok(megabytes * 1024 * 1024 >= DEFAULT_LIMITS.maxImportBytes);
});

test('alerts watch metrics that exist, and each has its entry in the runbook', async () => {
  const { registry } = createMetrics({ roles: ALL_ROLES, sockets: () => 0, boards: () => 0, unsent: () => ({ total: 0, most: 0 }) });
  const measured = new Set((await registry.getMetricsAsJSON()).map(({ name }) => name).concat('sunday_http_request_seconds'));
  const headings = new Set([...read('docs/runbook.md').matchAll(/^## (.+)$/gm)].map(([, title]) => (title ?? '').toLowerCase().replaceAll(/[^a-z0-9 -]/g, '').replaceAll(' ', '-')));
  const { groups } = parse(read('deploy/alerts.yml')) as { groups: { rules: { alert: string; expr: string; annotations: { runbook: string } }[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  assert.ok(rules.length > 0);
  for (const { alert, expr, annotations } of rules) {
    const [name = ''] = /\b(?:sunday|nodejs)_\w+/.exec(expr) ?? [];
    assert.ok(alert === 'SundayDown' || measured.has(name.replace(/_(bucket|count|sum)$/, '')), `${alert}: ${name} is not measured`);
    assert.ok(headings.has(annotations.runbook.replace('docs/runbook.md#', '')), `${alert}: no entry ${annotations.runbook}`);
  }
});
