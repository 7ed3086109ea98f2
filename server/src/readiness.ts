/** What /readyz says of this node. An outage of Postgres degrades it: open boards are edited on, so it keeps its traffic. */
import type { Journal } from '@sunday/extension-journal';
import type { Dependency, Readiness } from './http/health.ts';

export function readiness(parts: {
  readonly database: { readonly up: boolean };
  readonly journal: Journal;
  readonly draining: () => boolean;
}): Readiness {
  return () => {
    const up = parts.database.up && !parts.journal.away;
    const lines: Dependency[] = [
      { name: 'server', state: parts.draining() ? 'down' : 'ok', ...(parts.draining() ? { detail: 'draining' } : {}) },
      { name: 'postgres', state: up ? 'ok' : 'degraded', ...(up ? {} : { detail: 'away: editing goes on unsaved, writes over REST answer 503' }) },
      { name: 'redis', state: 'off', detail: 'one node' },
    ];
    return lines;
  };
}
