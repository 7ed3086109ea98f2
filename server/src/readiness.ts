/** What /readyz says of this node. An outage of Postgres or Redis degrades it: open boards are edited on, so it keeps its traffic. */
import type { Fanout } from '@sunday/extension-fanout';
import type { Journal } from '@sunday/extension-journal';
import type { Events } from './events.ts';
import type { Dependency, Readiness } from './http/health.ts';
import { namesOf, type Roles } from './roles.ts';

export function readiness(parts: {
  readonly roles: Roles;
  readonly database: { readonly up: boolean };
  readonly journal: Journal;
  /** `undefined`: this node is the only one. */
  readonly fanout: Fanout | undefined;
  readonly events: Pick<Events, 'kind' | 'state'>;
  readonly draining: () => boolean;
}): Readiness {
  return () => {
    const { refusedBoards, away } = parts.journal;
    const up = parts.database.up && !away;
    const lines: Dependency[] = [
      parts.draining() ? { name: 'server', state: 'down', detail: 'draining' } : { name: 'server', state: 'ok', detail: namesOf(parts.roles) },
      postgresLine(up, refusedBoards),
      redisLine(parts.fanout),
      ...(up && parts.events.state === 'degraded' ? [eventsAway(parts.events.kind)] : [{ name: 'events', state: 'ok' as const, detail: parts.events.kind }]),
    ];
    return lines;
  };
}

function postgresLine(up: boolean, refusedBoards: number): Dependency {
  if (!up) return { name: 'postgres', state: 'degraded', detail: 'away: editing goes on unsaved, writes over REST answer 503' };
  if (refusedBoards > 0) return { name: 'postgres', state: 'degraded', detail: `refuses what ${refusedBoards} boards commit: editing goes on unsaved. The log says why` };
  return { name: 'postgres', state: 'ok' };
}

function redisLine(fanout: Fanout | undefined): Dependency {
  if (fanout === undefined) return { name: 'redis', state: 'off', detail: 'one node' };
  if (fanout.state === 'degraded') return { name: 'redis', state: 'degraded', detail: 'away: other nodes are followed through Postgres, a second behind' };
  return { name: 'redis', state: 'ok', detail: `${fanout.nodes.length + 1} nodes` };
}

const eventsAway = (kind: string): Dependency => ({ name: 'events', state: 'degraded', detail: `${kind} is away: events wait in Postgres, boards are not affected` });
