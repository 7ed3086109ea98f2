/**
 * /healthz, /readyz and /metrics.
 *
 * healthz: the process answers. Never looks at a dependency, or an outage of Postgres would make an orchestrator restart every node.
 * readyz: may this node get traffic. One line per dependency. `ok` and `degraded` are 200: a degraded node still serves live editing;
 * `down` (draining) is 503. A server that is starting does not listen yet. metrics: Prometheus text of the injected registry.
 */
import type { FastifyInstance } from 'fastify';
import { Histogram, type Registry } from 'prom-client';
import { pathOf } from './problem.ts';

export type DependencyState = 'ok' | 'degraded' | 'down' | 'off';

export type Dependency = {
  readonly name: string;
  /** off: not configured, which is fine. */
  readonly state: DependencyState;
  /** Said in the line, e.g. `embedded, 18.4`; must not hold credentials. */
  readonly detail?: string;
};

export type Readiness = () => readonly Dependency[] | Promise<readonly Dependency[]>;

export function overallState(dependencies: readonly Dependency[]): 'ok' | 'degraded' | 'down' {
  if (dependencies.some((dependency) => dependency.state === 'down')) return 'down';
  return dependencies.some((dependency) => dependency.state === 'degraded') ? 'degraded' : 'ok';
}

const HIDDEN = { hide: true } as const;

export function installHealth(app: FastifyInstance, options: { readiness: Readiness; metrics: Registry | undefined }): void {
  app.get('/healthz', { schema: HIDDEN, logLevel: 'warn' }, (_request, reply) =>
    reply.header('cache-control', 'no-store').type('text/plain').send('ok\n'),
  );

  app.get('/readyz', { schema: HIDDEN, logLevel: 'warn' }, async (request, reply) => {
    const dependencies = await options.readiness();
    const status = overallState(dependencies);
    void reply.code(status === 'down' ? 503 : 200).header('cache-control', 'no-store');
    if (request.headers.accept?.includes('application/json')) return reply.send({ status, dependencies });
    const lines = dependencies.map(({ name, state, detail }) => `${name}: ${state}${detail === undefined ? '' : ` (${detail})`}`);
    return reply.type('text/plain').send(`${[`status: ${status}`, ...lines].join('\n')}\n`);
  });

  const { metrics } = options;
  if (metrics === undefined) return;
  const seconds = new Histogram({
    name: 'sunday_http_request_seconds',
    help: 'Time to answer an HTTP request, by route pattern',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15],
    registers: [metrics],
  });
  app.addHook('onResponse', async (request, reply) => {
    // the pattern, not the path: a label per board id would grow for ever
    const route = request.routeOptions.url ?? (pathOf(request.url).startsWith('/v1/') ? 'unknown' : 'static');
    seconds.observe({ method: request.method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1000);
  });
  app.get('/metrics', { schema: HIDDEN, logLevel: 'warn' }, async (_request, reply) => {
    return reply
      .header('cache-control', 'no-store')
      .type(metrics.contentType)
      .send(await metrics.metrics());
  });
}
